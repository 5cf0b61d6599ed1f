"""Objects by mouse and keys: groups, order, locks, hiding, copies, alignment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from tests.gui.conftest import Driver
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.shapes import Box, Tag

ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
LEFT = Qt.MouseButton.LeftButton
BOXES = ((10, 10, 40, 40), (60, 20, 90, 50), (100, 60, 140, 110))


@pytest.fixture
def three(driver: Driver, pictures: Path) -> Driver:
    """A picture with three boxes that do not meet, the select tool in hand."""
    driver.open(pictures)
    driver.session.add_class("cell")
    for box in BOXES:
        driver.session.new_annotation(Box(*box), select=False)
    driver.session.select(())
    driver.window.viewer.focus_canvas()
    driver.saved()
    return driver


def boxes(driver: Driver) -> list[tuple[float, ...]]:
    """By id, whatever the drawing order."""
    return [a.shape.bounds() for a in sorted(driver.session.annotations, key=lambda a: a.id)]


def ids(driver: Driver) -> list[int]:
    return sorted(a.id for a in driver.session.annotations)


def test_a_group_is_selected_and_moved_as_one(three: Driver) -> None:
    first, second, third = ids(three)
    three.click(25, 25)
    QTest.mouseClick(three.canvas.viewport(), LEFT, CTRL, three.at(75, 35))
    assert three.session.selection == {first, second}
    three.key(Qt.Key.Key_G, ALT)
    three.session.select(())
    three.click(75, 35)
    assert three.session.selection == {first, second}
    three.drag((75, 35), (80, 45))
    three.wait(lambda: boxes(three)[0] != BOXES[0])
    assert boxes(three)[0] == pytest.approx((15, 20, 45, 50), abs=1)
    assert boxes(three)[1] == pytest.approx((65, 30, 95, 60), abs=1)
    assert boxes(three)[2] == BOXES[2]
    # Alt takes a member alone, Ctrl adds the whole group or takes it away.
    QTest.mouseClick(three.canvas.viewport(), LEFT, ALT, three.at(80, 40))
    assert three.session.selection == {second}
    three.click(120, 80)
    QTest.mouseClick(three.canvas.viewport(), LEFT, CTRL, three.at(80, 40))
    assert three.session.selection == {first, second, third}
    QTest.mouseClick(three.canvas.viewport(), LEFT, CTRL, three.at(80, 40))
    assert three.session.selection == {third}
    QTest.mouseDClick(three.canvas.viewport(), LEFT, pos=three.at(80, 40))
    assert three.session.selection == {second}
    three.key(Qt.Key.Key_U, ALT)
    three.wait(lambda: all(a.group_id is None for a in three.session.annotations))
    three.saved()
    three.key(Qt.Key.Key_Z, CTRL)
    three.wait(lambda: sum(a.group_id is not None for a in three.session.annotations) == 2)


def test_order_lock_hide_and_isolate(three: Driver) -> None:
    session = three.session
    first, second, third = ids(three)
    session.reshape(second, Box(10, 10, 90, 50))  # over the first
    three.click(75, 35)
    three.key(Qt.Key.Key_PageDown)
    three.wait(lambda: [a.id for a in session.annotations] == [second, first, third])
    three.key(Qt.Key.Key_PageUp, CTRL)
    three.wait(lambda: [a.id for a in session.annotations] == [first, third, second])
    three.key(Qt.Key.Key_PageUp)
    assert "above" in three.window.status.hint.text()

    three.key(Qt.Key.Key_L, ALT)
    assert session.annotation(second).flags & Flags.LOCKED
    before = boxes(three)
    three.drag((75, 35), (85, 45))
    three.key(Qt.Key.Key_Right)
    three.key(Qt.Key.Key_A, CTRL)
    three.key(Qt.Key.Key_Delete)
    three.wait(lambda: three.count() == 1)
    assert any("Alt+L" in text for text in three.window.toasts.texts)
    three.saved()
    three.key(Qt.Key.Key_Z, CTRL)
    three.wait(lambda: three.count() == 3)
    assert boxes(three) == before
    three.key(Qt.Key.Key_L, ALT | SHIFT)
    assert not any(a.flags & Flags.LOCKED for a in session.annotations)

    session.select([third])
    three.key(Qt.Key.Key_H, ALT)
    assert third not in three.canvas.visible_ids()
    model = three.window.object_panel.model
    row = model.index(model.row_of(third))
    assert row.data(model.HiddenRole)
    session.select([first])
    three.key(Qt.Key.Key_I, ALT)
    three.wait(lambda: three.canvas.visible_ids() == {first})
    three.key(Qt.Key.Key_H, ALT | SHIFT)
    three.wait(lambda: three.canvas.visible_ids() == {first, second, third})

    three.key(Qt.Key.Key_H, SHIFT)  # the picture alone
    three.wait(lambda: three.canvas.visible_ids() == set())
    assert "again" in three.window.status.hint.text()
    fourth = session.new_annotation(Box(5, 80, 30, 110)).id
    three.wait(lambda: three.canvas.visible_ids() == {fourth})  # what is drawn is seen
    three.key(Qt.Key.Key_H, SHIFT)
    three.wait(lambda: three.canvas.visible_ids() == {first, second, third, fourth})
    session.select([first])
    three.key(Qt.Key.Key_I, ALT)
    fifth = session.new_annotation(Box(5, 80, 30, 110)).id
    three.wait(lambda: three.canvas.visible_ids() == {first, fifth})


def test_signs_in_the_list_and_class_locks(three: Driver) -> None:
    session, panel = three.session, three.window.object_panel
    last = ids(three)[-1]

    def click_sign(column: int) -> None:
        place = panel.view.visualRect(panel.model.index(0))
        at = QPoint(place.right() - 12 - 24 * column - 8, place.center().y())
        QTest.mouseClick(panel.view.viewport(), LEFT, pos=at)

    click_sign(2)
    three.wait(lambda: bool(session.annotation(last).flags & Flags.HIDDEN))
    click_sign(2)
    three.wait(lambda: not session.annotation(last).flags)
    click_sign(1)
    three.wait(lambda: bool(session.annotation(last).flags & Flags.LOCKED))

    three.window.class_panel.toggle_locked()
    session.select([ids(three)[0]])
    three.window.viewer.focus_canvas()
    three.key(Qt.Key.Key_Right)
    three.key(Qt.Key.Key_Delete)
    assert boxes(three) == list(BOXES)
    three.window.class_panel.toggle_locked()
    three.key(Qt.Key.Key_Right)
    three.wait(lambda: boxes(three)[0] == (11, 10, 41, 40))


def test_align_distribute_and_same_size(three: Driver) -> None:
    three.key(Qt.Key.Key_A, CTRL)
    three.key(Qt.Key.Key_Up, ALT)
    three.wait(lambda: [b[1] for b in boxes(three)] == [10, 10, 10])
    three.window.actions_["object.distribute_across"].trigger()
    three.wait(lambda: boxes(three)[1][0] != 60)
    left, middle, right = boxes(three)
    assert middle[0] - left[2] == pytest.approx(right[0] - middle[2])
    three.window.actions_["object.same_size"].trigger()  # of the largest, none being first
    three.wait(lambda: boxes(three)[0][3] - boxes(three)[0][1] == 50)
    assert all((b[2] - b[0], b[3] - b[1]) == (40, 50) for b in boxes(three))
    assert all(b[0] >= 0 and b[1] >= 0 for b in boxes(three))
    three.saved()
    for _ in range(3):
        title = three.session.undo_title
        three.key(Qt.Key.Key_Z, CTRL)
        three.wait(lambda t=title: three.session.saved and three.session.undo_title != t)
    assert boxes(three) == list(BOXES)


def test_tab_goes_through_the_objects(three: Driver) -> None:
    first, second, third = ids(three)
    seen = []
    for key in (Qt.Key.Key_Tab,) * 4 + (Qt.Key.Key_Backtab,):
        three.key(key, SHIFT if key == Qt.Key.Key_Backtab else None)
        seen += list(three.session.selection)
    assert seen == [third, second, first, third, first]
    # In a panel Tab goes to the next widget, as everywhere.
    three.window.media_panel.filter.setFocus()
    three.key(Qt.Key.Key_Tab)
    assert three.window.focusWidget() is not three.window.media_panel.filter
    assert three.session.selection == {first}


def test_copies_on_the_next_picture_and_in_another_project(
    make_window: Callable[[], Driver], three: Driver, tmp_path: Path, pictures: Path
) -> None:
    three.click(25, 25)
    three.session.set_attributes(three.session.selection, {"age": 3})
    three.key(Qt.Key.Key_C, CTRL)
    three.key(Qt.Key.Key_V, CTRL)
    three.wait(lambda: three.count() == 4)
    assert boxes(three)[-1] == (22, 22, 52, 52)  # beside the first, to be seen
    three.key(Qt.Key.Key_D)
    three.wait(lambda: three.session.current.name == "1.png" and three.canvas.settled)
    three.key(Qt.Key.Key_V, CTRL)
    three.wait(lambda: three.count() == 1)
    assert boxes(three) == [BOXES[0]]
    three.key(Qt.Key.Key_U)
    three.wait(lambda: three.count() == 4)  # the one that is here already is not copied again
    three.saved()
    three.key(Qt.Key.Key_Z, CTRL)
    three.wait(lambda: three.count() == 1)

    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "a.png").write_bytes((pictures / "0.png").read_bytes())
    other = make_window()
    other.open(folder)
    other.wait(lambda: other.window.actions_["edit.paste"].isEnabled())
    other.key(Qt.Key.Key_V, CTRL)
    other.wait(lambda: other.count() == 1)
    pasted = other.session.annotations[0]
    assert pasted.shape.bounds() == BOXES[0]
    assert pasted.attributes == {"age": 3}
    assert [c.name for c in other.session.classes] == ["cell"]
    other.saved()
    other.key(Qt.Key.Key_Z, CTRL)
    other.wait(lambda: other.count() == 0)
    assert other.session.classes == ()


def test_tags_as_chips(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    session, strip = driver.session, driver.window.viewer.tags
    assert not strip.isVisible()
    good = session.add_class("good")
    night = session.add_class("night")
    driver.key(Qt.Key.Key_G)
    driver.wait(lambda: strip.texts == ["good"])
    assert strip.isVisible()
    guess = Annotation(
        id=session.reserve_ids("annotation"),
        media_id=session.current.id,
        class_id=night.id,
        shape=Tag(),
        state=State.PROPOSED,
        score=0.75,
    )
    session.apply(edits.add("guess", [guess]))
    driver.wait(lambda: strip.texts == ["good", "night  0.75"])
    assert strip.geometry().right() <= driver.canvas.geometry().right()
    accept = strip.findChild(QToolButton, "tagAccept")
    QTest.mouseClick(accept, LEFT)
    driver.wait(lambda: strip.texts == ["good", "night"])
    assert session.annotation(guess.id).state is State.ACCEPTED
    away = [b for b in strip.findChildren(QToolButton, "tagRemove") if b.isVisible()]
    QTest.mouseClick(away[0], LEFT)
    driver.wait(lambda: strip.texts == ["night"])
    QTest.mouseClick(strip.findChildren(QToolButton, "tagName")[-1], LEFT)
    assert session.selection == {guess.id}
    driver.key(Qt.Key.Key_D)
    driver.wait(lambda: not strip.isVisible())
    assert good.name == "good"
