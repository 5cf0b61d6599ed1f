"""A new folder: its pictures are on screen and listed before anything is stored about them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.gui.conftest import Driver
from visionstudio.model.errors import StorageFull
from visionstudio.model.media import MediaStatus
from visionstudio.model.shapes import Box
from visionstudio.session.library import NewMedia
from visionstudio.storage import ProjectStore


def test_pictures_before_the_disk(
    driver: Driver, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_store, keep = threading.Event(), NewMedia.keep

    def slow(new: NewMedia, store: ProjectStore) -> None:
        assert may_store.wait(20)
        keep(new, store)

    monkeypatch.setattr(NewMedia, "keep", slow)
    shown: list[object] = []
    driver.window.viewer.shown.connect(shown.append)
    driver.open(pictures)
    driver.wait(lambda: bool(shown))
    session = driver.session
    assert len(session.media) == driver.window.media_panel.model.rowCount() == 5
    assert session.current == session.media[0]
    assert not session.store.has_media()
    # What is drawn now waits for the pictures to be stored, and is not lost.
    one = session.new_annotation(Box(1, 1, 9, 9), class_id=session.add_class("cat").id)
    assert not session.saved
    may_store.set()
    driver.wait(lambda: session.saved)
    assert [i.path for i in session.store.media()] == [i.path for i in session.media]
    assert session.store.annotations(session.media[0].id) == [one]
    driver.wait(lambda: all(i.status is not MediaStatus.UNKNOWN for i in session.media))


def test_a_full_disk_keeps_them_in_memory(
    driver: Driver, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, keep = [True], NewMedia.keep

    def refused(new: NewMedia, store: ProjectStore) -> None:
        if full:
            raise StorageFull("the disk is full", where=str(store.folder), next_step="make room")
        keep(new, store)

    monkeypatch.setattr(NewMedia, "keep", refused)
    driver.open(pictures)
    session = driver.session
    driver.wait(lambda: session.blocked is not None)
    assert len(session.media) == 5
    assert not session.saved
    full.clear()
    session.retry_save()
    driver.wait(lambda: session.saved)
    assert [i.path for i in session.store.media()] == [i.path for i in session.media]
