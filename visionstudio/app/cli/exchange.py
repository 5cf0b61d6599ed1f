"""``import``, ``export`` and ``convert``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from visionstudio.app.cli import completing
from visionstudio.app.cli.opening import new_or_old_project, project_store
from visionstudio.app.cli.project import Folder
from visionstudio.app.cli.reply import ProgressLine, Reply, count

if TYPE_CHECKING:
    from visionstudio.formats.dataset import Skipped, Written
    from visionstudio.session.import_values import Choices, Rule
    from visionstudio.session.verifying import Check
    from visionstudio.storage.store import ProjectStore

_SHOWN = 10  # rows that a person is shown; JSON has all

FormatName = Annotated[
    str,
    typer.Argument(
        metavar="FORMAT",
        help="coco, yolo, voc, labelme, cvat…; auto finds it.",
        autocompletion=completing.read_formats,
    ),
]
TargetName = Annotated[
    str,
    typer.Argument(
        metavar="FORMAT",
        help="coco, yolo, voc, labelme…",
        autocompletion=completing.written_formats,
    ),
]
Variant = Annotated[
    str,
    typer.Option(
        "--variant",
        metavar="NAME",
        help="A dialect of the format: yolo segment, say.",
        autocompletion=completing.variants,
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would be done, and what would be lost.")
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
            "--rule",
            metavar="RULE",
            help="Rows that are there already: skip, keep or replace.",
            autocompletion=completing.one_of("skip", "keep", "replace"),
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
    dry_run: DryRun = False,
) -> Reply:
    """Import annotations, one step to undo. Importing a file again adds nothing."""
    from visionstudio.formats.dataset import ReadOptions
    from visionstudio.pyapi import common_folder
    from visionstudio.session.importing import do_import, format_of, plan_import, read_source

    choices = _choices(rule, mapped or [], splits)
    reader = format_of(format_name, src)
    _check_images(images)
    progress = ProgressLine()
    options = ReadOptions(one_based=one_based, stream=True)
    imported = read_source(reader, src, images, options, progress)
    base = images or (src if src.is_dir() else src.parent)
    files = [item.file for item in imported.dataset.items if item.file is not None]
    with _target(folder, common_folder(files), dry_run) as store:
        plan = plan_import(
            store,
            imported,
            reader.name,
            base=base.absolute(),
            choices=choices,
            dry=dry_run,
            progress=progress,
        )
        report = plan.report if dry_run else do_import(store, plan, progress)
        progress.close()
    document = {
        "format": reader.name,
        "media": report.media,
        "annotations": report.annotations,
        "replaced": report.replaced,
        "per_class": dict(report.per_class),
        "skipped": _rows(report.skipped),
        "unresolved": _rows(report.unresolved),
        "notes": list(report.notes),
    }
    done = "would be imported" if dry_run else "imported"
    head = (
        f"{count(report.annotations, 'annotation')} {done},"
        f" {count(report.media, 'picture')}, {count(len(report.skipped), 'row')} skipped"
    )
    merges = [f"  {m.path}, {m.where}: {m.what}" for m in report.merges[:_SHOWN]]
    lines = [head, *report.notes, *merges, *_shown(report.skipped), *_shown(report.unresolved)]
    return Reply(document, "\n".join(lines))


@contextmanager
def _target(folder: Path, media_root: Path | None, dry_run: bool) -> Iterator[ProjectStore]:
    """The project to import into; where there is none yet, a dry run makes one that goes again."""
    from visionstudio.storage.paths import is_project

    if dry_run and is_project(folder):
        with project_store(folder, read_only=True) as store:
            yield store
    elif dry_run:
        with (
            TemporaryDirectory() as passing,
            new_or_old_project(Path(passing) / "project", media_root=media_root) as store,
        ):
            yield store
    else:
        with new_or_old_project(folder, media_root=media_root) as store:
            yield store


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
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="NAME", help="Write this class only; repeatable."),
    ] = None,
    subsets: Annotated[
        list[str] | None,
        typer.Option("--subset", metavar="NAME", help="Only pictures of it; repeatable."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Read it again and compare.")
    ] = True,
    dry_run: DryRun = False,
    keep: Annotated[
        bool | None,
        typer.Option(
            "--keep/--no-keep",
            help="Keep it up to date from now on when labels change; or no export any more.",
        ),
    ] = None,
) -> Reply:
    """Write a project's labels in another format, and check them. Proposals stay out."""
    from visionstudio.formats.dataset import WriteOptions
    from visionstudio.session.exporting import Selection, export_project
    from visionstudio.session.live_export import LiveTarget, set_live_target

    options = WriteOptions(
        copy_media=copy_media,
        split=_checked_split(split),
        variant=_checked_variant(format_name, variant),
    )
    progress = ProgressLine()
    with project_store(folder, read_only=keep is None or dry_run) as store:
        if keep is not None and not dry_run:
            target = LiveTarget(format_name, str(out.absolute()), variant)
            set_live_target(store, target if keep else None)
        done = export_project(
            store,
            format_name,
            out,
            options,
            selection=Selection(_known(store, classes), frozenset(subsets) if subsets else None),
            verify=verify,
            dry=dry_run,
            progress=progress,
        )
    progress.close()
    return _written(done.written, out, checked=done.check, dry=dry_run)


def _known(store: ProjectStore, names: Sequence[str] | None) -> frozenset[str] | None:
    known = [c.name for c in store.classes()]
    for name in names or ():
        if name not in known:
            listed = ", ".join(known) or "none"
            raise typer.BadParameter(f"'{name}' is none of: {listed}", param_hint="--class")
    return frozenset(names) if names else None


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
    written: Written,
    out: Path,
    skipped: Sequence[Skipped] = (),
    checked: Check | None = None,
    *,
    dry: bool = False,
) -> Reply:
    document: dict[str, Any] = {
        "files": len(written.files),
        "annotations": written.annotations,
        "losses": [{"what": loss.what, "count": loss.count} for loss in written.losses],
    }
    if skipped:
        document["skipped"] = _rows(skipped)
    head = f"{count(written.annotations, 'annotation')} in {count(len(written.files), 'file')}"
    lines = [
        f"{head}{' would be written' if dry else ''}: {out}",
        *(f"  {x.count} {x.what}" for x in written.losses),
    ]
    if checked is not None:
        document["verified"] = {"read": checked.read, "missing": list(checked.missing)}
        lines.append(f"  {checked.text}")
        lines += [f"    {row}" for row in checked.missing[:_SHOWN]]
    return Reply(document, "\n".join([*lines, *_shown(skipped)]))
