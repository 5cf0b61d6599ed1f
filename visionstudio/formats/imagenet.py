"""What ImageNet's files say about its folders: names of WordNet ids, and labels of loose pictures.

Several layouts are about: the official one with its development kit (``meta.mat``,
``ILSVRC2012_validation_ground_truth.txt``), Kaggle's (``LOC_synset_mapping.txt``,
``LOC_val_solution.csv``), Tiny ImageNet's (``words.txt``, ``val_annotations.txt``), and word
lists of other programs (``synset_words.txt``, ``imagenet_class_index.json``). In all of them
the pictures to train lie in folders named by WordNet id, those to validate often in one.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionstudio.formats.collecting import read_text
from visionstudio.formats.dataset import Skipped
from visionstudio.formats.rows import RowFault, read_json
from visionstudio.model.errors import FormatError

WNID = re.compile(r"n\d{8}")
_NUMBERED = re.compile(r"ILSVRC2012_val_(\d{8})")
_DEPTH = 4  # folders beneath the root in which the files are looked for
_MOST_MAT = 8 << 20  # bytes; the official file has 0.2 MB


@dataclass(slots=True)
class ImageNet:
    """What was found beneath a folder; empty for other folders of classes."""

    words: dict[str, str] = field(default_factory=dict)
    """WordNet id → words, most used first, separated by commas."""
    labels: dict[str, str] = field(default_factory=dict)
    """Stem of a loose picture → WordNet id."""
    skipped: list[Skipped] = field(default_factory=list)
    numbers: dict[int, str] = field(default_factory=dict)
    """The challenge's number of a class → WordNet id."""
    truth: list[int] = field(default_factory=list)
    """Numbers of the classes of the official validation pictures."""

    def wnid(self, folders: tuple[str, ...], stem: str) -> str | None:
        """The WordNet id of a picture by the folders that it lies in, or by its name."""
        for folder in folders:
            if WNID.fullmatch(folder):
                return folder
        if stem in self.labels:
            return self.labels[stem]
        match = _NUMBERED.fullmatch(stem)
        if match and 0 < int(match[1]) <= len(self.truth):
            return self.numbers.get(self.truth[int(match[1]) - 1])
        return None

    def names(self, wnids: set[str]) -> dict[str, str]:
        """What each class is called: its first word; with its id where two have the same.

        An id without words is its own name.
        """
        first = {w: self.words.get(w, w).split(",")[0].strip() or w for w in wnids}
        count = Counter(first.values())
        return {w: n if count[n] == 1 else f"{n} ({w})" for w, n in first.items()}


def read_imagenet(root: Path) -> ImageNet:
    """Read ImageNet's own files beneath a folder. One that is broken is among the skipped."""
    found = ImageNet()
    for path in _files(root):
        try:
            READERS[path.name](path, found)
        except (RowFault, FormatError) as fault:
            reason = fault.what if isinstance(fault, FormatError) else str(fault)
            found.skipped.append(Skipped(str(path), "file", reason))
    return found


def _files(root: Path) -> Iterator[Path]:
    """The files with known names, not within class folders, of which there are thousands."""
    root = root.resolve()
    for folder, names, files in os.walk(root):
        deep = len(Path(folder).relative_to(root).parts)
        names[:] = sorted(
            n for n in names if deep < _DEPTH and not WNID.fullmatch(n) and n[0] != "."
        )
        for name in sorted(READERS.keys() & set(files)):
            yield Path(folder, name)


def _word_list(path: Path, found: ImageNet) -> None:
    """``n01440764 tench, Tinca tinca``, with a tab or a space."""
    for line in read_text(path).splitlines():
        wnid, _, words = line.replace("\t", " ", 1).partition(" ")
        if WNID.fullmatch(wnid) and words.strip():
            found.words.setdefault(wnid, words.strip())


def _class_index(path: Path, found: ImageNet) -> None:
    """``{"0": ["n01440764", "tench"], …}``"""
    data = read_json(path, ())
    for key, value in data.fields.items():
        pair = (
            isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) for v in value)
        )
        if pair and WNID.fullmatch(value[0]):
            found.words.setdefault(value[0], value[1].replace("_", " "))
        else:
            found.skipped.append(Skipped(str(path), f"key {key}", "it is no WordNet id and word"))


def _solution(path: Path, found: ImageNet) -> None:
    """``ImageId,PredictionString`` with ``n03995372 85 1 499 272 …``: the first id counts."""
    for number, row in enumerate(csv.reader(io.StringIO(read_text(path))), start=1):
        wnid = row[1].split(" ")[0] if len(row) > 1 else ""
        if WNID.fullmatch(wnid):
            found.labels[row[0].strip()] = wnid
        elif number > 1:
            found.skipped.append(Skipped(str(path), f"line {number}", "there is no WordNet id"))


def _annotations(path: Path, found: ImageNet) -> None:
    """``val_0.JPEG`` and ``n03444034`` and a box, separated by tabs."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        row = line.split("\t")
        if len(row) > 1 and WNID.fullmatch(row[1].strip()):
            found.labels[Path(row[0].strip()).stem] = row[1].strip()
        elif line.strip():
            found.skipped.append(Skipped(str(path), f"line {number}", "there is no WordNet id"))


def _truth(path: Path, found: ImageNet) -> None:
    """One number of a class a line, in the order of the validation pictures."""
    lines = read_text(path).split()
    if not all(line.isdecimal() and len(line) < 6 for line in lines):
        raise RowFault("it is no list of class numbers")
    found.truth = [int(line) for line in lines]


def _development_kit(path: Path, found: ImageNet) -> None:
    """``meta.mat``: a MATLAB table of ids, numbers and words; only the lowest level is classes."""
    from scipy.io import loadmat

    if path.stat().st_size > _MOST_MAT:
        raise RowFault(f"the file is larger than {_MOST_MAT >> 20} MB")
    try:
        table: Any = loadmat(path, squeeze_me=True, variable_names=["synsets"])["synsets"].ravel()
        rows = [(r["ILSVRC2012_ID"], r["WNID"], r["words"], r["num_children"]) for r in table]
        for number, wnid, words, children in rows:
            if int(children) == 0 and WNID.fullmatch(str(wnid)):
                found.numbers[int(number)] = str(wnid)
                found.words.setdefault(str(wnid), str(words))
    except Exception as error:  # a MATLAB file that is damaged can fail in any way
        raise RowFault("the development kit's table cannot be read") from error


READERS: Mapping[str, Callable[[Path, ImageNet], None]] = {
    "LOC_synset_mapping.txt": _word_list,
    "LOC_val_solution.csv": _solution,
    "synset_words.txt": _word_list,
    "words.txt": _word_list,
    "imagenet_class_index.json": _class_index,
    "val_annotations.txt": _annotations,
    "ILSVRC2012_validation_ground_truth.txt": _truth,
    "meta.mat": _development_kit,
}
