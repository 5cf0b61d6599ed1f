"""How source values become pixels on screen, against plain numpy; histograms and figures too."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from visionstudio.media.display import (
    as_pixels,
    colour_table,
    kind_of_pixels,
    levels_of,
    render,
    saturated,
    window_of,
)
from visionstudio.media.image import Pixels
from visionstudio.media.statistics import figures, histogram
from visionstudio.model.display import COLOUR_MAPS, CT_WINDOWS, WINDOWS, Display, Levels

RNG = np.random.default_rng(11)


def expected(values: np.ndarray, low: float, high: float, gamma: float, invert: bool) -> np.ndarray:
    share = np.clip((np.nan_to_num(values.astype(float), nan=low) - low) / (high - low), 0, 1)
    share = share ** (1 / gamma)
    return (1 - share if invert else share) * 255


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32", "float64", "int16"])
@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 3), (40, 50, 4)])
def test_window_gamma_and_inversion(dtype: str, shape: tuple[int, ...]) -> None:
    values = RNG.normal(120, 60, shape)
    values = (values if dtype.startswith("f") else np.clip(values, 0, 255)).astype(dtype)
    for levels in (
        Levels(20, 200),
        Levels(20, 200, gamma=2.2),
        Levels(0, 255, invert=True),
        Levels(90.5, 91.5, gamma=0.5, invert=True),
    ):
        shown = render(values, as_pixels(values).mode, levels)
        assert shown.shape == (40, 50, 4)
        assert (shown[:, :, 3] == 255).all()
        plain = values if values.ndim == 2 else values[:, :, 2::-1]
        if plain.ndim == 2:
            plain = np.repeat(plain[:, :, None], 3, axis=2)
        right = expected(plain, levels.low, levels.high, levels.gamma, levels.invert)
        assert np.abs(shown[:, :, :3] - right).max() <= 1.01


def test_no_number_is_black() -> None:
    values = np.array([[np.nan, -np.inf, np.inf, 0.5]], np.float32)
    shown = render(values, "grey", Levels(0, 1))
    assert shown[0, :, 0].tolist() == [0, 0, 255, 128]


@pytest.mark.parametrize("name", COLOUR_MAPS)
def test_colour_maps(name: str) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, -1)
    shown = render(ramp, "grey", Levels(0, 255, colours=name))
    if name == "labels":
        assert shown[0, 0, :3].tolist() == [0, 0, 0]
        hues = {tuple(c) for c in shown[0, 1:40, :3].tolist()}
        assert len(hues) == 39
        return
    assert np.array_equal(shown.view(np.uint32).reshape(256), colour_table(name))
    if name in ("viridis", "turbo"):
        code = {"viridis": cv2.COLORMAP_VIRIDIS, "turbo": cv2.COLORMAP_TURBO}[name]
        assert np.array_equal(shown[:, :, :3], cv2.applyColorMap(ramp, code))
    deep = render(ramp.astype(np.uint16) * 257, "grey", Levels(0, 65535, colours=name))
    assert np.array_equal(deep, shown)


def test_choices_come_to_windows() -> None:
    values = RNG.integers(100, 4000, (300, 400)).astype(np.uint16)
    pixels = Pixels(values, 12, "grey")
    windows = {name: window_of(Display(window=name, low=7, high=9), pixels, None)
               for name in WINDOWS}  # fmt: skip
    assert windows["full"] == (0, 4095)
    assert windows["range"] == (values.min(), values.max())
    assert windows["fixed"] == (7, 9)
    assert windows["percentile"] == tuple(np.percentile(values, (1, 99)))
    assert windows["auto"] == pytest.approx(np.percentile(values, (0.35, 99.65)))
    assert windows["default"] == pixels.display_range()
    assert levels_of(Display(), pixels) is None
    assert levels_of(Display(channel=2), pixels) is None  # which this picture does not have
    centre, width = 40, 400
    assert CT_WINDOWS["Soft tissue"] == (centre - width / 2, centre + width / 2)


def test_channels_are_windowed_one_by_one_and_shown_alone() -> None:
    values = np.zeros((20, 30, 3), np.uint16)
    values[:, :10, 0], values[:, 10:20, 1], values[:, 20:, 2] = 100, 5000, 60000
    pixels = Pixels(values, 16, "channels", ("DAPI", "GFP", "RFP"))
    levels = levels_of(Display(window="range"), pixels)
    assert levels is not None
    assert levels.windows == ((0, 100), (0, 5000), (0, 60000))
    shown = render(values, "channels", levels)
    assert shown[0, 5, :3].tolist() == [0, 0, 255]
    assert shown[0, 15, :3].tolist() == [0, 255, 0]
    assert shown[0, 25, :3].tolist() == [255, 0, 0]
    one = levels_of(Display(window="range", channel=1, colours="green"), pixels)
    assert one is not None
    alone = render(values, "channels", one)
    assert alone[0, 15, :3].tolist() == [0, 255, 0]
    assert alone[0, 5, :3].tolist() == [0, 0, 0]
    dark = Pixels(values[:, :, 0], 16, "grey", inverted=True)
    assert levels_of(Display(gamma=2), dark).invert  # type: ignore[union-attr]
    assert kind_of_pixels(dark) != kind_of_pixels(pixels)


def test_saturation_and_flat_pictures() -> None:
    low, high = saturated(np.full((10, 10), 7, np.uint8))
    assert low < high
    assert saturated(np.full((4, 4), np.nan, np.float32)) == (0.0, 1.0)


def test_choices_survive_being_stored() -> None:
    for display in (Display(), Display(window="auto", colours="turbo", gamma=1.5, channel=2)):
        assert Display.from_json(display.to_json()) == display
    for junk in (None, [], {"gamma": -1}, {"window": "other"}, {"colours": 3}, {"channel": "x"}):
        assert Display.from_json(junk) == Display()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_histogram_and_figures(dtype: str) -> None:
    values = np.clip(RNG.normal(90, 30, (200, 300, 3)), 0, 255).astype(dtype)
    mask = np.zeros((200, 300), bool)
    mask[50:90, 20:220] = True
    pixels = as_pixels(values)
    for where in (None, mask):
        found = histogram(pixels, where)
        for n, channel in enumerate(found.channels):
            plane = values[:, :, n] if where is None else values[:, :, n][where]
            right, _ = np.histogram(plane, bins=256, range=(found.low, found.high))
            if dtype != "float32":  # where edges fall between the numbers
                assert np.array_equal(found.counts[n], right)
            assert found.counts[n].sum() == plane.size == channel.count
            assert channel.mean == pytest.approx(plane.mean(dtype=float))
            assert channel.sd == pytest.approx(plane.std(dtype=float, ddof=1))
            assert (channel.minimum, channel.maximum) == (plane.min(), plane.max())
            assert channel.median == pytest.approx(np.median(plane))
    holes = values.astype(np.float32)
    holes[0, 0] = np.nan
    assert histogram(as_pixels(holes)).channels[0].count == 200 * 300 - 1
    nothing = histogram(pixels, np.zeros((200, 300), bool))
    assert nothing.channels[0].count == 0
    assert nothing.counts.sum() == 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_figures_by_counting_are_those_of_the_values(dtype: str) -> None:
    top = np.iinfo(dtype).max
    values = (RNG.beta(0.6, 2.0, (400, 500)) * top).astype(dtype)
    mask = RNG.random((400, 500)) < 0.7
    for where in (None, mask):
        inside = values if where is None else values[where]
        counted = histogram(as_pixels(values), where).channels[0]
        plain = figures("grey", inside)
        for name in ("count", "minimum", "maximum", "median", "p1", "p99", "mean", "sd"):
            assert getattr(counted, name) == pytest.approx(getattr(plain, name)), name
