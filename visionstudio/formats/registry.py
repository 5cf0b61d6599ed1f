"""The formats that can be read and written: each is one module with `read` and `write`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from visionstudio.formats import (
    cityscapes,
    coco,
    csv_file,
    cvat,
    datumaro,
    dota,
    geojson,
    imagefolder,
    labelme,
    labelme_write,
    labelstudio,
    masks,
    masks_write,
    mot,
    mots,
    packed,
    via,
    voc,
    yolo,
    yolo_write,
)
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
    `suffixes` are the endings of its files. `variants` are its dialects for
    writing, the usual one '' first. `sized` says that coordinates are parts of
    the picture's size, which reading has to know. `key_frames` says that a track is
    written by its key frames; others get what lies between them frame by frame.
    """

    name: str
    title: str
    read: Read
    write: Write
    single_file: bool = False
    suffixes: tuple[str, ...] = (".json",)
    variants: tuple[str, ...] = ("",)
    sized: bool = False
    key_frames: bool = False


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("coco", "COCO JSON", coco.read, coco.write, single_file=True),
        Format(
            *("yolo", "YOLO text files", yolo.read, yolo.write),
            suffixes=(".yaml", ".yml", ".txt"),
            variants=yolo_write.VARIANTS,
            sized=True,
        ),
        Format("voc", "Pascal VOC XML", voc.read, voc.write, suffixes=(".xml",)),
        Format(
            *("labelme", "labelme JSON, X-AnyLabeling", labelme.read, labelme.write),
            variants=labelme_write.VARIANTS,
        ),
        Format(
            *("cvat", "CVAT XML 1.1", cvat.read, cvat.write),
            suffixes=(".xml",),
            key_frames=True,
        ),
        Format("mot", "MOT Challenge text", mot.read, mot.write, suffixes=(".txt",)),
        Format("mots", "MOTS Challenge pictures", mots.read, mots.write, suffixes=()),
        Format(
            *("masks", "Mask pictures with a label map", masks.read, masks.write),
            suffixes=(".png",),
            variants=masks_write.VARIANTS,
        ),
        Format("via", "VGG Image Annotator JSON", via.read, via.write, single_file=True),
        Format("dota", "DOTA text files", dota.read, dota.write, suffixes=(".txt",)),
        Format(
            *("imagefolder", "Folders of pictures by class"),
            *(imagefolder.read, imagefolder.write),
            suffixes=(),
        ),
        Format(
            *("csv", "CSV table", csv_file.read, csv_file.write),
            single_file=True,
            suffixes=(".csv", ".txt"),
            sized=True,
        ),
        Format(
            *("labelstudio", "Label Studio JSON", labelstudio.read, labelstudio.write),
            single_file=True,
        ),
        Format("cityscapes", "Cityscapes", cityscapes.read, cityscapes.write),
        Format(
            *("geojson", "GeoJSON (QuPath)", geojson.read, geojson.write),
            suffixes=(".geojson", ".json"),
        ),
        Format("datumaro", "Datumaro JSON", datumaro.read, datumaro.write),
    )
}


READ_ONLY: dict[str, Format] = {
    f.name: f
    for f in (
        Format("mnist", "MNIST idx files", packed.read_mnist, packed.write, suffixes=()),
        Format("cifar", "CIFAR Python batches", packed.read_cifar, packed.write, suffixes=()),
    )
}
"""Formats that cannot be written: their `write` says so."""


def get_format(name: str) -> Format:
    """The format of that name. Raises FormatError naming those that there are."""
    known = {**FORMATS, **READ_ONLY}
    if name not in known:
        raise FormatError(f"unknown format '{name}'", next_step=f"known are: {', '.join(known)}")
    return known[name]
