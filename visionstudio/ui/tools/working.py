"""Tools that have something worked out: what may take longer than a frame is done in a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import Qt

from visionstudio.model.errors import VisionStudioError
from visionstudio.session.latest import Latest
from visionstudio.session.shape_work import AT_ONCE
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.posting import Poster
from visionstudio.ui.tools.base import Host, Tool

T = TypeVar("T")


class WorkingTool(Tool):
    """Only the newest work counts; leaving the tool drops it."""

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._poster = Poster()
        self._work = Latest(self._poster.post, "tool")

    def work_out(self, work: Callable[[], T], done: Callable[[T], None], cost: int) -> None:
        """Call `work`, which changes nothing, and `done` with its answer in this thread.

        At once when its `cost` (see `shape_work.weight`) is small, else in a thread; the
        pointer and the hint tell of it.
        """
        if cost <= AT_ONCE:
            self._work.drop()
            done(work())
            return

        def answered(found: T) -> None:
            self._rest()
            done(found)

        self.host.point_at(Qt.CursorShape.BusyCursor)
        self.host.hint(tr("Working it out…"))
        self._work.want(work, answered, self.failed)

    def failed(self, error: VisionStudioError) -> None:
        """What was to be worked out could not be."""
        self._rest()
        self.host.hint(told(str(error)))

    @property
    def working(self) -> bool:
        """Whether an answer is still to come."""
        return self._work.busy

    def drop_work(self) -> None:
        """Want no answer any more."""
        if self._work.busy:
            self._work.drop()
            self._rest()

    def leave(self) -> None:
        super().leave()
        self._work.drop()

    def _rest(self) -> None:
        self.host.point_at(self.cursor)
        self.host.hint(self.hint())
