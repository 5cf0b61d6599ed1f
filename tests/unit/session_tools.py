"""What the session's tests share: a stand-in for the GUI thread, and small values."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from pathlib import Path

from visionstudio.model import edits
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem, MediaStatus
from visionstudio.session.project import ProjectSession
from visionstudio.storage import ProjectStore


class Pump:
    """Runs posted callbacks in the thread that waits for something, as an event loop does."""

    def __init__(self) -> None:
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()

    def post(self, callback: Callable[[], None]) -> None:
        self._posted.put(callback)

    def until(self, condition: Callable[[], object], seconds: float = 10.0) -> None:
        """Run callbacks until the condition holds; fails after `seconds`."""
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            assert left > 0, "waited too long"
            try:
                self._posted.get(timeout=left)()
            except queue.Empty:
                continue


class Heard:
    """Collects what signals say."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def __call__(self, *args: object) -> None:
        self.calls.append(args)


def small_project(folder: Path, pictures: int = 3) -> ProjectStore:
    """A project of some pictures without files and two classes."""
    store = ProjectStore.create(folder)
    first = store.reserve_ids("media", pictures)
    store.add_media(
        MediaItem(id=first + i, path=f"{i:05d}.png", width=100, height=80, status=MediaStatus.OK)
        for i in range(pictures)
    )
    ids = store.reserve_ids("class", 2)
    store.apply(
        edits.add(
            "Add classes",
            [
                LabelClass(id=ids, name="RBC", colour="#e69f00", order=0),
                LabelClass(id=ids + 1, name="WBC", colour="#56b4e9", order=1),
            ],
        )
    )
    return store


def opened(store: ProjectStore) -> tuple[ProjectSession, Pump]:
    """A session on a store, showing its first picture, and the pump to wait with."""
    pump = Pump()
    session = ProjectSession(store, pump.post)
    session.open_media(session.media[0].id)
    return session, pump
