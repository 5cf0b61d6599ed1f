"""The import and export dialogs, and labels dropped on the window, with mouse and keys."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QPushButton, QWidget
from shiboken6 import isValid

from tests.gui.conftest import Driver
from visionstudio.model.annotations import State
from visionstudio.model.edits import replace
from visionstudio.model.shapes import Box
from visionstudio.ui.dialogs.class_mapping import ClassMapping
from visionstudio.ui.dialogs.exchange import Checks, Table
from visionstudio.ui.dialogs.exporting import ExportDialog
from visionstudio.ui.dialogs.importing import ImportDialog
from visionstudio.ui.dialogs.live_export import LiveExportDialog

D = TypeVar("D", bound=QDialog)
W = TypeVar("W", bound=QWidget)
LEFT = Qt.MouseButton.LeftButton
BOXES = (("0.png", "cat", 10), ("0.png", "dog", 30), ("1.png", "cat", 50), ("gone.png", "cat", 5))


def coco(folder: Path, shift: float = 0) -> Path:
    """Four good rows and a bad one, about two pictures of the folder and a missing one."""
    names = sorted({name for name, _, _ in BOXES})
    rows = [
        {
            "id": number,
            "image_id": names.index(name) + 1,
            "category_id": 1 if label == "cat" else 2,
            "bbox": [x + shift, 20, 25, 30],
            "iscrowd": 0,
        }
        for number, (name, label, x) in enumerate(BOXES, start=1)
    ]
    rows.append({"id": 9, "image_id": 1, "category_id": 1, "bbox": [1, 1, -5, 2]})
    file = folder / "labels.json"
    images = [{"id": n, "file_name": name} for n, name in enumerate(names, start=1)]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    file.write_text(json.dumps({"images": images, "annotations": rows, "categories": categories}))
    return file


def drop(driver: Driver, path: Path) -> None:
    """Let a file or folder fall on the window."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    where, action, none = QPoint(300, 300), Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where, action, data, LEFT, none)
    driver.window.dragEnterEvent(enter)
    assert enter.isAccepted()
    driver.window.dropEvent(QDropEvent(QPointF(where), action, data, LEFT, none))


def dialog(driver: Driver, kind: type[D]) -> D:
    def seen() -> list[D]:
        top = QApplication.topLevelWidgets()
        return [w for w in top if isinstance(w, kind) and w.isVisible()]

    driver.wait(lambda: bool(seen()))
    return seen()[0]


def child(parent: QWidget, kind: type[W], name: str) -> W:
    found = parent.findChild(kind, name)
    assert found is not None, name
    return found


def ready(driver: Driver, button: QPushButton) -> QPushButton:
    driver.wait(button.isEnabled)
    return button


def rows_of(table: QWidget) -> list[list[str]]:
    assert isinstance(table, Table | ClassMapping | Checks)
    items = [table.topLevelItem(i) for i in range(table.topLevelItemCount())]
    return [[i.text(c) for c in range(table.columnCount())] for i in items if i is not None]


def labels(driver: Driver) -> list[tuple[str, str]]:
    names = {c.id: c.name for c in driver.session.store.classes()}
    store = driver.session.store
    paths = {m.id: m.path for m in store.media()}
    return sorted((paths[a.media_id], names[a.class_id]) for a in store.iter_annotations())


def test_dropped_labels_are_looked_at_mapped_and_imported(
    driver: Driver, pictures: Path, tmp_path: Path
) -> None:
    driver.open(pictures)
    driver.session.add_class("animal")
    driver.saved()
    drop(driver, coco(tmp_path))
    window = dialog(driver, ImportDialog)
    do = ready(driver, child(window, QPushButton, "importRun"))
    assert window.findChild(QComboBox, "importDialogFormat").currentData() == "coco"
    classes = child(window, ClassMapping, "importClasses")
    assert rows_of(classes) == [
        ["cat", "3", "new class “cat”"],
        ["dog", "1", "new class “dog”"],
    ]
    problems = child(window, Table, "importProblems")
    assert [(place, "negative" in why) for _, place, why in rows_of(problems)] == [
        ("annotations[4]", True)
    ]
    assert [name for name, _ in rows_of(child(window, Table, "importMissing"))] == ["gone.png"]
    assert labels(driver) == []
    # dogs stay out: the last column is edited by a click and keys
    place = classes.visualItemRect(classes.topLevelItem(1)).center()
    place.setX(classes.columnViewportPosition(2) + 20)
    QTest.mouseClick(classes.viewport(), LEFT, pos=place)
    target = child(window, QComboBox, "importTarget")
    QTest.keyClicks(target.lineEdit(), "leave out")
    QTest.keyClick(target.lineEdit(), Qt.Key.Key_Return)
    driver.wait(lambda: not (isValid(target) and target.isVisible()))
    assert classes.mapping() == {"dog": None}
    place.setY(classes.visualItemRect(classes.topLevelItem(0)).center().y())
    QTest.mouseClick(classes.viewport(), LEFT, pos=place)
    target = window.findChildren(QComboBox, "importTarget")[-1]
    QTest.keyClicks(target.lineEdit(), "animal")
    QTest.keyClick(target.lineEdit(), Qt.Key.Key_Return)
    driver.wait(lambda: classes.mapping() == {"cat": "animal", "dog": None})
    driver.wait(lambda: len(rows_of(problems)) == 2)
    QTest.mouseClick(ready(driver, do), LEFT)
    driver.wait(lambda: len(labels(driver)) == 3)
    assert {name for _, name in labels(driver)} == {"animal"}
    window.close()


def test_a_data_set_that_brings_its_own_pictures(
    driver: Driver, pictures: Path, tmp_path: Path
) -> None:
    """The project's folder, which is proposed for its pictures, has one of them less."""
    driver.open(pictures)
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    for name in {name for name, _, _ in BOXES}:
        shutil.copy(pictures / "0.png", foreign / name)
    drop(driver, coco(foreign))
    window = dialog(driver, ImportDialog)
    do = ready(driver, child(window, QPushButton, "importRun"))
    assert rows_of(child(window, Table, "importMissing")) == []
    QTest.mouseClick(do, LEFT)
    driver.wait(lambda: len(labels(driver)) == 4)
    store = driver.session.store
    used = {store.path_of(m).parent for m in store.media() if store.annotations(m.id)}
    assert used == {foreign}
    window.close()


def test_merging_shows_what_changes_before_it_does(
    driver: Driver, pictures: Path, tmp_path: Path
) -> None:
    driver.open(pictures)
    driver.window.dialogs.open_import(coco(tmp_path))
    window = dialog(driver, ImportDialog)
    QTest.mouseClick(ready(driver, child(window, QPushButton, "importRun")), LEFT)
    driver.wait(lambda: len(labels(driver)) == 4 and len(driver.session.classes) == 2)
    window.close()
    first = next(driver.session.store.iter_annotations())
    corrected = driver.session.store.annotations(first.media_id)[0]
    after = dataclasses.replace(corrected, shape=Box(1, 2, 30, 40), state=State.EDITED)
    driver.session.apply(replace("Correct", [(corrected, after)]))
    driver.saved()
    driver.window.dialogs.open_import(coco(tmp_path, shift=4))
    window = dialog(driver, ImportDialog)
    ready(driver, child(window, QPushButton, "importRun"))
    rule = child(window, QComboBox, "importRule")
    rule.setFocus()
    QTest.keyClick(rule, Qt.Key.Key_End)
    merges = child(window, Table, "importMerges")
    driver.wait(lambda: merges.topLevelItemCount() == 4)
    changes = [what for _, _, what in rows_of(merges)]
    assert sum("moved by up to 4.0 px" in what for what in changes) == 3
    assert sum("changed by a person" in what for what in changes) == 1
    stored = driver.session.store.annotations(first.media_id)[0]
    assert stored.shape == Box(1, 2, 30, 40)
    window.close()


def test_export_tells_losses_first_and_the_outcome_after(
    driver: Driver, pictures: Path, tmp_path: Path
) -> None:
    driver.open(pictures)
    driver.window.dialogs.open_import(coco(tmp_path))
    window = dialog(driver, ImportDialog)
    QTest.mouseClick(ready(driver, child(window, QPushButton, "importRun")), LEFT)
    driver.wait(lambda: len(labels(driver)) == 4 and len(driver.session.classes) == 2)
    window.close()
    driver.window.actions_["file.export"].trigger()
    out = dialog(driver, ExportDialog)
    do = ready(driver, child(out, QPushButton, "exportRun"))
    form = child(out, QComboBox, "exportDialogFormat")
    form.setFocus()
    QTest.keyClicks(form, "DOTA")
    driver.wait(lambda: form.currentData() == "dota" and do.isEnabled())
    losses = child(out, Table, "exportLosses")
    driver.wait(lambda: ["upright boxes are read back as rotated ones", "4"] in rows_of(losses))
    assert not (pictures / "export_dota").exists()
    classes = child(out, Checks, "exportClasses")
    item = next(i for i in classes.findItems("dog", Qt.MatchFlag.MatchExactly))
    item.setCheckState(0, Qt.CheckState.Unchecked)
    driver.wait(lambda: any("not chosen" in what for what, _ in rows_of(losses)))
    QTest.mouseClick(ready(driver, do), LEFT)
    written = pictures / "export_dota"
    driver.wait(lambda: "of 3 equal" in out._summary.text())
    assert "3 of 3 equal" in out._summary.text()
    assert len(list(written.rglob("*.txt"))) == 3
    out.close()


@pytest.mark.parametrize("name", ["labels.json", "."])
def test_labels_dropped_on_an_empty_window_open_their_folder(
    driver: Driver, pictures: Path, name: str
) -> None:
    coco(pictures)
    drop(driver, pictures / name)
    window = dialog(driver, ImportDialog)
    ready(driver, child(window, QPushButton, "importRun"))
    assert len(driver.session.media) == 5
    window.close()


def test_cancel_leaves_everything_as_it_is(driver: Driver, pictures: Path, tmp_path: Path) -> None:
    driver.open(pictures)
    file = tmp_path / "many.json"
    row = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}
    rows = [{**row, "id": n + 1} for n in range(60_000)]
    head = {"images": [{"id": 1, "file_name": "0.png"}], "categories": [{"id": 1, "name": "cat"}]}
    file.write_text(json.dumps({**head, "annotations": rows}))
    driver.window.dialogs.open_import(file)
    window = dialog(driver, ImportDialog)
    cancel = child(window, QPushButton, "importDialogCancel")
    driver.wait(cancel.isVisible)
    QTest.mouseClick(cancel, LEFT)
    driver.wait(lambda: not window.busy)
    assert "Nothing was changed" in window._summary.text()
    assert not child(window, QPushButton, "importRun").isEnabled()
    window.close()


def test_an_export_is_kept_up_to_date_from_the_menu(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.session.add_class("cell")
    driver.wait(driver.window.actions_["file.live_export"].isEnabled)
    driver.window.actions_["file.live_export"].trigger()
    window = dialog(driver, LiveExportDialog)
    assert not child(window, QPushButton, "liveExportOff").isEnabled()
    assert child(window, QComboBox, "liveExportFormat").currentData() == "labelme"
    QTest.mouseClick(child(window, QPushButton, "liveExportOn"), LEFT)
    driver.wait(lambda: driver.window.project.workbench.live_export.target is not None)
    driver.window.activateWindow()  # what a window manager does
    driver.qtbot.waitUntil(driver.window.isActiveWindow)
    driver.window.viewer.focus_canvas()
    driver.key(Qt.Key.Key_W)
    driver.drag((20, 20), (60, 70))
    driver.wait((pictures / "0.json").exists)
    driver.wait(lambda: len(json.loads((pictures / "0.json").read_text())["shapes"]) == 1)
    assert not (pictures / "1.json").exists()
    driver.window.actions_["file.live_export"].trigger()
    window = dialog(driver, LiveExportDialog)
    QTest.mouseClick(child(window, QPushButton, "liveExportOff"), LEFT)
    driver.wait(lambda: driver.window.project.workbench.live_export.target is None)
