"""Import and export as jobs of the window: looked at before they are done, reported after.

Files are read and written, and plans made, in a thread for each; only what
changes the project runs in the storage thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from visionstudio.formats.dataset import Imported, ReadOptions, WriteOptions
from visionstudio.formats.progress import Progress
from visionstudio.model.media import MediaItem
from visionstudio.session.beside import Beside, Failed
from visionstudio.session.exporting import Exported, Selection, export_project
from visionstudio.session.import_values import Census, Choices, ImportPlan, ImportReport
from visionstudio.session.importing import do_import, format_of, plan_import, read_source
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.project import ProjectSession
from visionstudio.session.video_export import (
    NOTHING,
    Product,
    VideoOrder,
    VideoWritten,
    drawn_on,
    export_video,
)
from visionstudio.storage import ProjectStore


@dataclass(frozen=True, slots=True)
class Source:
    """What to import: a format's name or 'auto', its file or folder, and where the pictures are.

    With `guessed` nobody has said that they are in `images`: where the data set has more
    of them itself, it is these.
    """

    format: str
    path: Path
    images: Path | None = None
    guessed: bool = False
    options: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file or folder that has been read: in which format, what it holds, and all its rows."""

    source: Source
    format: str
    imported: Imported
    census: Census


@dataclass(frozen=True, slots=True)
class Order:
    """What to export: a format's name, the file or folder to write, and what of the project."""

    format: str
    out: Path
    options: WriteOptions = field(default_factory=WriteOptions)
    selection: Selection = field(default_factory=Selection)


class Exchange:
    """Runs imports and exports of a session. Every call returns its job, which can be cancelled.

    `done` and `failed` are called in the GUI thread; a cancelled job fails with `Cancelled`.
    """

    def __init__(self, session: ProjectSession, jobs: Jobs) -> None:
        self._beside = Beside(session, jobs)

    def close(self) -> None:
        """Cancel what is read or written and wait for it; before the project is closed."""
        self._beside.close()

    def read(self, source: Source, done: Callable[[Reading], None], failed: Failed) -> Job:
        """Read a file or folder; the project is not looked at."""

        def work(_store: ProjectStore, progress: Progress) -> Reading:
            reader = format_of(source.format, source.path)
            options = replace(source.options, stream=True)
            used = source
            imported = read_source(reader, source.path, source.images, options, progress)
            if source.guessed and _missing(imported):
                own = read_source(reader, source.path, None, options, progress)
                if _missing(own) < _missing(imported):
                    used, imported = replace(source, images=None), own
            return Reading(used, reader.name, imported, Census.of(imported))

        return self._beside.run(f"Read {source.path.name}", work, done, failed)

    def plan(
        self,
        reading: Reading,
        choices: Choices,
        done: Callable[[ImportPlan], None],
        failed: Failed,
    ) -> Job:
        """Say what importing it would do; nothing is changed."""

        def work(store: ProjectStore, progress: Progress) -> ImportPlan:
            return _planned(store, reading, choices, progress, dry=True)

        return self._beside.run(f"Look through {reading.source.path.name}", work, done, failed)

    def run(
        self,
        reading: Reading,
        choices: Choices,
        done: Callable[[ImportReport], None],
        failed: Failed,
    ) -> Job:
        """Import it: one step to undo, all or nothing.

        Planned anew in the storage thread, so that it fits the project as it is by then.
        """

        def work(store: ProjectStore, progress: Progress) -> ImportReport:
            plan = _planned(store, reading, choices, progress)
            return do_import(store, plan, progress)

        return self._beside.store(f"Import {reading.source.path.name}", work, done, failed)

    def preview_export(self, order: Order, done: Callable[[Exported], None], failed: Failed) -> Job:
        """Say what would be written and what would be lost; no file is touched."""
        return self._export(f"Look at {order.format}", order, done, failed, dry=True)

    def export(self, order: Order, done: Callable[[Exported], None], failed: Failed) -> Job:
        """Write the project's labels, all files or none, read them again and compare."""
        return self._export(f"Export {order.format}", order, done, failed, dry=False)

    def export_video(
        self,
        item: MediaItem,
        order: VideoOrder,
        done: Callable[[VideoWritten], None],
        failed: Failed,
    ) -> Job:
        """Write part of a video, or it with its annotations, all files or none."""

        def work(store: ProjectStore, progress: Progress) -> VideoWritten:
            with_objects = order.product is Product.ANNOTATED or order.overlays
            drawn = drawn_on(store, item.id, order) if with_objects else NOTHING
            return export_video(store.path_of(item), order, drawn, progress)

        return self._beside.run(f"Export {order.out.name}", work, done, failed)

    def _export(
        self,
        title: str,
        order: Order,
        done: Callable[[Exported], None],
        failed: Failed,
        *,
        dry: bool,
    ) -> Job:
        def work(store: ProjectStore, progress: Progress) -> Exported:
            return export_project(
                store,
                order.format,
                order.out,
                order.options,
                selection=order.selection,
                verify=not dry,
                dry=dry,
                progress=progress,
            )

        return self._beside.run(title, work, done, failed)


def _missing(imported: Imported) -> int:
    return sum(item.file is None for item in imported.dataset.items)


def _planned(
    store: ProjectStore,
    reading: Reading,
    choices: Choices,
    progress: Progress,
    *,
    dry: bool = False,
) -> ImportPlan:
    return plan_import(
        store,
        reading.imported,
        reading.format,
        base=reading.source.images,
        choices=choices,
        dry=dry,
        progress=progress,
    )
