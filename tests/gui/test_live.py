"""A looped file as a live source: preview, a detector on it, pictures and a recording kept."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.gui.track_desk import Tracks, clip
from tests.video_maker import make, number_in
from visionstudio.api import Detections, TrackState
from visionstudio.engine.discovery import discover
from visionstudio.engine.events import Finished, FrameResult
from visionstudio.engine.host import LocalHost
from visionstudio.engine.requests import LiveTrack, Predict
from visionstudio.media.image import read_rgb
from visionstudio.media.live import LiveReader
from visionstudio.media.video import open_video
from visionstudio.model.annotations import Annotation, State
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
    facts = {"id": "detector/spots", "title": "Spots", "task": "detector", "output": "detections"}
    choice = ModelChoice(type("M", (), facts)())
    source = make(tmp_path / "camera.mp4", 30)
    dialog = opened(clip)
    monkeypatch.setattr(dialog, "_model", lambda: (choice, None))
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
        # What the detector found is in the recording, in exactly the frames that it was shown.
        found = recorded(clip, film, lambda rows: bool(rows))
        assert all(a.state is State.PROPOSED and a.track_id is None for a in found)
        assert all(a.source == "model:detector/spots" for a in found)
        for one in found:
            # Five pixels lie between two frames; encoding anew costs the edge at most one.
            assert one.shape.bounds()[::2] == pytest.approx(bar_in(video.read(one.frame)), abs=1)
    # The looped file goes on beyond its end until it is stopped.
    clip.wait(lambda: live.figures().came > 35)
    QTest.mouseClick(dialog.start, LEFT)
    assert not live.running
    dialog.close()


def recorded(
    clip: Tracks, film: Path, ready: Callable[[list[Annotation]], bool]
) -> list[Annotation]:
    """What the recording holds, once that is so."""
    session = clip.session
    name = session.store.media_path(film)
    clip.wait(lambda: session.media.at_path(name) is not None)
    item = session.media.at_path(name)

    def rows() -> list[Annotation]:
        return session.store.annotations(item.id)

    clip.wait(lambda: session.saved and ready(rows()))
    return rows()


class Follows(Spots):
    """A host whose tracker sees the bar in each frame that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[int] = []

    def submit(self, request: LiveTrack, on_event) -> str:  # type: ignore[no-untyped-def]
        if request.frame is None:
            return "end"
        self.begun += [number for number, *_ in request.boxes]
        left, right = bar_in(read_rgb(Path(request.frame.path)))
        state = TrackState((left, 48, right, 80), 0.8)
        on_event(FrameResult("live", tuple((number, state) for number in self.begun)))
        on_event(Finished(0.01, "cpu", {}))
        return "job"


def test_a_recording_carries_what_was_tracked_meanwhile(
    clip: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Follows()
    monkeypatch.setattr(clip.window.models, "host", lambda: host)
    facts = {"id": "tracker/bars", "title": "Bars", "task": "tracker", "output": "track"}
    choice = ModelChoice(type("M", (), facts)())
    dialog = opened(clip)
    monkeypatch.setattr(dialog, "_model", lambda: (choice, None))
    start(dialog, str(make(tmp_path / "camera.mp4", 240, numbers=[n // 8 for n in range(240)])))
    live = dialog._live
    clip.wait(lambda: live.figures().shown > 3)
    QTest.mouseClick(dialog.model, LEFT)
    left, right = bar_in(dialog.preview._rgb)
    draw(dialog, (left, 48, right, 80))
    clip.wait(lambda: len(live.model.found) == 1)
    QTest.mouseClick(dialog.record, LEFT)
    clip.wait(lambda: live.figures().recorded >= 12)
    QTest.mouseClick(dialog.record, LEFT)
    clip.wait(lambda: any((clip.window.project.folder / "live").glob("*.mp4")))
    (film,) = (clip.window.project.folder / "live").glob("*.mp4")
    rows = recorded(clip, film, bool)
    assert {r.track_id for r in rows} == {rows[0].track_id}
    assert rows[0].track_id is not None
    assert all(r.state is State.PROPOSED and r.score == pytest.approx(0.8) for r in rows)
    assert clip.session.class_by_id(rows[0].class_id).name == "bar"
    frames = [r.frame for r in rows]
    assert frames == list(range(frames[0], frames[-1] + 1))  # what the tracker skipped is filled
    with open_video(film) as video:
        assert frames[-1] < video.frames
        for row in rows:  # the bar jumps five pixels at a time: between two answers it may differ
            assert abs(row.shape.bounds()[0] - bar_in(video.read(row.frame))[0]) <= 5
        exact = [abs(r.shape.bounds()[0] - bar_in(video.read(r.frame))[0]) <= 1 for r in rows]
    assert sum(exact) >= len(rows) / 2
    # One step to undo.
    clip.session.undo()
    item = clip.session.media.at_path(clip.session.store.media_path(film))
    clip.wait(lambda: clip.session.saved and not clip.session.store.annotations(item.id))
    dialog.close()


def at(dialog: LiveDialog, x: float, y: float) -> QPoint:
    """The place in the preview of a point of the picture."""
    place = dialog.preview._place()
    scale = place.width() / dialog.preview.image.width()
    return QPointF(place.left() + x * scale, place.top() + y * scale).toPoint()


def draw(dialog: LiveDialog, box: tuple[int, int, int, int], *, leave: bool = False) -> None:
    preview = dialog.preview
    QTest.mousePress(preview, LEFT, pos=at(dialog, *box[:2]))
    QTest.mouseMove(preview, at(dialog, *box[2:]))
    assert preview.drawing
    if leave:
        QTest.keyClick(dialog, Qt.Key.Key_Escape)
        assert not preview.drawing
        assert dialog.isVisible()
    QTest.mouseRelease(preview, LEFT, pos=at(dialog, *box[2:]))


def bar_in(rgb: np.ndarray) -> tuple[int, int]:
    """Left and right of the bar; its top and bottom are 48 and 80."""
    _, xs = np.nonzero((rgb[48:80, :, 0] > 150) & (rgb[48:80, :, 2] < 90))
    return int(xs.min()), int(xs.max()) + 1


@pytest.mark.slow
def test_a_box_drawn_on_the_live_picture_is_tracked(
    clip: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = LocalHost()
    monkeypatch.setattr(clip.window.models, "host", lambda: host)
    csrt = discover().models["tracker/csrt"]
    dialog = opened(clip)
    monkeypatch.setattr(dialog, "_model", lambda: (ModelChoice(csrt), None))
    # The bar goes to the right, 16 pixels a second, for ten seconds.
    numbers = [n // 8 for n in range(240)]
    start(dialog, str(make(tmp_path / "camera.mp4", 240, numbers=numbers)))
    live = dialog._live
    clip.wait(lambda: live.figures().shown > 3)
    QTest.mouseClick(dialog.model, LEFT)
    assert dialog.hint.isVisible()
    left, right = bar_in(dialog.preview._rgb)
    draw(dialog, (left, 48, right, 80), leave=True)
    assert live.figures().objects == 0
    left, right = bar_in(dialog.preview._rgb)
    draw(dialog, (left, 48, right, 80))
    assert live.figures().objects == 1

    def follows() -> bool:
        """It has moved with the bar, and has caught up with what came while the box was drawn."""
        lefts = [a.shape.bounds()[0] for a in live.model.found]
        now = bar_in(live._last.rgb)[0]
        return any(at > left + 15 and abs(at - now) < 12 for at in lefts)

    clip.wait(follows)
    (one,) = live.model.found
    assert live.model.classes["bar"].id == one.class_id
    clip.wait(lambda: "behind" in dialog.figures.text() and "objects: 1" in dialog.figures.text())

    # A region without anything to follow is refused; the first object goes on.
    draw(dialog, (100, 84, 140, 87))
    clip.wait(lambda: "at least 4x4" in dialog.problem.text())
    assert live.figures().objects == 1
    QTest.mouseClick(dialog.forget, LEFT)
    assert live.figures().objects == 0
    dialog.close()
    host.close()


@pytest.mark.slow
def test_all_objects_are_tracked_live(
    clip: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tracker of many objects gets what a detector sees, and tells their ids."""
    host = LocalHost()
    monkeypatch.setattr(clip.window.models, "host", lambda: host)
    monkeypatch.setattr("visionstudio.engine.live_tracking.detecting", lambda *_: spot)
    sort = discover().models["tracker/sort"]
    facts = {"id": "detector/spots", "title": "Spots"}
    detector = ModelChoice(type("M", (), facts)())
    dialog = opened(clip)
    monkeypatch.setattr(dialog, "_model", lambda: (ModelChoice(sort), detector))
    numbers = [n // 4 for n in range(120)]
    start(dialog, str(make(tmp_path / "camera.mp4", 120, numbers=numbers)))
    QTest.mouseClick(dialog.model, LEFT)
    assert not dialog.hint.isVisible()  # nothing is to be drawn
    clip.wait(lambda: len(dialog._live.model.found) == 1)
    (one,) = dialog._live.model.found
    assert one.track_id == 1
    assert dialog._live.model.classes["bar"].id == one.class_id
    clip.wait(lambda: "objects: 1" in dialog.figures.text())
    assert "Spots" in dialog.model.text()
    dialog.close()
    host.close()


def spot(_number: int, picture: np.ndarray) -> Detections:
    left, right = bar_in(picture)
    box = np.array([[left, 48, right, 80]], float)
    return Detections(box, np.array([0.9]), np.array([0]), ("bar",))


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
