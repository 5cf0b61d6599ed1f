"""The formats that can be read and written: each is one module with `read` and `write`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from visionstudio.formats import coco, imagefolder, voc
from visionstudio.formats.dataset import (
    Dataset,
    Imported,
    ReadOptions,
    WriteOptions,
    Written,
)
from visionstudio.model.errors import FormatError

Read = Callable[[Path, Path | None, ReadOptions], Imported]
Write = Callable[[Dataset, Path, WriteOptions], Written]


@dataclass(frozen=True, slots=True)
class Format:
    """A format under the name that the command line knows.

    `read(src, images, options)` looks for pictures under `images`, or where the
    format keeps them when that is None. `write(dataset, out, options)` replaces
    files in one step each. Both raise FormatError when nothing at all is usable.
    `single_file` says that a data set is one file rather than a folder.
    """

    name: str
    title: str
    read: Read
    write: Write
    single_file: bool = False


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("coco", "COCO JSON", coco.read, coco.write, single_file=True),
        Format("voc", "Pascal VOC XML", voc.read, voc.write),
        Format("imagefolder", "Folders of pictures by class", imagefolder.read, imagefolder.write),
    )
}


def get_format(name: str) -> Format:
    """The format of that name. Raises FormatError naming those that there are."""
    if name not in FORMATS:
        raise FormatError(f"unknown format '{name}'", next_step=f"known are: {', '.join(FORMATS)}")
    return FORMATS[name]
