"""Import and export as jobs of the window: looked at before they are done, reported after.

Files are read and written, and plans made, in a thread for each; only what
changes the project runs in the storage thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from visionstudio.formats.dataset import Imported, ReadOptions, WriteOptions
from visionstudio.formats.progress import Progress
from visionstudio.model.errors import Cancelled, InvalidValue, VisionStudioError, one_line
from visionstudio.model.media import MediaItem
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

T = TypeVar("T")
Failed = Callable[[VisionStudioError], None]
_log = logging.getLogger(__name__)
_REPORT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Source:
    """What to import: a format's name or 'auto', its file or folder, and where the pictures are."""

    format: str
    path: Path
    images: Path | None = None
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
        self._session = session
        self._jobs = jobs
        self._running: dict[Job, tuple[threading.Thread, threading.Event]] = {}

    def close(self) -> None:
        """Cancel what is read or written and wait for it; before the project is closed."""
        for thread, cancelled in list(self._running.values()):
            cancelled.set()
            thread.join()

    def read(self, source: Source, done: Callable[[Reading], None], failed: Failed) -> Job:
        """Read a file or folder; the project is not looked at."""

        def work(_store: ProjectStore, progress: Progress) -> Reading:
            reader = format_of(source.format, source.path)
            imported = read_source(reader, source.path, source.images, source.options, progress)
            return Reading(source, reader.name, imported, Census.of(imported.dataset))

        return self._beside(f"Read {source.path.name}", work, done, failed)

    def plan(
        self,
        reading: Reading,
        choices: Choices,
        done: Callable[[ImportPlan], None],
        failed: Failed,
    ) -> Job:
        """Say what importing it would do; nothing is changed."""

        def work(store: ProjectStore, progress: Progress) -> ImportPlan:
            return _planned(store, reading, choices, progress)

        return self._beside(f"Look through {reading.source.path.name}", work, done, failed)

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
        cancelled = threading.Event()
        job = self._jobs.start(f"Import {reading.source.path.name}", cancelled.set)
        progress = self._progress(job, cancelled)

        def work(store: ProjectStore) -> ImportReport:
            return do_import(store, _planned(store, reading, choices, progress))

        self._session.in_store(
            work, lambda report: _ended(job, done, report), lambda e: _broke(job, failed, e)
        )
        return job

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

        return self._beside(f"Export {order.out.name}", work, done, failed)

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

        return self._beside(title, work, done, failed)

    def _beside(
        self,
        title: str,
        work: Callable[[ProjectStore, Progress], T],
        done: Callable[[T], None],
        failed: Failed,
    ) -> Job:
        """Run `work` in a thread of its own, once all edits so far are in the store."""
        cancelled = threading.Event()
        job = self._jobs.start(title, cancelled.set)
        progress = self._progress(job, cancelled)
        post = self._session.post

        def run(store: ProjectStore) -> None:
            try:
                result = work(store, progress)
            except VisionStudioError as error:
                problem = error
            except Exception as error:
                _log.exception("%s failed", title)
                problem = InvalidValue(f"{title} failed ({one_line(error)})")
            else:
                post(lambda: finish(lambda: _ended(job, done, result)))
                return
            post(lambda: finish(lambda: _broke(job, failed, problem)))

        def finish(call: Callable[[], None]) -> None:
            self._running.pop(job, None)
            call()

        def start(store: ProjectStore) -> None:
            thread = threading.Thread(target=run, args=(store,), name="exchange", daemon=True)
            self._running[job] = thread, cancelled
            thread.start()

        self._session.in_store(lambda store: store, start, lambda e: _broke(job, failed, e))
        return job

    def _progress(self, job: Job, cancelled: threading.Event) -> Progress:
        """Tells the job from another thread, not too often, and stops the work when cancelled."""
        job.report(None)
        last = 0.0

        def progress(fraction: float | None, message: str = "") -> None:
            nonlocal last
            if cancelled.is_set():
                raise Cancelled
            now = time.monotonic()
            if now - last >= _REPORT_SECONDS:
                last = now
                self._session.post(lambda: job.report(fraction, message))

        return progress


def _planned(
    store: ProjectStore, reading: Reading, choices: Choices, progress: Progress
) -> ImportPlan:
    return plan_import(
        store,
        reading.imported,
        reading.format,
        base=reading.source.images,
        choices=choices,
        progress=progress,
    )


def _ended(job: Job, done: Callable[[T], None], result: T) -> None:
    job.finish()
    done(result)


def _broke(job: Job, failed: Failed, error: VisionStudioError) -> None:
    if isinstance(error, Cancelled):
        job.stop()
    else:
        job.fail(error)
    failed(error)
