"""Finding objects across the project by keys, going to them, and changing them all at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog, QPushButton, QTabBar

from tests.gui.conftest import Driver
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.labels import AttributeSpec, LabelClass
from visionstudio.model.shapes import Box
from visionstudio.storage import ProjectStore, project_folder
from visionstudio.ui.panels.find import FindPanel

ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
LEFT = Qt.MouseButton.LeftButton
PER_PICTURE = 300


@pytest.fixture
def full(driver: Driver, pictures: Path) -> Driver:
    """A project with 300 objects in each of four pictures, from wide to narrow."""
    driver.open(pictures)
    driver.wait(lambda: len(driver.session.media) == 5)
    driver.saved()
    driver.window.close_project()
    with ProjectStore.open(project_folder(pictures)) as store:
        age = AttributeSpec("age", "number")
        classes = [
            LabelClass(id=1, name="cell", colour="#e69f00", attributes=(age,)),
            LabelClass(id=2, name="nucleus", colour="#56b4e9", order=1),
        ]
        first = store.reserve_ids("annotation", 4 * PER_PICTURE)
        media = [m.id for m in store.media() if m.path != "2.jpg"]
        rows = [
            Annotation(
                id=first + n,
                media_id=media[n // PER_PICTURE],
                class_id=1 + n % 2,
                shape=Box(n % 100, 10, n % 100 + 1 + n % 50, 20),
                state=State.PROPOSED if n % 3 == 0 else State.EDITED,
                score=0.5 + n % 7 / 20 if n % 3 == 0 else None,
                flags=Flags.LOCKED if n == 7 else Flags.NONE,
                attributes={"age": n % 5} if n % 2 == 0 else {},
            )
            for n in range(4 * PER_PICTURE)
        ]
        store.apply(edits.add("all", [*classes, *rows]))
    driver.open(pictures)
    return driver


def panel(driver: Driver) -> FindPanel:
    driver.window.viewer.focus_canvas()
    driver.key(Qt.Key.Key_F)
    driver.wait(driver.window.finding.panel.form.text.hasFocus)
    return driver.window.finding.panel


def until(driver: Driver, find: FindPanel, count: int) -> None:
    driver.wait(lambda: find.model.rowCount() == count and "%" not in find.count.text())


def button(find: FindPanel, name: str) -> QPushButton:
    found = find.findChild(QPushButton, name)
    assert found is not None
    return found


def test_find_go_there_and_relabel_all(full: Driver) -> None:
    find, session = panel(full), full.session
    until(full, find, 1200)
    full.type("nucleus 3.png")
    until(full, find, PER_PICTURE // 2)
    # Down goes to a result, in another picture, and leaves the keyboard in the table.
    find.table.setFocus()
    full.key(Qt.Key.Key_Down)
    full.key(Qt.Key.Key_Down)
    full.wait(lambda: session.current.name == "3.png" and len(session.selection) == 1)
    full.wait(lambda: find.current() is not None and session.selection == {find.current().id})
    assert find.table.hasFocus()
    selected = next(iter(session.selection))
    full.window.viewer.focus_canvas()
    full.key(Qt.Key.Key_F3)
    full.wait(lambda: session.selection not in (frozenset(), frozenset({selected})))

    delete = button(find, "findDelete")
    assert delete.isEnabled()
    assert find.count.text() == "All 150:"
    QTest.mouseClick(button(find, "findRelabel"), LEFT)
    full.wait(full.window.viewer.chooser.isVisible)
    full.type("cell")
    full.key(Qt.Key.Key_Return)
    until(full, find, 0)
    assert any("150" in text for text in full.window.toasts.texts)
    full.saved()
    full.window.viewer.focus_canvas()
    full.key(Qt.Key.Key_Z, CTRL)
    full.wait(lambda: session.saved and session.tally.classes[2] == 400)
    find.search()
    until(full, find, PER_PICTURE // 2)


def test_sizes_parts_of_the_results_and_locked_ones(full: Driver) -> None:
    find, session = panel(full), full.session
    QTest.mouseClick(find.form.more, LEFT)
    high = find.form.ranges["width"][1]
    high.setFocus()
    QTest.keyClicks(high, "8")  # widths 1 … 8 of 1 … 50
    until(full, find, 8 * 24)
    shown = {find.model.annotation(row).id for row in range(3) if find.model.annotation(row)}
    full.wait(lambda: find.model.annotation(0) is not None)
    # Three of them selected: the buttons mean those.
    find.table.setFocus()
    find.table.setCurrentIndex(find.model.index(6, 0))
    for _ in range(2):
        QTest.keyClick(find.table, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert find.count.text().startswith("3 of ")
    del shown
    before = session.tally.media[session.media[0].id]
    QTest.mouseClick(button(find, "findDelete"), LEFT)
    # Of rows 6 to 8 the first is a refused proposal, the second is locked and stays.
    until(full, find, 8 * 24 - 2)
    full.wait(lambda: any("1 locked" in text for text in full.window.toasts.texts))
    after = session.tally.media[session.media[0].id]
    assert (before.labels - after.labels, before.proposals - after.proposals) == (1, 1)
    QTest.mouseClick(button(find, "findVerify"), LEFT)
    full.wait(lambda: any("190 objects" in t or "Verified" in t for t in full.window.toasts.texts))
    full.saved()
    full.window.viewer.focus_canvas()
    for _ in range(2):
        title = session.undo_title
        full.key(Qt.Key.Key_Z, CTRL)
        full.wait(lambda t=title: session.saved and session.undo_title != t)
    find.search()
    until(full, find, 8 * 24)


def test_set_an_attribute_on_what_was_found(full: Driver) -> None:
    find, session = panel(full), full.session
    QTest.mouseClick(find.form.more, LEFT)
    find.form.attribute.setFocus()
    full.type("age")
    find.form.test.setCurrentIndex(find.form.test.findData("is"))
    find.form.value.setFocus()
    full.type("4")
    until(full, find, 120)
    QTest.mouseClick(button(find, "findAttributeSet"), LEFT)
    full.wait(lambda: full.window.findChild(QDialog, "answerDialog") is not None)
    dialog = full.window.findChild(QDialog, "answerDialog")
    line = dialog.findChild(object, "attribute_age")
    line.setFocus()
    QTest.keyClicks(line, "9")
    QTest.mouseClick(dialog.findChild(QPushButton, "answerOk"), LEFT)
    until(full, find, 0)
    full.saved()
    with_nine = []
    session.in_store(
        lambda store: sum(a.attributes.get("age") == 9 for a in store.iter_annotations()),
        with_nine.append,
    )
    full.wait(lambda: bool(with_nine))
    assert with_nine == [120]


def test_decide_on_cut_outs_by_keys(full: Driver) -> None:
    find, session = panel(full), full.session
    QTest.mouseClick(find.as_crops, LEFT)
    full.type("nucleus 3.png")
    until(full, find, PER_PICTURE // 2)
    crops = find.crops
    full.wait(lambda: find.model.annotation(1) is not None)
    first, second = (find.model.id_at(row) for row in (0, 1))
    full.wait(lambda: crops.pictures.get(first, crops.model.item(0).picture, 64) is not None)
    crops.setFocus()
    # An arrow goes to an object in its picture; the keyboard stays.
    full.key(Qt.Key.Key_Right)
    full.wait(lambda: session.selection == {first})
    assert crops.hasFocus()
    full.key(Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert crops.chosen == [first, second]
    assert find.count.text().startswith("2 of ")
    full.key(Qt.Key.Key_1)  # the class "cell": they are no results any more
    until(full, find, PER_PICTURE // 2 - 2)
    full.wait(lambda: session.tally.classes[1] == 401)  # the other one is a proposal still
    # The place is kept; nothing is selected, so Delete deletes nothing.
    assert crops.current == find.model.id_at(0)
    assert crops.chosen == []
    total = find.model.rowCount()
    full.key(Qt.Key.Key_Delete)
    full.key(Qt.Key.Key_A, CTRL)
    assert len(crops.chosen) == total
    full.key(Qt.Key.Key_Space)
    full.wait(lambda: any("Verified" in t for t in full.window.toasts.texts))
    until(full, find, total)
    full.saved()
    full.wait(lambda: find.model.annotation(0) is not None)
    states = {
        find.model.annotation(row).state for row in range(total) if find.model.annotation(row)
    }
    assert states == {State.VERIFIED}


def test_panels_below_are_tabs_without_a_second_title(full: Driver) -> None:
    window = full.window
    results = window.results_dock

    def bars() -> list[QTabBar]:
        return [b for b in window.findChildren(QTabBar) if b.tabsClosable() and b.count() > 1]

    window._run("inspect.measurements")
    full.wait(results.isVisible)
    assert results.titleBarWidget() is None  # alone it says what it is
    window._run("edit.find")
    found = window.finding.dock
    full.wait(lambda: results.titleBarWidget() is not None and found.titleBarWidget() is not None)
    (bar,) = bars()
    titles = [bar.tabText(n) for n in range(bar.count())]
    assert sorted(titles) == ["Find", "Results"]
    place = titles.index("Find")
    cross = bar.tabButton(place, QTabBar.ButtonPosition.RightSide)
    QTest.mouseClick(cross, Qt.MouseButton.LeftButton)
    full.wait(lambda: found.isHidden() and results.titleBarWidget() is None)
    assert results.isVisible()
    # The lists at the side cannot be closed that way.
    full.wait(lambda: not bars())


def test_actions_on_what_was_found(full: Driver) -> None:
    full.window._run("edit.found_delete")  # nothing has been searched for
    assert any("search" in text for text in full.window.toasts.texts)
    full.window._run("edit.find")
    full.wait(lambda: full.window.finding.panel.model.rowCount() > 0)
    count = full.window.finding.panel.model.rowCount()
    full.wait(lambda: full.window.finding.panel.buttons["Delete"].isEnabled())
    full.window._run("edit.found_delete")
    full.wait(lambda: full.window.finding.panel.model.rowCount() < count)
