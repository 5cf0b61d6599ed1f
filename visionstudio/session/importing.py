"""Data sets into projects: one edit, which can be undone and is idempotent.

Pictures are matched to those of the project by their file, then by their name;
what is missing is added. A row that is already there is skipped: each imported
annotation remembers a digest of the row it came from, so that importing the
same file again adds nothing, also after a person has corrected it. `Choices`
says otherwise.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from visionstudio.formats.dataset import Dataset, Imported, ReadOptions
from visionstudio.formats.detection import detect
from visionstudio.formats.progress import reported
from visionstudio.formats.registry import FORMATS, Format, get_format
from visionstudio.media.probe import probe
from visionstudio.model.errors import FormatError, MediaError
from visionstudio.model.media import MediaKind
from visionstudio.session.import_plan import CLASS_EXTRA, Planner
from visionstudio.session.import_values import Choices, ImportPlan, ImportReport, Progress
from visionstudio.storage.runs import now
from visionstudio.storage.store import ProjectStore

IMPORTS = "imports"  # the project's setting: what was imported
AUTO = "auto"
"""In the place of a format's name: the one that the file or folder is of, by its contents."""
_REMEMBERED = 100


def format_of(name: str, src: Path) -> Format:
    """The format of that name, for 'auto' that which `src` is of. Raises FormatError."""
    if name != AUTO:
        return get_format(name)
    if not src.exists():
        raise FormatError("there is no such file or folder", where=str(src))
    found = detect(src)
    if found is None:
        raise FormatError(
            "no format that is known was found in it",
            where=str(src),
            next_step=f"name the format: {', '.join(FORMATS)}",
        )
    return get_format(found)


def read_source(
    reader: Format,
    src: Path,
    images: Path | None = None,
    options: ReadOptions | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Read a file or folder in a format, with the sizes of pictures where it needs them.

    `progress` may raise to give up.
    """
    with reported(progress):
        return reader.read(src, images, replace(options or ReadOptions(), size_of=size_of))


def size_of(picture: Path) -> tuple[int, int]:
    """The upright width and height of a picture, (0, 0) when its header cannot be read."""
    try:
        header = probe(picture, MediaKind.IMAGE)
    except MediaError:
        return 0, 0
    return header.width, header.height


def measured(dataset: Dataset) -> Dataset:
    """With the sizes of pictures and videos that the format does not tell."""
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


def import_dataset(
    store: ProjectStore,
    imported: Imported,
    format_name: str,
    *,
    base: Path | None = None,
    choices: Choices | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Plan an import and do it, with a backup first where there is work to lose."""
    plan = plan_import(store, imported, format_name, base=base, choices=choices, progress=progress)
    return do_import(store, plan, progress)


def do_import(
    store: ProjectStore, plan: ImportPlan, progress: Progress | None = None
) -> ImportReport:
    """Do what was planned, as one step to undo. Raises StorageFull.

    `progress` may raise to give up: then nothing has changed.

    The project remembers the origins of its latest imports in its setting 'imports'.
    """
    if plan.edit is not None:
        if store.counts().annotations:
            store.backup("before import")
        with reported(progress):
            store.apply(plan.edit, plan.new)
        log = [*store.setting(IMPORTS, []), {**plan.origin, "time": now()}]
        store.set_setting(IMPORTS, log[-_REMEMBERED:])
        if plan.class_extra:
            known = store.setting(CLASS_EXTRA, {})
            fresh = {str(k): dict(v) for k, v in plan.class_extra.items()}
            store.set_setting(CLASS_EXTRA, {**known, **fresh})
    return plan.after() if plan.after is not None else plan.report


def plan_import(
    store: ProjectStore,
    imported: Imported,
    format_name: str,
    *,
    base: Path | None = None,
    choices: Choices | None = None,
    dry: bool = False,
    progress: Progress | None = None,
) -> ImportPlan:
    """What importing a data set into a project would do.

    With `dry` rows that stay in their file are gone through for the report; else
    it counts them once they are stored.

    `base` is the folder beneath which a picture that was not found will be
    looked for later. Reads the headers of new pictures; may take long.
    `progress` may raise to give up.
    """
    planner = Planner(store, format_name, base, choices or Choices(), progress)
    with reported(progress):
        return planner.plan(imported, dry=dry)
