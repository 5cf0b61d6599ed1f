"""The video player and its bar: exact frames, newest wish first, nothing decoded in the GUI."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QComboBox, QSlider, QSpinBox, QToolButton
from pytestqt.qtbot import QtBot

from tests.video_maker import make, number_in
from visionstudio.media import video as video_module
from visionstudio.model.errors import Cancelled
from visionstudio.ui.video.bar import VideoBar
from visionstudio.ui.video.clock import clock
from visionstudio.ui.video.playback import VideoInfo
from visionstudio.ui.video.player import VideoPlayer


class Seen:
    """What a player has shown: (frame announced, number in the picture)."""

    def __init__(self, player: VideoPlayer) -> None:
        self.frames: list[tuple[int, int]] = []
        self.pts: list[int] = []
        player.frame_ready.connect(self._take)

    def _take(self, frame: int, pts: int, rgb: np.ndarray) -> None:  # type: ignore[type-arg]
        assert threading.current_thread() is threading.main_thread()
        self.frames.append((frame, number_in(rgb)))
        self.pts.append(pts)

    @property
    def last(self) -> int:
        return self.frames[-1][0] if self.frames else -1


@pytest.fixture
def player(qtbot: QtBot) -> Iterator[VideoPlayer]:
    made = VideoPlayer()
    yield made
    made.close()
    qtbot.waitUntil(lambda: not [t for t in threading.enumerate() if t.name.startswith("video ")])


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make(tmp_path / "clip.mp4", 50, gop=25)


def open_clip(qtbot: QtBot, player: VideoPlayer, path: Path) -> Seen:
    seen = Seen(player)
    with qtbot.waitSignals([player.opened, player.frame_ready]):
        player.open(path)
    return seen


def test_opening_shows_the_first_frame(qtbot: QtBot, player: VideoPlayer, clip: Path) -> None:
    opened: list[VideoInfo] = []
    player.opened.connect(opened.append)
    seen = open_clip(qtbot, player, clip)
    assert seen.frames == [(0, 0)]
    assert (opened[0].frames, opened[0].fps, opened[0].width) == (50, 25.0, 192)
    assert np.allclose(opened[0].seconds, np.arange(50) / 25)
    assert (player.frames, player.fps, player.frame) == (50, 25.0, 0)


def test_steps_and_seeks_show_exactly_that_frame(
    qtbot: QtBot, player: VideoPlayer, clip: Path
) -> None:
    seen = open_clip(qtbot, player, clip)
    for act, expected in (
        (lambda: player.step(1), 1),
        (lambda: player.step(10), 11),
        (lambda: player.step(-1), 10),
        (lambda: player.seek(49), 49),
        (lambda: player.step(-10), 39),
        (lambda: player.seek(1000), 49),
        (lambda: player.seek(-5), 0),
    ):
        act()
        qtbot.waitUntil(lambda e=expected: player.frame == e)
    assert all(frame == number for frame, number in seen.frames)


def test_quick_steps_add_up(qtbot: QtBot, player: VideoPlayer, clip: Path) -> None:
    seen = open_clip(qtbot, player, clip)
    for _ in range(7):
        player.step(1)
    player.step(-2)
    qtbot.waitUntil(lambda: player.frame == 5)
    assert seen.frames[-1] == (5, 5)


def test_the_newest_wish_counts(
    qtbot: QtBot, player: VideoPlayer, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = open_clip(qtbot, player, clip)
    gate = threading.Event()
    asked: list[int] = []
    real = video_module.VideoReader.read

    def slow(self: video_module.VideoReader, n: int, /) -> object:
        asked.append(n)
        gate.wait(10)
        return real(self, n)

    monkeypatch.setattr(video_module.VideoReader, "read", slow)
    for n in range(5, 45):
        player.seek(n)
    gate.set()
    qtbot.waitUntil(lambda: player.frame == 44)
    assert len(asked) <= 3
    assert seen.frames[-1] == (44, 44)


def test_playing_keeps_the_videos_time(qtbot: QtBot, player: VideoPlayer, clip: Path) -> None:
    seen = open_clip(qtbot, player, clip)
    player.set_speed(2.0)
    with qtbot.waitSignal(player.playing_changed) as started:
        player.play()
    assert started.args == [True]
    with qtbot.waitSignal(player.playing_changed, timeout=60_000) as stopped:
        pass
    assert stopped.args == [False]
    frames = [frame for frame, _ in seen.frames]
    assert frames == sorted(set(frames))
    assert frames[-1] == 49
    assert len(frames) + player.dropped == 50  # what was not shown is accounted for
    assert all(frame == number for frame, number in seen.frames)


def test_playing_takes_as_long_as_the_video(
    qtbot: QtBot, player: VideoPlayer, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock of our own: each frame is shown when it is due, on whatever machine."""
    from visionstudio.ui.video import playback

    now = [100.0]
    shown_at: dict[int, float] = {}
    monkeypatch.setattr(playback.time, "monotonic", lambda: now[0])
    real_wait = threading.Condition.wait

    def wait(self: threading.Condition, timeout: float | None = None) -> bool:
        if timeout is None:
            return real_wait(self, 5)
        now[0] += timeout  # time passes exactly as long as is waited
        return True

    open_clip(qtbot, player, clip)
    player.frame_ready.connect(lambda frame, _pts, _rgb: shown_at.setdefault(frame, now[0]))
    assert player._playback is not None
    monkeypatch.setattr(
        player._playback._condition, "wait", lambda t=None: wait(player._playback._condition, t)
    )
    player.set_speed(4.0)
    player.play()
    qtbot.waitUntil(lambda: not player.playing, timeout=60_000)
    assert len(shown_at) == 49  # none dropped
    assert player.dropped == 0
    times = np.array([shown_at[n] for n in range(1, 50)])
    assert np.allclose(np.diff(times), 0.01, atol=0.0101)  # read after it is handed over
    assert times[-1] - 100.0 == pytest.approx(49 / 25 / 4, abs=0.03)


def test_pause_and_play_again_at_the_end(qtbot: QtBot, player: VideoPlayer, clip: Path) -> None:
    seen = open_clip(qtbot, player, clip)
    player.play()
    qtbot.waitUntil(lambda: player.frame >= 3)
    player.pause()
    assert not player.playing
    player.step(1)
    before = player.frame
    qtbot.waitUntil(lambda: player.frame > before or player._goal is None)
    player.seek(49)
    qtbot.waitUntil(lambda: player.frame == 49)
    player.play()
    qtbot.waitUntil(lambda: player.frame == 0)
    player.pause()
    assert all(frame == number for frame, number in seen.frames)


def test_a_listener_that_seeks_what_it_hears_does_no_harm(
    qtbot: QtBot, player: VideoPlayer, clip: Path
) -> None:
    seen = open_clip(qtbot, player, clip)
    player.frame_ready.connect(lambda frame, _pts, _rgb: player.seek(frame))
    player.play()
    qtbot.waitUntil(lambda: player.frame >= 2)
    player.seek(40)
    qtbot.waitUntil(lambda: player.frame >= 40)
    qtbot.waitUntil(lambda: not player.playing, timeout=60_000)
    assert seen.last == 49


def test_damaged_frames_are_told_and_playing_goes_on(
    qtbot: QtBot, player: VideoPlayer, shared_data: Path
) -> None:
    shown: list[int] = []
    damaged: list[int] = []
    player.frame_ready.connect(lambda frame, _pts, _rgb: shown.append(frame))
    player.frame_failed.connect(lambda frame, _reason: damaged.append(frame))
    with qtbot.waitSignals([player.opened, player.frame_ready]):
        player.open(shared_data / "videos" / "decord" / "corrupted.mp4", 28)
    player.set_speed(4.0)
    player.play()
    qtbot.waitUntil(lambda: not player.playing and player.frame == 49, timeout=60_000)
    assert shown[0] == 28
    assert set(damaged) <= {30}
    player.seek(30)
    qtbot.waitUntil(lambda: player.frame == 30)
    assert set(damaged) == {30}


def test_what_cannot_be_opened_says_why(qtbot: QtBot, player: VideoPlayer, tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_text("no video")
    bar = VideoBar()
    qtbot.addWidget(bar)
    bar.set_player(player)
    with qtbot.waitSignal(player.failed) as failed:
        player.open(path)
    assert str(path) in str(failed.args[0])
    assert "cannot be opened" in bar.note.text()
    assert not bar.play.isEnabled()


def test_closing_while_a_long_video_is_opened_does_not_wait(
    qtbot: QtBot, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading the packets for the index is given up."""
    from visionstudio.media import video_index

    reading, ended = threading.Event(), threading.Event()

    def endless(_container: object, _stream: object, cancelled: Callable[[], bool]) -> None:
        reading.set()
        while not cancelled():
            ended.wait(0.01)
        ended.set()
        raise Cancelled

    monkeypatch.setattr(video_index, "_packets", endless)
    player = VideoPlayer()
    player.open(clip)
    assert reading.wait(10)
    player.close()
    assert ended.wait(10)
    qtbot.waitUntil(lambda: not [t for t in threading.enumerate() if t.name.startswith("video ")])


def test_another_video_silences_the_first(
    qtbot: QtBot, player: VideoPlayer, clip: Path, tmp_path: Path
) -> None:
    other = make(tmp_path / "other.mp4", 10, numbers=range(100, 110))
    seen = Seen(player)
    player.open(clip)
    player.open(other, 4)
    qtbot.waitUntil(lambda: player.frame == 4)
    assert seen.frames == [(4, 104)]
    assert player.frames == 10


@pytest.fixture
def bar(qtbot: QtBot, player: VideoPlayer, clip: Path) -> VideoBar:
    made = VideoBar()
    made.resize(900, 120)
    qtbot.addWidget(made)
    made.set_player(player)
    made.show()
    open_clip(qtbot, player, clip)
    return made


def test_the_bar_has_stable_names(bar: VideoBar) -> None:
    for kind, name in (
        (QToolButton, "videoPlay"),
        (QToolButton, "videoStepBack"),
        (QToolButton, "videoStepForward"),
        (QSlider, "videoSlider"),
        (QSpinBox, "videoFrame"),
        (QComboBox, "videoSpeed"),
    ):
        widget = bar.findChild(kind, name)
        assert widget is not None, name
        assert widget.accessibleName()
        assert widget.isEnabled()


def test_the_bars_controls(qtbot: QtBot, player: VideoPlayer, bar: VideoBar) -> None:
    assert (bar.slider.maximum(), bar.frame.maximum()) == (49, 49)
    assert bar.time.text() == "0:00.000 / 0:01.960"
    left = Qt.MouseButton.LeftButton
    qtbot.mouseClick(bar.forward, left)
    qtbot.waitUntil(lambda: player.frame == 1)
    qtbot.mouseClick(bar.forward_ten, left)
    qtbot.waitUntil(lambda: player.frame == 11)
    qtbot.mouseClick(bar.back, left)
    qtbot.waitUntil(lambda: player.frame == 10)
    assert (bar.slider.value(), bar.frame.value()) == (10, 10)
    assert bar.time.text().startswith("0:00.400")
    qtbot.mouseClick(bar.slider, left, pos=QPoint(bar.slider.width() - 1, bar.slider.height() // 2))
    qtbot.waitUntil(lambda: player.frame == 49)
    bar.frame.setFocus()
    bar.frame.selectAll()
    qtbot.keyClicks(bar.frame, "23")
    assert player.frame == 49  # typing is not yet going
    qtbot.keyClick(bar.frame, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: player.frame == 23)
    assert bar.slider.value() == 23
    bar.speed.setCurrentIndex(bar.speed.findText("4×"))
    assert player.speed == 4.0
    player.set_speed(0.5)
    assert bar.speed.currentText() == "½×"
    qtbot.mouseClick(bar.play, left)
    assert player.playing
    assert bar.play.accessibleName() == "Pause"
    qtbot.mouseClick(bar.play, left)
    assert not player.playing


def test_scrubbing_ends_where_the_hand_ends(
    qtbot: QtBot, player: VideoPlayer, bar: VideoBar
) -> None:
    left, middle = Qt.MouseButton.LeftButton, bar.slider.height() // 2
    qtbot.mousePress(bar.slider, left, pos=QPoint(20, middle))
    for x in range(20, bar.slider.width() // 2, 7):
        qtbot.mouseMove(bar.slider, QPoint(x, middle))
    wished = bar.slider.value()
    qtbot.mouseRelease(bar.slider, left)
    qtbot.waitUntil(lambda: player.frame == wished)
    assert not bar.slider.isSliderDown()


def test_clock() -> None:
    assert clock(0) == "0:00.000"
    assert clock(61.5) == "1:01.500"
    assert clock(3661.25, long=True) == "1:01:01.250"
    assert clock(59.9996) == "1:00.000"
