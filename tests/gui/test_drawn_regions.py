"""Regions drawn by hand: twenty at once, and those that no tracker can follow."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

import visionstudio
from tests.gui.desk import Desk
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.geometry import box_iou
from visionstudio.model.shapes import Box
from visionstudio.session.jobs import Job, JobState
from visionstudio.settings.store import Settings
from visionstudio.ui.window import MainWindow

WIDTH, HEIGHT, SIDE, FRAMES, OTHER_SIZE = 640, 480, 40, 16, 12


def corner(number: int, frame: int) -> tuple[int, int]:
    """Where the object of this number is: five columns, four rows, each with a way of its own."""
    column, row = number % 5, number // 5
    x = 40 + 120 * column + frame * (1 if row % 2 else 2)
    y = 30 + 110 * row + frame * (2 if column % 2 else 1)
    return x, y


def film(folder: Path) -> Path:
    """Twenty textured squares; one frame is a tenth smaller than the others."""
    rng = np.random.default_rng(0)
    looks = [
        cv2.resize(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8), (SIDE, SIDE)) for _ in range(20)
    ]
    folder.mkdir()
    for i in range(FRAMES):
        frame = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        for number, look in enumerate(looks):
            x, y = corner(number, i)
            frame[y : y + SIDE, x : x + SIDE] = look
        if i == OTHER_SIZE:
            frame = frame[: HEIGHT * 9 // 10]
        cv2.imwrite(str(folder / f"{i:03}.png"), frame)
    return folder


@pytest.fixture
def early(qtbot: QtBot, tmp_path: Path):  # type: ignore[no-untyped-def]
    """A window that has just been opened: nobody has looked for models yet."""
    frames = film(tmp_path / "film")
    visionstudio.create(tmp_path / "project", media=[frames], as_video=True).close()
    window = MainWindow(Settings())
    window.setWindowState(Qt.WindowState.WindowNoState)
    window.resize(1400, 900)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    desk = Desk(qtbot, window)
    desk.open(tmp_path / "project")
    desk.wait(lambda: desk.session.current.frames == FRAMES)
    yield desk
    window.close()
    window.deleteLater()


@pytest.fixture
def desk(early: Desk) -> Desk:
    early.window.models.discover()
    early.qtbot.waitUntil(lambda: early.child(QComboBox, "modelChoice").count() > 4, timeout=60_000)
    return early


def test_a_region_drawn_before_the_models_are_known_is_tracked(early: Desk) -> None:
    early.session.add_class("square")
    early.session.set_active_class(early.session.classes[0].id)
    early.canvas.setFocus()
    early.key(Qt.Key.Key_T, Qt.KeyboardModifier.ShiftModifier)
    x, y = corner(0, 0)
    early.drag((x, y), (x + SIDE, y + SIDE))
    assert not early.window.jobs.all
    early.window.models.discover()
    early.qtbot.waitUntil(lambda: bool(early.window.jobs.all), timeout=60_000)
    early.wait(lambda: early.window.jobs.all[-1].state.is_final)
    early.saved()
    rows = early.session.store.annotations(early.session.current.id)
    assert len({r.track_id for r in rows}) == 1
    assert len(rows) > 4


def track(desk: Desk) -> Job:
    """Select everything in this frame and press T; the job at its end."""
    jobs = desk.window.jobs
    before = len(jobs.all)
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_V)
    desk.key(Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    desk.key(Qt.Key.Key_T)
    desk.wait(lambda: len(jobs.all) > before and jobs.all[-1].state.is_final)
    desk.saved()
    return jobs.all[-1]


def test_twenty_drawn_objects_are_followed_in_one_job(desk: Desk) -> None:
    """Until the frame of another size, which is named; what was tracked before it stays."""
    session = desk.session
    session.add_class("square")
    desk.model("Kalman")
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_W)
    for number in range(20):
        x, y = corner(number, 0)
        desk.drag((x, y), (x + SIDE, y + SIDE))
    desk.wait(lambda: len(session.annotations) == 20)
    drawn = {a.id: n for n, a in enumerate(sorted(session.annotations, key=lambda a: a.id))}
    job = track(desk)
    rows = session.store.annotations(session.current.id)
    tracks = {r.track_id: [] for r in rows}
    for row in rows:
        tracks[row.track_id].append(row)
    assert len(tracks) == 20
    assert None not in tracks
    for mine in tracks.values():
        (first,) = (r for r in mine if r.frame == 0)
        number = drawn[first.id]  # the drawn box is the first of its track
        boxes = {r.frame: r.shape.bounds() for r in mine}
        assert boxes.keys() >= set(range(OTHER_SIZE - 1))
        for frame, box in boxes.items():
            x, y = corner(number, frame)
            assert box_iou([box], [(x, y, x + SIDE, y + SIDE)])[0, 0] > 0.5
    assert job.state is JobState.FAILED
    assert "640x432" in job.message
    assert "frame 12" in job.message
    # All of it is one step.
    session.undo()
    desk.wait(lambda: session.saved and len(session.store.annotations(session.current.id)) == 20)


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((50, 50, 51, 51), "1x1 px"),
        ((-60, 20, -10, 60), "outside the 640x480 frame"),
        ((600, 20, 1400, 300), "of the region lies in the 640x480 frame"),
    ],
)
def test_a_region_that_cannot_be_followed_is_named(
    desk: Desk, box: tuple[float, float, float, float], words: str
) -> None:
    session = desk.session
    thing = session.add_class("square")
    desk.model("Kalman")
    one = Annotation(
        id=session.reserve_ids("annotation"), media_id=session.current.id, class_id=thing.id,
        shape=Box(*box), state=State.EDITED, source="manual",
    )  # fmt: skip
    session.apply(Edit("Box", (Change(None, one),)))
    desk.wait(lambda: len(session.annotations) == 1)
    job = track(desk)
    assert job.state is JobState.FAILED
    assert words in job.message
    assert session.store.annotations(session.current.id) == [one]
