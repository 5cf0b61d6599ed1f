"""Looking closely: window and level, histograms, profiles, figures of objects.

`python benchmarks/inspection.py`. Limits are the bare look-up of OpenCV, numpy's counts,
and scikit-image on the same arrays; a step of the window's slider has 16 ms.
"""

from __future__ import annotations

import os
from functools import partial

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import cv2
import numpy as np
from _timing import alternate, show
from numpy.typing import NDArray
from PySide6.QtCore import QRect
from PySide6.QtGui import QGuiApplication
from skimage.measure import profile_line, regionprops_table

from visionstudio.media.display import as_pixels, render
from visionstudio.media.image import Pixels
from visionstudio.media.profile import line_profile
from visionstudio.media.statistics import histogram
from visionstudio.model.annotations import Annotation
from visionstudio.model.display import Levels
from visionstudio.model.measurements import PIXELS
from visionstudio.model.shapes import Mask
from visionstudio.session.regions import measure_region
from visionstudio.ui.canvas.picture import Picture

RNG = np.random.default_rng(1)
FRAME = 0.016


def deep(width: int, height: int) -> NDArray[np.uint16]:
    """A 12-bit picture with structure and noise."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    wave = 2000 + 1200 * np.sin(x / 61) * np.cos(y / 47)
    return np.asarray(wave + RNG.normal(0, 60, (height, width)), np.uint16)


def window_and_level() -> None:
    values = deep(1600, 1000)
    table = np.clip(np.arange(65536) / 16, 0, 255).astype(np.uint8).reshape(1, -1)

    def bare() -> None:
        cv2.cvtColor(cv2.LUT(values, table), cv2.COLOR_GRAY2BGRA)

    for name, levels in (
        ("grey", Levels(300, 3500)),
        ("gamma", Levels(300, 3500, gamma=1.7)),
        ("viridis", Levels(300, 3500, colours="viridis")),
    ):
        ours, limit = alternate(lambda v=levels: render(values, "grey", v), bare, 21)
        show(f"window of 1.6 MP 16-bit, {name}", ours, limit, "bare look-up")
    floats = values.astype(np.float32)
    ours, limit = alternate(lambda: render(floats, "grey", Levels(300, 3500)), bare, 21)
    show("window of 1.6 MP float", ours, limit, "bare look-up of 16 bits")


def slider() -> None:
    """One step of the window's slider: new levels, drawn to fit 1600 × 1000."""
    for name, width, height in (("1.6 MP", 1600, 1000), ("24 MP", 6000, 4000)):
        values = deep(width, height)
        pixels = Pixels(values, 16, "grey")
        picture = Picture(pixels.rgb(), None, pixels, Levels(0, 4095))
        scale = 1600 / width
        place = QRect(0, 0, 1600, round(height * scale))
        lows = iter(range(1, 10_000))

        def step(p: Picture, s: float, r: QRect, low: float) -> None:
            p.with_levels(Levels(low, 3500)).render(s, r)

        move = partial(step, picture, scale, place)
        ours, _ = alternate(lambda m=move, i=lows: m(next(i)), lambda: None, 15)
        show(f"a step of the window, {name} fitted", ours, FRAME, "a frame")


def histograms() -> None:
    values = deep(6000, 4000)
    pixels = as_pixels(values)

    def bare() -> None:
        np.bincount(values.ravel(), minlength=65536)
        np.percentile(values, (1, 50, 99))
        values.mean(), values.std(), values.min(), values.max()

    show("histogram and figures of 24 MP", *alternate(lambda: histogram(pixels), bare, 3), "numpy")


def profiles() -> None:
    values = deep(2000, 1500)
    ours, limit = alternate(
        lambda: line_profile(values, (20, 30), (1900, 1400), 9),
        lambda: profile_line(values, (30, 20), (1400, 1900), linewidth=9, mode="constant"),
    )
    show("profile of 2,300 samples, 9 wide", ours, limit, "scikit-image")


def regions() -> None:
    values = deep(2000, 2000)
    labels = np.zeros((2000, 2000), np.int32)
    annotations = []
    for n in range(1000):
        x, y = (n % 40) * 50 + 5, (n // 40) * 50 + 5
        disc = np.hypot(*np.mgrid[-18:19, -18:19]) <= 18 - n % 7
        labels[y : y + 37, x : x + 37][disc] = n + 1
        shape = Mask.from_array(disc, x, y)
        annotations.append(Annotation(id=n + 1, media_id=1, class_id=1, shape=shape))
    pixels = as_pixels(values)
    wanted = ("area", "perimeter", "centroid", "bbox", "feret_diameter_max", "intensity_mean",
              "intensity_min", "intensity_max", "intensity_std", "intensity_median")  # fmt: skip
    ours, limit = alternate(
        lambda: [measure_region(a, pixels, PIXELS) for a in annotations],
        lambda: regionprops_table(labels, values, properties=wanted),
        3,
    )
    show("figures of 1,000 masks", ours, limit, "scikit-image")


def main() -> None:
    app = QGuiApplication([])
    window_and_level()
    slider()
    histograms()
    profiles()
    regions()
    app.quit()


if __name__ == "__main__":
    main()
