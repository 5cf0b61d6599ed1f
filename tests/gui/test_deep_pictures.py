"""Pictures of more than 8 bits in the window: readout and contrast use their own values."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image
from PySide6.QtCore import QRect, Qt
from PySide6.QtTest import QTest

from tests.gui.conftest import Driver
from visionstudio.media.display import auto_levels, saturated
from visionstudio.media.image import read_pixels


def readout(driver: Driver, x: int, y: int) -> str:
    """What the status bar says under the mouse."""
    driver.window.status.pixel.clear()
    QTest.mouseMove(driver.canvas.viewport(), driver.at(1, 1))
    QTest.mouseMove(driver.canvas.viewport(), driver.at(x + 0.5, y + 0.5))
    driver.wait(lambda: driver.window.status.pixel.text().startswith(f"{x}, {y} "))
    return driver.window.status.pixel.text().split("   ")[1]


def shown_grey(driver: Driver, x: int, y: int) -> int:
    """The red of a pixel as it is drawn."""
    image = driver.canvas.picture.render(1.0, QRect(0, 0, x + 1, y + 1))
    return image.pixelColor(x, y).red()


def go_on(driver: Driver) -> None:
    with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
        driver.key(Qt.Key.Key_D)


def test_a_16_bit_grey_and_an_8_bit_picture(driver: Driver, tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    ramp = np.linspace(1000, 3000, 120 * 160).reshape(120, 160).astype(np.uint16)
    ramp[0, 0] = 65535  # one hot pixel
    cv2.imwrite(str(folder / "a.tif"), ramp)
    colour = np.full((120, 160, 3), (100, 110, 120), np.uint8)
    colour[:60] = (130, 140, 150)
    Image.fromarray(colour).save(folder / "b.png")
    driver.open(folder)
    assert readout(driver, 80, 60) == str(ramp[60, 80])
    assert readout(driver, 20, 100) == str(ramp[100, 20])
    driver.key(Qt.Key.Key_C)
    levels = driver.canvas.picture.levels
    assert levels == auto_levels(ramp)
    assert 1000 <= levels.low < levels.high <= 3000
    assert shown_grey(driver, 80, 60) == pytest.approx(128, abs=2)
    go_on(driver)  # prepared with contrast in the decoding thread
    assert driver.canvas.picture.levels == auto_levels(colour)
    assert shown_grey(driver, 10, 10) > 130
    assert shown_grey(driver, 10, 100) < 100
    assert readout(driver, 10, 100) == "100, 110, 120"
    driver.key(Qt.Key.Key_C)
    assert driver.canvas.picture.levels is None
    assert shown_grey(driver, 10, 100) == 100
    with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
        driver.key(Qt.Key.Key_A)
    assert driver.canvas.picture.levels is None
    assert readout(driver, 80, 60) == str(ramp[60, 80])


@pytest.mark.shared_data
def test_real_16_bit_colour_and_floats(driver: Driver, shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    source = shared_data / "inspect" / "libvips"
    shutil.copy(source / "sample.tif", folder / "a.tif")
    shutil.copy(source / "multi-channel-z-series.ome.tif", folder / "b.ome.tif")
    driver.open(folder)
    deep = read_pixels(folder / "a.tif").values
    assert deep.dtype == np.uint16
    assert readout(driver, 145, 220) == ", ".join(str(v) for v in deep[220, 145])
    driver.key(Qt.Key.Key_C)
    assert driver.canvas.picture.levels.high > 255
    go_on(driver)  # a stack of five slices with three channels each
    floats = read_pixels(folder / "b.ome.tif").values
    assert floats.dtype == np.float32
    names = ("1", "2", "3")
    assert readout(driver, 200, 80) == "  ".join(
        f"{n} {v:.6g}" for n, v in zip(names, floats[80, 200], strict=True)
    )
    windows = driver.canvas.picture.levels.windows
    assert windows[0] == saturated(floats[:, :, 0])
    assert len(windows) == 3
    driver.wait(lambda: driver.session.current.frames == 5)
    driver.wait(lambda: driver.window.viewer.player is not None)
    driver.wait(lambda: driver.window.viewer.player.frame == 0)
    driver.key(Qt.Key.Key_Period)
    driver.wait(lambda: driver.session.frame == 1)
    floats = read_pixels(folder / "b.ome.tif", 1).values
    driver.wait(lambda: readout(driver, 200, 80).startswith(f"1 {floats[80, 200, 0]:.6g} "))
    assert "frame 1 of 5" in driver.window.inspection_panel.lines.text()


def test_paging_through_a_deep_stack_keeps_one_window(driver: Driver, tmp_path: Path) -> None:
    folder = tmp_path / "stack"
    folder.mkdir()
    pages = np.stack([np.full((60, 80), 1000 * n, np.uint16) for n in range(1, 5)])
    pages[:, :30] += np.arange(80, dtype=np.uint16)
    tifffile.imwrite(folder / "z.tif", pages, photometric="minisblack")
    driver.open(folder)
    driver.wait(lambda: driver.window.viewer.player is not None)
    driver.wait(lambda: driver.window.viewer.player.frame == 0)

    def next_page(frame: int) -> int:
        driver.key(Qt.Key.Key_Period)
        driver.wait(lambda: driver.window.viewer.player.frame == frame)
        driver.wait(lambda: int(driver.canvas.picture.pixels.values[50, 5]) == 1000 * (frame + 1))
        return shown_grey(driver, 5, 50)

    assert shown_grey(driver, 5, 50) == 0
    assert next_page(1) == pytest.approx(255 / 3, abs=9)
    driver.key(Qt.Key.Key_C)  # contrast for what is seen holds for the pages that follow
    levels = driver.canvas.picture.levels
    assert 2000 <= levels.low < levels.high <= 2100
    assert next_page(2) == 255
    assert driver.canvas.picture.levels == levels
