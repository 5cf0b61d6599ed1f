"""A person at a video with tracks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from tests.gui.conftest import Driver
from tests.video_maker import make
from visionstudio.model.annotations import Annotation
from visionstudio.model.interpolation import filled


class Tracks(Driver):
    """A driver on a video, at its frames and tracks."""

    def go(self, frame: int) -> None:
        self.session.go_to_frame(frame)
        self.wait(lambda: self.session.frame == frame and self.session.saved)
        done: list[bool] = []
        self.session.in_store(lambda _: None, lambda _: done.append(True))
        self.wait(lambda: bool(done))  # the rows of the frame have come

    def box(self) -> tuple[float, ...]:
        (one,) = self.session.annotations
        return one.shape.bounds()

    def rows(self) -> list[Annotation]:
        self.saved()
        assert self.session.current is not None
        return self.session.store.annotations(self.session.current.id)

    def seen(self) -> list[int]:
        return [a.frame for a in filled(self.rows())]


@pytest.fixture
def clip(make_window: Callable[[], Driver], qtbot, tmp_path: Path) -> Tracks:
    driver = make_window()
    tracks = Tracks(qtbot, driver.window)
    tracks.open(make(tmp_path / "clip.mp4", 40))
    tracks.session.add_class("bar")
    tracks.wait(lambda: tracks.window.viewer.canvas.picture is not None)
    return tracks


def draw_track(clip: Tracks) -> None:
    """A box in frame 0 and a key frame 60 px farther in frame 20."""
    clip.go(0)
    clip.canvas.setFocus()
    clip.key(Qt.Key.Key_W)
    clip.drag((20, 40), (50, 70))
    clip.key(Qt.Key.Key_V)
    clip.saved()
    clip.go(20)
    assert not clip.session.annotations
    clip.key(Qt.Key.Key_Insert)
    clip.wait(lambda: len(clip.session.annotations) == 1)
    clip.click(35, 55)
    clip.wait(lambda: len(clip.session.selection) == 1)
    clip.drag((35, 55), (95, 55))
    clip.wait(lambda: clip.box()[0] > 70)
    clip.saved()
