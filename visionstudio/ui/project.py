"""One open project in the window: its session with all that works on it, opened and closed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionstudio.session.jobs import Jobs
from visionstudio.session.library import Library
from visionstudio.session.models import Models
from visionstudio.session.project import ProjectSession
from visionstudio.storage.store import ProjectStore

if TYPE_CHECKING:
    from visionstudio.session.workbench import Workbench
    from visionstudio.ui.opening import Opened

Post = Callable[[Callable[[], None]], None]
STATE_KEY = "window"
FIRST_SECONDS = 0.5
"""How long storing what a new folder holds waits for its first picture."""


class OpenProject:
    """What the window holds while a project is open.

    `made` hears of the workbench, which is made when it is first asked for.
    """

    def __init__(
        self,
        opened: Opened,
        models: Models,
        jobs: Jobs,
        post: Post,
        made: Callable[[Workbench], None],
    ) -> None:
        self.session = ProjectSession(opened.store, post, opened.loaded)
        self._parts = models, jobs, made
        self.library = Library(self.session)
        self.busy_elsewhere = opened.busy
        self.remembered: dict[str, Any] = dict(opened.remembered)
        self._opened = opened
        self._shown = threading.Event()

    @cached_property
    def workbench(self) -> Workbench:
        """What runs models, imports and exports; importing it takes longer than opening."""
        from visionstudio.session.workbench import Workbench

        models, jobs, made = self._parts
        workbench = Workbench(self.session, models, jobs)
        made(workbench)
        return workbench

    @property
    def has_workbench(self) -> bool:
        """Whether it has been made."""
        return "workbench" in self.__dict__

    @property
    def folder(self) -> Path:
        return self.session.store.folder

    @property
    def title(self) -> str:
        """The folder as people know it: the one around a project beneath."""
        return (self.folder.parent if self.folder.name == ".visionstudio" else self.folder).name

    @property
    def read_only(self) -> bool:
        return self.session.store.read_only

    def go_to_first_place(self) -> None:
        """The picture that was asked for, else the last one looked at, else the first.

        When a picture on screen has gone, the one before it on screen is the last one.
        """
        session, opened = self.session, self._opened
        media = session.media
        left, frame = session.came_from or (0, 0)
        wanted = media.get(left)
        if wanted is None and opened.wanted is not None:
            wanted, frame = media.at_path(opened.wanted), 0
        if wanted is None:
            wanted = media.get(self.remembered.get("media", 0))
            frame = int(self.remembered.get("frame", 0)) if wanted is not None else 0
        if wanted is None and len(media):
            wanted = media[0]
        if wanted is not None:
            session.open_media(wanted.id, frame)
        last_class = self.remembered.get("class")
        if isinstance(last_class, int) and session.class_by_id(last_class) is not None:
            session.set_active_class(last_class)

    def look_for_files(self) -> None:
        """List new files and read headers, in the background."""
        if self.read_only:
            return
        if self._opened.fresh is not None:
            self.session.keep_media(self._keep_new, self.library.refresh)
        elif self._opened.rescan:
            self.library.add(self._opened.rescan)
        else:
            self.library.refresh()

    def first_shown(self) -> None:
        """The first picture, or why it cannot be shown, is on screen."""
        self._shown.set()

    def _keep_new(self, store: ProjectStore) -> None:
        """Store what is listed, once the first picture no longer needs the processor."""
        self._shown.wait(FIRST_SECONDS)
        if self._opened.fresh is not None:
            self._opened.fresh.keep(store)

    def remember(self, **values: Any) -> None:
        """Keep where the person was, and the layout, with the project."""
        session = self.session
        if self.read_only or session.blocked is not None:
            return
        if session.current is not None:
            values |= {"media": session.current.id, "frame": session.frame}
        if session.active_class is not None:
            values["class"] = session.active_class.id
        fresh = {**self.remembered, **values}
        if fresh != self.remembered:
            self.remembered = fresh
            # A full disk is told of by edits; the place is not worth another message.
            session.in_store(
                lambda store: store.set_setting(STATE_KEY, fresh), lambda _: None, lambda _: None
            )

    def close(self, *, discard: bool = False) -> None:
        """Store everything and close. Raises the error that keeps edits from being stored."""
        self._shown.set()
        self.library.stop()
        if discard:
            self.session.close(discard=True)
        if self.has_workbench:
            self.workbench.close()
        else:
            self.session.close()
