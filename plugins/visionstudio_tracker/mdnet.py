"""MDNet: a classifier of object against background that goes on learning while it tracks.

Nam, Han: Learning Multi-Domain Convolutional Neural Networks for Visual Tracking, CVPR
2016. As in Jung, Son, Baek, Han: Real-Time MDNet, ECCV 2018, features of all candidates
come from one pass over a view by RoIAlign. The shared layers are the built-in backbone,
frozen; the layers of the one "domain" that is tracked are learned online, with hard
negatives, a short-term memory for when the object is doubtful and a long-term one, and
box regression (Girshick et al. 2014) learned from the first frame. The first of these layers
starts at random, or from what it has learned of many objects (`mdnet_training`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import (
    Context,
    Frame,
    InvalidValue,
    TrackState,
    TrainContext,
    TrainingData,
    TrainResult,
    box_iou,
)
from visionstudio_torch.backbone import features
from visionstudio_torch.weights import load_weights
from visionstudio_tracker.mdnet_regions import (
    CONTEXT,
    HIDDEN,
    MODEL,
    SHARED,
    STRIDES,
    VIEW,
    background,
    region_features,
)
from visionstudio_tracker.params import MdNetParams, MdNetTraining
from visionstudio_tracker.regions import BoxTuple, check_region, check_same_size
from visionstudio_tracker.views import jittered, view_of

FloatArray = NDArray[np.float64]

CANDIDATES = 256
FIRST_STEPS, STEPS = 40, 12
POSITIVES, NEGATIVES, POOL = 32, 96, 768  # of a step; the hardest of the pool are taken
SHORT, LONG, EVERY = 20, 80, 10  # frames


class MdNetTracker:
    """One object through one video: `load`, `start` on a box, `update` per frame."""

    def __init__(self) -> None:
        self._params = MdNetParams()
        self._shape: tuple[int, ...] | None = None
        self._backbone: nn.Module | None = None

    def load(self, params: MdNetParams, weights: Path | None, ctx: Context) -> None:
        self._shared: dict[str, Tensor] | None = None
        if weights is not None:
            state, _ = load_weights(weights, MODEL)
            self._shared = {n: state[f"{SHARED}.{n}"] for n in ("weight", "bias")}
        self._params = params
        self._device = torch.device(ctx.device)
        self._backbone = features(STRIDES).eval().to(self._device)

    def unload(self) -> None:
        self._backbone = None
        self._shape = None

    def start(self, frame: Frame, box: BoxTuple, ctx: Context) -> None:
        """Learn the object in `box`, x1, y1, x2, y2. Raises InvalidValue for a bad box."""
        self._shape = check_same_size(frame, None)
        x, y, w, h = check_region(box, frame.shape[1], frame.shape[0])
        self._box = np.array([x, y, x + w, y + h], dtype=np.float64)
        self._rng = np.random.default_rng(ctx.seed)
        self._torch = torch.Generator().manual_seed(ctx.seed)
        self._seed = ctx.seed
        self._frame = self._lost = 0
        first = np.concatenate([self._around(400, 0.1, 0.1), self._around(300, 0.3, 0.3)])
        seen = self._look(frame, first)
        iou = box_iou([self._box], first)[0]
        self._regression = BoxRegression(first[iou > 0.6], seen[iou > 0.6], self._box)
        far = background(self._box, 1500, self._rng)
        away = self._look(frame, far)
        self._head = _head(seen.shape[1], self._torch)
        if self._shared is not None:
            self._head[0].load_state_dict(self._shared)
        self._head.to(self._device)
        self._optimiser = torch.optim.SGD(
            self._head.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4
        )
        self._memory: deque[tuple[Tensor, Tensor]] = deque(maxlen=LONG)
        self._memory.append((seen[iou > 0.7], away))
        self._learn(FIRST_STEPS, LONG)

    def update(self, frame: Frame, ctx: Context) -> TrackState:
        """Where the object is in the next frame. Raises InvalidValue when its size changed."""
        if self._shape is None or self._backbone is None:
            raise InvalidValue("tracking has not started", next_step="call start with a box")
        check_same_size(frame, self._shape)
        self._frame += 1
        reach = min(0.25 * (1 + 0.5 * self._lost), 1.2)
        candidates = self._around(CANDIDATES, reach, 0.08, 0.02)
        seen = self._look(frame, candidates)
        with torch.no_grad():
            margin = _margin(self._head(seen))
        best = margin.topk(5).indices
        score = float(torch.sigmoid(margin[best].mean()))
        if score < self._params.min_score:
            self._lost += 1
            if self._lost == 1:
                self._learn(STEPS, SHORT)
            return TrackState(None, score, lost=True)
        places = self._regression.refined(candidates[best.cpu().numpy()], seen[best])
        found = places.mean(axis=0)
        height, width = frame.shape[:2]
        if found[0] >= width or found[1] >= height or found[2] <= 0 or found[3] <= 0:
            self._lost += 1
            return TrackState(None, score, lost=True)
        self._box, self._lost = found, 0
        self._remember(frame)
        if self._frame % EVERY == 0:
            self._learn(STEPS, LONG)
        return TrackState((found[0], found[1], found[2], found[3]), score)

    # Samples

    def _around(self, count: int, move: float, grow: float, stretch: float = 0.05) -> FloatArray:
        return jittered(self._box, count, self._rng, move=move, grow=grow, stretch=stretch)

    def _remember(self, frame: Frame) -> None:
        near = self._around(80, 0.08, 0.05)
        near = near[box_iou([self._box], near)[0] > 0.7][:50]
        far = background(self._box, 150, self._rng)
        seen = self._look(frame, np.concatenate([near, far]))
        self._memory.append((seen[: len(near)], seen[len(near) :]))

    @torch.no_grad()
    def _look(self, frame: Frame, boxes: FloatArray) -> Tensor:
        """Features (n, d) of boxes, from one pass over the view about the object."""
        view = view_of(self._box, CONTEXT, VIEW)
        assert self._backbone is not None
        return region_features(self._backbone, view.cut(frame), view.to_view(boxes), self._device)

    def train(self, data: TrainingData, params: MdNetTraining, ctx: TrainContext) -> TrainResult:
        """Train the layer that all objects share; leaves best.safetensors in the run folder."""
        from visionstudio_tracker.mdnet_training import train_mdnet

        return train_mdnet(data, params, ctx)

    def examples(self, data: TrainingData, params: MdNetTraining, ctx: Context) -> Iterator[Frame]:
        """Looks with regions on the object and beside it, as they are varied."""
        from visionstudio_tracker.mdnet_training import examples

        return examples(data, params, ctx)

    # Learning

    def _learn(self, steps: int, frames: int) -> None:
        recent = list(self._memory)[-frames:]
        # The drawn object is never forgotten.
        positives = torch.cat([p for p, _ in [self._memory[0], *recent]])
        negatives = torch.cat([n for _, n in recent[-SHORT:]])
        with torch.random.fork_rng(devices=[]):  # dropout must repeat itself, for nobody else
            torch.manual_seed(self._seed + self._frame)
            self._steps(steps, positives, negatives)
        self._head.eval()

    def _steps(self, steps: int, positives: Tensor, negatives: Tensor) -> None:
        for _ in range(steps):
            some = self._pick(len(positives), POSITIVES)
            pool = negatives[self._pick(len(negatives), POOL)]
            with torch.no_grad():
                self._head.eval()
                hard = _margin(self._head(pool)).topk(min(NEGATIVES, len(pool))).indices
                self._head.train()
            answer = self._head(torch.cat([positives[some], pool[hard]]))
            goal = torch.zeros(len(answer), dtype=torch.long, device=self._device)
            goal[: len(some)] = 1
            loss = nn.functional.cross_entropy(answer, goal)
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch has no types for it
            nn.utils.clip_grad_norm_(self._head.parameters(), 10)
            self._optimiser.step()

    def _pick(self, total: int, count: int) -> Tensor:
        return torch.randint(total, (min(count, total),), generator=self._torch).to(self._device)


def _head(inputs: int, generator: torch.Generator) -> nn.Sequential:
    """Two layers: (n, inputs) → logits (n, 2) of background and object."""
    head = nn.Sequential(
        nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Dropout(0.3), nn.Linear(HIDDEN, 2)
    )
    with torch.no_grad():
        for layer in head:
            if isinstance(layer, nn.Linear):
                spread = (2 / layer.in_features) ** 0.5
                layer.weight.normal_(0, spread, generator=generator)
                layer.bias.zero_()
    return head


def _margin(logits: Tensor) -> Tensor:
    return logits[:, 1] - logits[:, 0]


class BoxRegression:
    """Ridge regression from a region's features to the box that it should have been."""

    RIDGE = 1000.0

    def __init__(self, boxes: FloatArray, seen: Tensor, goal: FloatArray) -> None:
        self._mean = seen.mean(0)
        x = (seen - self._mean).double().cpu().numpy()
        y = _offsets(boxes, goal)
        self._level = y.mean(axis=0)
        kernel = x @ x.T  # fewer regions than features: the dual form is the small one
        weights = np.linalg.solve(kernel + self.RIDGE * np.eye(len(x)), y - self._level)
        self._weights: Any = x.T @ weights

    def refined(self, boxes: FloatArray, seen: Tensor) -> FloatArray:
        """The boxes (n, 4) moved and grown to where the object seems to end."""
        shift = (seen - self._mean).double().cpu().numpy() @ self._weights + self._level
        shift = np.clip(shift, -0.3, 0.3)
        sides = boxes[:, 2:] - boxes[:, :2]
        centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + shift[:, :2] * sides
        half = sides * np.exp(shift[:, 2:]) / 2
        return np.concatenate([centre - half, centre + half], axis=1)


def _offsets(boxes: FloatArray, goal: FloatArray) -> FloatArray:
    """Move (in sides) and growth (in logarithms) from each box to the goal, (n, 4)."""
    sides = boxes[:, 2:] - boxes[:, :2]
    move = ((goal[:2] + goal[2:]) / 2 - (boxes[:, :2] + boxes[:, 2:]) / 2) / sides
    return np.concatenate([move, np.log((goal[2:] - goal[:2]) / sides)], axis=1)
