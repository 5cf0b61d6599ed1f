"""Long work on an open project: shown as a job, stopped by it, and out of everybody's way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from visionstudio.formats.progress import Progress
from visionstudio.model.errors import Cancelled, InvalidValue, VisionStudioError, one_line
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.project import ProjectSession
from visionstudio.storage import ProjectStore

T = TypeVar("T")
Failed = Callable[[VisionStudioError], None]
Work = Callable[[ProjectStore, Progress], T]
_log = logging.getLogger(__name__)
_REPORT_SECONDS = 0.05


class Beside:
    """Runs work for a session. `done` and `failed` are called in the GUI thread.

    A job that is cancelled fails with `Cancelled`: the work's progress raises it.
    """

    def __init__(self, session: ProjectSession, jobs: Jobs) -> None:
        self._session = session
        self._jobs = jobs
        self._running: dict[Job, tuple[threading.Thread, threading.Event]] = {}

    def close(self) -> None:
        """Cancel what runs and wait for it; before the project is closed."""
        for thread, cancelled in list(self._running.values()):
            cancelled.set()
            thread.join()

    def run(self, title: str, work: Work[T], done: Callable[[T], None], failed: Failed) -> Job:
        """Run what only reads the project in a thread of its own, once all edits are stored."""
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
            thread = threading.Thread(target=run, args=(store,), name="beside", daemon=True)
            self._running[job] = thread, cancelled
            thread.start()

        self._session.in_store(lambda store: store, start, lambda e: _broke(job, failed, e))
        return job

    def store(self, title: str, work: Work[T], done: Callable[[T], None], failed: Failed) -> Job:
        """Run what changes the project in the storage thread, in its turn."""
        cancelled = threading.Event()
        job = self._jobs.start(title, cancelled.set)
        progress = self._progress(job, cancelled)
        self._session.in_store(
            lambda store: work(store, progress),
            lambda result: _ended(job, done, result),
            lambda error: _broke(job, failed, error),
        )
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


def _ended(job: Job, done: Callable[[T], None], result: T) -> None:
    job.finish()
    done(result)


def _broke(job: Job, failed: Failed, error: VisionStudioError) -> None:
    if isinstance(error, Cancelled):
        job.stop()
    else:
        job.fail(error)
    failed(error)
