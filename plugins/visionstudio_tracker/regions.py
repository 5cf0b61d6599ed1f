"""Checks of what a single-object tracker is given: frames, and the region drawn by hand."""

from __future__ import annotations

import numpy as np

from visionstudio.api import Frame, InvalidValue
from visionstudio_tracker.appearance import Rect, visible_part

LEAST_SIDE = 4  # px; CSRT's cells are 4 px wide, and less has no structure to follow
LEAST_INSIDE = 0.2  # of a region; it would stand for something that is not to be seen
BoxTuple = tuple[float, float, float, float]


def check_frame(frame: Frame) -> None:
    """Raise InvalidValue unless the frame is (H, W, 3) uint8."""
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8:
        kind = getattr(frame, "dtype", type(frame).__name__)
        raise InvalidValue(f"a frame is a uint8 array, got {kind}")
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise InvalidValue(f"a frame is (H, W, 3) RGB, got shape {frame.shape}")


def check_same_size(frame: Frame, shape: tuple[int, ...] | None) -> tuple[int, ...]:
    """The frame's shape. Raises InvalidValue if it is no frame, or not as large as before."""
    check_frame(frame)
    if shape is not None and frame.shape != shape:
        raise InvalidValue(
            f"the frame is {frame.shape[1]}x{frame.shape[0]}, tracking started on "
            f"{shape[1]}x{shape[0]}",
            next_step="start again on this frame",
        )
    return frame.shape


def check_region(box: BoxTuple, width: int, height: int) -> Rect:
    """The region x1, y1, x2, y2 in whole pixels, cut to the frame, as x, y, width, height.

    Raises InvalidValue when it is empty, too small, not finite, outside or mostly so.
    """
    next_step = "draw a box around the object"
    values = np.asarray(box, dtype=np.float64)
    if values.shape != (4,) or not np.isfinite(values).all():
        raise InvalidValue(
            f"a region is four finite numbers, got {tuple(np.ravel(box))}", next_step=next_step
        )
    x1, y1, x2, y2 = (float(v) for v in values)
    if x2 <= x1 or y2 <= y1:
        raise InvalidValue("the region is empty", next_step=next_step)
    x, y = round(x1), round(y1)
    whole = (x, y, round(x2 - x1), round(y2 - y1))
    if max(x1, 0) >= min(x2, width) or max(y1, 0) >= min(y2, height):
        raise InvalidValue(
            f"the region lies outside the {width}x{height} frame", next_step=next_step
        )
    part, visible = visible_part(whole, width, height)
    if visible < LEAST_INSIDE:
        raise InvalidValue(
            f"only {visible:.0%} of the region lies in the {width}x{height} frame",
            next_step=next_step,
        )
    if min(part[2], part[3]) < LEAST_SIDE:
        raise InvalidValue(
            f"the region is {part[2]}x{part[3]} px in the frame, "
            f"at least {LEAST_SIDE}x{LEAST_SIDE} are needed",
            next_step=next_step,
        )
    return part
