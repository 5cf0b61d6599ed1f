"""Folders of pictures by class, as ImageNet and torchvision's ImageFolder have them.

The class of a picture is the name of the folder beneath the root, or beneath a
subset's folder (train, val…). It is read as a tag on the whole picture. Folders named by
WordNet id get ImageNet's words where its files are there, see `visionstudio.formats.imagenet`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from visionstudio.formats.dataset import (
    SUBSETS,
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    Losses,
    ReadOptions,
    Skipped,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import count_unsaid
from visionstudio.formats.files import PictureRoot, is_picture, safe_parts, walk_files
from visionstudio.formats.imagenet import WNID, read_imagenet
from visionstudio.formats.output import copy_file
from visionstudio.model.errors import FormatError
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import Tag


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a folder of class folders. Pictures that lie in no class folder are skipped."""
    root = images or src
    if not src.is_dir():
        raise FormatError("there is no such folder", where=str(src))
    # Resolved so that a linked picture that lies elsewhere is seen as such.
    pictures = PictureRoot(src)
    places = PictureRoot(root) if src.resolve().is_relative_to(root.resolve()) else pictures
    about = read_imagenet(src)
    files = list(_pictures(pictures.root))
    by_id = {n: about.wnid(n.parts[:-1], n.stem) for n in files}
    listed = bool(about.words or about.labels) and any(by_id.values())
    items: list[DatasetItem] = []
    skipped = list(about.skipped)
    for relative in files:
        path, name = pictures.root / relative, relative.as_posix()
        label = by_id[relative] or (None if listed else _label(relative.parts))
        if label is None:
            reason = "no list says its class" if listed else "it lies in no class folder"
            skipped.append(Skipped(str(path), "picture", reason))
        elif pictures.find(name) is None:
            reason = "it is a link out of the folder, or no file, and is not read"
            skipped.append(Skipped(str(path), "picture", reason))
        else:
            tag = DatasetAnnotation(label=label, shape=Tag(), where=name)
            items.append(
                DatasetItem(
                    path=places.relative(path),
                    annotations=(tag,),
                    file=path,
                    split=_split(relative.parts),
                    source=str(path.parent),
                )
            )
    if not items:
        raise FormatError(
            "no class folder with pictures is there",
            where=str(src),
            next_step="the pictures belong into one folder for each class",
        )
    found = {item.annotations[0].label for item in items}
    names = about.names({n for n in found if WNID.fullmatch(n)}) if about.words else {}
    if names:
        items = [_renamed(item, names) for item in items]
    classes = tuple(
        DatasetClass(name=names.get(n, n), extra={"wnid": n} if n in names else {})
        for n in sorted(found)
    )
    origin = {"file": str(src.absolute())}
    return Imported(Dataset(classes, tuple(items)), tuple(skipped), origin)


def _pictures(root: Path) -> Iterator[PurePosixPath]:
    """The places of all pictures, relative to the root."""
    for path in walk_files(root):
        if is_picture(path.name):
            yield PurePosixPath(path.relative_to(root).as_posix())


def _renamed(item: DatasetItem, names: Mapping[str, str]) -> DatasetItem:
    tag = item.annotations[0]
    return replace(item, annotations=(replace(tag, label=names.get(tag.label, tag.label)),))


def _label(parts: tuple[str, ...]) -> str | None:
    folders = parts[1:-1] if _split(parts) else parts[:-1]
    return folders[0] if folders else None


def _split(parts: tuple[str, ...]) -> str:
    return SUBSETS.get(parts[0].lower(), "") if len(parts) > 2 else ""


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Copy each picture with a tag into `[SPLIT/]CLASS/`.

    The folder is the label here, so pictures are copied even without
    `copy_media`. A picture's first tag counts; other annotations are left out.
    """
    losses = Losses()
    folders = _folders([c.name for c in dataset.classes], losses)
    files: list[Path] = []
    taken: set[Path] = set()
    for item in dataset.items:
        if item.kind is not MediaKind.IMAGE:
            losses.add("annotations in video frames are left out", len(item.annotations))
            continue
        tags = [a for a in item.annotations if isinstance(a.shape, Tag)]
        losses.add("annotations that are no tags are left out", len(item.annotations) - len(tags))
        losses.add("further tags of a picture are left out", len(tags[1:]))
        if not tags:
            losses.add("pictures without a tag are left out")
        elif item.file is None:
            losses.add("pictures were not there to be copied")
        else:
            folder = out / options.split_of(item) / folders[tags[0].label]
            target = _free(folder / _name(item.path), taken)
            copy_file(item.file, target)
            files.append(target)
            count_unsaid(tags[0], losses)
    return Written(tuple(files), len(files), losses.all())


def _folders(names: list[str], losses: Losses) -> dict[str, str]:
    """A folder's name for each class: the class's own where every system can have it."""
    found: dict[str, str] = {}
    for name in names:
        folder = name
        fits = safe_parts(name) == (name,) and not re.search(r'[<>:"|?*\x00-\x1f]', name)
        if not fits or name.startswith(".") or name != name.rstrip(". "):
            folder = re.sub(r'[<>:"/\\|?*\x00-\x1f]', "_", name).strip(". ") or "class"
            folder = folder if safe_parts(folder) else f"{folder}_"
            losses.add("class names that no folder can have were changed")
        while folder in found.values():
            folder += "_"
        found[name] = folder
    return found


def _name(path: str) -> str:
    return PurePosixPath(path).name


def _free(path: Path, taken: set[Path]) -> Path:
    """The path, numbered where another picture of this export has it already."""
    found, n = path, 2
    while found in taken:
        found, n = path.with_stem(f"{path.stem}_{n}"), n + 1
    taken.add(found)
    return found
