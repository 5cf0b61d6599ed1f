"""How well one object was followed: OTB's curves and figures, and its robustness protocols.

Wu, Lim, Yang: Object Tracking Benchmark, PAMI 2015 (success, precision, one-pass evaluation
OPE, starts at other times TRE, perturbed starts SRE). Müller et al.: TrackingNet, ECCV 2018
(normalised precision). A frame in which the track is lost counts as an overlap of 0 and as
infinitely far away; frames without ground truth do not count; the first frame does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.tracking import BoxTuple, Tracked
from visionstudio.model.errors import InvalidValue
from visionstudio.model.geometry import box_iou

FloatArray = NDArray[np.float64]
Protocol = Literal["ope", "tre", "sre"]
PROTOCOLS: tuple[Protocol, ...] = ("ope", "tre", "sre")

SUCCESS = np.linspace(0.0, 1.0, 21)  # IoU
PRECISION = np.arange(51.0)  # px
NORMALISED = np.linspace(0.0, 0.5, 51)  # sizes of the object
NEAR = 20  # px, at which precision is told
SEGMENTS = 20  # starts of TRE
SHIFT, SCALES = 0.1, (0.8, 0.9, 1.1, 1.2)  # of SRE, in sizes of the box


@dataclass(frozen=True, slots=True, eq=False)
class SotCurves:
    """The share of frames over each threshold: (21,), (51,), (51,)."""

    success: FloatArray
    precision: FloatArray
    normalised: FloatArray

    def figures(self) -> dict[str, float]:
        """`auc`, `success_50`, `precision_20` and `norm_precision_auc`, all 0 to 1."""
        return {
            "auc": float(self.success.mean()),
            "success_50": float(self.success[10]),
            "precision_20": float(self.precision[NEAR]),
            "norm_precision_auc": float(self.normalised.mean()),
        }


def overlaps(tracked: Sequence[Tracked], truth: FloatArray) -> FloatArray:
    """IoU of every tracked frame that has ground truth, (n,); 0 where the track was lost."""
    values = []
    for item in _judged(tracked, truth):
        box = None if item.state.lost else item.state.box
        values.append(0.0 if box is None else float(box_iou([box], [truth[item.frame]])[0, 0]))
    return np.array(values, dtype=np.float64)


def distances(tracked: Sequence[Tracked], truth: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How far the middles of both boxes are apart, in pixels and in sizes of the true box.

    As `overlaps`, (n,) each; infinite where the track was lost.
    """
    pixels, sizes = [], []
    for item in _judged(tracked, truth):
        if item.state.lost or item.state.box is None:
            pixels.append(np.inf)
            sizes.append(np.inf)
            continue
        box, true = np.array(item.state.box), truth[item.frame]
        away = (box[:2] + box[2:] - true[:2] - true[2:]) / 2
        pixels.append(float(np.hypot(*away)))
        sizes.append(float(np.hypot(*(away / (true[2:] - true[:2])))))
    return np.array(pixels, dtype=np.float64), np.array(sizes, dtype=np.float64)


def _judged(tracked: Sequence[Tracked], truth: FloatArray) -> list[Tracked]:
    """The frames that have ground truth."""
    return [t for t in tracked if t.frame < len(truth) and np.isfinite(truth[t.frame]).all()]


def curves(tracked: Sequence[Tracked], truth: FloatArray) -> SotCurves:
    """OTB's curves of one run. Raises InvalidValue when no tracked frame has ground truth.

    Success at a threshold is the share of frames whose IoU is above it, precision the share
    whose middles are at most so far apart.
    """
    iou = overlaps(tracked, truth)
    if len(iou) == 0:
        raise InvalidValue("no tracked frame has ground truth")
    pixels, sizes = distances(tracked, truth)
    return SotCurves(
        (iou[None] > SUCCESS[:, None]).mean(axis=1),
        (pixels[None] <= PRECISION[:, None]).mean(axis=1),
        (sizes[None] <= NORMALISED[:, None]).mean(axis=1),
    )


def figures(tracked: Sequence[Tracked], truth: FloatArray) -> dict[str, float]:
    """`mean_iou` and what `SotCurves.figures` tells. Raises InvalidValue without ground truth."""
    found = curves(tracked, truth).figures()
    return {"mean_iou": float(overlaps(tracked, truth).mean()), **found}


def mean_curves(found: Sequence[SotCurves]) -> SotCurves:
    """The mean of several runs, each counting alike."""
    return SotCurves(
        np.mean([c.success for c in found], axis=0),
        np.mean([c.precision for c in found], axis=0),
        np.mean([c.normalised for c in found], axis=0),
    )


def starts(
    truth: FloatArray, protocol: Protocol, box: BoxTuple | None = None
) -> list[tuple[int, BoxTuple]]:
    """Frame and box of every run of a protocol. Raises InvalidValue without ground truth.

    OPE starts on the first frame with ground truth (or with `box`, if given), TRE on up to 20
    frames evenly through the clip, each time to its end, SRE twelve times on the first frame with
    a box that is moved by a tenth of its size in eight directions or 0.8 to 1.2 times as large.
    """
    there = np.flatnonzero(np.isfinite(truth).all(axis=1))
    if len(there) == 0:
        raise InvalidValue("no frame has ground truth")
    first = int(there[0])
    if protocol == "tre":
        count = min(SEGMENTS, len(there))
        picked = sorted({int(there[i * len(there) // count]) for i in range(count)})
        return [(n, _as_tuple(truth[n])) for n in picked]
    start = np.array(box if box is not None else truth[first], dtype=np.float64)
    if protocol == "ope":
        return [(first, _as_tuple(start))]
    return [(first, _as_tuple(b)) for b in _perturbed(start)]


def _perturbed(box: FloatArray) -> list[FloatArray]:
    """Eight moved and four grown boxes."""
    sides, middle = box[2:] - box[:2], (box[:2] + box[2:]) / 2
    ways = [(x, y) for y in (-1, 0, 1) for x in (-1, 0, 1) if (x, y) != (0, 0)]
    moved = [box + np.tile(SHIFT * sides * way, 2) for way in ways]
    grown = [np.concatenate([middle - s * sides / 2, middle + s * sides / 2]) for s in SCALES]
    return [*moved, *grown]


def _as_tuple(box: FloatArray) -> BoxTuple:
    x1, y1, x2, y2 = (float(v) for v in box)
    return x1, y1, x2, y2
