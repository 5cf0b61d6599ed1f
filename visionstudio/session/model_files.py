"""Weights files as the window sees them: list, look into, take in, download, remove, write out.

Every call returns at once; files are read and fetched in threads. All calls and all
callbacks are in the GUI thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from visionstudio.model.errors import Cancelled, ModelError, VisionStudioError, one_line
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.models import Models
from visionstudio.session.signal import Signal

if TYPE_CHECKING:
    from visionstudio.engine.contents import Contents
    from visionstudio.engine.exporting import Exported, Format
    from visionstudio.engine.model_store import Imported, ModelEntry, WeightsEntry
    from visionstudio.engine.registry import ModelInfo, Registry

T = TypeVar("T")
_TELL_SECONDS = 0.1
_CLOSE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Library:
    """What there is: models with their weights, and imported files that no model here knows."""

    models: tuple[ModelEntry, ...] = ()
    loose: tuple[Imported, ...] = ()


class ModelFiles:
    """The files of all models. `changed` fires when the library was read anew, and as
    downloads go on."""

    def __init__(self, models: Models, jobs: Jobs) -> None:
        self.library = Library()
        self.changed = Signal()
        self.downloads: dict[str, Job] = {}  # those that run, by model id
        self._models = models
        self._jobs = jobs
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._wanted = 0
        models.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Read again what there is; only the newest answer counts."""
        self._wanted += 1
        number, registry = self._wanted, self._models.registry

        def read() -> Library:
            from visionstudio.engine.model_store import list_imported, list_models

            loose = (i for i in list_imported() if i.architecture not in registry.models)
            return Library(tuple(list_models(registry)), tuple(loose))

        def show(found: Library) -> None:
            if number == self._wanted:
                self.library = found
                self.changed.emit()

        self._run(read, show, self._models.failed.emit)

    def inspect(
        self,
        path: Path,
        done: Callable[[Contents], object],
        failed: Callable[[VisionStudioError], object],
    ) -> None:
        """Look into a file, in a process of its own."""
        registry = self._models.registry

        def look() -> Contents:
            from visionstudio.engine.contents import inspect_weights

            return inspect_weights(path, registry)

        self._run(look, done, failed)

    def take(
        self,
        path: Path,
        model: str,
        done: Callable[[Imported], object],
        failed: Callable[[VisionStudioError], object],
    ) -> None:
        """Import a file for a model; '' leaves it to the file."""
        registry = self._models.registry

        def copy() -> Imported:
            from visionstudio.engine.model_store import import_weights

            return import_weights(path, registry, model)

        def taken(found: Imported) -> None:
            done(found)
            self._models.changed.emit()

        self._run(copy, taken, failed)

    def download(self, model_id: str) -> Job:
        """Fetch what a model names; the job can be cancelled, and a later one goes on."""
        registry = self._models.registry
        cancelled = threading.Event()
        job = self._jobs.start(f"Download {registry.model(model_id).title}", cancelled.set)
        self.downloads[model_id] = job
        told = [0.0]

        def report(fraction: float | None, words: str) -> None:
            if cancelled.is_set() or self._stop.is_set():
                raise Cancelled
            now = time.monotonic()
            if now - told[0] >= _TELL_SECONDS or fraction == 1:
                told[0] = now
                self._models.post(lambda: progress(fraction, words))

        def progress(fraction: float | None, words: str) -> None:
            job.report(fraction, words)
            self.changed.emit()

        def work() -> list[Path]:
            from visionstudio.engine.model_store import download

            return download(registry, model_id, report)

        def ended(how: Callable[[], None]) -> None:
            self.downloads.pop(model_id, None)
            how()
            self._models.changed.emit()

        def failed(error: VisionStudioError) -> None:
            stopped = isinstance(error, Cancelled)
            ended(job.stop if stopped else lambda: job.fail(error))

        self._run(work, lambda _: ended(job.finish), failed)
        self.changed.emit()
        return job

    def export(
        self,
        info: ModelInfo,
        weights: Path | None,
        form: Format,
        out: Path,
        done: Callable[[Exported], object],
        failed: Callable[[VisionStudioError], object],
    ) -> None:
        """Write a model for other programs; `weights` None for its own."""

        def write() -> Exported:
            from visionstudio.engine.exporting import export_model

            return export_model(info, weights, form, out)

        self._run(write, done, failed)

    def remove(self, name: str, failed: Callable[[VisionStudioError], object]) -> None:
        """Delete imported or downloaded weights by id."""
        registry = self._models.registry

        def delete() -> None:
            from visionstudio.engine.model_store import remove

            remove(registry, name)

        self._run(delete, lambda _: self._models.changed.emit(), failed)

    def _run(
        self,
        work: Callable[[], T],
        done: Callable[[T], object],
        failed: Callable[[VisionStudioError], object],
    ) -> None:
        def run() -> None:
            try:
                result = work()
            except VisionStudioError as error:
                problem = error
                self._post(lambda: failed(problem))
            except Exception as error:
                unexpected = ModelError(one_line(error), next_step="see the log")
                self._post(lambda: failed(unexpected))
            else:
                self._post(lambda: done(result))

        self._threads = [t for t in self._threads if t.is_alive()]
        thread = threading.Thread(target=run, name="model files", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _post(self, call: Callable[[], object]) -> None:
        def unless_closed() -> None:
            if not self._stop.is_set():
                call()

        self._models.post(unless_closed)

    def close(self) -> None:
        """Stop downloads; what has come of them is kept."""
        self._stop.set()
        self._models.changed.disconnect(self.refresh)
        for thread in self._threads:
            thread.join(_CLOSE_SECONDS)


def usable_files(registry: Registry) -> dict[str, list[WeightsEntry]]:
    """The imported and downloaded files that are here, by model id; not what is built in.

    Reads files.
    """
    from visionstudio.engine.model_store import list_models

    return {
        entry.info.id: [
            w for w in entry.weights if w.present and not w.source.startswith("package:")
        ]
        for entry in list_models(registry)
    }
