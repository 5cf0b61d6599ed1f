"""A full disk in the window: a banner, try again, save elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QPushButton

from tests.gui.conftest import Driver
from tests.gui.test_window import draw_first_box
from visionstudio.model.edits import Edit
from visionstudio.model.errors import StorageFull
from visionstudio.storage.store import ProjectStore
from visionstudio.ui.halted import free_folder


class FullDisk:
    """Stands in for a store's `apply` on a disk without room."""

    def __init__(self, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        self._apply = driver.session.store.apply
        monkeypatch.setattr(driver.session.store, "apply", self)

    def __call__(self, edit: Edit) -> None:
        if self.full:
            raise StorageFull("the disk is full", where="project.db", next_step="make room")
        self._apply(edit)


def halt(driver: Driver, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    """A stored box, then one that finds no room."""
    driver.open(pictures)
    draw_first_box(driver)
    driver.saved()
    disk = FullDisk(driver, monkeypatch)
    driver.drag((80, 30), (120, 90))
    driver.wait(lambda: len(driver.window.viewer.banners.texts) == 1)
    assert "the disk is full" in driver.window.viewer.banners.texts[0]
    assert "not saved" in driver.window.status.saved.text()
    assert driver.count() == 2
    return disk


def press(driver: Driver, text: str) -> None:
    found = driver.window.viewer.banners.findChildren(QPushButton)
    (button,) = (b for b in found if b.text() == text and b.isVisible())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def banner(driver: Driver) -> str:
    return "".join(driver.window.viewer.banners.texts)


def test_try_again(driver: Driver, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = halt(driver, pictures, monkeypatch)
    tries = []
    driver.session.blocked_changed.connect(tries.append)
    press(driver, "Try again")
    driver.wait(lambda: tries == [False, True])
    assert "the disk is full" in banner(driver)
    disk.full = False
    press(driver, "Try again")
    driver.wait(lambda: driver.session.saved)
    assert banner(driver) == ""
    assert "saved" in driver.window.status.saved.text()
    assert len(driver.session.store.annotations(driver.session.current.id)) == 2


def test_save_elsewhere(
    driver: Driver, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halt(driver, pictures, monkeypatch)
    old = driver.window.project.folder
    answers = ["", str(tmp_path / "no" / "such"), str(tmp_path)]
    (tmp_path / "no").write_text("a file, no folder")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: answers.pop(0))
    press(driver, "Save elsewhere…")  # and think better of it
    assert "the disk is full" in banner(driver)
    press(driver, "Save elsewhere…")  # that cannot be written either
    driver.wait(lambda: "the disk is full" in banner(driver))
    assert any("cannot be made" in text for text in driver.window.toasts.texts)
    press(driver, "Save elsewhere…")
    driver.wait(lambda: driver.session.saved)
    assert banner(driver) == ""
    new = tmp_path / "pictures 2"
    assert driver.window.project.folder == new
    assert driver.window.windowTitle().startswith("pictures 2")
    assert driver.window.settings.note("recent")[0] == str(new)
    driver.drag((10, 80), (50, 110))
    driver.wait(lambda: driver.count() == 3)
    with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
        driver.key(Qt.Key.Key_D)
    driver.close()
    with ProjectStore.open(new) as store:
        assert store.counts().annotations == 3
    with ProjectStore.open(old) as store:
        assert store.counts().annotations == 1


def test_a_name_that_is_free(tmp_path: Path) -> None:
    assert free_folder(tmp_path, "a") == tmp_path / "a"
    (tmp_path / "a").mkdir()
    (tmp_path / "a 2").mkdir()
    assert free_folder(tmp_path, "a") == tmp_path / "a 3"
