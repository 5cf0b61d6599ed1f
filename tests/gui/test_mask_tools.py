"""Brush, eraser and their kin in the window, with the mouse and keys of a person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QSpinBox

from tests.gui.conftest import Driver
from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.brush import Tip
from visionstudio.model.shapes import Mask, Polygon, to_mask
from visionstudio.model.spans import Spans

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
Point = tuple[float, float]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A picture of 300 × 200 with a bright square on grey, and a class."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    values = np.full((200, 300, 3), 90, np.uint8)
    values[60:140, 100:200] = 220
    Image.fromarray(values).save(pictures / "a.png")
    return pictures


@pytest.fixture
def hand(make_window: Callable[[], Driver], folder: Path) -> Driver:
    driver = make_window()
    driver.open(folder)
    driver.session.add_class("cell")
    driver.canvas.set_zoom(2.0)
    driver.window.viewer.focus_canvas()
    return driver


def stroke(
    driver: Driver,
    *way: Point,
    button: Qt.MouseButton = LEFT,
    keys: Qt.KeyboardModifier = NONE,
) -> None:
    """Press, go along and let go."""
    port = driver.canvas.viewport()
    QTest.mouseMove(port, driver.at(*way[0]))
    QTest.mousePress(port, button, keys, driver.at(*way[0]))
    for point in way[1:]:
        QTest.mouseMove(port, driver.at(*point))
    QTest.mouseRelease(port, button, keys, driver.at(*way[-1]))


def swept(tip: Tip, *way: Point) -> np.ndarray:
    """What a tip covers on its way, in the picture."""
    covered = Spans.empty()
    places = [tip.snapped(*p) for p in way]
    for start, end in zip(places, [*places[1:], places[-1]], strict=True):
        top, first, last = tip.swept(start, end)
        covered |= Spans.of_runs(top + np.arange(len(first)), first, last)
    return covered.raster(0, 0, 300, 200) == 1


def only(driver: Driver) -> Annotation:
    (annotation,) = driver.session.annotations
    return annotation


def pixels(annotation: Annotation) -> np.ndarray:
    return to_mask(annotation.shape, 200, 300)


def test_strokes_make_extend_and_rub_out_of_a_mask(
    hand: Driver, folder: Path, make_window: Callable[[], Driver]
) -> None:
    hand.key(Qt.Key.Key_B)
    assert hand.canvas.tool_name == "brush"
    tip = Tip(20)
    stroke(hand, (50, 50), (90, 60), (90, 90))
    expected = swept(tip, (50, 50), (90, 60), (90, 90))
    mask = only(hand)
    assert isinstance(mask.shape, Mask)
    assert hand.session.class_by_id(mask.class_id).name == "cell"
    assert (pixels(mask) == expected).all()

    stroke(hand, (150, 150), (180, 150))  # the same object, elsewhere
    expected |= swept(tip, (150, 150), (180, 150))
    assert (pixels(only(hand)) == expected).all()

    stroke(hand, (200, 20), keys=SHIFT)  # a straight line from where the last one ended
    expected |= swept(tip, (180, 150), (200, 20))
    assert (pixels(only(hand)) == expected).all()

    stroke(hand, (50, 50), button=RIGHT)
    stroke(hand, (90, 90), keys=ALT)
    expected &= ~(swept(tip, (50, 50)) | swept(tip, (90, 90)))
    assert (pixels(only(hand)) == expected).all()
    hand.key(Qt.Key.Key_E)
    assert hand.canvas.tool_name == "eraser"
    stroke(hand, (150, 150), (160, 150))
    after = expected & ~swept(tip, (150, 150), (160, 150))
    assert (pixels(only(hand)) == after).all()

    hand.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)  # one stroke, one step
    hand.wait(lambda: bool((pixels(only(hand)) == expected).all()))
    hand.saved()
    hand.close()
    again = make_window()
    again.open(folder)
    again.wait(lambda: again.count() == 1)
    assert (pixels(only(again)) == expected).all()
    for left in (1, 1, 1, 1, 0):
        steps = again.session.undo_title
        again.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        again.wait(lambda: again.session.saved and again.session.undo_title is not None)
        assert again.count() == left, steps
    again.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | SHIFT)
    again.wait(lambda: again.count() == 1)


def test_enter_ends_an_object_and_escape_a_stroke(hand: Driver) -> None:
    hand.key(Qt.Key.Key_B)
    stroke(hand, (50, 50), (60, 50))
    hand.key(Qt.Key.Key_Return)
    assert not hand.session.selection
    stroke(hand, (100, 100), (110, 100))
    assert hand.count() == 2
    before = hand.session.annotations
    port = hand.canvas.viewport()
    QTest.mousePress(port, LEFT, NONE, hand.at(150, 150))
    QTest.mouseMove(port, hand.at(160, 150))
    assert hand.canvas.is_drawing
    hand.key(Qt.Key.Key_Escape)
    QTest.mouseRelease(port, LEFT, NONE, hand.at(160, 150))
    assert hand.session.annotations == before
    # Rubbing out all of it is no way to delete it.
    hand.key(Qt.Key.Key_E)
    stroke(hand, (90, 100), (120, 100))
    assert hand.session.annotations == before
    assert "delete" in hand.canvas.current_hint


def test_options_by_keys_and_strip(hand: Driver, make_window: Callable[[], Driver]) -> None:
    strip = hand.window.viewer.tool_strip
    assert not strip.isVisible()
    hand.key(Qt.Key.Key_B)
    assert strip.isVisible()
    size = strip.findChild(QSpinBox)
    for _ in range(3):
        hand.key(Qt.Key.Key_BracketLeft)
    assert size.value() == 14
    hand.key(Qt.Key.Key_BracketRight)
    assert size.value() == 15
    size.setFocus()
    size.selectAll()
    QTest.keyClicks(size, "9")
    QTest.keyClick(size, Qt.Key.Key_Return)
    assert hand.canvas.hasFocus()
    tip = strip.findChild(QComboBox)
    tip.setCurrentIndex(1)
    tip.activated.emit(1)
    stroke(hand, (50, 50), (60, 53))
    assert (pixels(only(hand)) == swept(Tip(9, square=True), (50, 50), (60, 53))).all()
    hand.key(Qt.Key.Key_E)
    assert strip.findChildren(QSpinBox)[-1].value() == 9  # brush and eraser share it
    hand.key(Qt.Key.Key_V)
    assert not strip.isVisible()
    hand.window.settings.flush()
    assert make_window().canvas.tools["brush"].values == {"size": 9, "tip": "square"}


def test_painting_on_a_polygon_turns_it_into_a_mask(hand: Driver) -> None:
    hand.session.new_annotation(Polygon((np.array([[100, 60], [200, 60], [200, 140.0]]),)))
    polygon = only(hand)
    hand.key(Qt.Key.Key_B)
    assert "turns it into a mask" in hand.canvas.current_hint
    stroke(hand, (30, 30), (40, 30))  # not on it: a new object
    assert hand.count() == 2
    hand.session.select([polygon.id])
    stroke(hand, (190, 130), (190, 150))
    changed = hand.session.annotation(polygon.id)
    assert isinstance(changed.shape, Mask)
    expected = pixels(polygon) | swept(Tip(20), (190, 130), (190, 150))
    assert (pixels(changed) == expected).all()
    hand.session.set_flags([polygon.id], Flags.LOCKED, True)
    stroke(hand, (20, 120), (30, 120))
    assert hand.count() == 2
    assert "locked" in hand.canvas.current_hint
