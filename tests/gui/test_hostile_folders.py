"""Folders and files as one would rather not have them, opened in the window."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from tests.gui.conftest import Driver


def test_a_file_that_is_no_picture_leaves_no_project_behind(driver: Driver, tmp_path: Path) -> None:
    stranger = tmp_path / "passwd"
    stranger.write_text("root:x:0:0\n")
    with driver.qtbot.waitSignal(driver.window.open_failed, timeout=60_000) as failed:
        driver.window.open([stranger])
    assert "not a picture" in str(failed.args[0])
    assert [p.name for p in tmp_path.iterdir() if p.is_dir() and p.name != "home"] == []
    assert driver.window.project is None


def test_a_long_name_does_not_widen_the_panels(
    driver: Driver, pictures: Path, tmp_path: Path
) -> None:
    long = pictures / ("x" * 240 + ".png")
    shutil.copy(pictures / "0.png", long)
    driver.open(pictures)
    window = driver.window
    width = window.object_dock.width()
    window.actions_["window.inspection"].trigger()
    item = next(i for i in driver.session.media if i.name == long.name)
    with driver.qtbot.waitSignal(window.viewer.shown, timeout=60_000):
        driver.session.open_media(item.id)
    driver.wait(lambda: window.inspection_panel.name.text() == long.name)
    window.viewer.banners.show_banner("long", str(long), "warning")
    window.toast(str(long), "warning")
    shown = window.findChildren(QLabel, "messageText")
    driver.wait(lambda: all(label.isVisible() for label in shown))
    assert all(0 < label.parentWidget().height() < 200 for label in shown)
    assert window.inspection_dock.width() <= width + 2
    assert window.width() == 1280


@pytest.mark.parametrize("content", [b"just text", b"", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_stranger_named_project_can_be_told_and_closed(
    driver: Driver, pictures: Path, content: bytes
) -> None:
    project = pictures / "project.db"
    project.write_bytes(content)
    with driver.qtbot.waitSignal(driver.window.open_failed, timeout=60_000):
        driver.window.open([pictures])
    button = driver.window.findChild(QPushButton, "messageAction")
    with driver.qtbot.waitSignal(driver.window.open_failed, timeout=60_000):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert project.read_bytes() == content
    assert driver.window.welcome.isVisible()
