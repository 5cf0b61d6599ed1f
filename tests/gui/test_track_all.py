"""Every object that a detector finds is tracked from the model panel, as one step to undo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QComboBox
from pytestqt.qtbot import QtBot

import visionstudio
from tests.gui.desk import Desk
from tests.plugins.conftest import write_plugin
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.geometry import box_iou
from visionstudio.model.labels import AttributeSpec
from visionstudio.model.shapes import Box
from visionstudio.settings.store import Settings
from visionstudio.ui.window import MainWindow

SPOTS = '''
import cv2
import numpy as np

from visionstudio.api import Detections


class Spots:
    """Every bright spot is a box; round ones are balls."""

    def load(self, params, weights, ctx):
        pass

    def unload(self):
        pass

    def predict(self, frames, params, ctx):
        return [self.one(frame) for frame in frames]

    def one(self, frame):
        bright = (frame[..., 0] > 150).astype(np.uint8)
        _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
        x, y, w, h, area = stats[1:].T
        boxes = np.stack([x, y, x + w, y + h], axis=1)
        return Detections(boxes, np.full(len(boxes), 0.9), (area < 0.9 * w * h) * 1,
                          ("brick", "ball"))
'''


def clip(folder: Path) -> Path:
    """Twenty frames in which a ball and a brick pass each other."""
    folder.mkdir()
    for i in range(20):
        frame = np.full((120, 200, 3), 30, np.uint8)
        cv2.circle(frame, (20 + 8 * i, 30), 12, (230, 230, 230), -1)
        cv2.rectangle(frame, (170 - 7 * i, 70), (195 - 7 * i, 95), (230, 230, 230), -1)
        cv2.imwrite(str(folder / f"{i:03}.png"), frame)
    return folder


@pytest.fixture
def desk(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = '(spec("detector/spots", "Spots", ready=True),)'
    write_plugin(tmp_path / "site", "plug_spots", spec, SPOTS)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    frames = clip(tmp_path / "clip")
    visionstudio.create(tmp_path / "project", media=[frames], as_video=True).close()
    window = MainWindow(Settings())
    window.resize(1400, 900)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    desk = Desk(qtbot, window)
    window.models.discover()
    desk.open(tmp_path / "project")
    qtbot.waitUntil(lambda: desk.child(QComboBox, "modelChoice").count() > 4, timeout=60_000)
    yield desk
    window.close()
    window.deleteLater()


def test_all_objects_of_a_detector_become_tracks(desk: Desk) -> None:
    detector = desk.child(QComboBox, "detectorChoice")
    desk.model("CSRT")
    assert not detector.isVisible()
    desk.model("ByteTrack")
    assert detector.isVisible()
    desk.choose(detector, "Test")  # the title of every model of the tests
    assert desk.child(QAbstractButton, "predictButton").text() == "Track all objects"
    desk.job(lambda: desk.press("predictButton"), "ByteTrack")
    desk.saved()
    store = desk.session.store
    item = desk.session.current
    assert item is not None
    rows = store.annotations(item.id)
    names = {c.id: c.name for c in store.classes()}
    tracks = {a.track_id: names[a.class_id] for a in rows}
    assert sorted(tracks.values()) == ["ball", "brick"]
    assert len(rows) == 40
    assert {a.state for a in rows} == {State.PROPOSED}
    run = store.runs()[-1]
    assert (run.model, run.inputs["detector"]) == ("tracker/bytetrack", "detector/spots")
    assert "Tracks with ByteTrack" in (desk.session.undo_title or "")
    desk.window._run("edit.undo")
    desk.wait(lambda: not store.annotations(item.id))
    assert not store.classes()


def boxes(item_id: int, first: int, class_id: int) -> list[Annotation]:
    """Where the ball and the brick are, as a detector leaves them: of no track."""
    rows = []
    for i in range(20):
        for n, box in enumerate(
            (Box(8 + 8 * i, 18, 32 + 8 * i, 42), Box(170 - 7 * i, 70, 195 - 7 * i, 95))
        ):
            rows.append(
                Annotation(
                    id=first + 2 * i + n, media_id=item_id, class_id=class_id, shape=box, frame=i,
                    state=State.PROPOSED if n else State.EDITED, score=0.9 if n else None,
                )
            )  # fmt: skip
    return rows


@pytest.mark.slow
def test_labels_and_proposals_that_are_there_get_tracks(desk: Desk) -> None:
    session = desk.session
    thing = session.add_class("thing")
    rows = boxes(session.current.id, session.reserve_ids("annotation", 40), thing.id)
    session.apply(Edit("found", tuple(Change(None, r) for r in rows)))
    desk.saved()
    desk.model("ByteTrack")
    desk.choose(desk.child(QComboBox, "detectorChoice"), "Labels and proposals")
    desk.job(lambda: desk.press("predictButton"), "ByteTrack")
    desk.saved()
    after = session.store.annotations(session.current.id)
    assert [(a.id, a.shape, a.state) for a in after] == [(r.id, r.shape, r.state) for r in rows]
    assert len({a.track_id for a in after}) == 2
    for n in (0, 1):  # each object has one track all through
        assert len({a.track_id for a in after if (a.id - rows[0].id) % 2 == n}) == 1
    session.undo()
    desk.wait(lambda: {a.track_id for a in session.store.annotations(session.current.id)} == {None})


@pytest.mark.slow
def test_objects_are_tracked_backwards_and_between_two_keys(desk: Desk) -> None:
    session = desk.session
    thing = session.add_class("thing")
    rows = boxes(session.current.id, session.reserve_ids("annotation", 40), thing.id)
    here = [r for r in rows if r.frame == 10]
    session.apply(Edit("drawn", tuple(Change(None, replace(r, score=None)) for r in here)))
    desk.saved()
    desk.model("CSRT")
    desk.wait(lambda: session.current.frames == 20)
    session.go_to_frame(10)
    desk.wait(lambda: len(session.annotations) == 2)
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    desk.wait(lambda: len(session.selection) == 2)
    desk.key(Qt.Key.Key_T, Qt.KeyboardModifier.AltModifier)
    store, item = session.store, session.current

    def ended(count: int) -> bool:
        jobs = [j for j in desk.window.jobs.all if j.state.is_final]
        return len(jobs) == count and session.saved

    desk.qtbot.waitUntil(lambda: ended(1), timeout=60_000)  # one job for both
    found = store.annotations(item.id)
    tracks = {a.track_id for a in found}
    assert len(tracks) == 2
    assert None not in tracks
    for track in tracks:
        mine = store.annotations_of_track(item.id, track)
        assert mine[-1].frame == 10
        assert mine[-1].id in {r.id for r in here}  # the drawn one itself, not a second on top
        assert mine[0].frame <= 3
        true = {r.frame: r.shape.bounds() for r in rows if (r.id - mine[-1].id) % 2 == 0}
        iou = [box_iou([a.shape.bounds()], [true[a.frame]])[0, 0] for a in mine]
        assert np.median(iou) > 0.5
    # A later key frame ends the way forwards; what is placed stays.
    ball = next(t for t in tracks if store.annotations_of_track(item.id, t)[-1].id == here[0].id)
    last = next(r for r in rows if r.frame == 16 and (r.id - here[0].id) % 2 == 0)
    key = replace(last, track_id=ball, flags=Flags.KEYFRAME, state=State.EDITED)
    session.apply(Edit("key", (Change(None, key),)))
    desk.saved()
    session.go_to_frame(10)
    desk.wait(lambda: len(session.annotations) == 2)
    session.select([here[0].id])
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_K, Qt.KeyboardModifier.AltModifier)
    desk.qtbot.waitUntil(lambda: ended(2), timeout=60_000)
    mine = store.annotations_of_track(item.id, ball)
    assert {a.frame for a in mine} >= set(range(10, 17))
    assert max(a.frame for a in mine) == 16
    assert [a.id for a in mine if a.frame == 16] == [last.id]
    # From both ends: near either key frame the box is where the ball is.
    true = {r.frame: r.shape.bounds() for r in rows if (r.id - here[0].id) % 2 == 0}
    for a in mine:
        if 10 < a.frame < 16:
            assert box_iou([a.shape.bounds()], [true[a.frame]])[0, 0] > 0.6


def test_an_attribute_of_the_whole_track(desk: Desk) -> None:
    session = desk.session
    thing = session.add_class("thing")
    spec = AttributeSpec("colour", "choice", ("white", "grey"))
    session.change_attributes(thing.id, [spec], {}, lambda _: None)
    rows = boxes(session.current.id, session.reserve_ids("annotation", 40), thing.id)
    ball = [replace(r, track_id=7) for r in rows if r.state is State.EDITED]
    session.apply(Edit("drawn", tuple(Change(None, r) for r in ball)))
    desk.saved()
    desk.wait(lambda: len(session.annotations) == 1)
    session.select([ball[0].id])
    whole = desk.child(QCheckBox, "attributesWhole")
    desk.wait(whole.isVisible)
    editor = desk.child(QComboBox, "attribute_colour")

    def answers() -> list[str | None]:
        desk.saved()
        stored = session.store.annotations_of_track(session.current.id, 7)
        return [a.attributes.get("colour") for a in stored]

    editor.setFocus()
    desk.key(Qt.Key.Key_1)
    desk.wait(lambda: answers() == ["white"] + [None] * 19)  # of this frame
    QTest.mouseClick(whole, Qt.MouseButton.LeftButton)
    editor = desk.child(QComboBox, "attribute_colour")
    editor.setFocus()
    desk.key(Qt.Key.Key_2)
    desk.wait(lambda: answers() == ["grey"] * 20)
    session.undo()
    desk.wait(lambda: answers() == ["white"] + [None] * 19)
