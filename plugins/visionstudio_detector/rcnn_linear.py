"""R-CNN's linear parts: a support vector machine and a box regression per class.

Negatives are far too many to keep. As published (Girshick et al., 2014, after Felzenszwalb
et al., 2010) training goes once over the pictures: what the machines so far take for an
object and is none, is hard and kept; what has become easy is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC
from torch import Tensor

from visionstudio_detector.examples import Item
from visionstudio_detector.rcnn_network import DEPTH, CropNet, changes_to
from visionstudio_torch.metrics import overlaps

Rows = NDArray[np.float16]
_POSITIVE, _NEGATIVE, _NEAR = 0.7, 0.3, 0.5  # IoU with an object, from or up to which
_AT_RANDOM = 24  # negatives of a picture while nothing is known
_HARD = 96  # negatives of a picture at most
_MARGIN, _EASY = -1.0, -1.2  # scores from which a negative is hard, below which it is easy
_MOST, _LEAST, _ALL = 6000, 500, 40_000  # rows kept of each kind and class, and of all classes
_STRENGTH = 1e-4  # C of the machines, for features of variance 1
_RIDGE = 1000.0  # as published


@dataclass
class _Kept:
    """Features (n, DEPTH) of one class: objects, what is none, and boxes near objects."""

    positives: Rows = field(default_factory=lambda: np.zeros((0, DEPTH), np.float16))
    negatives: Rows = field(default_factory=lambda: np.zeros((0, DEPTH), np.float16))
    near: Rows = field(default_factory=lambda: np.zeros((0, DEPTH), np.float16))
    changes: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))


class LinearParts:
    """Collects features picture by picture with `see` and learns from them with `fit`."""

    def __init__(self, classes: int, seed: int) -> None:
        self._kept = [_Kept() for _ in range(classes)]
        self._weights = np.zeros((classes, DEPTH), np.float32)
        self._biases = np.zeros(classes, np.float32)
        self._fitted = False
        self._seed = seed
        self._most = max(_LEAST, min(_MOST, _ALL // max(classes, 1)))

    @property
    def counts(self) -> dict[str, float]:
        """How many features are kept, as figures for the curves."""
        return {
            "positives": float(sum(len(k.positives) for k in self._kept)),
            "negatives": float(sum(len(k.negatives) for k in self._kept)),
        }

    def see(self, rows: NDArray[np.float32], boxes: NDArray[Any], item: Item, number: int) -> None:
        """Take features (n, DEPTH) of boxes (n, 4) in an item; `number` makes lots repeatable."""
        rng = np.random.default_rng([self._seed, number])
        unsure = np.zeros(len(boxes), bool)
        if len(item.ignore):
            crowd = np.ones(len(item.ignore), bool)
            inside = overlaps(boxes, item.ignore, crowd) >= _NEAR
            unsure |= inside.any(axis=1)
        overlap = overlaps(boxes, item.boxes)
        margins = rows @ self._weights.T + self._biases
        small = rows.astype(np.float16)
        for k, kept in enumerate(self._kept):
            mine = np.flatnonzero(item.indices == k)
            best = overlap[:, mine].max(axis=1) if len(mine) else np.zeros(len(boxes))
            none = np.flatnonzero((best < _NEGATIVE) & ~unsure)
            kept.negatives = np.concatenate(
                [kept.negatives, small[self._chosen(none, margins[:, k], rng)]]
            )
            positive = _limited(np.flatnonzero(best >= _POSITIVE), self._most, rng)
            both = np.concatenate([kept.positives, small[positive]])
            kept.positives = both[_limited(np.arange(len(both)), self._most, rng)]
            near = np.flatnonzero(best >= _NEAR)
            if len(near):
                goals = item.boxes[mine[overlap[near][:, mine].argmax(axis=1)]]
                wanted = changes_to(np.asarray(boxes, np.float64)[near], goals)
                both = np.concatenate([kept.near, small[near]])
                changes = np.concatenate([kept.changes, wanted])
                keep = _limited(np.arange(len(both)), self._most, rng)
                kept.near, kept.changes = both[keep], changes[keep]

    def _chosen(
        self, none: NDArray[np.intp], margins: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.intp]:
        """The negatives to keep: the hard ones, or some by lot while nothing is known."""
        if not self._fitted:
            return _limited(none, _AT_RANDOM, rng)
        hard = none[margins[none] > _MARGIN]
        return hard[np.argsort(-margins[hard], kind="stable")[:_HARD]]

    def fit(self, net: CropNet, report: Callable[[], None]) -> None:
        """Learn all machines and regressions anew and put them into the network.

        `report` is called between classes.
        """
        for k, kept in enumerate(self._kept):
            report()
            slope, offset = self._fit_machine(k, kept)
            with torch.no_grad():
                net.svm.weight[k] = torch.from_numpy(self._weights[k])
                net.svm.bias[k] = float(self._biases[k])
                net.slope[k], net.offset[k] = slope, offset
            self._fit_boxes(k, kept, net)
        self._fitted = True

    def _fit_machine(self, k: int, kept: _Kept) -> tuple[float, float]:
        """One class against all else; the line that turns its scores into log odds."""
        if not len(kept.positives) or not len(kept.negatives):
            # A class of which nothing was seen is never found; one without anything else always.
            self._weights[k], self._biases[k] = 0, 1 if len(kept.positives) else -1
            return 10.0, 0.0
        rows = np.concatenate([kept.negatives, kept.positives]).astype(np.float64)
        truth = np.repeat([0, 1], [len(kept.negatives), len(kept.positives)])
        mean, deviation = rows.mean(axis=0), rows.std(axis=0) + 1e-3
        rows = (rows - mean) / deviation
        machine = LinearSVC(C=_STRENGTH, class_weight={1: 2.0}, random_state=0, max_iter=200)
        machine.set_params(dual=len(rows) < DEPTH)
        machine.fit(rows, truth)
        scores = machine.decision_function(rows)
        weights = machine.coef_[0] / deviation
        self._weights[k] = weights
        self._biases[k] = machine.intercept_[0] - weights @ mean
        # Platt, 1999; balanced, because there are as many negatives as one cares to keep.
        line = LogisticRegression(class_weight="balanced").fit(scores[:, None], truth)
        easy = scores[: len(kept.negatives)] < _EASY
        if len(kept.negatives) > self._most // 2:
            kept.negatives = kept.negatives[~easy][-self._most :]
        return float(line.coef_[0, 0]), float(line.intercept_[0])

    def _fit_boxes(self, k: int, kept: _Kept, net: CropNet) -> None:
        rows = slice(4 * k, 4 * k + 4)
        with torch.no_grad():
            if len(kept.near) < 2:
                net.boxes.weight[rows], net.boxes.bias[rows] = 0.0, 0.0
                return
            line = Ridge(alpha=_RIDGE).fit(kept.near.astype(np.float64), kept.changes)
            net.boxes.weight[rows] = torch.from_numpy(line.coef_).float()
            net.boxes.bias[rows] = torch.from_numpy(line.intercept_).float()

    def state(self) -> dict[str, Any]:
        """All that is kept, for a checkpoint."""
        arrays = [
            {name: torch.from_numpy(value) for name, value in vars(kept).items()}
            for kept in self._kept
        ]
        return {
            "kept": arrays,
            "weights": torch.from_numpy(self._weights),
            "biases": torch.from_numpy(self._biases),
            "fitted": self._fitted,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""

        def array(tensor: Tensor) -> NDArray[Any]:
            return np.array(tensor.numpy())

        self._kept = [_Kept(**{n: array(t) for n, t in one.items()}) for one in state["kept"]]
        self._weights, self._biases = array(state["weights"]), array(state["biases"])
        self._fitted = bool(state["fitted"])


def _limited(places: NDArray[np.intp], most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most so many of the places, by lot."""
    return places if len(places) <= most else rng.choice(places, most, replace=False)
