"""Figures of many-object tracks: CLEAR MOT, identities, and HOTA.

CLEAR MOT: Bernardin, Stiefelhagen: Evaluating Multiple Object Tracking Performance,
2008. IDF1: Ristani, Solera, Zou, Cucchiara, Tomasi: Performance Measures and a Data Set
for Multi-Target, Multi-Camera Tracking, 2016. HOTA: Luiten et al.: HOTA: A Higher Order
Metric for Evaluating Multi-Object Tracking, IJCV 2021.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.mot_text import read_mot_rows
from visionstudio.model.errors import InvalidValue
from visionstudio.model.geometry import box_iou

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

MATCH = 0.5  # least IoU for CLEAR MOT and identities
ALPHAS = np.arange(0.05, 0.99, 0.05)  # least IoUs over which HOTA is averaged
_TINY = np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """Boxes of objects by frame: (n,) ids from 0 without gaps and (n, 4) x1, y1, x2, y2."""

    frames: dict[int, tuple[IntArray, FloatArray]]
    count: int

    @property
    def boxes(self) -> int:
        """How many boxes there are in all frames."""
        return sum(len(ids) for ids, _ in self.frames.values())


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    truth: IntArray
    found: IntArray
    iou: FloatArray  # (truth, found)


def read_tracks(path: Path, *, truth: bool = False) -> Tracks:
    """The tracks of MOT text. Of ground truth, rows marked as not to be counted are left out.

    Raises FormatError with the line, also for an id that is twice in a frame.
    """
    rows = [r for r in read_mot_rows(path, ids=True) if not (truth and r.score == 0)]
    numbers = {name: i for i, name in enumerate(sorted({r.id for r in rows}))}
    grouped: dict[int, tuple[list[int], list[tuple[float, ...]]]] = {}
    for row in rows:
        ids, boxes = grouped.setdefault(row.frame, ([], []))
        ids.append(numbers[row.id])
        boxes.append(row.box)
    frames = {f: (np.array(i, np.int64), np.array(b, float)) for f, (i, b) in grouped.items()}
    return Tracks(frames, len(numbers))


def evaluate_tracks(truth: Tracks, found: Tracks) -> dict[str, float]:
    """MOTA, MOTP, IDF1, IDP, IDR, HOTA, DetA, AssA, LocA, counts. Raises InvalidValue.

    MOTP is the mean IoU of the matches, as in the MOT Challenge. An empty result has
    MOTA 0; ground truth without a box cannot be measured against.
    """
    if not truth.boxes:
        raise InvalidValue("the ground truth has no boxes to measure against")
    frames = list(_frames(truth, found))
    figures = _clear(frames, truth, found)
    figures |= _identity(frames, truth, found)
    figures |= _hota(frames, truth, found)
    return figures


def _frames(truth: Tracks, found: Tracks) -> Iterator[_Frame]:
    nothing = np.zeros(0, np.int64), np.zeros((0, 4))
    for number in sorted(truth.frames.keys() | found.frames.keys()):
        ids, boxes = truth.frames.get(number, nothing)
        others, other_boxes = found.frames.get(number, nothing)
        iou = box_iou(boxes, other_boxes) if len(ids) and len(others) else None
        yield _Frame(ids, others, np.zeros((len(ids), len(others))) if iou is None else iou)


def _pair(gain: FloatArray, allowed: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
    """Rows and columns: as many allowed pairs as can be, then the greatest gain."""
    from scipy.optimize import linear_sum_assignment

    if not allowed.any():
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    # One more pair outweighs whatever the others gain together.
    worth = np.where(allowed, gain + gain.size * (1.0 + np.abs(gain).max()), 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    good = allowed[rows, columns]
    return rows[good], columns[good]


def _clear(frames: list[_Frame], truth: Tracks, found: Tracks) -> dict[str, float]:
    """A pair of the frame before is kept while it overlaps; the rest is paired by overlap."""
    partner = np.full(truth.count, -1)  # the result each object was last paired with
    current = np.full(truth.count, -1)  # … in the frame before
    matches = switches = fragments = 0
    overlap = 0.0
    seen = np.zeros(truth.count, np.int64)
    present = np.zeros(truth.count, np.int64)
    for frame in frames:
        allowed = frame.iou >= MATCH - _TINY
        kept = _kept(frame, allowed, current)
        rows, columns = kept
        left = allowed.copy()
        left[rows] = False
        left[:, columns] = False
        more = _pair(frame.iou, left)
        rows, columns = np.concatenate([rows, more[0]]), np.concatenate([columns, more[1]])
        objects, results = frame.truth[rows], frame.found[columns]
        switches += int(((partner[objects] >= 0) & (partner[objects] != results)).sum())
        again = (seen[objects] > 0) & (current[objects] < 0)
        fragments += int(again.sum())
        partner[objects] = results
        current[frame.truth] = -1
        current[objects] = results
        seen[objects] += 1
        present[frame.truth] += 1
        matches += len(rows)
        overlap += float(frame.iou[rows, columns].sum())
    misses, false = truth.boxes - matches, found.boxes - matches
    share = seen / np.maximum(present, 1)
    return {
        "MOTA": 1.0 - (misses + false + switches) / truth.boxes,
        "MOTP": overlap / matches if matches else 0.0,
        "precision": matches / max(found.boxes, 1),
        "recall": matches / truth.boxes,
        "switches": switches,
        "fragments": fragments,
        "false_positives": false,
        "misses": misses,
        "mostly_tracked": int((share >= 0.8).sum()),
        "mostly_lost": int((share < 0.2).sum()),
        "objects": truth.count,
    }


def _kept(
    frame: _Frame, allowed: NDArray[np.bool_], current: IntArray
) -> tuple[IntArray, IntArray]:
    """Rows and columns of the pairs that were pairs in the frame before."""
    same = current[frame.truth][:, None] == frame.found[None, :]
    rows, columns = np.nonzero(same & allowed)
    return rows, columns


def _identity(frames: list[_Frame], truth: Tracks, found: Tracks) -> dict[str, float]:
    """One result for each object over the whole sequence, so that most boxes agree."""
    from scipy.optimize import linear_sum_assignment

    together = np.zeros((truth.count, max(found.count, 1)))
    for frame in frames:
        rows, columns = np.nonzero(frame.iou >= MATCH - _TINY)
        np.add.at(together, (frame.truth[rows], frame.found[columns]), 1)
    rows, columns = linear_sum_assignment(together, maximize=True)
    agreed = float(together[rows, columns].sum())
    return {
        "IDF1": 2 * agreed / (truth.boxes + found.boxes),
        "IDP": agreed / max(found.boxes, 1),
        "IDR": agreed / truth.boxes,
    }


def _hota(frames: list[_Frame], truth: Tracks, found: Tracks) -> dict[str, float]:
    """Detection and association, weighed alike, over all thresholds ALPHAS."""
    from scipy.optimize import linear_sum_assignment

    if not found.count:
        return {"HOTA": 0.0, "DetA": 0.0, "AssA": 0.0, "LocA": 0.0}
    alignment, of_truth, of_found = _alignment(frames, truth, found)
    pairs = np.zeros((len(ALPHAS), truth.count, found.count))
    located = np.zeros(len(ALPHAS))
    for frame in frames:
        weight = alignment[np.ix_(frame.truth, frame.found)] * frame.iou
        rows, columns = linear_sum_assignment(weight, maximize=True)
        for level, alpha in enumerate(ALPHAS):
            good = frame.iou[rows, columns] >= alpha - _TINY
            objects, results = frame.truth[rows[good]], frame.found[columns[good]]
            pairs[level, objects, results] += 1
            located[level] += frame.iou[rows[good], columns[good]].sum()
    matched = pairs.sum(axis=(1, 2))
    detection = matched / (truth.boxes + found.boxes - matched)
    union = np.maximum(of_truth[:, None] + of_found[None, :] - pairs, 1)
    association = (pairs * pairs / union).sum(axis=(1, 2)) / np.maximum(matched, 1)
    location = np.where(matched > 0, located / np.maximum(matched, 1), 1.0)
    return {
        "HOTA": float(np.sqrt(detection * association).mean()),
        "DetA": float(detection.mean()),
        "AssA": float(association.mean()),
        "LocA": float(location.mean()),
    }


def _alignment(
    frames: list[_Frame], truth: Tracks, found: Tracks
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """How well each object and result agree over the sequence, and the boxes of each.

    A Jaccard index of soft matches: a frame in which both overlap alone counts whole.
    """
    soft = np.zeros((truth.count, found.count))
    of_truth, of_found = np.zeros(truth.count), np.zeros(found.count)
    for frame in frames:
        of_truth[frame.truth] += 1
        of_found[frame.found] += 1
        rivals = frame.iou.sum(axis=1)[:, None] + frame.iou.sum(axis=0)[None, :] - frame.iou
        part = np.divide(frame.iou, rivals, out=np.zeros_like(frame.iou), where=rivals > _TINY)
        soft[np.ix_(frame.truth, frame.found)] += part
    return soft / (of_truth[:, None] + of_found[None, :] - soft), of_truth, of_found
