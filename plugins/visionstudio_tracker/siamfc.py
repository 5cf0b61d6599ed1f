"""SiamFC: a network compares the drawn object with a search area around its last place.

Bertinetto, Valmadre, Henriques, Vedaldi, Torr: Fully-Convolutional Siamese Networks for
Object Tracking, ECCV-W 2016: three scales, a cosine window, and the template of the first
frame throughout. Every answer passes the gate that OpenCV's trackers pass too.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from visionstudio.api import (
    Context,
    Frame,
    InvalidValue,
    TrainContext,
    TrainingData,
    TrainResult,
)
from visionstudio_tracker.appearance import Rect
from visionstudio_tracker.gated import GatedTracker, Place
from visionstudio_tracker.params import GateParams, SiamFcTraining
from visionstudio_tracker.siamese import (
    MODEL,
    STRIDE,
    Siamese,
    builtin_network,
    network_of,
    template_side,
)
from visionstudio_tracker.views import View

FloatArray = NDArray[np.float64]

FINER = 16  # a response is magnified so much before its peak is taken
SCALE_STEP, SCALE_PENALTY, SCALE_RATE = 1.0375, 0.9745, 0.59  # as published
SMALLEST, LARGEST = 0.2, 5.0  # of the drawn size
WINDOW = 0.176  # weight of the cosine window, as published


class SiamFcTracker(GatedTracker):
    """The network is read once; the same object starts afresh on every region."""

    model = MODEL

    def __init__(self) -> None:
        super().__init__()
        self._net: Siamese | None = None
        self._device = torch.device("cpu")

    def load(self, params: GateParams, weights: Path | None, ctx: Context) -> None:
        """Take trained weights, or those that come with the program."""
        net = network_of(weights) if weights is not None else builtin_network()
        net.eval().requires_grad_(False)
        net.quicken()
        self._device = torch.device(ctx.device)
        self._net = net.to(memory_format=torch.channels_last).to(self._device)
        self._params = params

    def unload(self) -> None:
        super().unload()
        self._net = None

    def train(self, data: TrainingData, params: SiamFcTraining, ctx: TrainContext) -> TrainResult:
        """Train on pairs of looks; leaves best.safetensors and last.ckpt in the run folder."""
        from visionstudio_tracker.siamfc_training import train_siamfc

        return train_siamfc(data, params, ctx)

    def examples(self, data: TrainingData, params: SiamFcTraining, ctx: Context) -> Iterator[Frame]:
        """Training pairs side by side, as they are varied."""
        from visionstudio_tracker.siamfc_training import examples

        return examples(data, params, ctx)

    def _begin(self, frame: Frame, rect: Rect) -> None:
        net = self._loaded()
        x, y, w, h = rect
        self._tracker = net
        self._centre = np.array([x + w / 2, y + h / 2])
        self._size = self._drawn = np.array([w, h], dtype=np.float64)
        side = template_side(np.array([x, y, x + w, y + h], dtype=np.float64))
        view = View(self._centre[0], self._centre[1], side, net.template_size)
        with torch.inference_mode():
            self._template = net.template(self._tensor([view.cut(frame)]))
        self._response = 1.0

    def _answer(self, frame: Frame) -> Place | None:
        net = self._loaded()
        scales = SCALE_STEP ** np.array([-1.0, 0.0, 1.0])
        half = np.concatenate([-self._size, self._size]) / 2
        side = template_side(half) * net.search_size / net.template_size
        x, y = self._centre
        views = [View(x, y, side * scale, net.search_size) for scale in scales]
        with torch.inference_mode():
            search = net.embed(self._tensor([view.cut(frame) for view in views]))
            logits = net.respond(self._template, search)
            fine = functional.interpolate(
                logits[:, None], scale_factor=float(FINER), mode="bicubic", align_corners=False
            )
        responses = fine[:, 0].double().cpu().numpy()
        place, best = self._peak(responses)
        # The magnified response's cells are STRIDE / FINER px of the search area wide.
        moved = (place + 0.5 - responses.shape[-1] / 2) * STRIDE / FINER / views[best].scale
        self._centre = self._centre + moved[::-1]
        factor = 1 - SCALE_RATE + SCALE_RATE * scales[best]
        self._size = np.clip(self._size * factor, SMALLEST * self._drawn, LARGEST * self._drawn)
        height, width = frame.shape[:2]
        self._centre = np.clip(self._centre, 0, (width, height))
        x, y = self._centre - self._size / 2
        w, h = self._size
        return float(x), float(y), float(w), float(h)

    def _peak(self, responses: FloatArray) -> tuple[FloatArray, int]:
        """Row and column of the best place, and at which scale it is."""
        heights = responses.max(axis=(1, 2)) - responses.min()
        heights[[0, 2]] *= SCALE_PENALTY
        best = int(heights.argmax())
        self._response = float(1 / (1 + np.exp(-responses[best].max())))
        response = responses[best] - responses[best].min()
        response /= response.sum() + 1e-12
        mixed = (1 - WINDOW) * response + WINDOW * _cosine_window(len(response))
        return np.array(np.unravel_index(int(mixed.argmax()), mixed.shape), dtype=float), best

    def _own_score(self) -> float:
        return self._response

    def _tensor(self, views: list[NDArray[np.uint8]]) -> torch.Tensor:
        batch = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2)
        return batch.to(self._device).contiguous(memory_format=torch.channels_last)

    def _loaded(self) -> Siamese:
        if self._net is None:
            raise InvalidValue("the tracker is not loaded", next_step="call load first")
        return self._net


@cache
def _cosine_window(size: int) -> FloatArray:
    """The window (size, size) that prefers small moves, with sum 1."""
    window = np.hanning(size)
    both = np.outer(window, window)
    return np.asarray(both / both.sum())
