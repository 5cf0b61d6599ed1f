"""Undo and redo go to what they change, and select what came back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.session_tools import Pump, opened, small_project
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shapes import Box
from visionstudio.session.project import ProjectSession

Open = tuple[ProjectSession, Pump]
BOX = Box(1, 2, 30, 40)


@pytest.fixture
def session(tmp_path: Path) -> Open:
    return opened(small_project(tmp_path / "p"))


def place(session: ProjectSession) -> tuple[int, int]:
    assert session.current is not None
    return session.current.id, session.frame


def on(session: ProjectSession, *places: tuple[int, int]) -> list[Annotation]:
    """Boxes at (media id, frame), as values."""
    first = session.reserve_ids("annotation", len(places))
    return [
        Annotation(id=first + n, media_id=media, frame=frame, class_id=1, shape=BOX)
        for n, (media, frame) in enumerate(places)
    ]


def test_what_was_deleted_elsewhere_comes_back_selected(session: Open) -> None:
    s, pump = session
    made = s.new_annotation(BOX)
    s.delete([made.id])
    s.open_media(3)
    pump.until(lambda: s.saved)
    s.undo()
    pump.until(lambda: s.selection == {made.id})
    assert place(s) == (1, 0)
    assert s.annotations == (made,)
    s.open_media(2)
    s.redo()
    pump.until(lambda: place(s) == (1, 0) and s.saved)
    assert not s.annotations
    assert not s.selection
    s.close()


def test_on_the_picture_shown_nothing_moves(session: Open) -> None:
    s, pump = session
    s.open_media(2)
    rows = on(s, (1, 0), (2, 0), (3, 0))
    s.apply(edits.add("Import", rows))
    s.delete([rows[1].id])
    pump.until(lambda: s.saved)
    s.undo()
    pump.until(lambda: s.selection == {rows[1].id})
    s.undo()  # the import: the picture shown is one of those it touched
    pump.until(lambda: s.saved)
    assert place(s) == (2, 0)
    s.redo()
    pump.until(lambda: s.selection == {rows[1].id})
    assert place(s) == (2, 0)
    s.close()


def test_many_pictures_the_first_is_shown(session: Open) -> None:
    s, pump = session
    s.apply(edits.add("Import", on(s, (3, 0), (2, 0), (2, 0))))
    pump.until(lambda: s.saved)
    assert place(s) == (1, 0)
    s.undo()
    pump.until(lambda: place(s) == (2, 0) and s.saved)
    s.close()


def test_frames_of_a_video(session: Open) -> None:
    s, pump = session
    video = MediaItem(
        id=s.reserve_ids("media"), path="z.mp4", kind=MediaKind.VIDEO, frames=9, width=50, height=50
    )
    s.apply(edits.add("Add video", [video]))
    s.open_media(video.id)
    rows = on(s, (video.id, 7), (video.id, 5), (1, 0))
    s.apply(edits.add("Import", rows))
    pump.until(lambda: s.saved)
    s.undo()  # a frame of this video rather than the first picture
    pump.until(lambda: place(s) == (video.id, 5) and s.saved)
    s.go_to_frame(7)
    s.redo()
    pump.until(lambda: s.selection == {rows[0].id})
    assert place(s) == (video.id, 7)
    s.close()


def test_verified_and_removed_pictures(session: Open) -> None:
    s, pump = session
    s.set_verified([3], True)
    pump.until(lambda: s.saved)
    s.undo()
    pump.until(lambda: place(s) == (3, 0) and s.saved)
    assert not s.media_by_id(3).verified  # type: ignore[union-attr]
    s.delete_media([3])
    pump.until(lambda: s.saved and s.media_by_id(3) is None)
    s.open_media(1)
    s.undo()
    pump.until(lambda: place(s) == (3, 0) and s.saved)
    s.open_media(2)
    s.redo()  # nothing of it can be shown
    pump.until(lambda: s.saved and s.media_by_id(3) is None)
    assert place(s) == (2, 0)
    s.close()


def test_who_draws_on_is_left_where_they_are(session: Open) -> None:
    s, pump = session
    s.new_annotation(BOX)
    pump.until(lambda: s.saved)
    s.open_media(2)
    s.undo()
    fresh = s.new_annotation(BOX)  # before the undo has come back
    pump.until(lambda: s.saved)
    assert place(s) == (2, 0)
    assert s.selection == {fresh.id}
    s.close()


def test_whoever_goes_on_keeps_their_own_selection(session: Open) -> None:
    s, pump = session
    made = s.new_annotation(BOX)
    s.delete([made.id])
    s.open_media(2)
    s.undo()
    pump.until(lambda: place(s) == (1, 0))
    s.open_media(3)  # before the rows of the first are there
    pump.until(lambda: s.saved)
    s.in_store(lambda _: True, lambda _: s.select_media([1]))
    pump.until(lambda: s.selected_ids == (1,))
    assert place(s) == (3, 0)
    assert not s.selection
    s.close()
