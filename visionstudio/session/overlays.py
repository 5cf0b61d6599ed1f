"""Annotations drawn into pictures, for what is looked at without the program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)
from visionstudio.session.lettering import text_chip

Rgb = NDArray[np.uint8]
_UNKNOWN = LabelClass(id=0, name="?", colour="#b0b0b0")
_SHIFT = 4  # fractional bits of drawn coordinates


def draw_overlays(
    rgb: Rgb,
    annotations: Iterable[Annotation],
    classes: Mapping[int, LabelClass],
    *,
    labels: bool = True,
) -> Rgb:
    """A copy of a picture (H, W, 3) uint8 RGB with the annotations on it, lowest first.

    Rejected and hidden ones, and those outside the frame, are left out; proposals
    have a thinner line. `labels` writes class, track and score beside each.
    """
    out = np.ascontiguousarray(rgb).copy()
    thick = max(1, round(min(out.shape[:2]) / 360))
    size = max(11, round(min(out.shape[:2]) / 36))
    for one in sorted(annotations, key=lambda a: (a.z, a.id)):
        if one.state is State.REJECTED or one.flags & (Flags.HIDDEN | Flags.OUTSIDE):
            continue
        label = classes.get(one.class_id, _UNKNOWN)
        colour = colour_of(label.colour)
        proposed = one.state is State.PROPOSED
        _draw(out, one.shape, colour, max(1, thick if proposed else 2 * thick), label)
        if labels:
            _write(out, one, label, colour, size)
    return out


def colour_of(text: str) -> tuple[int, int, int]:
    """Red, green, blue of '#rrggbb'."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _draw(
    out: Rgb, shape: Shape, colour: tuple[int, int, int], thick: int, label: LabelClass
) -> None:
    match shape:
        case Mask():
            _fill(out, shape, colour)
        case Polygon():
            _lines(out, list(shape.rings), colour, thick, closed=True)
        case Ellipse():
            _lines(out, [shape.outline()], colour, thick, closed=True)
        case Box() | RotatedBox():
            _lines(out, [_corners(shape)], colour, thick, closed=True)
        case Polyline():
            _lines(out, [shape.line], colour, thick, closed=False)
        case Points():
            _dots(out, shape.xy, colour, thick)
        case Skeleton():
            seen = np.asarray(shape.visibility) > 0
            edges = label.skeleton.edges if label.skeleton is not None else ()
            pieces = [shape.xy[[a, b]] for a, b in edges if seen[a] and seen[b]]
            _lines(out, pieces, colour, thick, closed=False)
            _dots(out, shape.xy[seen], colour, thick)
        case Tag():
            pass


def _corners(shape: Box | RotatedBox) -> NDArray[np.float64]:
    if isinstance(shape, RotatedBox):
        return np.asarray(shape.points(), np.float64)
    x1, y1, x2, y2 = shape.bounds()
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float64)


def _lines(
    out: Rgb,
    lines: list[NDArray[np.float64]],
    colour: tuple[int, int, int],
    thick: int,
    *,
    closed: bool,
) -> None:
    # Pixel n covers n … n + 1; drawing takes its middle for n.
    whole = [np.round((np.asarray(p) - 0.5) * (1 << _SHIFT)).astype(np.int32) for p in lines]
    if whole:
        halo = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
        cv2.polylines(out, whole, closed, halo, thick + 2, cv2.LINE_AA, _SHIFT)
        cv2.polylines(out, whole, closed, colour, thick, cv2.LINE_AA, _SHIFT)


def _dots(out: Rgb, points: NDArray[np.float64], colour: tuple[int, int, int], thick: int) -> None:
    for x, y in np.asarray(points)[:, :2].tolist():
        centre = round((x - 0.5) * (1 << _SHIFT)), round((y - 0.5) * (1 << _SHIFT))
        cv2.circle(out, centre, (thick + 2) << _SHIFT, colour, -1, cv2.LINE_AA, _SHIFT)


def _fill(out: Rgb, mask: Mask, colour: tuple[int, int, int]) -> None:
    inside = mask.full(*out.shape[:2])
    out[inside] = (out[inside].astype(np.uint16) + np.array(colour, np.uint16)) // 2
    rings, _ = cv2.findContours(inside.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(out, rings, -1, colour, 1)


def _write(
    out: Rgb, one: Annotation, label: LabelClass, colour: tuple[int, int, int], size: int
) -> None:
    text = label.name if one.track_id is None else f"{label.name} #{one.track_id}"
    if one.score is not None:
        text += f"  {one.score:.2f}"  # apart from the number of the track
    chip = text_chip(text, colour, size)
    left, top = 0, 0
    if not isinstance(one.shape, Tag):
        x1, y1, _, _ = one.shape.bounds()
        left, top = round(x1), round(y1) - chip.shape[0]
    height, width = out.shape[:2]
    top = min(max(top, 0), max(0, height - chip.shape[0]))
    left = min(max(left, 0), max(0, width - chip.shape[1]))
    room = out[top : top + chip.shape[0], left : left + chip.shape[1]]
    room[:] = chip[: room.shape[0], : room.shape[1]]
