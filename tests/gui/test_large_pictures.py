"""Pictures too large to decode whole: tiles equal the decode, values, contrast, memory, errors."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image
from pytestqt.qtbot import QtBot

from tests.gui.conftest import Driver
from visionstudio.media import header as headers
from visionstudio.media import prefetch, pyramid
from visionstudio.media.colour import to_rgb
from visionstudio.media.display import as_pixels, auto_levels, render
from visionstudio.media.header import picture_header
from visionstudio.media.image import read_pixels, read_rgb
from visionstudio.media.pyramid import Pyramid, ready_pyramid
from visionstudio.media.pyramid_build import Pyramids
from visionstudio.model.errors import MediaError
from visionstudio.model.shapes import Box
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.large_picture import LargePicture
from visionstudio.ui.posting import Poster

WIDTH, HEIGHT = 2600, 1900


def scene(kind: str) -> np.ndarray:
    """A picture with detail at every size."""
    rng = np.random.default_rng(3)
    coarse = cv2.resize(
        rng.integers(0, 256, (19, 26, 3), dtype=np.uint8), (WIDTH, HEIGHT), interpolation=2
    )
    noisy = np.clip(coarse.astype(int) + rng.integers(-20, 20, coarse.shape), 0, 255)
    rgb = noisy.astype(np.uint8)
    if kind == "grey16":
        return rgb[:, :, 0].astype(np.uint16) * 37 + 500
    if kind == "rgba":
        return np.dstack(
            [rgb, np.broadcast_to(np.linspace(0, 255, WIDTH), (HEIGHT, WIDTH))]
        ).astype(np.uint8)
    return rgb


def save_vips(path: Path, values: np.ndarray) -> None:
    image = pyvips.Image.new_from_array(values)
    image.tiffsave(str(path), tile=True, pyramid=True, tile_width=256, tile_height=256)


def save_ome(path: Path, values: np.ndarray) -> None:
    """Levels beneath the page of the whole, as OME-TIFF has them."""
    photometric = "rgb" if values.ndim == 3 else "minisblack"
    with tifffile.TiffWriter(path, ome=True) as writer:
        options = {"tile": (256, 256), "photometric": photometric}
        writer.write(values, subifds=2, **options)
        for step in (2, 4):
            writer.write(values[::step, ::step], subfiletype=1, **options)


def made(path: Path, tmp_path: Path) -> Pyramid:
    """A pyramid of any file by a child process."""
    makers = Pyramids(tmp_path / "cache")
    found = makers.get(path, picture_header(path), lambda _: None, lambda: True)
    makers.close()
    assert found is not None
    return found


def parts(of: Pyramid) -> list[tuple[int, int, int, int]]:
    return [(0, 0, 300, 300), (1400, 900, 513, 511), (of.width - 90, of.height - 70, 512, 512)]


@pytest.mark.parametrize("kind", ["rgb", "grey16", "rgba"])
@pytest.mark.parametrize("how", ["vips", "ome", "built"])
def test_tiles_equal_the_decode_of_the_whole(tmp_path: Path, kind: str, how: str) -> None:
    values = scene(kind)
    path = tmp_path / "large.tif"
    if how == "built":
        path = tmp_path / "large.png"
        Image.fromarray(values).save(path, compress_level=1)
        found = made(path, tmp_path)
    else:
        (save_vips if how == "vips" else save_ome)(path, values)
        ready = ready_pyramid(path, picture_header(path))
        assert ready is not None
        found = ready
    assert (found.width, found.height) == (WIDTH, HEIGHT)
    assert len(found.levels) >= 2
    whole = read_pixels(path).values
    for x, y, w, h in parts(found):
        part = found.read(0, x, y, w, h)
        assert part.dtype == whole.dtype
        assert np.array_equal(part, whole[y : y + h, x : x + w])
    shown = found.rgb(found.overview).astype(int)
    expected = cv2.resize(read_rgb(path), shown.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(shown - expected).mean() < (12 if how == "ome" else 6)


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_turned_jpeg_becomes_an_upright_pyramid(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(scene("rgb")).save(path, quality=90, exif=exif)
    found = made(path, tmp_path)
    whole = read_rgb(path)
    assert (found.width, found.height) == whole.shape[1::-1]
    away = found.read(0, 600, 500, 400, 300).astype(int) - whole[500:800, 600:1000]
    assert np.abs(away).max() <= 2  # two decoders of the same standard


def test_what_cannot_be_a_pyramid_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cut.png"
    Image.fromarray(scene("rgb")).save(path, compress_level=1)
    header = picture_header(path)
    path.write_bytes(path.read_bytes()[:1_000_000])
    makers = Pyramids(tmp_path / "cache")
    with pytest.raises(MediaError, match="cut"):
        makers.get(path, header, lambda _: None, lambda: True)
    assert list((tmp_path / "cache").iterdir()) == []
    with pytest.raises(MediaError, match="GB of room"):
        Pyramids(tmp_path / "cache", limit_bytes=1000).get(
            path, header, lambda _: None, lambda: True
        )
    damaged = makers._place(path)
    damaged.mkdir()
    (damaged / "0.tif").write_bytes(b"II*\0 no picture")
    assert makers.find(path, header) is None
    assert not damaged.exists()
    monkeypatch.setattr(headers, "MAX_PIXELS", 1_000_000)
    with pytest.raises(MediaError, match="more than can be decoded whole"):
        read_rgb(path)
    assert picture_header(path).width == WIDTH


def test_old_pyramids_make_room(tmp_path: Path) -> None:
    makers = Pyramids(tmp_path)
    for n in range(4):
        folder = tmp_path / str(n)
        folder.mkdir()
        (folder / "0.tif").write_bytes(bytes(1000))
        os.utime(folder, (n, n))
    makers.trim(2500)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["2", "3"]


def pixels(canvas: Canvas) -> np.ndarray:
    image = canvas.viewport().grab().toImage()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[:, :, 2::-1].astype(int)


@pytest.mark.parametrize("kind", ["rgb", "grey16"])
def test_the_canvas_shows_it_as_if_it_were_whole(qtbot: QtBot, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "large.tif"
    save_vips(path, scene(kind))
    ready = ready_pyramid(path, picture_header(path))
    assert ready is not None
    poster = Poster()
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(700, 500)
    canvas.show()
    qtbot.waitExposed(canvas)
    picture = LargePicture(ready, poster.post)
    canvas.set_image(picture)
    whole = read_pixels(path)

    def at_rest_as(expected: np.ndarray, left: int, top: int) -> bool:
        there = expected[top : top + 500, left : left + 700]
        return canvas.settled and np.array_equal(pixels(canvas), there)

    window = ready.window
    shown = whole.rgb() if window is None else to_rgb(whole.values, window)
    for x, y in ((600, 500), (1800, 1300)):
        canvas.restore_view((1.0, x, y))
        left, top = (int(v) for v in canvas.view.to_image(0, 0))
        qtbot.waitUntil(partial(at_rest_as, shown, left, top))
    qtbot.waitUntil(lambda: picture.value_text(1800, 1300) != "")
    expected = ", ".join(str(v) for v in np.atleast_1d(whole.values[1300, 1800]))
    assert picture.value_text(1800, 1300) == expected
    assert picture.value_text(WIDTH, 0) == ""
    canvas.set_levels(auto_levels(ready.overview))
    values = as_pixels(whole.values)
    stretched = render(values.values, values.mode, auto_levels(ready.overview))[:, :, 2::-1]
    qtbot.waitUntil(partial(at_rest_as, stretched, left, top))


def test_a_large_picture_in_the_window(
    make_window: Callable[[], Driver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made smaller than it would be, by lower limits: a pyramid is built, shown and labelled."""
    monkeypatch.setattr(pyramid, "TILED_PIXELS", 1_000_000)
    monkeypatch.setattr(prefetch, "READY_PIXELS", 500_000)
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(scene("rgb")).save(folder / "large.png", compress_level=1)
    driver = make_window()
    driver.open(folder)
    picture = driver.canvas.picture
    assert isinstance(picture, LargePicture)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    driver.session.add_class("cell")
    driver.canvas.setFocus()
    driver.canvas.restore_view((1.0, 1300, 900))
    driver.canvas.set_tool("box")
    driver.drag((1200, 800), (1400, 1000))
    assert driver.count() == 1
    shape = driver.session.annotations[0].shape
    assert isinstance(shape, Box)
    assert shape.bounds() == pytest.approx((1200, 800, 1400, 1000), abs=1.5)
    driver.saved()
