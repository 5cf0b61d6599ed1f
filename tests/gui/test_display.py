"""Window, gamma, colours and channels by mouse and keys; kept for the next pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QPushButton

from tests.gui.conftest import Driver
from visionstudio.model.shapes import Box

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    folder = tmp_path / "deep"
    folder.mkdir()
    ramp = np.linspace(1000, 3000, 120 * 160).reshape(120, 160).astype(np.uint16)
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), ramp)
    cv2.imwrite(str(folder / "c.png"), np.full((120, 160, 3), (10, 120, 230), np.uint8))
    return folder


def shown(driver: Driver, x: int, y: int) -> tuple[int, int, int]:
    image = driver.canvas.picture.render(1.0, QRect(0, 0, x + 1, y + 1))
    colour = image.pixelColor(x, y)
    return colour.red(), colour.green(), colour.blue()


def go(driver: Driver, key: Qt.Key) -> None:
    with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
        driver.key(key)


def test_a_window_is_dragged_typed_kept_and_reset(driver: Driver, deep: Path) -> None:
    driver.open(deep)
    driver.key(Qt.Key.Key_H)
    panel = driver.window.inspection_panel
    view = panel.histogram
    driver.wait(lambda: view.histogram is not None)
    assert view.histogram.channels[0].minimum == 1000
    # Drag the low end to the middle of the values.
    start = round(view.x_of(view._window[0]))
    end = round(view.x_of(2000))
    QTest.mousePress(view, LEFT, pos=QPoint(start, 60))
    QTest.mouseMove(view, QPoint((start + end) // 2, 60))
    QTest.mouseMove(view, QPoint(end, 60))
    QTest.mouseRelease(view, LEFT, pos=QPoint(end, 60))
    levels = driver.canvas.picture.levels
    assert levels is not None
    assert abs(levels.low - 2000) < 30
    assert shown(driver, 10, 30) == (0, 0, 0)
    assert shown(driver, 159, 119)[0] > 250
    low = panel.findChild(QDoubleSpinBox, "displayLow")
    assert low.value() == round(levels.low)
    # Type it.
    low.setFocus()
    low.selectAll()
    QTest.keyClicks(low, "1500")
    QTest.keyClick(low, Qt.Key.Key_Return)
    assert driver.canvas.picture.levels.low == 1500
    # Choose colours, and go on: the next picture of this kind is shown in the same way.
    colours = panel.findChild(QComboBox, "displayColours")
    colours.setFocus()
    QTest.keyClick(colours, Qt.Key.Key_Down)
    assert colours.currentData() == "viridis"
    driver.window.viewer.focus_canvas()
    viridis = shown(driver, 0, 0)
    assert viridis == (68, 1, 84)
    go(driver, Qt.Key.Key_D)
    assert driver.canvas.picture.levels.low == 1500
    assert shown(driver, 0, 0) == viridis
    go(driver, Qt.Key.Key_D)  # another kind of picture is shown in its own way
    assert driver.canvas.picture.levels is None
    assert shown(driver, 5, 5) == (230, 120, 10)
    assert not colours.isEnabled()
    go(driver, Qt.Key.Key_A)
    reset = panel.findChild(QPushButton, "displayReset")
    QTest.mouseClick(reset, LEFT)
    assert driver.canvas.picture.levels is None
    assert not reset.isEnabled()


def test_channels_inversion_and_no_keeping(driver: Driver, deep: Path) -> None:
    driver.open(deep)
    driver.key(Qt.Key.Key_H)
    panel = driver.window.inspection_panel
    keep = panel.findChild(QCheckBox, "displayKeep")
    QTest.mouseClick(keep, LEFT, pos=QPoint(8, keep.height() // 2))
    assert not driver.window.viewer.display.keep
    invert = panel.findChild(QCheckBox, "displayInvert")
    QTest.mouseClick(invert, LEFT, pos=QPoint(8, invert.height() // 2))
    assert shown(driver, 0, 0)[0] > 250
    driver.window.viewer.focus_canvas()
    go(driver, Qt.Key.Key_D)
    assert driver.canvas.picture.levels is None  # only the one was inverted
    go(driver, Qt.Key.Key_D)
    channel = panel.findChild(QComboBox, "displayChannel")
    channel.setFocus()
    QTest.keyClick(channel, Qt.Key.Key_Down)
    QTest.keyClick(channel, Qt.Key.Key_Down)
    assert channel.currentText() == "G"
    assert shown(driver, 5, 5) == (120, 120, 120)
    # C is for all kinds, and shows in the panel.
    driver.window.viewer.focus_canvas()
    driver.key(Qt.Key.Key_C)
    assert driver.window.actions_["inspect.contrast"].isChecked()
    assert panel.display.window_choice.currentData() == "auto"
    go(driver, Qt.Key.Key_A)
    assert driver.canvas.picture.levels is not None
    driver.key(Qt.Key.Key_C)
    assert driver.canvas.picture.levels is None


def test_values_by_actions_alone(driver: Driver, deep: Path) -> None:
    driver.open(deep)
    run, hint = driver.window._run, driver.window.status.hint
    run("inspect.full_range")
    assert shown(driver, 159, 119)[0] == round(3000 / 257)
    run("inspect.min_max")
    assert shown(driver, 0, 0)[0] == 0
    assert shown(driver, 159, 119)[0] == 255
    run("inspect.percentile")
    assert shown(driver, 159, 118)[0] == 255  # before the end
    run("inspect.invert")
    assert shown(driver, 0, 0)[0] == 255
    run("inspect.as_decoded")
    assert driver.canvas.picture.levels is None
    run("inspect.next_channel")
    assert "one channel" in hint.text()
    run("inspect.next_colours")
    assert "viridis" in hint.text()
    assert len(set(shown(driver, 100, 60))) > 1

    go(driver, Qt.Key.Key_D)
    go(driver, Qt.Key.Key_D)
    run("inspect.next_colours")
    assert "channel first" in hint.text()
    seen = []
    for _ in range(4):
        run("inspect.next_channel")
        seen.append(shown(driver, 5, 5))
    assert seen == [(230,) * 3, (120,) * 3, (10,) * 3, (230, 120, 10)]


def test_the_histogram_of_selected_objects(driver: Driver, deep: Path) -> None:
    driver.open(deep)
    driver.session.add_class("thing")
    driver.session.new_annotation(Box(10, 10, 30, 20))
    driver.key(Qt.Key.Key_H)
    panel = driver.window.inspection_panel
    driver.wait(lambda: panel.histogram.histogram is not None)
    assert panel.histogram.histogram.channels[0].count == 120 * 160
    panel.region.setFocus()
    QTest.keyClick(panel.region, Qt.Key.Key_Down)
    driver.wait(lambda: panel.histogram.histogram.channels[0].count == 200)
    assert panel.figures.item(0, 0).text() == "200"


def test_window_and_level_are_dragged_on_the_picture(driver: Driver, deep: Path) -> None:
    driver.open(deep)
    low, high = driver.canvas.picture.pixels.display_range()
    driver.key(Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
    assert driver.canvas.tool_name == "levels"
    driver.drag((20, 60), (80, 60))
    wide = driver.canvas.picture.levels
    assert wide.high - wide.low > 1.5 * (high - low)
    assert (wide.high + wide.low) / 2 == pytest.approx((low + high) / 2, abs=1)
    driver.drag((80, 100), (80, 40))  # up: what was grey is brighter now
    assert driver.canvas.picture.levels.high < wide.high
    assert driver.count() == 0


@pytest.mark.shared_data
def test_windows_of_a_ct(driver: Driver, shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ct"
    folder.mkdir()
    source = shared_data / "inspect" / "pydicom" / "CT_small.dcm"
    (folder / "a.dcm").write_bytes(source.read_bytes())
    driver.open(folder)
    driver.key(Qt.Key.Key_H)
    choice = driver.window.inspection_panel.display.window_choice
    choice.setFocus()
    QTest.keyClick(choice, Qt.Key.Key_End)
    QTest.keyClick(choice, Qt.Key.Key_Up)
    assert choice.currentText() == "CT: Liver"
    levels = driver.canvas.picture.levels
    assert (levels.low, levels.high) == (-45, 105)
    assert driver.window.inspector.measuring.calibration.unit in ("px", "mm")
    driver.wait(lambda: driver.window.inspector.measuring.calibration.unit == "mm")
