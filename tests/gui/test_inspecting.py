"""Loupe, minimap, grid, rulers, scale bar, snapshots, and comparing, by mouse and keys."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QToolButton, QWidget

from tests.gui.conftest import Driver
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.measurements import Calibration
from visionstudio.model.shapes import Box
from visionstudio.ui.canvas.view import View
from visionstudio.ui.inspect.overlays import RULER, ScaleBar, nice_step
from visionstudio.ui.inspect.snapshot import view_image, view_png, view_svg

LEFT, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def two(tmp_path: Path) -> Path:
    folder = tmp_path / "two"
    folder.mkdir()
    base = np.full((120, 160, 3), (40, 80, 120), np.uint8)
    Image.fromarray(base).save(folder / "a.png")
    base[30:60, 40:90] = (200, 90, 120)
    Image.fromarray(base).save(folder / "b.png")
    return folder


def colour(image: QImage, x: float, y: float) -> tuple[int, int, int]:
    found = image.pixelColor(round(x), round(y))
    return found.red(), found.green(), found.blue()


def screen(driver: Driver) -> QImage:
    return driver.canvas.viewport().grab().toImage()


def test_round_lengths() -> None:
    assert [nice_step(v) for v in (0.9, 1, 1.1, 2.3, 7, 30, 0.013)] == [
        1, 1, 2, 5, 10, 50, pytest.approx(0.02),
    ]  # fmt: skip
    view = View(1000, 1000, 1200, 800, 1.0, 2.0, 0, 0)
    length, wide, unit = ScaleBar(lambda: Calibration(0.5, 0.5, "µm")).length(view)
    assert unit == "µm"
    assert wide == pytest.approx(length / 0.5 * 2)
    assert 1200 / 12 <= wide <= 1200 / 4


def test_aids_come_and_go_and_are_remembered(driver: Driver, two: Path) -> None:
    driver.open(two)
    loupe = driver.window.findChild(QWidget, "loupe")
    minimap = driver.window.findChild(QWidget, "minimap")
    driver.key(Qt.Key.Key_J)
    QTest.mouseMove(driver.canvas.viewport(), driver.at(50.5, 40.5))
    driver.wait(loupe.isVisible)
    assert (loupe.at.x(), loupe.at.y()) == (50, 40)
    assert loupe.text == "40, 80, 120"
    grabbed = loupe.grab().toImage()
    assert colour(grabbed, 5 * 13 + 5, 5 * 13 + 6) == (40, 80, 120)
    # The minimap is there only when part of the picture is out of sight; a click goes there.
    driver.window.actions_["inspect.minimap"].trigger()
    assert not minimap.isVisible()
    driver.canvas.set_zoom(20)
    driver.wait(minimap.isVisible)
    QTest.mouseClick(minimap, LEFT, pos=QPoint(minimap.width() // 4, minimap.height() // 4))
    _, x, y = driver.canvas.view_state()
    assert abs(x - 40) < 4
    assert abs(y - 30) < 4
    driver.canvas.fit()
    driver.wait(lambda: not minimap.isVisible())
    plain = screen(driver)
    for name in ("grid", "rulers", "scale_bar"):
        driver.window.actions_[f"inspect.{name}"].trigger()
        assert driver.window.actions_[f"inspect.{name}"].isChecked()
        assert screen(driver) != plain
        driver.window.actions_[f"inspect.{name}"].trigger()
    driver.window.actions_["inspect.rulers"].trigger()
    assert driver.window.settings.note("view_aids") == ["loupe", "minimap", "rulers"]
    driver.canvas.set_zoom(20)
    driver.wait(minimap.isVisible)
    assert minimap.x() > RULER  # it leaves the ruler free


def test_snapshots(driver: Driver, two: Path, tmp_path: Path) -> None:
    driver.open(two)
    driver.session.add_class("thing", "#ff0000")
    driver.session.new_annotation(Box(20, 20, 60, 50), select=False)
    driver.wait(lambda: driver.canvas.settled)
    driver.key(Qt.Key.Key_M)
    driver.drag((20, 100), (120, 100))
    image = view_image(driver.canvas)
    zoom = driver.canvas.view.scale
    assert (image.width(), image.height()) == (round(160 * zoom), round(120 * zoom))
    assert colour(image, 100 * zoom, 30 * zoom) == (40, 80, 120)
    assert colour(image, 20 * zoom, 35 * zoom) != (40, 80, 120)  # the box
    path = tmp_path / "view.png"
    path.write_bytes(view_png(driver.canvas))
    assert Image.open(path).size == (image.width(), image.height())
    root = ElementTree.fromstring(view_svg(driver.canvas))
    tags = {element.tag.rsplit("}", 1)[-1] for element in root.iter()}
    assert {"image", "text"} <= tags
    assert tags & {"path", "polyline", "polygon"}
    driver.window.actions_["inspect.copy_view"].trigger()
    assert QApplication.clipboard().image().size() == image.size()


def test_two_pictures_beside_each_other(driver: Driver, two: Path) -> None:
    driver.open(two)
    driver.key(Qt.Key.Key_C, CTRL | ALT)
    control = driver.window.inspector.comparing
    driver.wait(lambda: control.other is not None)
    beside = driver.window.findChild(QWidget, "compareCanvas")
    driver.wait(beside.isVisible)
    assert control.other.title == "b.png"
    # Zooming in one moves the other along, and the readout tells both values.
    driver.canvas.restore_view((6.0, 50, 40))
    zoom, x, y = beside.view_state()
    assert (round(zoom), round(x), round(y)) == (6, 50, 40)
    beside.restore_view((8.0, 60, 44))
    zoom, x, y = driver.canvas.view_state()
    assert (round(zoom), round(x), round(y)) == (8, 60, 44)
    QTest.mouseMove(driver.canvas.viewport(), driver.at(59.5, 44.5))
    QTest.mouseMove(driver.canvas.viewport(), driver.at(60.5, 44.5))
    driver.wait(lambda: "40, 80, 120  |  200, 90, 120" in control.reading)
    # Fitted again where it was fitted; a place that was chosen stays.
    driver.canvas.fit()
    driver.key(Qt.Key.Key_C, CTRL | ALT)
    driver.wait(lambda: not beside.isVisible() and driver.canvas.shows_all)
    driver.key(Qt.Key.Key_C, CTRL | ALT)
    driver.wait(lambda: control.other is not None and beside.isVisible())
    # Pinned: going on changes only the one side.
    pin = driver.window.findChild(QToolButton, "comparePin")
    QTest.mouseClick(pin, LEFT)
    with driver.qtbot.waitSignal(driver.window.viewer.shown):
        driver.window.viewer.focus_canvas()
        driver.key(Qt.Key.Key_D)
    driver.wait(lambda: control.other is not None and control.other.title == "a.png")
    leave = driver.window.findChild(QToolButton, "compareLeave")
    QTest.mouseClick(leave, LEFT)
    assert not beside.isVisible()
    assert control.mode == ""


def test_ways_of_comparing_are_actions(driver: Driver, two: Path) -> None:
    driver.open(two)
    control = driver.window.inspector.comparing
    driver.window._run("inspect.proposals")
    assert (control.mode, control.source) == ("swipe", "proposals")
    driver.window._run("inspect.difference")  # of pictures
    assert (control.mode, control.source) == ("difference", "next")
    driver.wait(lambda: control.difference is not None)
    for mode in ("swipe", "blink"):
        driver.window._run(f"inspect.{mode}")
        assert control.mode == mode
    driver.window._run("inspect.compare")
    assert control.mode == ""


def test_swipe_blink_and_difference(driver: Driver, two: Path) -> None:
    driver.open(two)
    driver.key(Qt.Key.Key_C, CTRL | ALT)
    control = driver.window.inspector.comparing
    driver.wait(lambda: control.other is not None)
    QTest.mouseClick(driver.window.findChild(QToolButton, "compare_swipe"), LEFT)
    driver.wait(lambda: control.other is not None)
    port = driver.canvas.viewport()
    driver.wait(lambda: port.width() > 500)  # the second canvas has gone
    inside = driver.at(60.5, 45.5)  # in the middle of what differs
    at = QPoint(round(port.width() * control.split), 20)
    for target, seen in ((inside.x() + 60, (40, 80, 120)), (inside.x() - 60, (200, 90, 120))):
        QTest.mousePress(port, LEFT, pos=at)
        QTest.mouseMove(port, QPoint(target, 20))
        QTest.mouseRelease(port, LEFT, pos=QPoint(target, 20))
        at = QPoint(target, 20)
        driver.wait(lambda s=seen: colour(screen(driver), inside.x(), inside.y()) == s)
    QTest.mouseClick(driver.window.findChild(QToolButton, "compare_blink"), LEFT)
    for seen in ((200, 90, 120), (40, 80, 120)):
        driver.wait(lambda s=seen: colour(screen(driver), inside.x(), inside.y()) == s)
    QTest.mouseClick(driver.window.findChild(QToolButton, "compare_difference"), LEFT)
    driver.wait(lambda: control.difference is not None)
    values = control.difference.pixels.values
    assert values[45, 60].tolist() == [160, 10, 0]
    assert values[5, 5].tolist() == [0, 0, 0]
    driver.wait(lambda: colour(screen(driver), *[v - 1 for v in driver.at(5.5, 5.5).toTuple()])
                == (0, 0, 0))  # fmt: skip


def test_labels_against_proposals(driver: Driver, two: Path) -> None:
    driver.open(two)
    session = driver.session
    thing = session.add_class("thing")
    label = session.new_annotation(Box(10, 10, 40, 40), select=False)
    proposal = Annotation(
        id=session.reserve_ids("annotation"),
        media_id=session.current.id,
        class_id=thing.id,
        shape=Box(60, 60, 100, 100),
        state=State.PROPOSED,
        score=0.9,
        source="model:x",
    )
    session.apply(Edit("Predict", (Change(None, proposal),)))
    driver.key(Qt.Key.Key_C, CTRL | ALT)
    control = driver.window.inspector.comparing
    driver.wait(lambda: control.other is not None)
    source = driver.window.findChild(QComboBox, "compareSource")
    source.setFocus()
    QTest.keyClick(source, Qt.Key.Key_End)
    assert control.source == "proposals"
    beside = driver.window.findChild(QWidget, "compareCanvas")
    assert beside.visible_ids() == {proposal.id}
    assert driver.canvas.visible_ids() == {label.id}
    control.stop()
    assert driver.canvas.visible_ids() == {label.id, proposal.id}
