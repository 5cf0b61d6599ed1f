"""What the numbers and colours of mask pictures mean, in the files that tools keep for it."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionstudio.formats.collecting import read_text
from visionstudio.formats.rows import RowFault, read_json
from visionstudio.model.errors import FormatError

Colour = tuple[int, int, int]
BACKGROUND = frozenset(
    ["background", "_background_", "__background__", "void", "unlabeled", "__ignore__", "ignored"]
)
FILES = (
    "labelmap.txt",
    "labels.json",
    "dataset_meta.json",
    "label_colors.txt",
    "labelmap.csv",
    "class_dict.csv",
    "class_names.txt",
    "labels.txt",
    "classes.txt",
)


@dataclass(slots=True)
class LabelMap:
    """Names by number and by colour; `file` is where they are from, None where made up."""

    names: dict[int, str] = field(default_factory=dict)
    colours: dict[Colour, int] = field(default_factory=dict)
    file: Path | None = None

    def is_background(self, number: int) -> bool:
        """Whether a number stands for nothing."""
        name = self.names.get(number)
        return number == 0 if name is None else name.strip().lower() in BACKGROUND


def voc_colour(number: int) -> Colour:
    """The colour of a number in Pascal VOC's palette: its bits, dealt out to the channels."""
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (number >> channel & 1) << (7 - place)
        number >>= 3
    return channels[0], channels[1], channels[2]


VOC_COLOURS: dict[Colour, int] = {voc_colour(n): n for n in range(255, -1, -1)}


def find_map(*folders: Path) -> LabelMap:
    """The first label map in the folders; one without names where there is none."""
    for folder in folders:
        for name in FILES:
            if (folder / name).is_file():
                found = read_map(folder / name)
                if found.names:
                    return found
    return LabelMap(colours=dict(VOC_COLOURS))


def read_map(file: Path) -> LabelMap:
    """The map of a file of any of the known kinds; an empty one where it is none."""
    found = LabelMap(file=file)
    try:
        if file.suffix == ".json":
            _from_json(found, read_json(file, ()).fields)
        elif file.suffix == ".csv":
            for row in csv.DictReader(io.StringIO(read_text(file))):
                fields = {(k or "").strip().lower(): v for k, v in row.items()}
                colour = tuple(int(fields[c]) for c in ("r", "g", "b"))
                _add(found, str(fields["name"]).strip(), colour)
        else:
            for line in read_text(file).rstrip().splitlines():
                _from_line(found, line)
    except (FormatError, RowFault, KeyError, ValueError, TypeError, csv.Error):
        return LabelMap(file=file)
    if not found.colours:
        found.colours = dict(VOC_COLOURS)
    return found


def _add(found: LabelMap, name: str, colour: tuple[int, ...] | None) -> None:
    number = len(found.names)
    found.names[number] = name
    if colour is not None and len(colour) == 3:
        found.colours.setdefault((colour[0], colour[1], colour[2]), number)


def _from_line(found: LabelMap, line: str) -> None:
    if line.startswith("#"):
        return
    voc = re.fullmatch(r"(.+?):(\d+),(\d+),(\d+)(:.*)?", line.strip())
    camvid = re.fullmatch(r"(\d+)\s+(\d+)\s+(\d+)\s+(.+)", line.strip())
    if voc:
        _add(found, voc[1], tuple(int(voc[n]) for n in (2, 3, 4)))
    elif camvid:
        _add(found, camvid[4], tuple(int(camvid[n]) for n in (1, 2, 3)))
    else:
        _add(found, line.strip(), None)


def _from_json(found: LabelMap, fields: dict[str, Any]) -> None:
    """A mapping of numbers to names, by itself or as datumaro's `label_map`."""
    names = fields.get("label_map") or fields.get("labels") or fields
    colours = fields.get("segmentation_colors") or []
    pairs = enumerate(names) if isinstance(names, list) else names.items()
    for place, (number, name) in enumerate(pairs):
        found.names[int(number)] = str(name)
        if place < len(colours):
            r, g, b = (int(c) for c in colours[place])
            found.colours.setdefault((r, g, b), int(number))
