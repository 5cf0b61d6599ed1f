"""Ctrl+Z in the window goes to the picture or frame that it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from tests.gui.conftest import Driver
from tests.gui.test_window import draw_first_box

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def go(driver: Driver, key: Qt.Key, name: str) -> None:
    with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
        driver.key(key)
    assert driver.session.current.name == name


def test_a_deleted_box_comes_back_on_its_picture(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    draw_first_box(driver)
    (box,) = driver.session.annotations
    driver.key(Qt.Key.Key_V)
    driver.key(Qt.Key.Key_Delete)
    driver.wait(lambda: driver.count() == 0)
    go(driver, Qt.Key.Key_D, "1.png")
    driver.saved()
    with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
        driver.key(Qt.Key.Key_Z, CTRL)
    driver.wait(lambda: driver.session.selection == {box.id})
    assert driver.session.current.name == "0.png"
    assert driver.canvas.visible_ids() == {box.id}
    assert driver.canvas.selection == {box.id}
    media = driver.window.media_panel
    assert media.view.currentIndex().row() == 0
    go(driver, Qt.Key.Key_D, "1.png")
    with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
        driver.key(Qt.Key.Key_Z, CTRL | SHIFT)
    driver.wait(lambda: driver.count() == 0 and driver.session.saved)
    assert driver.session.current.name == "0.png"


@pytest.mark.shared_data
def test_a_box_of_another_frame(driver: Driver, shared_data: Path, tmp_path: Path) -> None:
    clip = tmp_path / "bag.avi"
    clip.write_bytes((shared_data / "videos/pysot/bag.avi").read_bytes())
    driver.open(clip)
    player = driver.window.viewer.player
    draw_first_box(driver)
    (box,) = driver.session.annotations
    player.seek(12)
    driver.wait(lambda: driver.session.frame == 12 and driver.count() == 0)
    driver.saved()
    driver.key(Qt.Key.Key_Z, CTRL)
    driver.wait(lambda: player.frame == 0 and driver.session.frame == 0)
    driver.saved()
    player.play()
    driver.wait(lambda: player.frame > 5)
    driver.key(Qt.Key.Key_Z, CTRL | SHIFT)
    driver.wait(lambda: driver.session.selection == {box.id})
    driver.wait(lambda: player.frame == 0)
    assert not player.playing
