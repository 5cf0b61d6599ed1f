"""Changes of shapes that may take long: worked out in a thread, applied if nothing has changed.

What is quick is done at once, so that keys typed ahead meet what they meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import InvalidValue, VisionStudioError
from visionstudio.model.shapes import Mask, Shape
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.latest import Latest

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

AT_ONCE = 10_000
"""Runs and points together that are worked on without a thread: some milliseconds."""


def weight(shape: Shape) -> int:
    """About how many runs or points work on a shape has to look at."""
    if isinstance(shape, Mask):
        return len(shape.counts)
    _, top, _, bottom = shape.bounds()
    return len(shape.points()) + 2 * int(min(bottom - top, 1e9))


@dataclass(frozen=True, slots=True)
class ShapeRequest:
    """Work on annotations as they are now: the rows themselves are the revision.

    `work` gets them, in any thread, and changes nothing.
    """

    title: str
    annotations: tuple[Annotation, ...]
    work: Callable[[Sequence[Annotation]], Any]


class ShapeWork:
    """One request at a time. Its answer is dropped when one of its annotations has changed."""

    def __init__(self, session: ProjectSession, jobs: Jobs) -> None:
        self._session = session
        self._jobs = jobs
        self._latest = Latest(session.post, "shapes")
        self._job: Job | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._job is not None

    def do(self, request: ShapeRequest, done: Callable[[Any], None]) -> None:
        """Work on it and hand the answer to `done`, at once or later, in the GUI thread.

        Errors of work that is done at once are raised; of other work the session
        tells. Raises InvalidValue while the last request is still worked on.
        """
        if self.busy:
            raise InvalidValue(
                "the last change is still being worked out",
                next_step="wait a moment, or take it back",
            )
        run = partial(request.work, request.annotations)
        if sum(weight(a.shape) for a in request.annotations) <= AT_ONCE:
            done(run())
            return
        self._job = self._jobs.start(request.title, self._stop)
        self._job.report(None)
        self._latest.want(run, partial(self._answer, request, done), self._failed)

    def cancel(self) -> bool:
        """Want the answer no more. Returns whether there was one to come."""
        job, self._job = self._job, None
        self._latest.drop()
        if job is not None:
            job.stop()
        return job is not None

    def _stop(self) -> None:
        self.cancel()

    def close(self) -> None:
        """Drop what is under way and wait for the thread."""
        self.cancel()
        self._latest.close()

    def _answer(self, request: ShapeRequest, done: Callable[[Any], None], found: Any) -> None:
        job, self._job = self._job, None
        if job is None:
            return
        now = (self._session.annotation(a.id) for a in request.annotations)
        if any(a is not b for a, b in zip(request.annotations, now, strict=True)):
            job.fail(InvalidValue("the objects have changed meanwhile", next_step="do it again"))
            return
        try:
            done(found)
        except VisionStudioError as error:
            job.fail(error)
            raise
        job.finish()

    def _failed(self, error: VisionStudioError) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.fail(error)
            self._session.failed.emit(error)
