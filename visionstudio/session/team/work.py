"""Merging, comparing and counting as jobs of the window."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from visionstudio.formats.progress import Progress
from visionstudio.model.edits import Edit
from visionstudio.model.errors import ProjectError
from visionstudio.model.media import MediaItem
from visionstudio.session.beside import Beside, Failed
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.project import ProjectSession
from visionstudio.session.team.agreement import Agreement, agreement
from visionstudio.session.team.merging import MergePlan, do_merge, plan_merge
from visionstudio.session.team.second_pass import make_second_pass
from visionstudio.session.team.statistics import Statistics, statistics
from visionstudio.storage import ProjectStore, project_folder
from visionstudio.storage.paths import is_project


@contextmanager
def other_project(folder: Path, ours: Path) -> Iterator[ProjectStore]:
    """Another project, for reading. Raises ProjectError when it is none, or is this one."""
    found = project_folder(folder)
    if not is_project(found):
        raise ProjectError(
            "there is no project", where=str(folder), next_step="choose the folder of a project"
        )
    if found.resolve() == ours.resolve():
        raise ProjectError(
            "this is the project itself", where=str(folder), next_step="choose another one"
        )
    with ProjectStore.open_to_read(found) as store:
        yield store


class TeamWork:
    """Runs work on two projects for a session. Every call returns its job."""

    def __init__(self, session: ProjectSession, jobs: Jobs) -> None:
        self._beside = Beside(session, jobs)

    def close(self) -> None:
        """Cancel what runs and wait for it; before the project is closed."""
        self._beside.close()

    def plan_merge(self, other: Path, done: Callable[[MergePlan], None], failed: Failed) -> Job:
        """Compare another project with this one; nothing is changed."""

        def work(store: ProjectStore, progress: Progress) -> MergePlan:
            with other_project(other, store.folder) as theirs:
                return plan_merge(store, theirs, progress)

        return self._beside.run(f"Compare with {other.name}", work, done, failed)

    def merge(
        self,
        plan: MergePlan,
        taken: Collection[int],
        done: Callable[[Edit | None], None],
        failed: Failed,
    ) -> Job:
        """Store what was decided, as one step to undo."""
        title = f"Merge {plan.source.name}"
        return self._beside.store(
            title, lambda store, _: do_merge(store, plan, taken), done, failed
        )

    def agreement(
        self, other: Path, least: float, done: Callable[[Agreement], None], failed: Failed
    ) -> Job:
        """Measure how far another project agrees with this one."""

        def work(store: ProjectStore, progress: Progress) -> Agreement:
            with other_project(other, store.folder) as theirs:
                return agreement(store, theirs, least=least, progress=progress)

        return self._beside.run(f"Agreement with {other.name}", work, done, failed)

    def second_pass(
        self,
        folder: Path,
        count: int,
        seed: int,
        done: Callable[[list[MediaItem]], None],
        failed: Failed,
    ) -> Job:
        """Make a project for a blind second pass."""

        def work(store: ProjectStore, _: Progress) -> list[MediaItem]:
            return make_second_pass(store, folder, count=count, seed=seed)

        return self._beside.run("Second pass", work, done, failed)

    def statistics(self, done: Callable[[Statistics], None], failed: Failed) -> Job:
        """Count and measure this project's labels."""
        return self._beside.run("Statistics", statistics, done, failed)
