"""detector/rcnn: regions, features of crops, a support vector machine per class, better boxes."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.ops import batched_nms

from visionstudio.api import (
    Context,
    Detections,
    Facts,
    Frame,
    ModelError,
    Sample,
    TrainContext,
    TrainingData,
    TrainingError,
    TrainResult,
    WeightsError,
)
from visionstudio_detector.examples import Item, load
from visionstudio_detector.params import DetectParams, RcnnTrainParams
from visionstudio_detector.rcnn_linear import LinearParts
from visionstudio_detector.rcnn_network import CropNet
from visionstudio_detector.rcnn_tuning import fine_tune
from visionstudio_detector.selective_search import propose, propose_all
from visionstudio_detector.validation import box_validation
from visionstudio_torch import checkpoint
from visionstudio_torch.data import Cached
from visionstudio_torch.device import memory_guard, seed_torch, torch_threads
from visionstudio_torch.fit import BEST
from visionstudio_torch.found import FLOOR, to_frame
from visionstudio_torch.preview import picture_of
from visionstudio_torch.two_stage import shrunk
from visionstudio_torch.weights import (
    WeightsInfo,
    apply_weights,
    load_weights,
    save_weights,
    start_from,
)

MODEL = "detector/rcnn"
SIDE = 480  # px, short side of the picture that crops are cut from
_FIRST_FIT = 8  # pictures; then whenever their number has doubled
_CHECKPOINT_SECONDS = 20.0
Items = Cached[int, Item]


class Rcnn:
    """Answers `detector/rcnn`: `load`, `predict`, `train`."""

    def __init__(self) -> None:
        self._net: CropNet | None = None

    def load(self, params: DetectParams, weights: Path | None, ctx: Context) -> None:
        """Take trained weights. Raises WeightsError, also without any."""
        if weights is None:
            raise WeightsError(
                "this detector has no weights yet",
                where=MODEL,
                next_step="train it on your labels, or choose a weights file",
            )
        state, info = load_weights(weights, MODEL)
        net = CropNet(len(info.classes), pretrained=False)
        apply_weights(net, state, weights)
        self._net = net.eval().to(ctx.device)
        self._info, self._mode = info, str(info.arch.get("regions", "fast"))

    def facts(self) -> Facts:
        """Classes, and the side that regions are stretched to."""
        return Facts(self._info.classes, self._info.input_size)

    def unload(self) -> None:
        self._net = None

    def predict(
        self, frames: Sequence[Frame], params: DetectParams, ctx: Context
    ) -> Sequence[Detections]:
        """All boxes with a score of at least 0.05; `threshold` is left to the display."""
        if self._net is None:
            raise ModelError("the model is not loaded", where=MODEL)
        results = []
        with torch_threads(ctx.threads), memory_guard("predict fewer pictures at once"):
            for i, frame in enumerate(frames):
                ctx.report(i / len(frames), "looking for regions")
                image, matrix = shrunk(frame, SIDE)
                boxes = propose(image, self._mode, ctx.cache)
                ctx.report((i + 0.5) / len(frames), f"looking at {len(boxes)} regions")
                found = find(self._net, image, boxes, self._info.input_size[0], params)
                results.append(to_frame(found, frame, matrix, self._info.classes))
        return results

    def train(self, data: TrainingData, params: RcnnTrainParams, ctx: TrainContext) -> TrainResult:
        """Train on boxes and leave ``best.safetensors`` and ``last.ckpt`` in the run folder."""
        if not data.classes:
            raise TrainingError("there is no class to learn", next_step="label some objects first")
        if len(data.train) == 0:
            raise TrainingError(
                "there is no picture to train on", next_step="label some pictures first"
            )
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise TrainingError(
                "R-CNN learns in one process", where=MODEL, next_step="start it without torchrun"
            )
        if getattr(ctx, "find_lr", False) and params.freeze:
            raise TrainingError(
                "with frozen features nothing is learned by rates",
                where=MODEL,
                next_step="unfreeze the features, or keep the rate as it is",
            )
        info = WeightsInfo(
            model=MODEL,
            classes=data.classes,
            class_ids=data.class_ids,
            params=asdict(params),
            arch={"regions": params.regions},
            input_size=(params.image_size, params.image_size),
            data_hash=data.data_hash,
        )
        with torch_threads(ctx.threads), memory_guard("lower the crop size"):
            return _Training(data, params, info, ctx).run()


def find(
    net: CropNet, image: NDArray[np.uint8], boxes: NDArray[Any], side: int, params: DetectParams
) -> dict[str, Tensor]:
    """Boxes, scores and labels in a (H, W, 3) picture, from its regions (n, 4)."""
    scores, better = net.answers(net.features(image, boxes, side), boxes)
    limits = torch.tensor(image.shape[1::-1] * 2, device=better.device)
    better = torch.minimum(better.clamp(min=0), limits)
    places, labels = (scores >= FLOOR).nonzero(as_tuple=True)
    found = {"boxes": better[places, labels], "scores": scores[places, labels], "labels": labels}
    keep = batched_nms(found["boxes"], found["scores"], labels, params.nms_iou)
    return {name: value[keep[: params.max_detections]] for name, value in found.items()}


def _new_net(classes: int, params: RcnnTrainParams) -> CropNet:
    if params.weights == "none" and params.freeze:
        raise TrainingError(
            "features that have learned nothing cannot be frozen",
            where=MODEL,
            next_step="start from the built-in weights, or unfreeze the features",
        )
    net = CropNet(classes, pretrained=params.weights == "builtin")
    if params.weights not in ("builtin", "none"):
        start_from(net, Path(params.weights).expanduser(), MODEL)
    return net


class _Training:
    """One training: `run` it once."""

    def __init__(
        self, data: TrainingData, params: RcnnTrainParams, info: WeightsInfo, ctx: TrainContext
    ) -> None:
        self._data, self._params, self._info, self._ctx = data, params, info, ctx
        seed_torch(ctx.seed)
        self._net = _new_net(len(data.classes), params)
        self._parts = LinearParts(len(data.classes), ctx.seed)
        self._seen = 0  # pictures
        self._best = -1.0
        self._metrics: dict[str, float] = {}
        self._fit_seconds = 1.0
        self._seconds: list[float] = []  # per picture

    def run(self) -> TrainResult:
        ctx, params = self._ctx, self._params
        items, tests = self._read(self._data.train), self._read(self._data.val)
        if not ctx.resume:
            self._save()  # so that an interrupted fine-tuning can be resumed
        self._net = self._net.to(ctx.device)
        if not params.freeze:
            tuned = fine_tune(self._net, items, params, self._info, ctx)
            if getattr(ctx, "find_lr", False):
                return tuned
        self._net.eval()
        if ctx.resume:
            self._restore()
        passes = params.epochs or 1
        rng = np.random.default_rng(ctx.seed)
        order = np.concatenate([rng.permutation(len(items)) for _ in range(passes)]).tolist()
        saved = time.monotonic()
        for index in order[self._seen :]:
            if self._seen and (ctx.should_stop() or self._late(len(tests))):
                break
            self._look(items[index], len(order))
            if self._seen % len(items) == 0:
                self._judge(tests)
            elif self._seen >= _FIRST_FIT and (self._seen & (self._seen - 1)) == 0:
                self._fit()
            if time.monotonic() - saved > _CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        if self._seen % len(items):
            self._judge(tests)
        self._save()
        return TrainResult(-(-self._seen // len(items)), dict(self._metrics))

    def _read(self, samples: Sequence[Sample]) -> Items:
        """The pictures whose regions are known by now: all, or those the time was enough for."""

        def read(index: int) -> Item:
            return load(samples[index], SIDE)

        usable = propose_all(
            len(samples), lambda index: read(index).image, self._params.regions, self._ctx
        )
        return Items(usable, read, lambda item: item.bytes)

    def _look(self, item: Item, planned: int) -> None:
        """Features of one picture's regions, and what they teach."""
        begun = time.perf_counter()
        regions = propose(item.image, self._params.regions, self._ctx.cache)
        boxes = np.concatenate([item.boxes, regions])
        rows = self._net.features(item.image, boxes, self._params.image_size)
        self._parts.see(rows.cpu().numpy(), boxes, item, self._seen)
        self._seen += 1
        self._seconds.append(time.perf_counter() - begun)
        self._ctx.report(
            self._seen / planned,
            f"picture {self._seen} of {planned}",
            metrics=self._parts.counts,
            step=self._seen,
        )

    def _late(self, tests: int) -> bool:
        """Whether no more time is left than the machines and the held-out pictures need."""
        left = self._ctx.time_left()
        usual = float(np.mean(self._seconds)) if self._seconds else 1.0
        return left is not None and left < 1.2 * usual * (tests + 1) + 2 * self._fit_seconds

    def _fit(self) -> None:
        begun = time.perf_counter()
        self._parts.fit(self._net, lambda: self._ctx.report(message="machines"))
        self._fit_seconds = time.perf_counter() - begun

    def _judge(self, tests: Items) -> None:
        """Learn from all that is kept, test on the held-out pictures, keep it if it is best."""
        self._fit()
        metrics = self._validated(tests)
        value = metrics.get("AP", self._best)
        self._ctx.report(metrics=metrics, step=self._seen)
        if value >= self._best:
            self._best, self._metrics = value, metrics
            info = replace(self._info, metrics=metrics)
            save_weights(self._ctx.run_folder / BEST, self._net.state_dict(), info)

    def _validated(self, tests: Items) -> dict[str, float]:
        mode, size, looking = self._params.regions, self._params.image_size, DetectParams()

        def test(images: list[Tensor]) -> list[dict[str, Tensor]]:
            pictures = [picture_of(image) for image in images]
            regions = [propose(picture, mode, self._ctx.cache) for picture in pictures]
            return [
                find(self._net, picture, boxes, size, looking)
                for picture, boxes in zip(pictures, regions, strict=True)
            ]

        return box_validation(test, tests, self._info.classes, 1, self._ctx)

    def _fingerprint(self) -> dict[str, Any]:
        return {
            "model": MODEL,
            "data": self._info.data_hash,
            "settings": repr(self._params),
            "seed": self._ctx.seed,
        }

    def _save(self) -> None:
        state = {
            "fingerprint": self._fingerprint(),
            "net": self._net.state_dict(),
            "parts": self._parts.state(),
            "seen": self._seen,
            "best": [self._best, self._metrics],
        }
        checkpoint.save_checkpoint(self._ctx.run_folder, state)

    def _restore(self) -> None:
        state = checkpoint.load_checkpoint(self._ctx.run_folder, self._fingerprint())
        if state["seen"]:
            self._net.load_state_dict(state["net"])
        self._parts.load_state(state["parts"])
        self._seen = state["seen"]
        self._best, self._metrics = state["best"]
