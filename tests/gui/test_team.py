"""Several people on one job in the window: merge by keys, agreement, second pass, statistics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QDialog, QInputDialog, QLineEdit, QPushButton

from tests.gui.conftest import Driver
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Box
from visionstudio.storage import ProjectStore, project_folder
from visionstudio.ui.team.agreement import AgreementDialog
from visionstudio.ui.team.merge import MergeDialog
from visionstudio.ui.team.second_pass import SecondPassDialog
from visionstudio.ui.team.statistics import StatisticsDialog

LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def two(driver: Driver, pictures: Path, tmp_path: Path) -> tuple[Driver, Path]:
    """A project with labels that is open, and a copy in which somebody has gone on."""
    driver.open(pictures)
    driver.wait(lambda: len(driver.session.media) == 5)
    driver.saved()
    driver.window.close_project()
    other = tmp_path / "other"
    with ProjectStore.open(project_folder(pictures)) as store:
        media = [m.id for m in store.media() if m.path != "2.jpg"]
        rows = [
            Annotation(id=n, media_id=media[n % 2], class_id=1, shape=Box(n * 9, 5, n * 9 + 8, 20))
            for n in range(1, 7)
        ]
        cell = LabelClass(id=1, name="cell", colour="#e69f00")
        store.apply(edits.add("all", [cell, *rows]))
        store.save_copy(other)
    with ProjectStore.open(other) as store:
        found = {a.id: a for a in store.iter_annotations()}
        store.apply(
            Edit(
                "work",
                (
                    *(
                        Change(found[n], replace(found[n], shape=Box(n * 9, 5, n * 9 + 4, 20)))
                        for n in (1, 2)
                    ),
                    Change(found[3], replace(found[3], state=State.VERIFIED)),
                    Change(None, replace(found[4], id=50, shape=Box(60, 30, 70, 40))),
                ),
            )
        )
    driver.open(pictures)
    driver.wait(lambda: len(driver.session.media) == 5)
    return driver, other


def dialog_of(driver: Driver, action: str, kind: type[QDialog]) -> QDialog:
    driver.window.actions_[action].trigger()
    found: list[QDialog] = []

    def there() -> bool:
        found[:] = [d for d in driver.window.findChildren(kind) if d.isVisible()]
        return bool(found)

    driver.wait(there)
    return found[0]


def name_the_other(dialog: QDialog, folder: Path) -> None:
    line = dialog.findChild(QLineEdit, "otherProject")
    assert line is not None
    line.setFocus()
    QTest.keyClicks(line, str(folder))
    QTest.keyClick(line, Qt.Key.Key_Return)


def press(dialog: QDialog, name: str) -> None:
    button = dialog.findChild(QPushButton, name)
    assert button is not None
    assert button.isEnabled()
    QTest.mouseClick(button, LEFT)


def test_merge_by_keys_and_undo(two: tuple[Driver, Path]) -> None:
    driver, other = two
    dialog = dialog_of(driver, "file.merge", MergeDialog)
    assert isinstance(dialog, MergeDialog)
    name_the_other(dialog, other)
    driver.wait(lambda: dialog.grid.model.count() == 2)
    assert "3 are" not in dialog.summary.text()
    grid = dialog.grid
    grid.setFocus()
    QTest.keyClick(grid, Qt.Key.Key_Home)
    first = grid.differences.shown(0)
    # Going through them shows each in its picture.
    driver.wait(lambda: driver.session.current.id == first.media.id)
    QTest.keyClick(grid, Qt.Key.Key_T)
    assert grid.current == 1
    assert [grid.differences.shown(n).taken for n in (0, 1)] == [True, False]
    start = dialog.findChild(QPushButton, "mergeStart")
    assert start is not None
    assert start.text() == "Merge 3 objects"  # one conflict, one that is verified, one new
    press(dialog, "mergeStart")
    driver.wait(lambda: "were merged" in dialog.summary.text())
    driver.wait(lambda: driver.session.tally.classes[1] == 7)
    assert first.mine is not None
    assert driver.session.store.annotations_by_id([first.mine.id])[0].shape == first.theirs.shape  # type: ignore[union-attr]
    dialog.close()
    driver.wait(lambda: not driver.window.findChildren(MergeDialog))
    driver.window.activateWindow()
    driver.window.viewer.focus_canvas()
    driver.wait(driver.window.viewer.canvas.hasFocus)
    driver.key(Qt.Key.Key_Z, CTRL)
    driver.wait(lambda: driver.session.saved and driver.session.tally.classes[1] == 6)


def test_a_rule_decides_all_and_what_is_no_project_is_said(two: tuple[Driver, Path]) -> None:
    driver, other = two
    dialog = dialog_of(driver, "file.merge", MergeDialog)
    assert isinstance(dialog, MergeDialog)
    name_the_other(dialog, other / "models")
    driver.wait(lambda: "there is no project" in dialog.summary.text())
    dialog.path.set_path(driver.session.store.folder)
    driver.wait(lambda: "the project itself" in dialog.summary.text())
    dialog.path.set_path(other)
    driver.wait(lambda: dialog.grid.model.count() == 2)
    rule = dialog.findChild(QComboBox, "mergeRule")
    assert rule is not None
    rule.setFocus()
    QTest.keyClick(rule, Qt.Key.Key_Down)
    rule.activated.emit(rule.currentIndex())
    assert all(dialog.grid.differences.shown(n).taken for n in (0, 1))
    dialog.close()


def test_agreement_second_pass_and_statistics(two: tuple[Driver, Path], tmp_path: Path) -> None:
    driver, other = two
    dialog = dialog_of(driver, "file.agreement", AgreementDialog)
    assert isinstance(dialog, AgreementDialog)
    assert dialog.path.y() < dialog.summary.y() < 100  # at the top, with nothing below yet
    assert not dialog.table.isVisible()
    name_the_other(dialog, other)
    driver.wait(lambda: dialog.table.rowCount() == 1)
    assert dialog.table.isVisible()
    assert dialog.table.item(0, 0).text() == "cell"
    # Two that are half as wide are the same from an IoU of .5; the new one only they have.
    assert dialog.grid.model.count() == 1
    dialog.save(tmp_path / "a.csv")
    driver.wait((tmp_path / "a.csv").is_file)
    dialog.close()

    passing = dialog_of(driver, "file.second_pass", SecondPassDialog)
    line = passing.findChild(QLineEdit, "secondPassFolder")
    assert line is not None
    assert line.text().endswith("-second-pass")  # beside this one, unless somebody types another
    line.setFocus()
    line.selectAll()
    QTest.keyClicks(line, str(tmp_path / "blind"))
    press(passing, "secondPassStart")
    driver.wait(lambda: not driver.window.findChildren(SecondPassDialog))
    with ProjectStore.open(tmp_path / "blind") as blind:
        assert len(blind.media()) == 2

    counting = dialog_of(driver, "file.statistics", StatisticsDialog)
    assert isinstance(counting, StatisticsDialog)
    driver.wait(lambda: counting.classes.rowCount() == 1)
    assert "6 labels" in counting.head.text()
    counting.save(tmp_path / "s.csv")
    driver.wait((tmp_path / "s.csv").is_file)
    counting.close()


def test_pictures_are_assigned_and_filtered(two: tuple[Driver, Path]) -> None:
    driver, _ = two
    session = driver.session
    session.store.author = "Ann"
    dialog = dialog_of(driver, "label.assign", QInputDialog)
    assert isinstance(dialog, QInputDialog)
    assert dialog.textValue() == "Ann"
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    driver.wait(lambda: session.saved and session.undo_title == "Assign 1 picture to Ann")
    panel = driver.window.media_panel
    panel.state.setCurrentIndex(panel.state.findData("mine"))
    driver.wait(lambda: panel.model.rowCount() == 1)
    assert panel.model.item(0) == session.current
    session.assign_media([session.media[3].id], "Bob")
    driver.wait(lambda: session.undo_title == "Assign 1 picture to Bob" and session.saved)
    session.store.author = "Bob"
    panel.state.setCurrentIndex(0)
    panel.state.setCurrentIndex(panel.state.findData("mine"))
    driver.wait(lambda: panel.model.rowCount() == 1)
    driver.wait(lambda: getattr(panel.model.item(0), "path", "") == "3.png")
