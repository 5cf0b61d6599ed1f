"""A looped file as a live source: preview, a detector on it, pictures and a recording kept."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.gui.track_desk import Tracks, clip
from tests.video_maker import make, number_in
from visionstudio.api import Detections
from visionstudio.engine.events import Finished, FrameResult
from visionstudio.engine.requests import Predict
from visionstudio.media.image import read_rgb
from visionstudio.media.live import LiveReader
from visionstudio.media.video import open_video
from visionstudio.model.errors import MediaError
from visionstudio.session.models import ModelChoice
from visionstudio.ui.dialogs.live import LiveDialog

__all__ = ["clip"]
LEFT = Qt.MouseButton.LeftButton
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class Spots:
    """A host whose detector finds the moving bar of the frame that it is given."""

    def __init__(self) -> None:
        self.requests: list[Predict] = []

    def submit(self, request: Predict, on_event) -> str:  # type: ignore[no-untyped-def]
        self.requests.append(request)
        rgb = read_rgb(Path(request.frames[0].path))
        ys, xs = np.nonzero((rgb[..., 0] > 150) & (rgb[..., 2] < 90))
        box = [[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]]
        found = Detections(np.array(box, float), np.array([0.9]), np.array([0]), ("bar",))
        on_event(FrameResult("live", found))
        on_event(Finished(0.01, "cpu", {}))
        return "job"

    def cancel(self, job: str) -> None:
        pass

    def close(self) -> None:
        pass


def opened(clip: Tracks) -> LiveDialog:
    clip.canvas.setFocus()
    clip.key(Qt.Key.Key_C, CTRL | SHIFT)
    clip.wait(lambda: any(isinstance(w, LiveDialog) for w in QApplication.topLevelWidgets()))
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, LiveDialog))


def start(dialog: LiveDialog, address: str) -> None:
    line = dialog.address.lineEdit()
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, address)
    QTest.keyClick(line, Qt.Key.Key_Return)


def test_preview_model_picture_and_recording(
    clip: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Spots()
    monkeypatch.setattr(clip.window.models, "host", lambda: host)
    choice = ModelChoice(type("M", (), {"id": "detector/spots", "title": "Spots"})())  # type: ignore[arg-type]
    source = make(tmp_path / "camera.mp4", 30)
    dialog = opened(clip)
    monkeypatch.setattr(dialog, "_model", lambda: choice)
    start(dialog, str(source))
    live = dialog._live
    clip.wait(lambda: live.figures().shown > 3)
    assert dialog.start.text() == "Stop"
    assert dialog.preview.image.width() == 192

    QTest.mouseClick(dialog.model, LEFT)
    clip.wait(lambda: live.figures().latency is not None)
    assert host.requests[0].interactive
    clip.wait(lambda: "behind" in dialog.figures.text())
    assert "dropped" in dialog.figures.text()
    assert "Spots" in dialog.model.text()

    items = len(clip.session.media)
    QTest.mouseClick(dialog.record, LEFT)
    assert live.recording
    clip.wait(lambda: live.figures().recorded >= 10)
    QTest.mouseClick(dialog.snapshot, LEFT)
    clip.wait(lambda: len(clip.session.media) == items + 1)
    QTest.mouseClick(dialog.record, LEFT)
    clip.wait(lambda: len(clip.session.media) == items + 2)
    folder = clip.window.project.folder / "live"
    (picture,) = folder.glob("*.png")
    assert 0 <= number_in(read_rgb(picture)) < 30  # as it came, without what the model draws
    (film,) = folder.glob("*.mp4")
    with open_video(film) as video:
        numbers = [number_in(video.read(n)) for n in range(video.frames)]
        assert len(numbers) >= 10
        assert all((b - a) % 30 == 1 for a, b in itertools.pairwise(numbers))
    # The looped file goes on beyond its end until it is stopped.
    clip.wait(lambda: live.figures().came > 35)
    QTest.mouseClick(dialog.start, LEFT)
    assert not live.running
    dialog.close()


def test_a_source_that_is_none_says_why(clip: Tracks, tmp_path: Path) -> None:
    dialog = opened(clip)
    for address, text in (
        ("/dev/video97", "camera"),
        ("nothing here", "give /dev/video0"),
        ("ftp://a/b", "rtsp"),
        ("http://127.0.0.1:9/x", "cannot be read"),
        (str(tmp_path / "text.mp4"), "cannot be read"),
    ):
        if "text.mp4" in address:
            Path(address).write_text("no video")
        dialog.problem.clear()
        start(dialog, address)
        clip.wait(lambda text=text: text in dialog.problem.text())
        assert not dialog._live.running
        assert dialog.start.text() == "Start"
    dialog.close()


def test_the_source_keeps_the_time_of_a_file(tmp_path: Path) -> None:
    frames: list[float] = []
    ends: list[MediaError | None] = []
    reader = LiveReader(
        str(make(tmp_path / "a.mp4", 10)), lambda f: frames.append(f.arrived), ends.append
    )
    reader.start()
    while len(frames) < 25 and reader.is_alive():
        reader.join(0.02)
    reader.stop()
    reader.join(10)
    assert ends == [None]
    # 25 frames a second: two and a half rounds take about a second, not less.
    assert frames[24] - frames[0] > 0.6
