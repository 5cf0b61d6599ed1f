"""Measuring by mouse and keys: lines, angles, areas, counts, profiles, the scale, tables."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QDoubleSpinBox, QPushButton

from tests.gui.conftest import Driver
from visionstudio.app.cli import run
from visionstudio.media.profile import line_profile
from visionstudio.model.measurements import MeasurementKind
from visionstudio.model.shapes import Box
from visionstudio.ui.panels.results.table import ResultTable

LEFT, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def ramp() -> np.ndarray:
    return (np.add.outer(np.arange(120) * 5, np.arange(160) * 7)).astype(np.uint16)


@pytest.fixture
def folder(tmp_path: Path, ramp: np.ndarray) -> Path:
    made = tmp_path / "deep"
    made.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(made / name), ramp)
    return made


def answer_scale(length: float, unit: str) -> None:
    """Fill in the dialog as soon as it is there."""

    def fill() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QDialog):
            QTimer.singleShot(20, fill)
            return
        spin = dialog.findChild(QDoubleSpinBox, "scaleLength")
        spin.setFocus()
        spin.selectAll()
        QTest.keyClicks(spin, str(length))
        combo = dialog.findChild(QComboBox, "scaleUnit")
        combo.setCurrentText(unit)
        QTest.keyClick(dialog, Qt.Key.Key_Return)

    QTimer.singleShot(0, fill)


def only(driver: Driver) -> object:
    (found,) = driver.session.measurements.values()
    return found


def test_a_distance_is_drawn_moved_undone_and_kept(
    make_window: Callable[[], Driver], folder: Path
) -> None:
    driver = make_window()
    driver.open(folder)
    driver.key(Qt.Key.Key_M)
    assert driver.canvas.tool_name == "measure"
    driver.drag((20, 30), (110, 90))
    found = only(driver)
    (x1, y1), (x2, y2) = found.points
    assert math.dist((x1, y1), (20, 30)) < 0.5
    assert math.dist((x2, y2), (110, 90)) < 0.5
    assert driver.count() == 0  # it is no annotation
    # Two clicks do as well, Shift makes it straight.
    driver.click(20, 100)
    port = driver.canvas.viewport()
    QTest.mouseMove(port, driver.at(90, 104))
    QTest.mouseClick(port, LEFT, SHIFT, driver.at(90, 104))
    straight = max(driver.session.measurements.values(), key=lambda m: m.id)
    assert straight.points[0][1] == straight.points[1][1]
    # An end can be taken and moved.
    driver.drag((20, 30), (10, 10))
    moved = driver.session.measurements[found.id]
    assert math.dist(moved.points[0], (10, 10)) < 0.5
    driver.key(Qt.Key.Key_Z, CTRL)
    driver.wait(lambda: driver.session.measurements[found.id].points == found.points)
    # Esc gives a line up; Backspace takes its point back.
    driver.click(50, 50)
    assert driver.canvas.is_drawing
    driver.key(Qt.Key.Key_Escape)
    assert not driver.canvas.is_drawing
    assert len(driver.session.measurements) == 2
    driver.saved()
    driver.close()
    again = make_window()
    again.open(folder)
    assert again.session.measurements[found.id].points == found.points
    again.key(Qt.Key.Key_Z, CTRL)  # undo goes on after the restart
    again.wait(lambda: len(again.session.measurements) == 1)


def test_angle_area_count_scale_and_their_table(driver: Driver, folder: Path) -> None:
    driver.open(folder)
    driver.session.add_class("cell")
    driver.key(Qt.Key.Key_M, SHIFT)
    for point in ((100, 20), (40, 20), (40, 80)):
        driver.click(*point)
    driver.key(Qt.Key.Key_A, CTRL | ALT)
    for point in ((10, 10), (60, 10), (60, 50), (10, 50)):
        driver.click(*point)
    driver.key(Qt.Key.Key_Return)
    driver.key(Qt.Key.Key_N, CTRL | ALT)
    for x in (20, 50, 90):
        driver.click(x, 100)
    answer_scale(25, "mm")
    driver.key(Qt.Key.Key_U, CTRL | ALT)
    driver.drag((10, 110), (110, 110))
    driver.window.activateWindow()  # what a window manager does
    driver.wait(driver.window.isActiveWindow)
    driver.window.viewer.focus_canvas()
    measuring = driver.window.inspector.measuring
    driver.wait(lambda: measuring.calibration.unit == "mm")
    assert measuring.calibration.x == pytest.approx(0.25, rel=0.01)
    # The readout tells places in millimetres now.
    QTest.mouseMove(driver.canvas.viewport(), driver.at(80.5, 60.5))
    driver.wait(lambda: driver.window.status.pixel.text().endswith("mm"))
    driver.key(Qt.Key.Key_6, CTRL)
    table = driver.window.findChild(ResultTable, "measurements")
    driver.wait(lambda: len(table.model.rows) == 4)
    rows = {row[3]: row for row in table.model.rows}
    assert rows["Angle"][5] == pytest.approx(90, abs=1)
    assert rows["Area"][5] == pytest.approx(50 * 40 * 0.25**2, rel=0.02)
    assert (rows["Area"][6], rows["Count"][4:6]) == ("mm²", ("cell", 3.0))
    # On the next picture the scale holds as well.
    driver.window.viewer.focus_canvas()
    with driver.qtbot.waitSignal(driver.window.viewer.shown):
        driver.key(Qt.Key.Key_D)
    assert measuring.calibration.unit == "mm"
    # A row is deleted in the table, and comes back.
    view = table.view
    view.setFocus()
    wanted = next(n for n, row in enumerate(table.model.rows) if row[3] == "Count")
    view.selectRow(wanted)
    QTest.keyClick(view, Qt.Key.Key_Delete)
    driver.wait(lambda: len(table.model.rows) == 3)
    assert not any(m.kind is MeasurementKind.COUNT for m in driver.session.measurements.values())
    driver.key(Qt.Key.Key_Z, CTRL)
    driver.wait(lambda: len(table.model.rows) == 4)
    QTest.mouseClick(table.copy_button, LEFT)
    assert "Angle" in QApplication.clipboard().text()


def test_a_profile_follows_the_line(driver: Driver, folder: Path, ramp: np.ndarray) -> None:
    driver.open(folder)
    driver.key(Qt.Key.Key_K)
    driver.key(Qt.Key.Key_BracketRight)
    driver.key(Qt.Key.Key_BracketRight)
    driver.drag((20, 30), (100, 70))
    line = only(driver)
    assert (line.kind, line.value) == (MeasurementKind.PROFILE, 3)
    panel = driver.window.inspector.results.panel
    driver.wait(lambda: panel.profile.isVisible() and len(panel.profile.distance) > 0)
    distance, values = line_profile(ramp, *line.points, 3)
    driver.wait(lambda: len(panel.profile.distance) == len(distance))
    assert np.allclose(panel.profile.values, values)
    table = list(csv.reader(io.StringIO(panel.profile.csv())))
    assert table[0] == ["distance_px", "grey"]
    assert float(table[-1][0]) == pytest.approx(math.dist(*line.points))


def test_figures_of_objects_in_the_window_and_by_command(
    driver: Driver, folder: Path, tmp_path: Path, ramp: np.ndarray
) -> None:
    driver.open(folder)
    driver.session.add_class("thing")
    first = driver.session.new_annotation(Box(10, 10, 50, 40))
    driver.session.new_annotation(Box(80, 20, 90, 30))
    driver.key(Qt.Key.Key_R, CTRL | ALT)
    panel = driver.window.inspector.results.panel
    button = driver.window.findChild(QPushButton, "regionsMeasure")
    driver.wait(button.isVisible)
    QTest.mouseClick(button, LEFT)
    driver.wait(lambda: len(panel.regions.model.rows) == 2)
    assert driver.window.jobs.all[-1].state.is_final
    titles = panel.regions.model.titles
    row = next(r for r in panel.regions.model.rows if r[0][2] == first.id)
    inside = ramp[10:40, 10:50]
    by_title = dict(zip(titles, row, strict=True))
    assert by_title["area"] == 1200
    assert by_title["mean grey"] == pytest.approx(inside.mean())
    assert by_title["max grey"] == inside.max()
    # A double click in the table goes there; sorting is by number.
    panel.regions.view.sortByColumn(titles.index("area"), Qt.SortOrder.AscendingOrder)
    assert [r[titles.index("area")] for r in panel.regions.model.rows] == [100, 1200]
    panel.regions.view.activated.emit(panel.regions.model.index(0, 1))
    assert len(driver.session.selection) == 1
    driver.saved()
    driver.close()
    out = tmp_path / "figures.csv"
    assert run(["measure", str(folder), "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.open()))
    assert sorted(float(r["area"]) for r in rows) == [100, 1200]
    assert float(rows[0]["mean_grey"]) == pytest.approx(by_title["mean grey"])
    assert rows[0]["media"] == "a.png"


def test_facts_of_the_file_can_be_searched(driver: Driver, folder: Path) -> None:
    driver.open(folder)
    driver.key(Qt.Key.Key_E, CTRL | ALT)
    table = driver.window.findChild(ResultTable, "metadata")
    driver.wait(lambda: len(table.model.rows) > 3)
    assert ("File", "Size", "160 × 120") in [tuple(r[1:]) for r in table.model.rows]
    table.search.setFocus()
    QTest.keyClicks(table.search, "160")
    assert len(table.model.rows) == 1
