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
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Box, Ellipse, Mask, Polygon, Shape
from visionstudio.model.spans import Spans
from visionstudio.ui.tools.livewire import LiveWireTool

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier
Point = tuple[float, float]
RING = np.array([[150, 100], [200, 100], [200, 150], [150, 150.0]])


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
    hand.key(Qt.Key.Key_W, SHIFT)
    hand.key(Qt.Key.Key_B)  # from a tool with options to another
    assert strip.width() > 200
    assert strip.height() > 24
    hand.window._run("inspect.rulers")
    assert strip.y() >= hand.canvas.y() + 20  # below the ruler
    size = strip.findChildren(QSpinBox)[-1]
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


CTRL = Qt.KeyboardModifier.ControlModifier
CTRL_ALT = CTRL | ALT


def add(driver: Driver, *shapes: Shape) -> list[int]:
    """Objects of the active class; none is selected afterwards."""
    ids = [driver.session.new_annotation(s).id for s in shapes]
    driver.session.select(())
    driver.window.viewer.focus_canvas()
    return ids


def choose(driver: Driver, action: str) -> None:
    """Take an action from its menu, as soon as it is enabled there."""
    driver.wait(driver.window.actions_[action].isEnabled)
    driver.window.actions_[action].trigger()


def shape(driver: Driver, annotation_id: int) -> Shape:
    annotation = driver.session.annotation(annotation_id)
    assert annotation is not None
    return annotation.shape


def test_join_subtract_intersect_and_undo(hand: Driver) -> None:
    one, two = add(hand, Box(10, 10, 60, 60), Box(40, 40, 90, 90))
    for key, left, area in (
        (Qt.Key.Key_J, 1, 2 * 2500 - 400),
        (Qt.Key.Key_I, 1, 400),
        (Qt.Key.Key_D, 2, 2100),
    ):
        hand.session.select([two])  # the second one first: it is the one that stays
        hand.session.select([two, one])
        hand.key(key, CTRL_ALT)
        assert hand.count() == left
        assert shape(hand, two).area() == area
        assert hand.session.selection == {two}
        hand.key(Qt.Key.Key_Z, CTRL)
        hand.wait(lambda: shape(hand, two) == Box(40, 40, 90, 90) and hand.count() == 2)
    hand.session.select([one])
    hand.key(Qt.Key.Key_J, CTRL_ALT)
    assert hand.count() == 2  # one object is not enough


def test_conversions_of_many_at_once(hand: Driver) -> None:
    ids = add(hand, Box(10, 10, 30, 30), Ellipse(80, 60, 20, 10), Polygon((RING,)))
    areas = [shape(hand, i).area() for i in ids]
    hand.key(Qt.Key.Key_A, CTRL)
    hand.key(Qt.Key.Key_M, CTRL_ALT)
    assert all(isinstance(shape(hand, i), Mask) for i in ids)
    assert [shape(hand, i).area() for i in ids] == pytest.approx(areas, rel=0.05)
    choose(hand, "shape.to_polygon")
    assert all(isinstance(shape(hand, i), Polygon) for i in ids)
    assert (to_mask(shape(hand, ids[1]), 200, 300).sum()) == round(shape(hand, ids[1]).area())
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.wait(lambda: shape(hand, ids[0]) == Box(10, 10, 30, 30))


def test_split_fill_and_adjust(hand: Driver) -> None:
    bits = np.zeros((200, 300), bool)
    bits[20:60, 20:60] = bits[100:160, 100:180] = bits[5, 5] = True
    bits[30:40, 30:40] = False
    (mask,) = add(hand, Mask.from_array(bits))
    hand.session.select([mask])
    choose(hand, "tool.specks")
    assert "6,301 px² become 6,300 px²" in hand.canvas.current_hint
    hand.key(Qt.Key.Key_Return)
    assert hand.canvas.tool_name == "select"
    assert shape(hand, mask).area() == 6300
    hand.key(Qt.Key.Key_F, CTRL_ALT)
    assert shape(hand, mask).area() == 6400
    hand.key(Qt.Key.Key_G, CTRL_ALT)
    hand.key(Qt.Key.Key_BracketRight)
    hand.key(Qt.Key.Key_Escape)
    assert shape(hand, mask).area() == 6400
    hand.key(Qt.Key.Key_G, CTRL_ALT)
    hand.key(Qt.Key.Key_Return)  # by three, as it was left
    grown = shape(hand, mask)
    assert grown.bounds() == (17, 17, 183, 163)
    hand.key(Qt.Key.Key_S, CTRL_ALT)
    assert hand.count() == 2
    assert sum(a.shape.area() for a in hand.session.annotations) == grown.area()
    assert len({a.id for a in hand.session.annotations}) == 2
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.wait(lambda: hand.count() == 1)
    hand.session.select([mask])
    hand.key(Qt.Key.Key_S)  # simplify: the mask becomes a polygon, how well is told
    assert "IoU 0.9" in hand.canvas.current_hint or "IoU 1.0" in hand.canvas.current_hint
    hand.key(Qt.Key.Key_Return)
    assert isinstance(shape(hand, mask), Polygon)


def test_knife_and_holes(hand: Driver) -> None:
    box, mask = add(hand, Box(10, 10, 60, 60), Mask.from_array(np.ones((50, 50)), 80, 10))
    hand.key(Qt.Key.Key_K, CTRL_ALT)
    stroke(hand, (5, 30), (20, 33), (50, 35), (120, 36), (140, 36))  # through both
    assert hand.count() == 4
    assert sum(a.shape.area() for a in hand.session.annotations) == pytest.approx(5000)
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.wait(lambda: hand.count() == 2)
    hand.session.select([box])
    for point in ((5, 30), (70, 30)):
        hand.click(*point)
    hand.key(Qt.Key.Key_Return)
    assert hand.count() == 3
    assert shape(hand, mask).area() == 2500
    hand.session.select([mask])
    hand.key(Qt.Key.Key_H, CTRL_ALT)
    for point in ((90, 20), (110, 20), (110, 40), (90, 40)):
        hand.click(*point)
    hand.key(Qt.Key.Key_Return)
    assert shape(hand, mask).area() == 2500 - 400
    stroke(hand, (100, 30), keys=ALT)
    assert shape(hand, mask).area() == 2500
    polygon = hand.session.new_annotation(Polygon((RING,)))
    for point in ((160, 110), (180, 110), (170, 120)):
        hand.click(*point)
    hand.key(Qt.Key.Key_Return)
    assert shape(hand, polygon.id).holes == (False, True)
    hand.saved()
    assert hand.session.undo_title == "Change polygon"


@pytest.fixture
def rows() -> Mask:
    """A mask of 16,000 runs, as many as nobody waits for in the window's thread."""
    bits = np.zeros((200, 300), bool)
    bits[:, ::3] = bits[::199] = True
    return Mask.from_array(bits)


def test_what_takes_long_is_worked_out_in_a_thread(hand: Driver, rows: Mask) -> None:
    (mask,) = add(hand, rows)
    hand.session.select([mask])
    work = hand.window.project.workbench.shape_work
    hand.key(Qt.Key.Key_F, CTRL_ALT)
    assert work.busy
    assert hand.window.jobs.running[-1].title == "Fill holes"
    hand.key(Qt.Key.Key_M, CTRL_ALT)  # told to wait, and no more
    hand.wait(lambda: not work.busy)
    assert shape(hand, mask).area() == 200 * 298 + 4
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.wait(lambda: shape(hand, mask) == rows)
    # Undo before it is there takes it back; nothing else is undone.
    hand.key(Qt.Key.Key_F, CTRL_ALT)
    hand.key(Qt.Key.Key_Z, CTRL)
    assert not work.busy
    assert hand.window.jobs.all[-1].state.name == "STOPPED"
    assert hand.count() == 1
    # What has changed meanwhile is not overwritten.
    hand.key(Qt.Key.Key_F, CTRL_ALT)
    hand.session.set_flags([mask], Flags.DIFFICULT, True)
    hand.wait(lambda: not work.busy)
    assert hand.window.jobs.all[-1].state.name == "FAILED"
    assert shape(hand, mask) == rows


def test_tools_with_a_number_wait_for_their_answer(hand: Driver, rows: Mask) -> None:
    (mask,) = add(hand, rows)
    hand.session.select([mask])
    choose(hand, "tool.specks")
    assert "Working" in hand.canvas.current_hint
    hand.key(Qt.Key.Key_Return)  # before the answer is there
    hand.wait(lambda: hand.canvas.tool_name == "select")
    assert shape(hand, mask).area() == rows.area()
    hand.key(Qt.Key.Key_K, CTRL_ALT)
    stroke(hand, (0, 100), (150, 101), (300, 100))
    hand.wait(lambda: hand.count() == 2)
    assert sum(a.shape.area() for a in hand.session.annotations) == rows.area()


def test_wand_takes_what_is_similar(hand: Driver) -> None:
    square = np.zeros((200, 300), bool)
    square[60:140, 100:200] = True
    hand.key(Qt.Key.Key_W, SHIFT)
    stroke(hand, (150, 100))
    hand.wait(lambda: hand.count() == 1)
    assert (pixels(only(hand)) == square).all()
    stroke(hand, (20, 20), keys=SHIFT)  # and all the rest
    hand.wait(lambda: bool(pixels(only(hand)).all()))
    stroke(hand, (150, 100), keys=ALT)
    hand.wait(lambda: bool((pixels(only(hand)) == ~square).all()))
    hand.key(Qt.Key.Key_Z, CTRL)
    hand.wait(lambda: bool(pixels(only(hand)).all()))
    # Dragging makes the tolerance wide enough for the grey around, 130 away.
    hand.session.delete([only(hand).id])
    tolerance = hand.window.viewer.tool_strip.findChild(QSpinBox)
    stroke(hand, (20, 20), (290, 25))
    assert tolerance.value() == hand.canvas.tools["wand"].values["tolerance"] > 130
    hand.wait(lambda: hand.count() == 1)
    assert pixels(only(hand)).all()


def test_wand_finds_everything_similar_in_view(hand: Driver) -> None:
    hand.key(Qt.Key.Key_W, SHIFT)
    hand.canvas.tool.set_option("contiguous", False)
    hand.canvas.fit()
    port = hand.canvas.viewport()
    QTest.mousePress(port, LEFT, NONE, hand.at(20, 20))
    hand.wait(lambda: not hand.canvas.tool._work.busy)
    hand.key(Qt.Key.Key_Escape)
    QTest.mouseRelease(port, LEFT, NONE, hand.at(20, 20))
    assert hand.count() == 0
    stroke(hand, (20, 20))
    hand.wait(lambda: hand.count() == 1)
    assert pixels(only(hand)).sum() == 300 * 200 - 80 * 100


def test_fill_closes_holes_and_fills_what_is_enclosed(hand: Driver) -> None:
    bits = np.zeros((200, 300), bool)
    bits[20:60, 20:60] = True
    bits[30:40, 30:40] = False
    (mask,) = add(hand, Mask.from_array(bits))
    hand.session.select([mask])
    hand.key(Qt.Key.Key_B, SHIFT)
    stroke(hand, (35, 35))
    hand.wait(lambda: shape(hand, mask).area() == 1600)
    stroke(hand, (200, 100))
    hand.wait(lambda: "encloses" in hand.canvas.current_hint)
    assert hand.count() == 1
    hole = np.array([[160, 110], [180, 110], [180, 130], [160, 130.0]])
    (ring,) = add(hand, Polygon((RING, hole)))
    stroke(hand, (170, 120))  # nothing is selected: a new mask in the gap
    hand.wait(lambda: hand.count() == 3)
    assert hand.session.selected()[0].shape.area() == 400
    hand.session.select([ring])
    stroke(hand, (170, 120))
    assert shape(hand, ring) == Polygon((RING,))


def test_live_wire_follows_the_edge(hand: Driver) -> None:
    hand.key(Qt.Key.Key_P, SHIFT)
    tool = hand.canvas.tool
    assert isinstance(tool, LiveWireTool)
    for corner in ((100, 60), (200, 60), (199, 140), (100, 139)):
        hand.click(*corner)
        hand.wait(lambda: tool.ready)
    hand.key(Qt.Key.Key_Backspace)
    hand.wait(lambda: tool.ready)
    hand.click(100, 139)
    hand.wait(lambda: tool.ready)
    hand.key(Qt.Key.Key_Return)
    polygon = only(hand)
    assert isinstance(polygon.shape, Polygon)
    square = np.zeros((200, 300), bool)
    square[60:140, 100:200] = True
    drawn = pixels(polygon)
    assert (drawn & square).sum() / (drawn | square).sum() > 0.95
    assert len(polygon.shape.points()) < 60
    hand.click(20, 20)
    hand.key(Qt.Key.Key_Escape)
    assert not tool.busy
    assert hand.canvas.tool_name == "livewire"
