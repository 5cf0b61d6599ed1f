"""Key frames and tracks by mouse and keys: what lies between them is shown, corrected, cut."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from tests.gui.track_desk import Tracks, clip, draw_track
from visionstudio.model.annotations import Flags

__all__ = ["clip"]
CTRL = Qt.KeyboardModifier.ControlModifier


def test_a_box_moves_between_two_key_frames_and_is_corrected_on_the_way(clip: Tracks) -> None:
    draw_track(clip)
    first, second = clip.rows()
    assert (first.frame, second.frame) == (0, 20)
    assert first.track_id == second.track_id is not None
    assert first.flags & second.flags & Flags.KEYFRAME

    clip.go(10)
    middle = (np.array(first.shape.bounds()) + second.shape.bounds()) / 2
    np.testing.assert_allclose(clip.box(), middle, atol=1e-9)
    (between,) = clip.session.annotations
    assert between.id < 0
    assert clip.seen() == list(range(21))

    # Dragged, it becomes a key frame of its own, and is still selected.
    x, y = (middle[0] + middle[2]) / 2, (middle[1] + middle[3]) / 2
    clip.click(x, y)
    clip.wait(lambda: clip.session.selection == {between.id})
    clip.drag((x, y), (x, y + 15))
    clip.wait(lambda: clip.session.annotations[0].id > 0)
    assert len(clip.session.selection) == 1
    assert len(clip.rows()) == 3
    clip.go(5)
    assert clip.box()[1] == pytest.approx(first.shape.bounds()[1] + 7.5, abs=0.5)

    clip.key(Qt.Key.Key_Z, CTRL)
    clip.wait(lambda: len(clip.rows()) == 2)
    clip.go(5)
    assert clip.box()[1] == pytest.approx(first.shape.bounds()[1])


def test_the_selection_follows_its_track_and_key_frames_are_gone_to(clip: Tracks) -> None:
    draw_track(clip)
    clip.go(10)
    assert len(clip.session.selection) == 1  # the track is selected still
    clip.canvas.setFocus()
    clip.key(Qt.Key.Key_Greater)
    clip.wait(lambda: clip.session.frame == 20)
    clip.key(Qt.Key.Key_Less)
    clip.wait(lambda: clip.session.frame == 0)


@pytest.mark.parametrize(
    ("downs", "left"),
    [(0, [*range(10), *range(11, 21)]), (1, list(range(10))), (2, list(range(10, 21))), (3, [])],
)
def test_delete_asks_how_far(clip: Tracks, downs: int, left: list[int]) -> None:
    draw_track(clip)
    clip.go(10)
    clip.canvas.setFocus()
    clip.key(Qt.Key.Key_Delete)
    clip.wait(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    for _ in range(downs):
        QTest.keyClick(menu, Qt.Key.Key_Down)
    QTest.keyClick(menu, Qt.Key.Key_Return)
    clip.wait(lambda: clip.seen() == left)
    if downs == 0:
        clip.wait(lambda: not clip.session.annotations)
    clip.window.activateWindow()  # what a window manager does when a menu has closed
    clip.wait(clip.window.isActiveWindow)
    clip.canvas.setFocus()
    clip.key(Qt.Key.Key_Z, CTRL)
    clip.wait(lambda: clip.seen() == list(range(21)))
    clip.wait(lambda: len(clip.session.annotations) == 1)


def test_split_merge_and_swap_from_the_menu(clip: Tracks) -> None:
    draw_track(clip)
    run = clip.window._run
    clip.go(8)
    run("track.split")
    clip.wait(lambda: len({r.track_id for r in clip.rows()}) == 2)
    assert len(clip.rows()) == 4
    clip.go(20)
    clip.canvas.setFocus()
    clip.key(Qt.Key.Key_W)
    clip.drag((100, 75), (130, 90))
    clip.key(Qt.Key.Key_V)
    clip.key(Qt.Key.Key_Insert)
    clip.wait(lambda: len({r.track_id for r in clip.rows()}) == 3)
    clip.key(Qt.Key.Key_A, CTRL)
    clip.wait(lambda: len(clip.session.selection) == 2)
    before = {r.id: r.track_id for r in clip.rows() if r.frame == 20}
    run("track.swap")
    clip.wait(lambda: {r.id: r.track_id for r in clip.rows() if r.frame == 20} != before)
    run("track.merge")
    clip.wait(lambda: len({r.track_id for r in clip.rows()}) == 2)
