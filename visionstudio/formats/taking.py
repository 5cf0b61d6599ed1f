"""Geometry that rows of files describe, checked: what cannot be meant is a RowFault."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from visionstudio.formats.rows import RowFault, number, printable
from visionstudio.model.shapes import Box, Polygon, RotatedBox

MAX_POINTS = 100_000  # of one shape; more is a bitmap in disguise and stalls whoever draws it
_SQUARE = 1e-2  # how far, in parts of its size, a corner may be from a right angle

Size = tuple[int, int]
"""Width and height of the picture, 0 where unknown."""


def as_number(value: Any, what: str) -> float:
    """A finite number, also from its text, as text files and XML have it."""
    if not isinstance(value, str):
        return number(value, what)
    try:
        return number(float(value.strip()), what)
    except ValueError:
        raise RowFault(f"{what} is no number: {printable(value)}") from None


def as_whole(value: Any, what: str) -> int:
    """A whole number that fits 63 bits, also from its text."""
    found = as_number(value, what)
    if found != int(found) or abs(found) >= 2**53:
        raise RowFault(f"{what} is no whole number: {printable(value)}")
    return int(found)


def as_side(value: Any) -> int:
    """A picture's width or height as a file says it; 0, to be read from the picture, if none."""
    try:
        side = as_number(value, "the size")
    except RowFault:
        return 0
    return int(side) if 0 <= side < 2**31 else 0


def checked_box(x1: float, y1: float, x2: float, y2: float, size: Size = (0, 0)) -> Box:
    """A box with an inside that touches the picture."""
    if x2 < x1 or y2 < y1:
        raise RowFault(f"the box has a negative size, {x2 - x1:g} x {y2 - y1:g}")
    if x2 == x1 or y2 == y1:
        raise RowFault(f"the box is empty, {x2 - x1:g} x {y2 - y1:g}")
    width, height = size
    if width and height and (x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height):
        raise RowFault(f"the box lies outside the picture of {width}x{height}")
    return Box(x1, y1, x2, y2)


def points_of(value: Any, what: str, least: int) -> NDArray[np.float64]:
    """An (n, 2) array of `least` or more points from [[x, y], …]."""
    if not isinstance(value, list):
        raise RowFault(f"{what} is no list of points: {printable(value)}")
    _limit(len(value), what)
    pairs = []
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) < 2:
            raise RowFault(f"{what} has a point that is {printable(pair)}")
        pairs.append((number(pair[0], what), number(pair[1], what)))
    if len(pairs) < least:
        raise RowFault(f"{what} has {len(pairs)} points, {least} are the least")
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def points_of_flat(values: Sequence[float], what: str, least: int) -> NDArray[np.float64]:
    """An (n, 2) array of `least` or more points from x1, y1, x2, y2, …"""
    if len(values) % 2 or len(values) < 2 * least:
        raise RowFault(f"{what} has {len(values)} numbers, {least} x y pairs are the least")
    _limit(len(values) // 2, what)
    return np.array(values, dtype=np.float64).reshape(-1, 2)


def _limit(count: int, what: str) -> None:
    if count > MAX_POINTS:
        raise RowFault(f"{what} has {count} points, at most {MAX_POINTS} are taken")


def checked_polygon(rings: Sequence[ArrayLike], holes: Sequence[bool] = ()) -> Polygon:
    """A polygon with an inside; a repeated last point is left out."""
    closed = [_open_ring(np.asarray(ring, dtype=np.float64)) for ring in rings]
    if not closed or any(len(ring) < 3 for ring in closed):
        raise RowFault("the polygon has fewer than three points")
    polygon = Polygon(tuple(closed), tuple(holes) or (False,) * len(closed))
    if polygon.area() == 0:
        raise RowFault("the polygon is empty")
    return polygon


def _open_ring(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(ring) > 3 and (ring[0] == ring[-1]).all():
        return ring[:-1]
    return ring


def box_of_corners(corners: NDArray[np.float64]) -> RotatedBox | Polygon:
    """Four corners in order as a rotated box, as a polygon where they are no rectangle."""
    centre = corners.mean(axis=0)
    along, down = corners[1] - corners[0], corners[3] - corners[0]
    if along[0] * down[1] - along[1] * down[0] < 0:  # against the clock on the screen
        corners = corners[::-1]
        along, down = corners[1] - corners[0], corners[3] - corners[0]
    width, height = float(np.hypot(*along)), float(np.hypot(*down))
    if width == 0 or height == 0:
        raise RowFault(f"the rotated box is empty, {width:g} x {height:g}")
    angle = math.atan2(float(along[1]), float(along[0]))
    box = RotatedBox(float(centre[0]), float(centre[1]), width, height, angle)
    if np.abs(box.points() - corners).max() <= max(_SQUARE * max(width, height), 1e-6):
        return box
    return checked_polygon([corners])
