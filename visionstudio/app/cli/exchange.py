"""``import``, ``export`` and ``convert``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from visionstudio.app.cli.opening import new_or_old_project, project_store
from visionstudio.app.cli.project import Folder
from visionstudio.app.cli.reply import ProgressLine, Reply, count

if TYPE_CHECKING:
    from visionstudio.formats.dataset import Skipped, Written
    from visionstudio.session.import_values import Choices, Rule
    from visionstudio.session.verifying import Check

_SHOWN = 10  # rows that a person is shown; JSON has all

FormatName = Annotated[
    str, typer.Argument(metavar="FORMAT", help="coco, yolo, voc, labelme, cvat…; auto finds it.")
]
TargetName = Annotated[str, typer.Argument(metavar="FORMAT", help="coco, yolo, voc, labelme…")]
Variant = Annotated[
    str,
    typer.Option("--variant", metavar="NAME", help="A dialect of the format: yolo segment, say."),
]
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
    rule: Annotated[
        str,
        typer.Option(
            "--rule", metavar="RULE", help="Rows that are there already: skip, keep or replace."
        ),
    ] = "skip",
    mapped: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="A=B", help="Class A of the file is B here; A= skips it."),
    ] = None,
    splits: Annotated[
        list[str] | None,
        typer.Option("--split", metavar="NAME", help="Take this subset only; repeatable."),
    ] = None,
) -> Reply:
    """Import annotations, one step to undo. Importing a file again adds nothing."""
    from visionstudio.formats.dataset import ReadOptions
    from visionstudio.pyapi import common_folder
    from visionstudio.session.importing import format_of, import_dataset, read_source

    choices = _choices(rule, mapped or [], splits)
    reader = format_of(format_name, src)
    _check_images(images)
    imported = read_source(reader, src, images, ReadOptions(one_based=one_based))
    base = images or (src if src.is_dir() else src.parent)
    files = [item.file for item in imported.dataset.items if item.file is not None]
    progress = ProgressLine()
    with new_or_old_project(folder, media_root=common_folder(files)) as store:
        report = import_dataset(
            store,
            imported,
            reader.name,
            base=base.absolute(),
            choices=choices,
            progress=progress,
        )
        progress.close()
    document = {
        "format": reader.name,
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


def _choices(rule: str, mapped: Sequence[str], splits: Sequence[str] | None) -> Choices:
    from visionstudio.session import import_values

    if rule not in ("skip", "keep", "replace"):
        raise typer.BadParameter("skip, keep or replace", param_hint="--rule")
    classes: dict[str, str | None] = {}
    for pair in mapped:
        name, equals, other = pair.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"'{pair}' is not A=B", param_hint="--map")
        classes[name] = other or None
    chosen = frozenset(splits) if splits else None
    return import_values.Choices(cast("Rule", rule), classes, chosen)


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
    format_name: TargetName,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file or folder to write.")],
    copy_media: Annotated[
        bool, typer.Option("--copy-media", help="Copy the pictures too.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME", help="The subset's name: train, val…"),
    ] = None,
    variant: Variant = "",
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Read it again and compare.")
    ] = True,
) -> Reply:
    """Write a project's labels in another format, and check them. Proposals stay out."""
    from visionstudio.formats.dataset import WriteOptions
    from visionstudio.session.exporting import export_project

    options = WriteOptions(
        copy_media=copy_media,
        split=_checked_split(split),
        variant=_checked_variant(format_name, variant),
    )
    progress = ProgressLine()
    with project_store(folder, read_only=True) as store:
        done = export_project(store, format_name, out, options, verify=verify, progress=progress)
    progress.close()
    return _written(done.written, out, checked=done.check)


def _checked_variant(format_name: str, variant: str) -> str:
    from visionstudio.formats.registry import get_format

    known = get_format(format_name).variants
    if variant not in known:
        names = ", ".join(v for v in known if v) or "none"
        raise typer.BadParameter(f"{format_name} has: {names}", param_hint="--variant")
    return variant


def _checked_split(split: str | None) -> str | None:
    from visionstudio.formats.files import safe_parts

    if split is not None and safe_parts(split) != (split,):
        raise typer.BadParameter(f"'{split}' can name no file", param_hint="--split")
    return split


def convert(
    source_format: FormatName,
    src: Annotated[Path, typer.Argument(metavar="SRC", help="The annotation file or folder.")],
    target_format: TargetName,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file or folder to write.")],
    images: Images = None,
    variant: Variant = "",
) -> Reply:
    """Turn annotations of one format into another, without a project."""
    from visionstudio.formats.dataset import WriteOptions
    from visionstudio.formats.registry import get_format
    from visionstudio.session.importing import format_of, measured, read_source

    writer = get_format(target_format)
    variant = _checked_variant(target_format, variant)
    reader = format_of(source_format, src)
    _check_images(images)
    imported = read_source(reader, src, images)
    written = writer.write(measured(imported.dataset), out, WriteOptions(variant=variant))
    return _written(written, out, imported.skipped)


def _written(
    written: Written, out: Path, skipped: Sequence[Skipped] = (), checked: Check | None = None
) -> Reply:
    document: dict[str, Any] = {
        "files": len(written.files),
        "annotations": written.annotations,
        "losses": [{"what": loss.what, "count": loss.count} for loss in written.losses],
    }
    if skipped:
        document["skipped"] = _rows(skipped)
    head = f"{count(written.annotations, 'annotation')} in {count(len(written.files), 'file')}"
    lines = [f"{head}: {out}", *(f"  {x.count} {x.what}" for x in written.losses)]
    if checked is not None:
        document["verified"] = {"read": checked.read, "missing": list(checked.missing)}
        lines.append(f"  {checked.text}")
        lines += [f"    {row}" for row in checked.missing[:_SHOWN]]
    return Reply(document, "\n".join([*lines, *_shown(skipped)]))
