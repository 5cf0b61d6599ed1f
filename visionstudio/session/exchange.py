"""Import and export as jobs of the window: looked at before they are done, reported after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from visionstudio.formats.dataset import ReadOptions, WriteOptions
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.exporting import Exported, export_project
from visionstudio.session.import_values import Choices, ImportPlan, ImportReport
from visionstudio.session.importing import do_import, format_of, plan_import, read_source
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.project import ProjectSession
from visionstudio.storage import ProjectStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Source:
    """What to import: a format's name, its file or folder, and where the pictures are."""

    format: str
    path: Path
    images: Path | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    choices: Choices = field(default_factory=Choices)


class Exchange:
    """Runs imports and exports of a session in its storage thread."""

    def __init__(self, session: ProjectSession, jobs: Jobs) -> None:
        self._session = session
        self._jobs = jobs

    def plan(
        self,
        source: Source,
        done: Callable[[ImportPlan], None],
        failed: Callable[[VisionStudioError], None],
    ) -> Job:
        """Read the file and say what importing it would do; nothing is changed."""
        job = self._jobs.start(f"Read {source.path.name}", lambda: None)

        def work(store: ProjectStore) -> ImportPlan:
            reader = format_of(source.format, source.path)
            imported = read_source(reader, source.path, source.images, source.options)
            return plan_import(
                store, imported, reader.name, base=source.images, choices=source.choices
            )

        self._run(job, work, done, failed)
        return job

    def run(
        self,
        plan: ImportPlan,
        done: Callable[[ImportReport], None],
        failed: Callable[[VisionStudioError], None],
    ) -> Job:
        """Do a planned import: one step to undo."""
        job = self._jobs.start("Import", lambda: None)
        self._run(job, lambda store: do_import(store, plan), done, failed)
        return job

    def export(
        self,
        format_name: str,
        out: Path,
        options: WriteOptions,
        done: Callable[[Exported], None],
        failed: Callable[[VisionStudioError], None],
    ) -> Job:
        """Write the project's labels."""
        job = self._jobs.start(f"Export {format_name}", lambda: None)
        self._run(
            job,
            lambda store: export_project(store, format_name, out, options, verify=True),
            done,
            failed,
        )
        return job

    def _run(
        self,
        job: Job,
        work: Callable[[ProjectStore], T],
        done: Callable[[T], None],
        failed: Callable[[VisionStudioError], None],
    ) -> None:
        def ended(result: T) -> None:
            job.finish()
            done(result)

        def broke(error: VisionStudioError) -> None:
            job.fail(error)
            failed(error)

        job.report(None)
        self._session.in_store(work, ended, broke)
