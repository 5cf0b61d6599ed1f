"""Large PNG and TIFF read from the top give what the whole decode gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from visionstudio.media import strips
from visionstudio.media.header import picture_header
from visionstudio.media.image import read_pixels, read_quick
from visionstudio.model.errors import MediaError


def values_of(kind: str) -> np.ndarray:
    rng = np.random.default_rng(1)
    rows = np.arange(700)[:, None] // 3
    grey = (rows + rng.integers(0, 20, (700, 900))).astype(np.uint8)
    if kind == "L":
        return grey
    if kind == "grey16":
        return grey.astype(np.uint16) * 200
    return np.dstack([grey, grey // 2, 255 - grey, *([grey // 3] if kind == "RGBA" else [])])


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pictures count as large, and every strip is told of."""
    monkeypatch.setattr(strips, "LEAST_PIXELS", 1000)
    monkeypatch.setattr(strips, "_TELL_SECONDS", -1.0)


@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "grey16"])
@pytest.mark.parametrize("name", ["a.png", "lzw.tif", "deflate.tif"])
def test_equal_to_the_whole_and_told_on_the_way(tmp_path: Path, kind: str, name: str) -> None:
    values, path = values_of(kind), tmp_path / name
    if name == "a.png":
        Image.fromarray(values).save(path)
    elif name == "lzw.tif":
        Image.fromarray(values).save(path, compression="tiff_lzw")
    else:
        extra = {"extrasamples": ["unassalpha"]} if kind == "RGBA" else {}
        photometric = "rgb" if values.ndim == 3 else "minisblack"
        tifffile.imwrite(path, values, compression="zlib", photometric=photometric, **extra)
    told: list[np.ndarray] = []
    found = read_pixels(path, tell=told.append)
    whole = read_pixels(path)
    assert found.mode == whole.mode
    assert found.values.dtype == whole.values.dtype
    assert np.array_equal(found.values, whole.values)
    assert np.array_equal(whole.values, values)
    assert len(told) >= 2
    last = told[-1].astype(int)
    assert last.shape[2] == 3
    if kind != "grey16":
        assert np.abs(last - whole.rgb()).max() == 0  # so small that every pixel is told
    assert (told[0][-1] == 128).all()  # not there yet


def test_other_kinds_go_the_usual_way(tmp_path: Path) -> None:
    values = values_of("RGB")
    palette = Image.fromarray(values).quantize(16)
    palette.save(tmp_path / "palette.png")
    Image.fromarray(values).save(tmp_path / "profile.png", icc_profile=b"not a profile")
    told: list[np.ndarray] = []
    for name in ("palette.png", "profile.png"):
        path = tmp_path / name
        assert np.array_equal(read_pixels(path, tell=told.append).values, read_pixels(path).values)
    assert told == []


def test_a_cut_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.tif"
    Image.fromarray(values_of("RGB")).save(path, compression="tiff_lzw")
    data = path.read_bytes()
    path.write_bytes(data[:8] + bytes(len(data) // 2) + data[8 + len(data) // 2 :])
    header = picture_header(path)
    assert strips.comes_in_strips(path, header)
    with pytest.raises(MediaError, match="cut"):
        read_pixels(path, tell=lambda _: None)


def test_the_first_look_is_what_the_decoder_gives(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(np.repeat(np.repeat(values_of("RGB"), 4, axis=0), 4, axis=1)).save(path)
    assert read_quick(path, 1000).shape[:2] == (1400, 1800)
    assert read_quick(path, 400).shape[:2] == (350, 450)
