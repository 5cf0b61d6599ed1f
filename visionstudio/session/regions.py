"""Figures of objects: area, perimeter, form, and their source values per channel."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.media.image import Pixels
from visionstudio.media.statistics import figures, measured
from visionstudio.model.annotations import Annotation
from visionstudio.model.geometry import ring_area
from visionstudio.model.measurements import Calibration, length
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Ellipse, Mask, Points, Polygon, Polyline, Shape, Skeleton, Tag

FIGURES = ("mean", "sd", "min", "max", "median")


@dataclass(frozen=True, slots=True)
class RegionRow:
    """The figures of one object. Lengths and areas are in `unit`; NaN where there is none."""

    id: int
    media_id: int
    media: str
    frame: int
    label: str
    shape: str
    state: str
    unit: str
    pixels: int
    area: float
    perimeter: float
    x: float
    y: float
    width: float
    height: float
    centroid_x: float
    centroid_y: float
    circularity: float
    feret: float
    min_feret: float
    values: tuple[tuple[str, float, float, float, float, float], ...] = ()  # name and FIGURES


COLUMNS: tuple[str, ...] = tuple(
    name for name in RegionRow.__dataclass_fields__ if name not in ("values", "media_id")
)


def measure_region(
    annotation: Annotation,
    pixels: Pixels | None,
    calibration: Calibration,
    label: str = "",
    media: str = "",
) -> RegionRow:
    """The figures of an annotation's shape.

    Areas, perimeters and Feret diameters are those of the outline; of a mask the
    area is that of its pixels and the perimeter that of skimage (Benkrid and
    Crookes' weights). Values are those of the pixels whose centre lies inside.
    """
    shape = annotation.shape
    x1, y1, x2, y2 = shape.bounds() if not isinstance(shape, Tag) else (math.nan,) * 4
    cx, cy = calibration.x, calibration.y
    outline = _outline(shape)
    scaled = outline * (cx, cy) if len(outline) else outline
    mask, left, top = _mask_part(shape, pixels)
    area, perimeter, centre = _form(shape, scaled, calibration)
    feret, least = feret_diameters(scaled)
    circularity = 4 * math.pi * area / perimeter**2 if perimeter > 0 and area > 0 else math.nan
    values = []
    if pixels is not None and mask is not None:
        rows, columns = slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1])
        for name, plane in measured(pixels):
            f = figures(name, plane[rows, columns][mask])
            values.append((name, f.mean, f.sd, f.minimum, f.maximum, f.median))
    return RegionRow(
        id=annotation.id,
        media_id=annotation.media_id,
        media=media,
        frame=annotation.frame,
        label=label,
        shape=shape.kind,
        state=annotation.state.value,
        unit=calibration.unit,
        pixels=0 if mask is None else int(mask.sum()),
        area=area,
        perimeter=perimeter,
        x=x1 * cx,
        y=y1 * cy,
        width=(x2 - x1) * cx,
        height=(y2 - y1) * cy,
        centroid_x=centre[0],
        centroid_y=centre[1],
        circularity=min(circularity, 1.0) if math.isfinite(circularity) else circularity,
        feret=feret,
        min_feret=least,
        values=tuple(values),
    )


def _outline(shape: Shape) -> NDArray[np.float64]:
    """The outer points of a shape, (n, 2)."""
    if isinstance(shape, Ellipse):
        return shape.outline(256)
    if isinstance(shape, Polygon):
        return np.concatenate([r for r, is_hole in zip(shape.rings, shape.holes, strict=True)
                               if not is_hole] or [shape.rings[0]])  # fmt: skip
    if isinstance(shape, Mask):
        return _corners(shape)
    if isinstance(shape, Tag):
        return np.zeros((0, 2))
    if isinstance(shape, Skeleton):
        return np.asarray(shape.points()[:, :2], np.float64)
    return np.asarray(shape.points(), np.float64)


def _corners(mask: Mask) -> NDArray[np.float64]:
    """The corners of the outer pixels of every row of a mask."""
    array = mask.array()
    rows = np.flatnonzero(array.any(axis=1))
    if not len(rows):
        return np.zeros((0, 2))
    left = array[rows].argmax(axis=1)
    right = array.shape[1] - array[rows][:, ::-1].argmax(axis=1)
    points = [
        np.column_stack([x + mask.x, y + mask.y]) for x in (left, right) for y in (rows, rows + 1)
    ]
    return np.concatenate(points).astype(np.float64)


def _mask_part(shape: Shape, pixels: Pixels | None) -> tuple[NDArray[np.bool_] | None, int, int]:
    """The pixels inside a shape, cut to its bounds and the picture; and where that lies."""
    if isinstance(shape, Tag | Points | Skeleton | Polyline):
        return None, 0, 0
    x1, y1, x2, y2 = shape.bounds()
    left, top = math.floor(x1), math.floor(y1)
    right, bottom = math.ceil(x2), math.ceil(y2)
    if pixels is not None:
        height, width = pixels.values.shape[:2]
        left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    if right <= left or bottom <= top:
        return None, 0, 0
    return to_mask(shape.translated(-left, -top), bottom - top, right - left), left, top


def _form(
    shape: Shape,
    outline: NDArray[np.float64],
    calibration: Calibration,
) -> tuple[float, float, tuple[float, float]]:
    """Area, perimeter and centroid in units."""
    nothing = (math.nan, math.nan)
    if isinstance(shape, Tag):
        return math.nan, math.nan, nothing
    if isinstance(shape, Points | Skeleton):
        middle = outline.mean(axis=0) if len(outline) else nothing
        return 0.0, 0.0, (float(middle[0]), float(middle[1]))
    if isinstance(shape, Polyline):
        middle = outline.mean(axis=0)
        return 0.0, length(map(tuple, outline.tolist())), (float(middle[0]), float(middle[1]))
    if isinstance(shape, Mask):
        array = shape.array()
        ys, xs = np.nonzero(array)
        size = calibration.x * calibration.y
        middle = (float(xs.mean() + 0.5 + shape.x), float(ys.mean() + 0.5 + shape.y))
        return (
            float(len(xs) * size),
            mask_perimeter(array) * math.sqrt(size),
            (middle[0] * calibration.x, middle[1] * calibration.y),
        )
    rings = (
        shape.rings if isinstance(shape, Polygon) else (outline / (calibration.x, calibration.y),)
    )
    scaled = [np.asarray(ring, np.float64) * (calibration.x, calibration.y) for ring in rings]
    perimeter = sum(
        length(map(tuple, np.concatenate([ring, ring[:1]]).tolist())) for ring in scaled
    )
    return shape.area() * calibration.x * calibration.y, perimeter, _centroid(shape, scaled)


def _centroid(shape: Shape, rings: list[NDArray[np.float64]]) -> tuple[float, float]:
    """The centroid of the area within rings, of which some may be holes."""
    if len(rings) == 1 or not isinstance(shape, Polygon):
        return ring_centroid(rings[0])
    signs = [-1.0 if is_hole else 1.0 for is_hole in shape.holes]
    weights = np.array([sign * ring_area(r) for sign, r in zip(signs, rings, strict=True)])
    middles = np.array([ring_centroid(ring) for ring in rings])
    if weights.sum() <= 0:
        return ring_centroid(rings[0])
    x, y = (weights[:, None] * middles).sum(axis=0) / weights.sum()
    return float(x), float(y)


def mask_perimeter(array: NDArray[np.bool_]) -> float:
    """The perimeter of a mask in pixels, as skimage estimates it."""
    from skimage.measure import perimeter

    found: Any = perimeter(np.pad(array, 1), neighborhood=4)  # type: ignore[no-untyped-call]
    return float(found)


def ring_centroid(ring: NDArray[np.float64]) -> tuple[float, float]:
    """The centroid of a closed ring's area; the mean of its points where it has none."""
    x, y = ring[:, 0] - ring[0, 0], ring[:, 1] - ring[0, 1]
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    double = float(cross.sum())
    if abs(double) < 1e-12:
        middle = ring.mean(axis=0)
        return float(middle[0]), float(middle[1])
    cx = float(((x + np.roll(x, -1)) * cross).sum() / (3 * double)) + float(ring[0, 0])
    cy = float(((y + np.roll(y, -1)) * cross).sum() / (3 * double)) + float(ring[0, 1])
    return cx, cy


def feret_diameters(points: NDArray[np.float64]) -> tuple[float, float]:
    """The largest and the smallest caliper diameter of points, by their convex hull."""
    if len(points) < 2:
        return (0.0, 0.0) if len(points) else (math.nan, math.nan)
    import cv2

    hull = cv2.convexHull(points.astype(np.float32)).reshape(-1, 2).astype(np.float64)
    gaps = hull[:, None] - hull[None]
    largest = float(np.hypot(gaps[..., 0], gaps[..., 1]).max())
    sides = np.roll(hull, -1, axis=0) - hull
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    if len(hull) < 3:
        return largest, 0.0
    normals = np.column_stack([-sides[:, 1], sides[:, 0]])[lengths > 0]
    normals /= lengths[lengths > 0, None]
    across = hull @ normals.T
    return largest, float((across.max(axis=0) - across.min(axis=0)).min())


def to_csv(rows: Iterable[RegionRow]) -> str:
    """Rows as CSV with a header; value columns are named after channel and figure."""
    rows = list(rows)
    channels = list(dict.fromkeys(v[0] for row in rows for v in row.values))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = [f"{figure}_{name}" for name in channels for figure in FIGURES]
    writer.writerow([*COLUMNS, *head])
    for row in rows:
        by_channel = {v[0]: v[1:] for v in row.values}
        cells: list[Any] = [getattr(row, name) for name in COLUMNS]
        for name in channels:
            cells += by_channel.get(name, ("",) * len(FIGURES))
        writer.writerow([_cell(c) for c in cells])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if not math.isfinite(value) else f"{value:.10g}"
    return value


Reader = Callable[[int, int], Pixels | None]


def measure_all(
    annotations: Sequence[Annotation],
    labels: Mapping[int, str],
    media: Mapping[int, str],
    read: Reader,
    calibration: Callable[[int], Calibration],
    *,
    cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[float], None] = lambda _: None,
) -> Iterator[RegionRow]:
    """Rows for annotations sorted by media and frame; each picture is read once.

    `read(media id, frame)` gives the source values, None where they cannot be read.
    """
    here: tuple[int, int] | None = None
    pixels: Pixels | None = None
    for n, annotation in enumerate(annotations):
        if cancelled():
            return
        place = annotation.media_id, annotation.frame
        if place != here:
            pixels, here = read(*place), place
            progress(n / len(annotations))
        yield measure_region(
            annotation,
            pixels,
            calibration(annotation.media_id),
            labels.get(annotation.class_id, ""),
            media.get(annotation.media_id, ""),
        )
