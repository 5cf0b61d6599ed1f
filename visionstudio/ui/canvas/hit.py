"""Which annotation lies under the pointer: bounding boxes first, then what is left exactly."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.geometry import distance_to_segments
from visionstudio.model.shapes import Bounds, Mask
from visionstudio.model.spans import Spans
from visionstudio.ui.canvas.columns import Columns, FloatArray, Rows

_AROUND = (
    (0.0, 0.0),
    (1, 0),
    (0, 1),
    (-1, 0),
    (0, -1),
    (0.7, 0.7),
    (-0.7, 0.7),
    (-0.7, -0.7),
    (0.7, -0.7),
)
_MOST = 2000  # more candidates than this cannot be told apart by eye


def hit(columns: Columns, x: float, y: float, reach: float) -> int | None:
    """The row at a point of the picture, None where there is nothing.

    Takes the smallest shape whose inside holds the point or whose outline is at
    most `reach` away, so that small things on large ones can be picked.
    """
    rows = columns.within((x - reach, y - reach, x + reach, y + reach))
    if len(rows) == 0:
        return None
    boxes = columns.boxes[rows]
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    # Smallest first; of equals the one drawn last.
    order = np.lexsort((-rows, areas))[:_MOST]
    rows = rows[order]
    segments = columns.segments(rows)
    found = _inside(columns, rows, segments, x, y)
    found |= _near(columns, rows, segments, x, y, reach)
    for n in np.flatnonzero(found | columns.masks[rows]).tolist():
        if found[n] or _on_mask(columns, int(rows[n]), x, y, reach):
            return int(rows[n])
    return None


def _on_mask(columns: Columns, row: int, x: float, y: float, reach: float) -> bool:
    """Whether a mask has a pixel at a point, or at one of eight around it."""
    annotation = columns.annotations[row]
    if annotation is None or not isinstance(annotation.shape, Mask):
        return False
    spans = Spans.of_mask(annotation.shape)
    return any(
        spans.contains(math.floor(x + reach * dx), math.floor(y + reach * dy)) for dx, dy in _AROUND
    )


def _inside(
    columns: Columns, rows: Rows, segments: tuple[FloatArray, Rows], x: float, y: float
) -> NDArray[np.bool_]:
    """Even-odd rule over the segments of each row that is closed."""
    lines, owner = segments
    x1, y1, x2, y2 = lines.T
    crosses = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crosses &= x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    odd = np.bincount(owner[crosses], minlength=len(rows)) % 2 == 1
    return np.asarray(odd & columns.closed[rows])


def _near(
    columns: Columns,
    rows: Rows,
    segments: tuple[FloatArray, Rows],
    x: float,
    y: float,
    reach: float,
) -> NDArray[np.bool_]:
    """Which rows have an outline or a dot within `reach`."""
    near = np.zeros(len(rows), bool)
    lines, owner = segments
    near[owner[distance_to_segments(lines[:, :2], lines[:, 2:], x, y) <= reach]] = True
    if columns.dots[rows].any():
        dots, of = columns.marks(rows)
        near[of[np.hypot(dots[:, 0] - x, dots[:, 1] - y) <= 1.5 * reach]] = True
    return near


def inside_region(columns: Columns, region: Bounds) -> Rows:
    """Rows shown that lie wholly in a region of the picture."""
    x1, y1, x2, y2 = region
    rows = columns.within(region)
    b = columns.boxes[rows]
    whole = (b[:, 0] >= x1) & (b[:, 1] >= y1) & (b[:, 2] <= x2) & (b[:, 3] <= y2)
    return rows[whole]
