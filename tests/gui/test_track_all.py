"""Every object that a detector finds is tracked from the model panel, as one step to undo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtWidgets import QAbstractButton, QComboBox
from pytestqt.qtbot import QtBot

import visionstudio
from tests.gui.desk import Desk
from tests.plugins.conftest import write_plugin
from visionstudio.model.annotations import State
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
