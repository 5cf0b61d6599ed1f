"""``import``, ``export`` and ``convert``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.opening import new_or_old_project, project_store
from visionstudio.app.cli.project import Folder
from visionstudio.app.cli.reply import ProgressLine, Reply, count

if TYPE_CHECKING:
    from visionstudio.formats.dataset import Dataset, Skipped, Written

_SHOWN = 10  # rows that a person is shown; JSON has all

FormatName = Annotated[str, typer.Argument(metavar="FORMAT", help="coco, voc or imagefolder.")]
Images = Annotated[
    Path | None,
    typer.Option(
        "--images", metavar="DIR", help="Where the pictures are, if not where the format has them."
    ),
]


def import_(
    folder: Folder,
    format_name: FormatName,
    src: Annotated[Path, typer.Argument(metavar="SRC", help="The annotation file or folder.")],
    images: Images = None,
    one_based: Annotated[
        bool,
        typer.Option("--one-based", help="VOC boxes count pixels from 1, as the official files."),
    ] = False,
) -> Reply:
    """Import annotations, one step to undo. Importing a file again adds nothing."""
    from visionstudio.formats.dataset import ReadOptions
    from visionstudio.formats.registry import get_format
    from visionstudio.pyapi import common_folder
    from visionstudio.session.importing import import_dataset

    reader = get_format(format_name)
    _check_images(images)
    imported = reader.read(src, images, ReadOptions(one_based=one_based))
    base = images or (src if src.is_dir() else src.parent)
    files = [item.file for item in imported.dataset.items if item.file is not None]
    progress = ProgressLine()
    with new_or_old_project(folder, media_root=common_folder(files)) as store:
        report = import_dataset(
            store, imported, format_name, base=base.absolute(), progress=progress
        )
        progress.close()
    document = {
        "media": report.media,
        "annotations": report.annotations,
        "skipped": _rows(report.skipped),
        "unresolved": _rows(report.unresolved),
        "notes": list(report.notes),
    }
    head = (
        f"{count(report.annotations, 'annotation')} imported,"
        f" {count(report.media, 'picture')}, {count(len(report.skipped), 'row')} skipped"
    )
    lines = [head, *report.notes, *_shown(report.skipped), *_shown(report.unresolved)]
    return Reply(document, "\n".join(lines))


def _check_images(images: Path | None) -> None:
    from visionstudio.model.errors import FormatError

    if images is not None and not images.is_dir():
        raise FormatError(
            "there is no such folder of pictures", where=str(images), next_step="check --images"
        )


def _rows(skipped: Sequence[Skipped]) -> list[dict[str, str]]:
    return [{"file": s.file, "where": s.where, "reason": s.reason} for s in skipped]


def _shown(skipped: Sequence[Skipped]) -> list[str]:
    lines = [f"  {s.file}, {s.where}: {s.reason}" for s in skipped[:_SHOWN]]
    more = len(skipped) - _SHOWN
    return [*lines, f"  … and {more} more (--json lists all)"] if more > 0 else lines


def export(
    folder: Folder,
    format_name: FormatName,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file or folder to write.")],
    copy_media: Annotated[
        bool, typer.Option("--copy-media", help="Copy the pictures too.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME", help="The subset's name: train, val…"),
    ] = None,
) -> Reply:
    """Write a project's labels in another format. Proposals stay out."""
    from visionstudio.formats.dataset import WriteOptions
    from visionstudio.formats.registry import get_format
    from visionstudio.session.exporting import export_project

    get_format(format_name)
    options = WriteOptions(copy_media=copy_media, split=_checked_split(split))
    progress = ProgressLine()
    with project_store(folder, read_only=True) as store:
        written = export_project(store, format_name, out, options, progress=progress)
    progress.close()
    return _written(written, out)


def _checked_split(split: str | None) -> str | None:
    from visionstudio.formats.files import safe_parts

    if split is not None and safe_parts(split) != (split,):
        raise typer.BadParameter(f"'{split}' can name no file", param_hint="--split")
    return split


def convert(
    source_format: FormatName,
    src: Annotated[Path, typer.Argument(metavar="SRC", help="The annotation file or folder.")],
    target_format: FormatName,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file or folder to write.")],
    images: Images = None,
) -> Reply:
    """Turn annotations of one format into another, without a project."""
    from visionstudio.formats.dataset import ReadOptions, WriteOptions
    from visionstudio.formats.registry import get_format

    reader, writer = get_format(source_format), get_format(target_format)
    _check_images(images)
    imported = reader.read(src, images, ReadOptions())
    written = writer.write(_measured(imported.dataset), out, WriteOptions())
    return _written(written, out, imported.skipped)


def _measured(dataset: Dataset) -> Dataset:
    """With the sizes of pictures that the format does not tell."""
    from visionstudio.media.probe import probe
    from visionstudio.model.errors import MediaError

    items = []
    for item in dataset.items:
        if item.file is not None and not (item.width and item.height):
            try:
                header = probe(item.file, item.kind)
            except MediaError:
                items.append(item)
                continue
            item = replace(item, width=header.width, height=header.height)
        items.append(item)
    return replace(dataset, items=tuple(items))


def _written(written: Written, out: Path, skipped: Sequence[Skipped] = ()) -> Reply:
    document: dict[str, Any] = {
        "files": len(written.files),
        "annotations": written.annotations,
        "losses": [{"what": loss.what, "count": loss.count} for loss in written.losses],
    }
    if skipped:
        document["skipped"] = _rows(skipped)
    head = f"{count(written.annotations, 'annotation')} in {count(len(written.files), 'file')}"
    lines = [f"{head}: {out}", *(f"  {x.count} {x.what}" for x in written.losses)]
    return Reply(document, "\n".join([*lines, *_shown(skipped)]))
