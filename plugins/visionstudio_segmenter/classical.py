"""Objects from points and boxes without any learned weights.

grabCut (Rother, Kolmogorov and Blake, 2004) tells object and surroundings apart by their
colours, the watershed of edges (Meyer, 1994) and the random walker (Grady, 2006) by what
lies between seeds. All work on a reduced part of the picture around the prompt, so that an
answer takes a fraction of a second whatever the picture's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Prompt

Image = NDArray[np.uint8]
Trimap = NDArray[np.uint8]  # cv2's GC_BGD, GC_FGD, GC_PR_BGD, GC_PR_FGD per pixel
_MARGIN = 0.3  # of a box's sides, looked at around it
_LEAST = 12.0  # pixels at least
_ROUNDS = 4
_WINDOWS = (0.05, 0.1, 0.2, 0.4, 0.8)  # of the longest side: how far an object may reach
_SEED = 0.04  # of the window: radius of a point
_WALKED = 96  # pixels of the random walker's longest side: its time grows fast
_FEW = 20
_FLAT = 1e-3  # the spread of grey values below which there is nothing to see
_BETA = 90.0  # of the random walker: how much edges hold it back


@dataclass(frozen=True, slots=True)
class Area:
    """A part of the picture, x1, y1, x2, y2 in pixels."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.y2 - self.y1, self.x2 - self.x1


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The part of the picture that was looked at, its mask (h, w) bool, and how sure it is."""

    area: Area
    mask: NDArray[np.bool_]
    score: float


def segment(image: Image, prompt: Prompt, method: str = "auto", side: int = 256) -> Answer:
    """The object that a prompt means.

    `image` (H, W, 3) uint8. `method` is "grabcut", "watershed", "random walker", or "auto":
    grabCut within a box, the watershed from points. With a box the object lies in it; without
    one, windows of growing size around the points are tried and the answer with the strongest
    edges under its outline is taken. Parts of the picture are reduced to a longest side of
    `side`. The mask is empty where nothing is found.
    """
    if method == "auto":
        method = "watershed" if prompt.box is None else "grabcut"
    find = {"grabcut": _grabcut, "watershed": _watershed, "random walker": _random_walker}[method]
    if method == "random walker":
        side = min(side, _WALKED)
    best: Answer | None = None
    for area, box in _windows(image, prompt):
        small, scale = _reduced(image, area, side)
        seeds = _seeds(small.shape[:2], prompt, box, area, scale)
        mask = _connected(find(small, seeds), seeds)
        score = _quality(mask, _edges(small), closed=box is None)
        if best is None or score > best.score:
            best = Answer(area, _enlarged(mask, area.size), score)
    assert best is not None  # there is always a window
    return best


def _windows(
    image: Image, prompt: Prompt
) -> Iterator[tuple[Area, tuple[float, float, float, float] | None]]:
    """Parts of the picture to look at, and the box in which the object lies."""
    height, width = image.shape[:2]
    points = prompt.points
    if prompt.box is not None:
        x1, y1, x2, y2 = prompt.box
        dx, dy = (max(_MARGIN * n, _LEAST) for n in (x2 - x1, y2 - y1))
        yield _area(x1 - dx, y1 - dy, x2 + dx, y2 + dy, width, height), prompt.box
        return
    wanted = points[prompt.labels > 0]
    low, high = points.min(axis=0), points.max(axis=0)
    centre = (wanted.min(axis=0) + wanted.max(axis=0)) / 2
    known: set[Area] = set()
    for share in _WINDOWS:
        reach = max(share * max(height, width) / 2, _LEAST)
        first = np.minimum(centre - reach, low - reach / 2)
        last = np.maximum(centre + reach, high + reach / 2)
        x1, y1, x2, y2 = (float(v) for v in (*first, *last))
        area = _area(x1, y1, x2, y2, width, height)
        if area not in known:
            known.add(area)
            yield area, None


def _area(x1: float, y1: float, x2: float, y2: float, width: int, height: int) -> Area:
    left = int(np.clip(np.floor(x1), 0, width - 1))
    top = int(np.clip(np.floor(y1), 0, height - 1))
    right = int(np.clip(np.ceil(x2), left + 1, width))
    bottom = int(np.clip(np.ceil(y2), top + 1, height))
    return Area(left, top, right, bottom)


def _reduced(image: Image, area: Area, side: int) -> tuple[Image, float]:
    part = np.ascontiguousarray(image[area.y1 : area.y2, area.x1 : area.x2])
    scale = min(1.0, side / max(part.shape[:2]))
    if scale < 1:
        height, width = (max(1, round(n * scale)) for n in part.shape[:2])
        part = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA))
    return part.astype(np.uint8), scale


def _seeds(
    size: tuple[int, int],
    prompt: Prompt,
    box: tuple[float, float, float, float] | None,
    area: Area,
    scale: float,
) -> Trimap:
    """What is known before: the points, outside of the box or the window's rim is not object."""
    height, width = size
    seeds = np.full(size, cv2.GC_PR_FGD if box is not None else cv2.GC_PR_BGD, np.uint8)
    if box is None:
        seeds[[0, -1], :] = seeds[:, [0, -1]] = cv2.GC_BGD
    else:
        x1, y1, x2, y2 = ((v - o) * scale for v, o in zip(box, _origin(area), strict=True))
        seeds[: max(round(y1), 0)] = cv2.GC_BGD
        seeds[max(round(y2), 1) :] = cv2.GC_BGD
        seeds[:, : max(round(x1), 0)] = cv2.GC_BGD
        seeds[:, max(round(x2), 1) :] = cv2.GC_BGD
    radius = max(1, round(_SEED * max(height, width))) if box is None else 2
    for (x, y), label in zip(prompt.points, prompt.labels, strict=True):
        at = int((x - area.x1) * scale), int((y - area.y1) * scale)
        known = cv2.GC_FGD if label > 0 else cv2.GC_BGD
        cv2.circle(seeds, at, radius if label > 0 else max(1, radius // 2), known, -1)
    return seeds


def _origin(area: Area) -> tuple[int, int, int, int]:
    return area.x1, area.y1, area.x1, area.y1


def _grabcut(image: Image, seeds: Trimap) -> NDArray[np.bool_]:
    marks = seeds.copy()
    sure = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    # Both sides need some pixels to learn their colours from.
    if sure.sum() < 5 or (~sure).sum() < 5:
        return np.asarray(sure)
    cv2.setRNGSeed(0)  # its clustering begins at random
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, marks, (0, 0, 1, 1), *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.asarray((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD))


def _watershed(image: Image, seeds: Trimap) -> NDArray[np.bool_]:
    from skimage.segmentation import watershed

    marks = _markers(seeds)
    if not (marks == 2).any():
        return np.asarray(marks != 2)
    found = watershed(_edges(image), marks)  # type: ignore[no-untyped-call]
    return np.asarray(found == 1)


def _random_walker(image: Image, seeds: Trimap) -> NDArray[np.bool_]:
    from skimage.segmentation import random_walker

    marks = _markers(seeds)
    if not ((marks == 2).any() and (marks == 1).any() and (marks == 0).any()):
        return np.asarray(marks != 2)
    smooth = cv2.GaussianBlur(image, (0, 0), 1).astype(np.float64)
    if smooth.std() < _FLAT:  # nothing holds it back: it would divide by that
        return _watershed(image, seeds)
    # What it finds is compared, not measured: a coarse solution will do.
    found = random_walker(
        smooth, marks, beta=_BETA, mode="cg_j", tol=1e-3, channel_axis=-1, prob_tol=1.0
    )
    return np.asarray(found == 1)


def _markers(seeds: Trimap) -> NDArray[np.int32]:
    """1 where the object surely is, 2 where it surely is not, 0 elsewhere."""
    marks = np.zeros(seeds.shape, np.int32)
    marks[seeds == cv2.GC_BGD] = 2
    marks[seeds == cv2.GC_FGD] = 1
    rows, columns = np.nonzero(seeds == cv2.GC_PR_FGD)
    if not (marks == 1).any() and len(rows):  # a box without points: what lies in its middle
        top, bottom = np.percentile(rows, (25, 75)).astype(int)
        left, right = np.percentile(columns, (25, 75)).astype(int)
        marks[top : bottom + 1, left : right + 1] = 1
    return marks


def _edges(image: Image) -> NDArray[np.float32]:
    """The steepness of the picture, the greatest of its channels."""
    smooth = cv2.GaussianBlur(image, (0, 0), 1.0).astype(np.float32)
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    steep = np.hypot(across, down)
    return np.asarray(steep.max(axis=2) if steep.ndim == 3 else steep, np.float32)


def _connected(mask: NDArray[np.bool_], seeds: Trimap) -> NDArray[np.bool_]:
    """The parts with a point in them, or the largest; without small holes."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count < 2:
        return mask
    inside = np.unique(parts[(seeds == cv2.GC_FGD) & mask])
    kept = inside if len(inside) else [1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))]
    whole = np.isin(parts, kept).astype(np.uint8)
    holes, inverse, sizes, _ = cv2.connectedComponentsWithStats(1 - whole, connectivity=4)
    least = 0.02 * whole.sum()
    for hole in range(1, holes):
        x, y, width, height, area = (int(v) for v in sizes[hole])
        rim = x == 0 or y == 0 or x + width == mask.shape[1] or y + height == mask.shape[0]
        here = inverse == hole
        if not rim and area < least and not (seeds[here] == cv2.GC_BGD).any():
            whole[here] = 1
    return whole.astype(bool)


def _quality(mask: NDArray[np.bool_], edges: NDArray[np.float32], *, closed: bool) -> float:
    """How strong edges are under the outline compared with inside, in [0, 1].

    With `closed` an outline along the window's rim counts as no edge.
    """
    area = int(mask.sum())
    if area == 0:
        return 0.0
    kernel = np.ones((3, 3), np.uint8)
    inner = cv2.erode(mask.astype(np.uint8), kernel, borderValue=0)
    rim = mask & (inner == 0)
    strength = float(edges[rim].mean())
    # Of a few pixels inside one cannot tell how flat the object is.
    rest = (float(edges[inner > 0].sum()) + _FEW * strength) / (int(inner.sum()) + _FEW)
    if closed:
        frame = np.zeros_like(mask)
        frame[:2] = frame[-2:] = frame[:, :2] = frame[:, -2:] = True
        strength *= 1 - float((rim & frame).sum() / rim.sum())
    return float(np.clip(strength / (strength + rest + 8.0), 0, 1))


def _enlarged(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    if mask.shape == size:
        return mask
    height, width = size
    shares = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(shares >= 0.5)
