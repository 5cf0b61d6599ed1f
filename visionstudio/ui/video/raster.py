"""The lanes of a timeline as an image, from numpy columns: any zoom costs the same.

What a pixel shows is found by binary search and differences of sums, so that an hour
with a thousand tracks is painted as fast as a minute with one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.track_columns import STRIDE, Lanes

NOTHING, OUTSIDE, BETWEEN, PROPOSED, LABEL = range(5)
_BAR = (0.18, 0.56)  # where in a line's height the bar lies
_RIBBON = (0.62, 0.9)
# How much of the class's colour shows, by what a pixel is.
_STRENGTH = (0.0, 0.0, 0.45, 0.75, 1.0)
_HATCH = 6

Image = NDArray[np.uint32]
"""(H, W) pixels as 0xffrrggbb."""
Colour = tuple[int, int, int]
"""Red, green, blue."""


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """What lies under each pixel: `kind` uint8, `occluded` and `key` bool, `score` (L, W).

    `score` is the mean of the scores there, NaN where nothing has one.
    """

    kind: NDArray[np.uint8]
    occluded: NDArray[np.bool_]
    key: NDArray[np.bool_]
    score: NDArray[np.float64]


def coverage(
    lanes: Lanes, chosen: NDArray[np.int64], first: float, step: float, width: int
) -> Coverage:
    """The chosen lanes over `width` pixels of `step` frames each, from frame `first` on."""
    if not len(chosen) or not len(lanes):
        nothing = np.zeros((len(chosen), width))
        empty = nothing.astype(np.bool_)
        return Coverage(nothing.astype(np.uint8), empty, empty, nothing + np.nan)
    edges = first + step * np.arange(width + 1)
    low = np.floor(edges[:-1]).astype(np.int64)
    high = np.maximum(np.floor(edges[1:]).astype(np.int64), low + 1)
    np.maximum(low, 0, out=low)
    np.maximum(high, 0, out=high)
    base = chosen[:, None] * STRIDE
    a = np.searchsorted(lanes.place, (base + low).ravel()).reshape(len(chosen), width)
    b = np.searchsorted(lanes.place, (base + high).ravel()).reshape(len(chosen), width)

    def within(name: str) -> NDArray[Any]:
        return np.asarray(lanes.sums[name][b] - lanes.sums[name][a])

    begin = lanes.start[chosen][:, None]
    end = lanes.start[chosen + 1][:, None]
    kind = np.zeros(a.shape, np.uint8)
    kind[within("outside") > 0] = OUTSIDE
    top = len(lanes.place) - 1
    frame = lanes.columns.frame
    for value, holds in ((OUTSIDE, lanes.outside), (BETWEEN, lanes.joined)):
        for last in (a - 1, b - 1):  # the entry before the pixel, and the last one in it
            here, following = np.clip(last, 0, top), np.clip(last + 1, 0, top)
            goes_on = (last >= begin) & (last + 1 < end) & holds[here]
            # From the frame after the one entry to the frame before the other.
            kind[goes_on & (frame[here] + 1 < high) & (frame[following] > low)] = value
    kind[within("proposed") > 0] = PROPOSED
    kind[within("label") > 0] = LABEL
    scored = within("scored")
    with np.errstate(invalid="ignore", divide="ignore"):
        score = within("score") / np.where(scored > 0, scored, np.nan)
    return Coverage(kind, within("occluded") > 0, within("key") > 0, score)


def paint_lane(
    image: Image, cover: Coverage, line: int, colour: Colour, faint: Colour, behind: Colour
) -> None:
    """Draw a lane into its strip (H, W): bar above, confidence as a ribbon below.

    `faint` is for where the object is outside, `behind` is what the strip is filled with.
    """
    height, width = image.shape
    kind = cover.kind[line]
    shades = np.array([_mixed(colour, behind, share) for share in _STRENGTH], np.uint32)
    pale, hollow = (np.uint32(_mixed(colour, behind, share)) for share in (0.35, 0.15))
    top, bottom = (round(height * share) for share in _BAR)
    bar = shades[kind]
    seen = kind > OUTSIDE
    proposed = kind == PROPOSED
    occluded = cover.occluded[line] & seen
    x = np.arange(width)
    for y in range(top, bottom):
        row = image[y]
        np.copyto(row, bar, where=seen)
        np.copyto(row, pale, where=proposed & ((x + y) % _HATCH >= _HATCH // 2))
        if top < y < bottom - 1:  # what is occluded is an empty bar
            np.copyto(row, hollow, where=occluded)
    dotted = (kind == OUTSIDE) & (x % 4 < 2)
    image[(top + bottom) // 2, dotted] = _packed(faint)
    score = cover.score[line]
    if np.isnan(score).all():
        return
    low, high = (round(height * share) for share in _RIBBON)
    tall = np.where(np.isnan(score), 0, np.ceil(score * (high - low)))
    for y in range(low, high):
        image[y, high - y <= tall] = _mixed(colour, behind, 0.9)


def paint_crowd(
    image: Image,
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    start: float,
    step: float,
    colour: Colour,
    behind: Colour,
) -> None:
    """Draw how many tracks there are at a time, for a class whose lanes are folded away."""
    height, width = image.shape
    left = np.clip((first - start) / step, 0, width).astype(np.int64)
    right = np.clip(np.ceil((last + 1 - start) / step), 0, width).astype(np.int64)
    depth = np.zeros(width + 1, np.int64)
    np.add.at(depth, left, 1)
    np.add.at(depth, right, -1)
    depth = np.cumsum(depth)[:width]
    if not len(first) or not depth.max():
        return
    room = height - 6
    tall = np.ceil(depth / depth.max() * room)
    for y in range(room):
        image[3 + y, room - y <= tall] = _mixed(colour, behind, 0.6)


def _packed(colour: Colour) -> int:
    red, green, blue = colour
    return 0xFF000000 | red << 16 | green << 8 | blue


def _mixed(colour: Colour, behind: Colour, share: float) -> int:
    mixed = [round(a * share + b * (1 - share)) for a, b in zip(colour, behind, strict=True)]
    return _packed((mixed[0], mixed[1], mixed[2]))
