"""A drawing under way is kept with the project and comes back where it was begun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.gui.conftest import Driver
from visionstudio.session.skeletons import PERSON
from visionstudio.ui.unfinished import KEY

KEYS = Qt.Key
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SHIFT, CTRL = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
TRIANGLE = ((20, 20), (60, 20), (60, 60))


def kept(driver: Driver) -> dict[str, Any]:
    """What the project holds now."""
    found: list[Any] = []
    driver.session.in_store(lambda store: store.setting(KEY, {}), found.append)
    driver.wait(lambda: bool(found))
    result: dict[str, Any] = found[0]
    return result


def go(driver: Driver, number: int) -> None:
    with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
        driver.session.open_media(driver.session.media[number].id)


def begin(driver: Driver, key: Qt.Key = KEYS.Key_P) -> None:
    driver.window.viewer.focus_canvas()
    driver.key(key)
    for point in TRIANGLE:
        driver.click(*point)


def test_a_drawing_waits_for_its_picture(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.session.add_class("cell")
    begin(driver)
    go(driver, 1)
    assert not driver.canvas.is_drawing
    driver.key(KEYS.Key_L)
    driver.click(30, 30)
    go(driver, 0)
    assert driver.canvas.tool_name == "polygon"
    assert driver.canvas.is_drawing
    driver.click(20, 60)
    driver.key(KEYS.Key_Return)
    driver.saved()
    assert len(driver.session.annotations[0].shape.points()) == 4
    driver.wait(lambda: len(kept(driver)) == 1)  # the line on the other picture
    go(driver, 1)
    assert driver.canvas.tool_name == "polyline"
    driver.key(KEYS.Key_Escape)
    driver.wait(lambda: kept(driver) == {})
    go(driver, 0)
    go(driver, 1)
    assert not driver.canvas.is_drawing


def test_a_drawing_survives_closing(make_window: Callable[[], Driver], pictures: Path) -> None:
    first = make_window()
    first.open(pictures)
    one = first.session.add_class("person")
    first.session.change_skeleton(one.id, PERSON, [None] * 17)
    first.wait(lambda: first.session.classes[0].skeleton is not None)
    begin(first, KEYS.Key_Y)
    first.key(KEYS.Key_H)
    first.close()
    second = make_window()
    second.open(pictures)
    second.wait(lambda: second.canvas.is_drawing)
    assert second.canvas.tool_name == "skeleton"
    assert "5/17" in second.canvas.current_hint
    second.key(KEYS.Key_Return)
    second.saved()
    assert second.session.annotations[0].shape.visibility == (2, 2, 2, 1) + (0,) * 13


def test_strokes_wand_and_wire_survive(make_window: Callable[[], Driver], pictures: Path) -> None:
    """What is held with the button down when the power fails is under way again."""

    def hold(driver: Driver, key: Qt.Key, keys: Qt.KeyboardModifier, *way: tuple[int, int]) -> None:
        driver.window.viewer.focus_canvas()
        driver.key(key, keys)
        port = driver.canvas.viewport()
        QTest.mousePress(port, LEFT, NONE, driver.at(*way[0]))
        for point in way[1:]:
            QTest.mouseMove(port, driver.at(*point))
        driver.wait(lambda: len(kept(driver)) == 1)

    first = make_window()
    first.open(pictures)
    first.session.add_class("cell")
    hold(first, KEYS.Key_B, NONE, (40, 40), (60, 40), (60, 60))
    whole = first.canvas.tool._layer.result().area()
    first.close()
    second = make_window()
    second.open(pictures)
    second.wait(lambda: second.canvas.is_drawing)
    assert second.canvas.tool_name == "brush"
    QTest.mouseMove(second.canvas.viewport(), second.at(90, 90))  # no button holds it
    QTest.mouseMove(second.canvas.viewport(), second.at(100, 20))
    second.key(KEYS.Key_Return)
    second.saved()
    assert second.session.annotations[0].shape.area() == whole
    second.wait(lambda: kept(second) == {})
    hold(second, KEYS.Key_W, SHIFT, (30, 30), (90, 31))
    tolerance = second.canvas.tool.values["tolerance"]
    second.close()
    third = make_window()
    third.open(pictures)
    third.wait(lambda: third.canvas.is_drawing)
    assert third.canvas.tool_name == "wand"
    QTest.mouseMove(third.canvas.viewport(), third.at(100, 100))
    assert third.canvas.tool.values["tolerance"] == tolerance > 24
    third.key(KEYS.Key_Return)
    third.wait(lambda: third.count() == 2)
    third.key(KEYS.Key_P, SHIFT)
    for point in TRIANGLE:
        third.click(*point)
    third.wait(lambda: [len(d["ways"]) for d in kept(third).values()] == [3])
    third.key(KEYS.Key_Z, CTRL)
    third.key(KEYS.Key_Z, CTRL)
    third.key(KEYS.Key_Z, CTRL | SHIFT)
    third.wait(lambda: [len(d["ways"]) for d in kept(third).values()] == [2])
    third.close()
    fourth = make_window()
    fourth.open(pictures)
    fourth.wait(lambda: fourth.canvas.is_drawing)
    assert fourth.canvas.tool_name == "livewire"
    fourth.click(*TRIANGLE[2])
    fourth.key(KEYS.Key_Return)
    fourth.wait(lambda: fourth.count() == 3)


def test_a_drawing_elsewhere_is_told_of(make_window: Callable[[], Driver], pictures: Path) -> None:
    first = make_window()
    first.open(pictures)
    first.session.add_class("cell")
    begin(first)
    go(first, 1)
    first.close()
    second = make_window()
    told: list[tuple[str, int, int]] = []
    second.window.viewer.unfinished.waiting.connect(lambda *what: told.append(what))
    second.open(pictures)
    second.wait(lambda: bool(told))
    assert "0.png" in told[0][0]
    go(second, 0)
    assert second.canvas.is_drawing


def test_a_shape_without_its_class_is_kept_until_it_has_one(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    begin(driver)
    driver.wait(lambda: len(kept(driver)) == 1)
    driver.key(KEYS.Key_Return)
    driver.wait(driver.window.viewer.chooser.isVisible)
    driver.window.viewer.unfinished._keep()  # as its timer does
    assert len(kept(driver)) == 1
    driver.type("cell")
    driver.key(KEYS.Key_Return)
    driver.wait(lambda: driver.count() == 1)
    driver.wait(lambda: kept(driver) == {})


def test_what_cannot_be_understood_is_dropped(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    place = f"{driver.session.current.id}:0"
    for broken in (
        {place: {"tool": "polygon", "points": [[1, "x"]]}},
        {place: {"tool": "nothing", "points": [[1, 1]]}},
        {place: {"tool": "polygon", "points": [[1, float(10**300) * 10**10]]}, "odd": {}, "a:b": 3},
        [1, 2],
    ):
        driver.window.viewer.unfinished._loaded(broken)
        assert not driver.canvas.is_drawing
