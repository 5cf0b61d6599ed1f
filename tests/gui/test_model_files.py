"""The models dialog with mouse and keys: search, download, stop, go on, import, remove."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
    QWidget,
)

from tests.gui.conftest import Driver
from tests.model_server import CONTENT, ModelServer, registry_with
from tests.unit.test_weights import weights_file
from visionstudio.engine import model_store
from visionstudio.engine.registry import WeightsInfo
from visionstudio.session.jobs import JobState
from visionstudio.ui.model_files.dialog import ModelsDialog
from visionstudio.ui.model_files.exporting import ExportModelDialog
from visionstudio.ui.model_files.importing import ImportWeightsDialog
from visionstudio.ui.model_files.tree import ModelTree

LEFT = Qt.MouseButton.LeftButton
W = TypeVar("W", bound=QWidget)
D = TypeVar("D", bound=QDialog)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "*")
    with ModelServer() as running:
        yield running


class Manager:
    """The models dialog of a window, opened by its key."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        QTest.keyClick(
            driver.window,
            Qt.Key.Key_O,
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier,
        )
        self.dialog = self.find(ModelsDialog)
        self.tree = self.child(ModelTree, "modelsTree")
        driver.wait(lambda: self.tree.topLevelItemCount() > 0)

    def find(self, kind: type[D]) -> D:
        def there() -> list[D]:
            return [w for w in QApplication.topLevelWidgets() if isinstance(w, kind)]

        self.driver.wait(lambda: any(w.isVisible() for w in there()))
        return next(w for w in there() if w.isVisible())

    def child(self, kind: type[W], name: str, parent: QWidget | None = None) -> W:
        found = (parent or self.dialog).findChild(kind, name)
        assert found is not None, name
        return found

    def press(self, name: str, parent: QWidget | None = None) -> None:
        button = self.child(QAbstractButton, name, parent)
        self.driver.wait(lambda: button.isVisible() and button.isEnabled())
        QTest.mouseClick(button, LEFT)

    def choose(self, name: str) -> None:
        """Click on a line of the tree."""
        (item,) = self.tree.findItems(name, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive)
        at: QPoint = self.tree.visualItemRect(item).center()
        QTest.mouseClick(self.tree.viewport(), LEFT, pos=at)
        assert self.tree.currentItem() is item

    def line(self, name: str) -> list[str]:
        found = self.tree.findItems(name, Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchRecursive)
        return [found[0].text(c) for c in range(6)] if found else []

    def about(self) -> str:
        return self.child(QLabel, "modelsAbout").text()


def open_manager(make_window: Callable[[], Driver], *weights: WeightsInfo) -> Manager:
    driver = make_window()
    driver.window.models.registry = registry_with(*weights)
    return Manager(driver)


def test_download_stop_go_on_and_remove(
    make_window: Callable[[], Driver], server: ModelServer
) -> None:
    server.hold = 1_000_000
    info = WeightsInfo("published", server.url, len(CONTENT), DIGEST, "BSD-3-Clause", "AP 37.0")
    manager = open_manager(make_window, info)
    wait = manager.driver.wait
    host = server.url.removeprefix("http://").removesuffix("/w.pth")
    assert manager.line("published") == [
        "published", host, "BSD-3-Clause", "2.0 MB", "   AP 37.0", "not here",
    ]  # fmt: skip
    manager.choose("published")
    assert DIGEST in manager.about()
    manager.press("modelsDownload")
    wait(lambda: "%" in manager.line("published")[5])
    jobs = manager.driver.window.jobs
    assert [j.title for j in jobs.running] == ["Download Blob finder"]
    manager.press("modelsCancel")
    server.hold = 0
    server.go_on.set()
    wait(lambda: not jobs.running)
    assert jobs.all[-1].state is JobState.STOPPED
    wait(lambda: "begun" in manager.line("published")[5])
    manager.press("modelsDownload")
    wait(lambda: manager.line("published")[5] == "here")
    assert server.ranges[0] is None
    assert server.ranges[1] is not None
    assert manager.line("Blob finder")[5] == "ready"
    manager.choose("published")
    manager.press("modelsRemove")
    manager.press("modelsRemoveYes", manager.find(QMessageBox))
    wait(lambda: manager.line("published")[5] == "not here")


def test_a_download_that_fails_says_why(
    make_window: Callable[[], Driver], server: ModelServer
) -> None:
    server.status = 403
    manager = open_manager(make_window, WeightsInfo("published", server.url, sha256=DIGEST))
    manager.choose("published")
    manager.press("modelsDownload")
    manager.driver.wait(lambda: "refused the download: 403" in manager.about())
    assert manager.child(QLabel, "modelsAbout").property("role") == "error"


def test_search_and_what_is_here(make_window: Callable[[], Driver]) -> None:
    manager = open_manager(make_window, WeightsInfo("published", "https://example.invalid/w.pth"))
    search = manager.child(QLineEdit, "modelsSearch")
    (model,) = manager.tree.findItems("Blob finder", Qt.MatchFlag.MatchExactly)
    for words, shown in (("blob MIT", True), ("finds", True), ("publ", True), ("yolo", False)):
        search.setFocus()
        search.selectAll()
        QTest.keyClicks(search, words)
        assert model.isHidden() is not shown, words
    search.clear()
    here = manager.child(QAbstractButton, "modelsHere")
    QTest.mouseClick(here, LEFT, pos=QPoint(8, here.height() // 2))
    assert model.isHidden()
    task = manager.child(QComboBox, "modelsTask")
    QTest.mouseClick(here, LEFT, pos=QPoint(8, here.height() // 2))
    for wanted, hidden in (("classifier", True), ("detector", False)):
        task.setFocus()
        while task.currentData() != wanted:
            QTest.keyClick(task, Qt.Key.Key_Down)
        assert model.isHidden() is hidden


def test_import_shows_what_is_in_a_file(make_window: Callable[[], Driver], tmp_path: Path) -> None:
    """The file says what it is for; a damaged one is refused with the reason, nothing is kept."""
    manager = open_manager(make_window)
    wait = manager.driver.wait
    path = weights_file(tmp_path / "mine.safetensors")
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(path.read_bytes()[:50])
    manager.press("modelsImport")
    dialog = manager.find(ImportWeightsDialog)
    line = manager.child(QLineEdit, "importWeightsFile", dialog)
    status = manager.child(QLabel, "importWeightsStatus", dialog)
    do = manager.child(QAbstractButton, "importWeightsRun", dialog)
    QTest.keyClicks(line, str(damaged))
    wait(lambda: "damaged" in status.text() and str(damaged) in status.text())
    assert not do.isEnabled()
    line.selectAll()
    QTest.keyClicks(line, str(path))
    manager.driver.qtbot.waitUntil(do.isEnabled, timeout=60_000)
    texts = {
        n: manager.child(QLabel, f"importWeights{n}", dialog).text()
        for n in ("Kind", "Architecture", "Classes", "Tensors")
    }
    assert texts == {
        "Kind": "safetensors",
        "Architecture": "detector/blob",
        "Classes": "2: a, b",
        "Tensors": "2 tensors, 17 numbers",
    }
    assert "Blob finder" in status.text()  # its plugin is only a name here
    assert manager.child(QComboBox, "importWeightsModel", dialog).currentData() == "detector/blob"
    manager.press("importWeightsRun", dialog)
    wait(lambda: manager.line("mine")[5:] == ["here"])
    wait(lambda: "2 classes: a, b" in manager.about())  # it is chosen already
    manager.press("modelsClose")


def test_export_of_imported_weights(make_window: Callable[[], Driver], tmp_path: Path) -> None:
    """As safetensors with a card; ONNX of a model whose plugin is gone says why not."""
    model_store.import_weights(weights_file(tmp_path / "mine.safetensors"))
    manager = open_manager(make_window)
    manager.choose("mine")
    manager.press("modelsExport")
    dialog = manager.find(ExportModelDialog)
    form = manager.child(QComboBox, "exportModelFormat", dialog)
    line = manager.child(QLineEdit, "exportModelOut", dialog)
    status = manager.child(QLabel, "exportModelStatus", dialog)
    form.setFocus()
    QTest.keyClick(form, Qt.Key.Key_Down)
    assert line.text().endswith("detector-blob.safetensors")
    out = tmp_path / "given.safetensors"
    line.selectAll()
    QTest.keyClicks(line, str(out))
    manager.press("exportModelRun", dialog)
    manager.driver.wait(lambda: "Written" in status.text())
    assert out.is_file()
    assert "# Blob finder" in (tmp_path / "given.safetensors.md").read_text(encoding="utf-8")
    QTest.keyClick(form, Qt.Key.Key_Up)
    manager.press("exportModelRun", dialog)
    manager.driver.qtbot.waitUntil(lambda: "not written as ONNX" in status.text(), timeout=60_000)
    assert status.property("role") == "error"
    manager.press("exportModelClose", dialog)
