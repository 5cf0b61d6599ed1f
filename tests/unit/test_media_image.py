"""The canonical decode: upright, sRGB, the same everywhere; one golden test a kind."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from visionstudio.media.colour import to_rgb
from visionstudio.media.image import read_pixels, read_reduced, read_rgb
from visionstudio.media.orientation import upright
from visionstudio.media.probe import probe
from visionstudio.media.stack import StackReader
from visionstudio.model.errors import MediaError

RNG = np.random.default_rng(7)


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    """Smooth enough for JPEG, different in every corner."""
    y, x = np.mgrid[0:40, 0:60]
    return np.stack([x * 4, y * 6, 255 - x * 2 - y], axis=2).astype(np.uint8)


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def near(a: NDArray[Any], b: NDArray[Any], limit: float = 3.0) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(float) - b.astype(float)).mean()) < limit


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_every_orientation_is_turned_upright(
    tmp_path: Path, photo: NDArray[np.uint8], orientation: int, suffix: str
) -> None:
    turned_back = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}[orientation]
    stored = upright(photo, turned_back)
    path = tmp_path / f"p.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"quality": 95} if suffix in ("jpg", "webp") else {}
    save(path, Image.fromarray(stored), exif=exif, **options)
    assert near(read_rgb(path), photo, 0.01 if suffix in ("png", "tif") else 4)
    header = probe(path)
    assert (header.width, header.height) == (60, 40)
    reduced = read_reduced(path, 30)
    assert reduced.shape == (20, 30, 3)
    assert near(reduced, cv2.resize(photo, (30, 20), interpolation=cv2.INTER_AREA), 6)


def test_pillow_agrees_on_what_upright_is(photo: NDArray[np.uint8]) -> None:
    methods = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    for orientation, method in methods.items():
        expected = np.asarray(Image.fromarray(photo).transpose(method))
        assert np.array_equal(upright(photo, orientation), expected), orientation


@pytest.mark.parametrize("way", ["Landscape", "Portrait"])
def test_the_eighteen_exif_pictures_look_alike(shared_data: Path, way: str) -> None:
    folder = shared_data / "inspect" / "exif_orientation"
    first = read_rgb(folder / f"{way}_1.jpg")
    assert first.shape == ((1200, 1800, 3) if way == "Landscape" else (1800, 1200, 3))
    small = cv2.resize(first, None, fx=0.1, fy=0.1, interpolation=cv2.INTER_AREA).astype(float)
    for n in (0, *range(2, 9)):
        other = read_rgb(folder / f"{way}_{n}.jpg")
        assert other.shape == first.shape, n
        shrunk = cv2.resize(other, None, fx=0.1, fy=0.1, interpolation=cv2.INTER_AREA)
        # The pictures carry their number and were compressed anew: the rest is the same.
        assert np.median(np.abs(shrunk - small)) < 3, n


def test_jpeg_pixels_equal_pillows(shared_data: Path) -> None:
    for name in ("bccd", "cifar10"):
        for path in sorted((shared_data / name).rglob("*.jp*g"))[:5]:
            assert np.array_equal(read_rgb(path), np.asarray(Image.open(path).convert("RGB")))


def test_grey_palette_and_one_bit(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    grey = Image.fromarray(photo).convert("L")
    for name, image, options in (
        ("grey.png", grey, {}),
        ("grey.tif", grey, {"compression": "tiff_lzw"}),
        ("grey.bmp", grey, {}),
        ("grey.pgm", grey, {}),
    ):
        path = save(tmp_path / name, image, **options)
        assert np.array_equal(read_pixels(path).values, np.asarray(grey)), name
        assert read_pixels(path).mode == "grey"
        assert np.array_equal(read_rgb(path)[:, :, 1], np.asarray(grey)), name
    palette = Image.fromarray(photo).quantize(30)
    expected = np.asarray(palette.convert("RGB"))
    for name in ("p.png", "p.gif", "p.tif", "p.bmp"):
        assert np.array_equal(read_rgb(save(tmp_path / name, palette)), expected), name
    dots = Image.fromarray(photo).convert("1")
    for name in ("one.png", "one.tif", "one.pbm"):
        path = save(tmp_path / name, dots)
        assert np.array_equal(read_rgb(path)[:, :, 0], np.asarray(dots) * np.uint8(255)), name


def test_alpha_is_composited_on_white(tmp_path: Path) -> None:
    rgba = np.zeros((2, 4, 4), np.uint8)
    rgba[:, :, 0] = 200
    rgba[:, :, 3] = [0, 85, 170, 255]
    expected = [255, 237, 218, 200]  # 200·a + 255·(1 − a)
    for name in ("a.png", "a.webp", "a.tif", "a.ico"):
        options: dict[str, Any] = {"lossless": True, "exact": True} if name == "a.webp" else {}
        path = save(tmp_path / name, Image.fromarray(rgba), **options)
        if name != "a.ico":  # which Pillow pads to a square
            assert read_rgb(path)[0, :, 0].tolist() == expected, name
            assert np.array_equal(read_pixels(path).values, rgba), name
        assert (read_rgb(path)[0, 0] == 255).all(), name
    two = np.dstack([np.full((2, 4), 200, np.uint8), rgba[:, :, 3]])
    path = save(tmp_path / "la.png", Image.fromarray(two, "LA"))
    assert read_rgb(path)[0, :, 0].tolist() == expected
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0])
    path = save(tmp_path / "t.gif", palette, transparency=0)
    assert read_rgb(path)[0, 0].tolist() == [255, 255, 255]


def test_cmyk_is_shown_in_colours(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    cmyk = Image.fromarray(photo).convert("CMYK")
    for name, options in (("c.jpg", {"quality": 98, "subsampling": 0}), ("c.tif", {})):
        path = save(tmp_path / name, cmyk, **options)
        assert near(read_rgb(path), photo, 3), name
        assert read_reduced(path, 15).shape == (10, 15, 3)


def test_deep_values_are_kept_and_scaled(tmp_path: Path) -> None:
    deep = RNG.integers(1000, 3000, (50, 70), dtype=np.uint16)
    deep[0, 0], deep[0, 1] = 65535, 0  # a hot and a dead pixel do not matter
    for name in ("d.png", "d.tif", "d.pgm"):
        path = tmp_path / name
        cv2.imwrite(str(path), deep)
        pixels = read_pixels(path)
        assert np.array_equal(pixels.values, deep), name
        assert (pixels.bits, pixels.values.dtype) == (16, np.uint16)
        low, high = pixels.display_range()
        assert 990 < low < 1020, name
        assert 2980 < high < 3010, name
        shown = read_rgb(path)
        assert shown.dtype == np.uint8
        assert np.array_equal(shown, pixels.rgb())
        assert 120 < shown.mean() < 135, name
    for bits in (8, 12, 16):
        colour = RNG.integers(0, 2**bits, (50, 70, 3), dtype=np.uint16)
        colour[0, 0, 0] = 2**bits - 1
        path = tmp_path / f"c{bits}.png"
        cv2.imwrite(str(path), colour[:, :, ::-1])
        assert np.array_equal(read_pixels(path).values, colour)
        assert near(read_rgb(path), colour / (2**bits - 1) * 255, 0.5), bits


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "float32", "float64"]
)
def test_tiff_sample_types(tmp_path: Path, dtype: str, compression: str | None) -> None:
    values = np.linspace(0, 100, 6000).reshape(60, 100).astype(dtype)
    path = tmp_path / "t.tif"
    tifffile.imwrite(path, values, compression=compression)
    pixels = read_pixels(path)
    assert pixels.values.dtype in (np.uint8, np.uint16, np.float32)
    assert np.allclose(pixels.values, values)
    shown = read_rgb(path)[:, :, 0].astype(int)
    assert (np.diff(shown.ravel()) >= 0).all()
    if dtype not in ("uint8", "int8"):
        assert (shown.min(), shown.max()) == (0, 255)


def test_floats_with_holes_are_shown(tmp_path: Path) -> None:
    values = np.linspace(-1, 1, 6000, dtype=np.float32).reshape(60, 100)
    values[0, :5] = [np.nan, np.inf, -np.inf, 1e30, -1e30]
    path = tmp_path / "f.tif"
    tifffile.imwrite(path, values)
    shown = read_rgb(path)
    assert shown[-1, -1, 0] == 255
    assert 118 < shown[30].mean() < 138
    empty = np.full((4, 4), np.nan, np.float32)
    assert (to_rgb(empty) == 0).all()


def test_pages_and_big_endian_and_white_is_zero(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    pages = RNG.integers(0, 65535, (3, 20, 30), dtype=np.uint16)
    tifffile.imwrite(path, pages, photometric="minisblack", byteorder=">")
    for n in range(3):
        assert np.array_equal(read_pixels(path, page=n).values, pages[n])
    with pytest.raises(MediaError, match="3 pages"):
        read_pixels(path, page=3)
    grey = RNG.integers(0, 255, (20, 30), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "inverted.tif", grey, photometric="miniswhite")
    assert np.array_equal(read_rgb(tmp_path / "inverted.tif")[:, :, 0], 255 - grey)
    planar = RNG.integers(0, 255, (3, 20, 30), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "planar.tif", planar, photometric="rgb", planarconfig="separate")
    assert np.array_equal(read_rgb(tmp_path / "planar.tif"), planar.transpose(1, 2, 0))


def test_profiles_are_converted_to_srgb(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    profile = _gamma_profile()
    for name, options in (("i.jpg", {"quality": 98, "subsampling": 0}), ("i.png", {})):
        path = save(tmp_path / name, Image.fromarray(photo), icc_profile=profile, **options)
        expected = np.asarray(
            ImageCms.profileToProfile(
                Image.fromarray(photo),
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            )
        )
        assert not near(expected, photo, 5)
        assert near(read_rgb(path), expected, 3), name
        assert near(read_reduced(path, 60), expected, 3), name
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = save(tmp_path / "s.png", Image.fromarray(photo), icc_profile=srgb)
    assert np.array_equal(read_rgb(path), photo)
    path = save(tmp_path / "broken.png", Image.fromarray(photo), icc_profile=b"broken" * 40)
    assert np.array_equal(read_rgb(path), photo)


def _gamma_profile() -> bytes:
    """sRGB's profile with its tone curves replaced by a straight line: linear light."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(data[128:132], "big")
    for n in range(count):
        entry = 132 + 12 * n
        offset = int.from_bytes(data[entry + 4 : entry + 8], "big")
        if bytes(data[entry : entry + 4]) in (b"rTRC", b"gTRC", b"bTRC"):
            data[offset : offset + 12] = b"curv" + bytes(8)  # no points: the identity
            data[entry + 8 : entry + 12] = (12).to_bytes(4, "big")
    return bytes(data).replace(b"s\0R\0G\0B", b"l\0i\0n\0e").replace(b"sRGB", b"line")


def test_reduced_never_grows_and_is_exact_in_size(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    big = cv2.resize(photo, (2011, 1333), interpolation=cv2.INTER_CUBIC)
    path = save(tmp_path / "b.jpg", Image.fromarray(big), quality=92)
    whole = read_rgb(path)
    for side in (64, 250, 500, 1000, 2000, 5000):
        reduced = read_reduced(path, side)
        scale = min(1.0, side / 2011)
        assert reduced.shape == (round(1333 * scale), round(2011 * scale), 3)
        expected = cv2.resize(whole, reduced.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert near(reduced, expected, 2), side


REAL = {
    "1.webp": (550, 368),
    "CMU-1-Small-Region.svs": (2220, 2967),
    "Bretagne2_4.j2k": (2592, 1944),
    "avif-orientation-6.avif": (3024, 4032),
    "cogs.gif": (85, 77),
    "cd1.1.jpg": (531, 373),
    "favicon.ico": (48, 48),
    "ojpeg-tile.tif": (234, 213),
    "rgba.png": (128, 128),
    "sample.hdr": (141, 980),
    "sample.png": (290, 442),
    "silicongraphics.sgi": (433, 433),
    "small.bmp": (16, 12),
    "targa.tga": (433, 433),
    "ultra-hdr.jpg": (3840, 2160),
    "world.jp2": (800, 400),
    "4bit.tif": (256, 4),
}


@pytest.mark.parametrize("name", REAL)
def test_real_kinds(shared_data: Path, name: str) -> None:
    path = shared_data / "inspect" / "libvips" / name
    header = probe(path)
    assert (header.width, header.height) == REAL[name]
    rgb = read_rgb(path)
    assert rgb.shape == (header.height, header.width, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert rgb.std() > 1  # something is to be seen
    assert max(read_reduced(path, 100).shape) <= 100


def test_one_picture_in_many_formats_looks_alike(shared_data: Path) -> None:
    folder = shared_data / "inspect" / "libvips"
    first = read_rgb(folder / "sample.tif")
    for name in ("sample.png", "indexed.png", "sample.jpg", "sample-xyb.jpg"):
        assert near(read_rgb(folder / name), first, 6), name


def brightening(folder: Path, channels: int = 0) -> Path:
    """A stack of five 16-bit pages, each brighter than the one before."""
    shape = (5, 20, 30, channels) if channels else (5, 20, 30)
    pages = np.random.default_rng(2).integers(0, 1000, shape)
    pages += np.arange(5).reshape(5, *(1,) * (len(shape) - 1)) * 2000
    path = folder / f"z{channels}.tif"
    if channels:
        tifffile.imwrite(
            path,
            np.moveaxis(pages, -1, 1).astype(np.uint16),
            imagej=True,
            metadata={"axes": "ZCYX"},
        )
    else:
        tifffile.imwrite(path, pages.astype(np.uint16), photometric="minisblack")
    return path


@pytest.mark.parametrize("channels", [0, 2])
def test_pages_of_a_deep_stack_have_one_window(tmp_path: Path, channels: int) -> None:
    path = brightening(tmp_path, channels)
    shown = [float(read_rgb(path, page=n).max(axis=2).mean()) for n in range(5)]
    steps = np.diff(shown)
    # 2,000 of the 9,000 values that the stack has lie between two pages.
    assert steps == pytest.approx([255 * 2000 / 9000] * 4, rel=0.1)
    with StackReader(path) as reader:
        for n in range(5):
            assert np.array_equal(reader.read(n), read_rgb(path, page=n))
