"""Playing with the bar and keys: loops, times typed, pictures under the pointer, drops told."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QLabel, QLineEdit

from tests.gui.track_desk import Tracks, clip
from tests.video_maker import number_in
from visionstudio.ui.video import playback as playback_module
from visionstudio.ui.video.clock import seconds_of
from visionstudio.ui.video.peek import WIDTH

__all__ = ["clip"]
LEFT = Qt.MouseButton.LeftButton
CTRL, ALT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.AltModifier


def ready(clip: Tracks):  # type: ignore[no-untyped-def]
    player, bar = clip.window.viewer.player, clip.window.viewer.bar
    clip.wait(lambda: player is not None and player.info is not None and player.frame == 0)
    clip.wait(lambda: clip.session.current.frames == 40)
    return player, bar


def test_a_loop_is_set_played_and_ended(clip: Tracks) -> None:
    player, bar = ready(clip)
    clip.canvas.setFocus()
    clip.go(8)
    clip.wait(lambda: player.frame == 8)
    QTest.mouseClick(bar.loop_start, LEFT)
    assert player.loop == (8, 39)
    clip.key(Qt.Key.Key_Period, ALT)
    clip.wait(lambda: player.frame == 18)
    clip.key(Qt.Key.Key_BracketRight, CTRL)
    assert player.loop == (8, 18)
    assert bar.timeline.loop == (8, 18)
    player.set_speed(2.0)
    shown: list[int] = []
    player.frame_ready.connect(lambda n, *_: shown.append(n))
    QTest.mouseClick(bar.play, LEFT)

    def rounds() -> int:
        return sum(b < a for a, b in itertools.pairwise(shown))

    clip.wait(lambda: rounds() >= 3)
    QTest.mouseClick(bar.play, LEFT)
    assert set(shown) <= set(range(8, 19))
    # What was not shown was counted, round by round.
    assert rounds() * 11 - 11 <= player.dropped + len(shown) <= (rounds() + 1) * 11 + 1
    QTest.mouseClick(bar.loop_off, LEFT)
    assert player.loop is None
    assert bar.loop_off.isHidden()


@pytest.mark.parametrize(("text", "frame"), [("0:01.0", 25), ("1.2 s", 30), ("7", 7), ("9:00", 39)])
def test_going_to_a_typed_frame_or_time(clip: Tracks, text: str, frame: int) -> None:
    player, _ = ready(clip)

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QInputDialog)
        field = dialog.findChild(QLineEdit)
        assert field is not None
        field.selectAll()
        QTest.keyClicks(field, text)
        QTest.keyClick(field, Qt.Key.Key_Return)

    QTimer.singleShot(0, answer)
    clip.window._run("track.go_to_frame")
    clip.wait(lambda: player.frame == frame)


def test_times_as_people_write_them() -> None:
    assert seconds_of("1:02.5") == 62.5
    assert seconds_of("1:00:00") == 3600
    assert seconds_of("12s") == 12
    assert seconds_of("12,5 s") == 12.5
    for text in ("12", "", "x:1", "-1:00", "1:2:3:4"):
        assert seconds_of(text) is None


def test_the_frame_under_the_pointer_is_shown(clip: Tracks) -> None:
    player, bar = ready(clip)
    slider = bar.slider
    at = QPoint(slider.width() // 2, slider.height() // 2)
    QTest.mouseMove(slider, at)
    clip.wait(bar.peek.isVisible)
    frame = bar.peek.frame
    assert abs(frame - 20) <= 2
    assert f"{frame} ·" in bar.peek.text.text()
    image = bar.peek.findChild(QLabel).pixmap().toImage()
    assert image.width() == WIDTH
    rgb = np.array(
        [[image.pixelColor(x, y).getRgb()[:3] for x in range(image.width())] for y in range(32)],
        np.uint8,
    )
    # A key frame less than a second away stands for the frame.
    number = number_in(cv2.resize(rgb, (192, 32)))
    assert number <= frame < number + 25
    assert player.frame == 0  # looking is not going
    QTest.mouseMove(bar.play, QPoint(5, 5))
    bar.slider.left.emit()
    assert not bar.peek.isVisible()


def test_dropped_frames_are_told(clip: Tracks, monkeypatch: pytest.MonkeyPatch) -> None:
    from visionstudio.media.video import VideoReader

    player, bar = ready(clip)
    assert bar.dropped.isHidden()
    slow = VideoReader.read
    monkeypatch.setattr(
        VideoReader, "read", lambda self, n: (playback_module.time.sleep(0.1), slow(self, n))[1]
    )
    player.set_speed(4.0)
    QTest.mouseClick(bar.play, LEFT)
    clip.wait(lambda: not player.playing)
    assert player.dropped > 0
    assert bar.dropped.isVisible()
    assert bar.dropped.text() == f"{player.dropped} dropped"
