"""MNIST's and CIFAR's files, which hold the pixels of all pictures in one: read only.

| file | holds |
|---|---|
| `train-images-idx3-ubyte`, `…-labels-idx1-ubyte` (also .gz) | LeCun's idx: sizes, then bytes |
| `data_batch_1` … `test_batch`, `train`, `test`, `…meta` | CIFAR's pickled dictionaries |

Each picture becomes a PNG under ``pictures/SUBSET/CLASS/`` beside the files, or under the
folder that is given for pictures; those that are there already stay. Pickles are read
without their code: nothing is imported, the few names that arrays need are stand-ins.
"""

from __future__ import annotations

import gzip
import io
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    ReadOptions,
    Skipped,
    WriteOptions,
    Written,
)
from visionstudio.formats.files import safe_name, walk_files
from visionstudio.formats.progress import EVERY, tick
from visionstudio.model.errors import FormatError, StorageFull
from visionstudio.model.shapes import Tag

FOLDER = "pictures"
MAX_BYTES = 1 << 31
IDX_NAME = re.compile(r"(.+)-images[-.]idx3-ubyte(\.gz)?\Z")
CIFAR_NAMES = frozenset(
    ("test_batch", "train", "test", *(f"data_batch_{number}" for number in range(1, 6)))
)
_CIFAR_SIDE = 32
_SUBSETS = {"t10k": "test", "test_batch": "test"}

Picture = tuple[NDArray[np.uint8], int]
"""Pixels (H, W) or (H, W, 3), and the class's number."""


class _Pile:
    """Pictures of one subset, with where they are from."""

    def __init__(self, file: Path, subset: str, labels: list[int], pixels: NDArray[np.uint8]):
        self.file, self.subset, self.labels, self.pixels = file, subset, labels, pixels


def read_mnist(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read idx files of pictures with their files of labels; classes are the digits."""
    found = _files(src, lambda name: IDX_NAME.match(name) is not None)
    piles: list[_Pile] = []
    skipped: list[Skipped] = []
    for file in found:
        try:
            piles.append(_mnist_pile(file))
        except _Fault as fault:
            skipped.append(Skipped(str(file), "file", str(fault)))
    return _imported(src, images, piles, {}, skipped, "idx files of pictures and labels")


def read_cifar(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read the Python batches of CIFAR-10 or CIFAR-100, with the names of their classes."""
    found = _files(src, lambda name: name in CIFAR_NAMES)
    piles: list[_Pile] = []
    skipped: list[Skipped] = []
    for file in found:
        try:
            piles.append(_cifar_pile(file))
        except _Fault as fault:
            skipped.append(Skipped(str(file), "file", str(fault)))
    names = _cifar_names({file.parent for file in found})
    return _imported(src, images, piles, names, skipped, "Python batches of CIFAR")


def write(_dataset: Dataset, out: Path, _options: WriteOptions) -> Written:
    """Always raises FormatError: these files are only read."""
    raise FormatError(
        "this format can only be read",
        where=str(out),
        next_step="export as imagefolder, for example",
    )


class _Fault(Exception):
    """A file is not what its name says; the message says why."""


def _files(src: Path, wanted: Any) -> list[Path]:
    if src.is_file():
        return [src]
    if not src.is_dir():
        raise FormatError("there is no such file or folder", where=str(src))
    return sorted(p for p in walk_files(src) if wanted(p.name))


def _bytes(file: Path) -> bytes:
    """What a file holds, unpacked, at most MAX_BYTES."""
    try:
        with file.open("rb") as head:
            packed = head.read(2) == b"\x1f\x8b"
        with gzip.open(file, "rb") if packed else file.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except (OSError, EOFError) as error:
        raise _Fault(f"it cannot be read: {error}") from None
    if len(data) > MAX_BYTES:
        raise _Fault("it holds more than 2 GiB")
    return data


# -- idx --------------------------------------------------------------------------------------


def _mnist_pile(file: Path) -> _Pile:
    match = IDX_NAME.match(file.name)
    if match is None:
        raise _Fault("its name is not like train-images-idx3-ubyte")
    pixels = _idx(file, 3)
    stem = match[1]
    places = [
        file.with_name(f"{stem}-labels{dot}idx1-ubyte{packed}")
        for dot in "-."
        for packed in ("", ".gz")
    ]
    labels = next((p for p in places if p.is_file()), None)
    if labels is None:
        raise _Fault(f"its labels, {places[0].name}, are not beside it")
    numbers = _idx(labels, 1)
    if len(numbers) != len(pixels):
        raise _Fault(f"{len(pixels)} pictures have {len(numbers)} labels")
    return _Pile(file, _SUBSETS.get(stem, stem), numbers.tolist(), pixels)


def _idx(file: Path, dimensions: int) -> NDArray[np.uint8]:
    """Unsigned bytes in so many dimensions: 0 0 8 n, the lengths as big-endian int32, bytes."""
    data = _bytes(file)
    head = 4 + 4 * dimensions
    if data[:4] != bytes((0, 0, 8, dimensions)) or len(data) < head:
        raise _Fault(f"it is no idx file of bytes in {dimensions} dimensions")
    shape = tuple(int(n) for n in np.frombuffer(data[4:head], ">u4"))
    count = 1
    for length in shape:
        count *= length
    if count != len(data) - head:
        raise _Fault(f"it says {shape}, but holds {len(data) - head} bytes")
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)


# -- CIFAR ------------------------------------------------------------------------------------


class _Stand:
    """Stands for an array or its type: keeps what the pickle says of it."""

    def __init__(self, *args: Any) -> None:
        self.args = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Reader(pickle.Unpickler):
    """Knows the names that numpy's arrays have in pickles, as stand-ins; refuses all others."""

    _KNOWN = re.compile(
        r"numpy\.(core|_core)\.multiarray\._reconstruct|numpy\.(ndarray|dtype)|_codecs\.encode"
    )

    def find_class(self, module: str, name: str) -> Any:
        if self._KNOWN.fullmatch(f"{module}.{name}"):
            return _encoded if name == "encode" else _Stand
        raise _Fault(f"it would run code when loaded ({module}.{name})")

    def persistent_load(self, _pid: Any) -> NoReturn:
        raise _Fault("it refers to things outside")


def _encoded(text: Any, _encoding: Any = None) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else bytes(text)


def unpickled(file: Path) -> dict[str, Any]:
    """A pickled dictionary of numbers, texts, lists and arrays. Raises _Fault."""
    try:
        content = _Reader(io.BytesIO(_bytes(file)), encoding="latin-1").load()
    except _Fault:
        raise
    except Exception as error:  # whatever damaged bytes lead to
        raise _Fault(f"it is damaged: {error}") from None
    if not isinstance(content, dict):
        raise _Fault("it holds no dictionary")
    return {k.decode("latin-1") if isinstance(k, bytes) else str(k): v for k, v in content.items()}


def _array(value: Any) -> NDArray[np.uint8]:
    """The bytes of a stand-in that says it is an array of bytes."""
    state = value.state if isinstance(value, _Stand) else None
    if not isinstance(state, tuple) or len(state) != 5:
        raise _Fault("its pictures are no array")
    _, shape, kind, fortran, raw = state
    raw = raw.encode("latin-1") if isinstance(raw, str) else raw
    is_byte = isinstance(kind, _Stand) and kind.args[:1] in (("u1",), ("uint8",))
    sizes = isinstance(shape, tuple) and all(isinstance(n, int) and n >= 0 for n in shape)
    if not (is_byte and sizes and isinstance(raw, bytes)):
        raise _Fault("its pictures are no array of bytes")
    flat = np.frombuffer(raw, np.uint8)
    count = 1
    for length in shape:
        count *= length
    if count != len(flat):
        raise _Fault(f"its array says {shape}, but holds {len(flat)} bytes")
    return flat.reshape(shape, order="F" if fortran else "C")


def _cifar_pile(file: Path) -> _Pile:
    content = unpickled(file)
    labels = content.get("labels") or content.get("fine_labels")
    rows = _array(content.get("data"))
    if not isinstance(labels, list) or not all(isinstance(n, int) for n in labels):
        raise _Fault("it holds no labels")
    if rows.ndim != 2 or rows.shape[1] != 3 * _CIFAR_SIDE**2 or len(rows) != len(labels):
        raise _Fault(f"{len(labels)} labels do not go with pictures {rows.shape}")
    pixels = rows.reshape(-1, 3, _CIFAR_SIDE, _CIFAR_SIDE).transpose(0, 2, 3, 1)
    subset = "train" if file.name.startswith("data_batch") else file.name
    return _Pile(file, _SUBSETS.get(subset, subset), labels, pixels)


def _cifar_names(folders: set[Path]) -> dict[int, str]:
    for folder in sorted(folders):
        for name, key in (("batches.meta", "label_names"), ("meta", "fine_label_names")):
            if (folder / name).is_file():
                try:
                    found = unpickled(folder / name).get(key)
                except _Fault:
                    continue
                if isinstance(found, list) and all(isinstance(n, str) for n in found):
                    return dict(enumerate(found))
    return {}


# -- pictures ---------------------------------------------------------------------------------


def _imported(
    src: Path,
    images: Path | None,
    piles: list[_Pile],
    names: dict[int, str],
    skipped: list[Skipped],
    what: str,
) -> Imported:
    if not piles:
        reason = f": {skipped[0].reason}" if skipped else ""
        raise FormatError(
            f"no {what} are there{reason}",
            where=skipped[0].file if skipped else str(src),
            next_step="give the folder that holds them",
        )
    root = images or (src if src.is_dir() else src.parent)
    items = tuple(item for item in _items(root.absolute(), piles, names))
    used = sorted({label for pile in piles for label in pile.labels} | set(names))
    classes = tuple(DatasetClass(name=names.get(n, str(n)), id=n) for n in used)
    return Imported(Dataset(classes, items), tuple(skipped), {"file": str(src.absolute())})


def _items(root: Path, piles: list[_Pile], names: dict[int, str]) -> Iterator[DatasetItem]:
    total = sum(len(pile.labels) for pile in piles)
    done = 0
    numbers: dict[str, int] = {}
    for pile in piles:
        for place, (pixels, label) in enumerate(zip(pile.pixels, pile.labels, strict=True)):
            if done % EVERY == 0:
                tick(done / total, pile.file.name)
            done += 1
            number = numbers[pile.subset] = numbers.get(pile.subset, -1) + 1
            name = names.get(label, str(label))
            path = f"{FOLDER}/{safe_name(pile.subset)}/{safe_name(name)}/{number:05}.png"
            _write_picture(root / path, pixels)
            tag = DatasetAnnotation(label=name, shape=Tag(), where=f"picture {place}")
            yield DatasetItem(
                path=path,
                annotations=(tag,),
                width=pixels.shape[1],
                height=pixels.shape[0],
                file=root / path,
                source=str(pile.file),
                split=pile.subset,
            )


def _write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    from PIL import Image

    if path.is_file() and path.stat().st_size:
        return
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(pixels)).save(part, format="PNG")
        part.replace(path)
    except OSError as error:
        raise StorageFull(
            f"the pictures cannot be written: {error.strerror or error}",
            where=str(path.parent),
            next_step="make room, or give another folder for pictures",
        ) from error
