"""ATOM: a filter learned online finds the object, predicted overlap finds its size.

Danelljan, Bhat, Khan, Felsberg: ATOM: Accurate Tracking by Overlap Maximization, CVPR 2019,
on the built-in backbone. The overlap predictor is trained beforehand; the filter is learned
from the first frame and goes on learning. Every answer passes the gate that OpenCV's
trackers pass too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from visionstudio.api import Context, Frame, InvalidValue, TrainContext, TrainingData, TrainResult
from visionstudio_torch.backbone import normalise
from visionstudio_torch.weights import apply_weights, load_weights
from visionstudio_tracker.appearance import Rect
from visionstudio_tracker.filter_learning import gauss_newton
from visionstudio_tracker.gated import GatedTracker, Place
from visionstudio_tracker.iou_net import BUILTIN, CONTEXT, MODEL, VIEW, IouNet
from visionstudio_tracker.known import STRIDES, Maps, frozen_backbone
from visionstudio_tracker.params import AtomTraining, GateParams
from visionstudio_tracker.views import View, jittered, view_of

FloatArray = NDArray[np.float64]

KERNEL, WIDTH = 5, 32  # of the filter, in cells of 16 px; channels after the projection
SPREAD = 0.25  # standard deviation of the wanted response, in sides of the object
RIDGE = 0.1  # weight of the regulariser
FIRST, FIRST_ROUNDS, ROUND_STEPS = 18, 5, 8  # views of the first frame; Gauss-Newton
MEMORY, EVERY, RATE = 50, 10, 0.02  # views; frames between lessons; weight of a new view
GUESSES, SURE = 9, 3  # boxes that climb beside the expected one; how many of the best count
CALIBRATIONS = 4  # climbs from the drawn box
WORTH = 0.4  # the predicted overlap below which the size stays as it was
DAMPING, SHAPE_DAMPING = 0.25, 0.1  # how far the size and the shape follow in one frame
SHAPE_RETURN = 0.2  # how far the shape returns to the drawn one in one frame
MOST_CHANGE = 0.05  # of the logarithm of a side in one frame
WINDOW = 0.15  # weight of the cosine window


class AtomTracker(GatedTracker):
    """The networks are read once; the filter starts afresh on every region."""

    model = MODEL

    def __init__(self) -> None:
        super().__init__()
        self._backbone: nn.Module | None = None
        self._device = torch.device("cpu")

    def load(self, params: GateParams, weights: Path | None, ctx: Context) -> None:
        """Take a trained overlap predictor, or the one that comes with the program."""
        path = weights or BUILTIN
        state, _ = load_weights(path, MODEL)
        head = IouNet()
        apply_weights(head, {name: tensor.float() for name, tensor in state.items()}, path)
        self._device = torch.device(ctx.device)
        self._head = head.eval().requires_grad_(False).to(self._device)
        self._backbone = frozen_backbone().to(memory_format=torch.channels_last).to(self._device)
        self._params = params

    def unload(self) -> None:
        super().unload()
        self._backbone = None

    def start(self, frame: Frame, box: tuple[float, float, float, float], ctx: Context) -> None:
        """Learn the object in `box`, x1, y1, x2, y2. Raises InvalidValue for a bad box."""
        self._seed = ctx.seed
        super().start(frame, box, ctx)

    def train(self, data: TrainingData, params: AtomTraining, ctx: TrainContext) -> TrainResult:
        """Train the overlap predictor; leaves best.safetensors in the run folder."""
        from visionstudio_tracker.atom_training import train_atom

        return train_atom(data, params, ctx)

    def examples(self, data: TrainingData, params: AtomTraining, ctx: Context) -> Iterator[Frame]:
        """Training pairs side by side, as they are varied."""
        from visionstudio_tracker.atom_training import examples

        return examples(data, params, ctx)

    # Tracking

    def _begin(self, frame: Frame, rect: Rect) -> None:
        if self._backbone is None:
            raise InvalidValue("the tracker is not loaded", next_step="call load first")
        self._tracker = self._backbone
        x, y, w, h = rect
        self._rng = np.random.default_rng(self._seed)
        self._box = np.array([x, y, x + w, y + h], dtype=np.float64)
        self._drawn = np.array([w, h], dtype=np.float64)
        self._score, self._count = 1.0, 0
        view = view_of(self._box, CONTEXT, VIEW)
        with torch.no_grad():
            maps = self._maps([view.cut(frame)])
            self._vectors = self._head.modulate(maps, self._to_view(view, self._box[None]))
        # Where the climb leads from the drawn box is how far its idea of an outline differs
        # from that of the person who drew it; without this a person shrinks to a torso.
        found = [self._refined(maps, view, self._box)[0] for _ in range(CALIBRATIONS)]
        self._bias = np.mean([_change(self._box, box) for box in found], axis=0)
        self._learn_first(frame)

    def _answer(self, frame: Frame) -> Place | None:
        view = view_of(self._box, CONTEXT, VIEW)
        with torch.no_grad():
            maps = self._maps([view.cut(frame)])
            found, self._score = self._locate(maps)
        middle = view.to_frame(np.array([[*found, *found]]))[0, :2]
        half = (self._box[2:] - self._box[:2]) / 2
        expected = np.concatenate([middle - half, middle + half])
        if self._score < self._params.min_response:
            return None
        box, overlap = self._refined(maps, view, expected)
        change = _change(expected, box) - self._bias if overlap >= WORTH else np.zeros(4)
        height, width = frame.shape[:2]
        centre = np.clip(middle + change[:2] * 2 * half, 0, (width, height))
        sides = 2 * half * np.exp(self._growth(change[2:], 2 * half))
        sides = np.maximum(np.clip(sides, 0.2 * self._drawn, 5 * self._drawn), 4.0)
        self._box = np.concatenate([centre - sides / 2, centre + sides / 2])
        self._remember(maps, view)
        (x, y), (w, h) = self._box[:2], sides
        return float(x), float(y), float(w), float(h)

    def _growth(self, change: FloatArray, sides: FloatArray) -> FloatArray:
        """How far the logarithms of the sides follow a wanted change in one frame.

        From frame to frame an object changes less than the predictor errs. The shape follows
        more slowly than the size and returns to the drawn one, or small errors would add up
        to a sliver.
        """
        size, shape = change.mean(), (change[0] - change[1]) / 2
        ratio = np.log(sides / self._drawn)
        off = (ratio[0] - ratio[1]) / 2
        shape = SHAPE_DAMPING * shape - SHAPE_RETURN * off
        both = DAMPING * size + shape * np.array([1.0, -1.0])
        return np.asarray(np.clip(both, -MOST_CHANGE, MOST_CHANGE))

    def _own_score(self) -> float:
        return float(np.clip(self._score, 0.0, 1.0))

    def _locate(self, maps: Maps) -> tuple[FloatArray, float]:
        """The middle of the object in pixels of the view, and the response there."""
        response = self._respond(*self._weights, self._inputs(maps))[0]
        fine = functional.interpolate(
            response[None, None], size=(VIEW, VIEW), mode="bicubic", align_corners=False
        )[0, 0]
        window = torch.hann_window(VIEW, periodic=False, device=fine.device)
        mixed = fine * (1 - WINDOW) + WINDOW * fine.max() * torch.outer(window, window)
        place = int(mixed.argmax())
        row, column = divmod(place, VIEW)
        return np.array([column + 0.5, row + 0.5]), float(fine.flatten()[place])

    def _refined(self, maps: Maps, view: View, expected: FloatArray) -> tuple[FloatArray, float]:
        """The mean of the boxes of the highest predicted overlap after climbing, and that."""
        guesses = jittered(expected, GUESSES, self._rng, move=0.08, grow=0.1, stretch=0.08)
        boxes = self._to_view(view, np.concatenate([expected[None], guesses]))
        with torch.no_grad():
            prepared = self._head.prepare(maps)
        climbed, value = self._head.climb(self._vectors, prepared, boxes[None])
        best = value[0].topk(SURE).indices
        mean = climbed[0, best].mean(dim=0).double().cpu().numpy()
        return np.asarray(view.to_frame(mean[None])[0]), float(value[0, best].mean())

    # The filter

    def _learn_first(self, frame: Frame) -> None:
        """Learn projection and filter from views of the first frame, moved, turned and blurred."""
        boxes = [self._box]
        boxes += list(jittered(self._box, FIRST - 1, self._rng, move=0.6, grow=0.12))
        views = [view_of(box, CONTEXT, VIEW) for box in boxes]
        with torch.no_grad():
            maps = self._maps([view.cut(frame) for view in views])
            inputs = self._inputs(maps)
            wanted = torch.stack([self._wanted(view) for view in views])
        weights = torch.ones(len(views), device=self._device)
        weights[0] = 3.0  # the true view counts most
        channels = inputs.shape[1]
        generator = torch.Generator().manual_seed(self._seed)
        projection = torch.randn(WIDTH, channels, 1, 1, generator=generator) / channels**0.5
        kernel = torch.zeros(1, WIDTH, KERNEL, KERNEL)
        projection, kernel = projection.to(self._device), kernel.to(self._device)
        share = (weights / weights.sum()).sqrt()[:, None, None]
        # With a filter of zeros the projection has no gradient: the filter comes first.
        first = projection
        (kernel,) = gauss_newton(
            lambda k: self._residuals(first, k, inputs, wanted, share), (kernel,), 1, ROUND_STEPS
        )
        projection, kernel = gauss_newton(
            lambda p, k: self._residuals(p, k, inputs, wanted, share),
            (first, kernel),
            FIRST_ROUNDS,
            ROUND_STEPS,
        )
        self._weights = (projection, kernel)
        self._memory: deque[tuple[Tensor, Tensor]] = deque(maxlen=MEMORY)
        self._anchor = (inputs, wanted, weights / weights.sum())

    def _remember(self, maps: Maps, view: View) -> None:
        """Keep the view, and learn from what is kept now and then."""
        self._count += 1
        with torch.no_grad():
            self._memory.append((self._inputs(maps), self._wanted(view)[None]))
        if self._count % EVERY:
            return
        first, goal, weights = self._anchor
        inputs = torch.cat([first, *(m[0] for m in self._memory)])
        wanted = torch.cat([goal, *(m[1] for m in self._memory)])
        ages = torch.arange(len(self._memory) - 1, -1, -1, device=self._device)
        fresh = RATE * (1 - RATE) ** ages
        # The drawn object keeps at least a quarter of the say.
        part = min(float(fresh.sum()), 0.75)
        weights = torch.cat([weights * (1 - part), fresh / fresh.sum() * part])
        share = weights.sqrt()[:, None, None]
        projection, kernel = self._weights
        (kernel,) = gauss_newton(
            lambda k: self._residuals(projection, k, inputs, wanted, share),
            (kernel,),
            1,
            ROUND_STEPS,
        )
        self._weights = (projection, kernel)

    @staticmethod
    def _residuals(
        projection: Tensor, kernel: Tensor, inputs: Tensor, wanted: Tensor, share: Tensor
    ) -> Tensor:
        response = AtomTracker._respond(projection, kernel, inputs)
        errors = (response - wanted) * share
        ridge = RIDGE * torch.cat([projection.flatten() * 0.1, kernel.flatten()])
        return torch.cat([errors.flatten(), ridge])

    @staticmethod
    def _respond(projection: Tensor, kernel: Tensor, inputs: Tensor) -> Tensor:
        """Responses (N, H, W); far below 0 all counts alike, so easy background is no burden."""
        projected = functional.conv2d(inputs, projection)
        response = functional.conv2d(projected, kernel, padding=KERNEL // 2)[:, 0]
        return functional.celu(response, alpha=0.05)

    def _wanted(self, view: View) -> Tensor:
        """The response (H, W) that a view should give: a bump at the middle of the object."""
        cells = VIEW // STRIDES[1]
        places = (np.arange(cells) + 0.5) * STRIDES[1]
        box = view.to_view(self._box[None])[0]
        x, y = (box[:2] + box[2:]) / 2
        spread = SPREAD * float(np.sqrt((box[2:] - box[:2]).prod()))
        across = np.exp(-((places - x) ** 2) / (2 * spread**2))
        down = np.exp(-((places - y) ** 2) / (2 * spread**2))
        return torch.from_numpy(np.outer(down, across)).float().to(self._device)

    # Features

    def _maps(self, pictures: list[NDArray[np.uint8]]) -> Maps:
        assert self._backbone is not None
        batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(self._device)
        fine, coarse = self._backbone(normalise(batch))
        return fine, coarse

    @staticmethod
    def _inputs(maps: Maps) -> Tensor:
        """What the filter sees: both strides at the coarser one, each cell of length 1."""
        fine = functional.normalize(functional.avg_pool2d(maps[0], 2), dim=1)
        return torch.cat([fine, functional.normalize(maps[1], dim=1)], dim=1)

    def _to_view(self, view: View, boxes: FloatArray) -> Tensor:
        return torch.from_numpy(view.to_view(boxes)).float().to(self._device)


def _change(old: FloatArray, new: FloatArray) -> FloatArray:
    """From one box to another: the middle's move in sides, and the sides' logarithmic growth."""
    sides = old[2:] - old[:2]
    move = (new[:2] + new[2:] - old[:2] - old[2:]) / 2 / sides
    return np.concatenate([move, np.log((new[2:] - new[:2]) / sides)])
