"""From what a network found in its own picture to boxes in the frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visionstudio.api import Context, Detections, Frame, TrainContext
from visionstudio_torch.device import memory_guard, torch_threads
from visionstudio_torch.transforms import Matrix, to_tensor

R = TypeVar("R")
P_co = TypeVar("P_co", bound="Pictured", covariant=True)
Seen = tuple[NDArray[np.uint8], Matrix]
"""A picture as a network sees it, and the 2×3 matrix from the frame to it (scale and shift)."""

FLOOR = 0.05  # results below this score are never of use; those above are filtered live


class Pictured(Protocol):
    """An item with its picture (H, W, 3) uint8."""

    @property
    def image(self) -> NDArray[np.uint8]: ...


class Items(Protocol[P_co]):
    """What is held out: items by their place."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> P_co: ...


def found_in(
    find: Callable[[list[Tensor]], Sequence[Mapping[str, Tensor]]],
    held: Items[P_co],
    batch: int,
    ctx: TrainContext,
) -> Iterator[tuple[P_co, Mapping[str, Tensor]]]:
    """Each held-out item with what `find` answers for its picture, `batch` at a time."""
    for start in range(0, len(held), batch):
        ctx.report(message="validation")
        items = [held[i] for i in range(start, min(start + batch, len(held)))]
        yield from zip(items, find([to_tensor(item.image) for item in items]), strict=True)


def predict_alike(
    frames: Sequence[Frame],
    seen: Sequence[Seen],
    find: Callable[[list[NDArray[np.uint8]]], Sequence[Mapping[str, Tensor]]],
    result: Callable[[Mapping[str, Tensor], Frame, Matrix], R],
    ctx: Context,
) -> list[R]:
    """The `result` of each frame from what `find` gives for pictures of one size.

    Only pictures of one size share a batch, so that no picture's result depends on the
    padding that others need.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    for i, (image, _) in enumerate(seen):
        groups.setdefault(image.shape, []).append(i)
    results: dict[int, R] = {}
    with torch_threads(ctx.threads), memory_guard("predict fewer pictures at once"):
        for places in groups.values():
            with torch.inference_mode():
                found = find([seen[i][0] for i in places])
            for i, one in zip(places, found, strict=True):
                results[i] = result(one, frames[i], seen[i][1])
            ctx.report(len(results) / len(frames))
    return [results[i] for i in range(len(frames))]


def predict_boxes(
    frames: Sequence[Frame],
    seen: Sequence[Seen],
    find: Callable[[list[NDArray[np.uint8]]], Sequence[Mapping[str, Tensor]]],
    classes: tuple[str, ...],
    ctx: Context,
) -> list[Detections]:
    """The detections of frames from what `find` gives for pictures of one size."""
    return predict_alike(
        frames, seen, find, lambda found, frame, m: to_frame(found, frame, m, classes), ctx
    )


def to_frame(
    found: Mapping[str, Tensor], frame: Frame, matrix: Matrix, classes: tuple[str, ...]
) -> Detections:
    """Boxes (n, 4) of the network's picture in the frame's pixels, clipped, with an area."""
    height, width = frame.shape[:2]
    factor, shift = np.diag(matrix[:, :2]), matrix[:, 2]
    boxes = found["boxes"].double().cpu().numpy()
    boxes = (boxes - np.tile(shift, 2)) / np.tile(factor, 2)
    boxes = np.clip(boxes, 0, np.array([width, height, width, height], np.float64))
    solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return Detections(
        boxes[solid],
        found["scores"].float().cpu().numpy()[solid],
        found["labels"].cpu().numpy()[solid],
        classes,
    )


def coco_names(count: int) -> tuple[str, ...]:
    """Names for a checkpoint that has none: COCO's where it has as many classes, else numbers."""
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

    names = FasterRCNN_ResNet50_FPN_Weights.COCO_V1.meta["categories"]
    if count == 80:
        return tuple(n for n in names[1:] if n != "N/A")
    if count == 90:
        return tuple(n if n != "N/A" else f"unused {i}" for i, n in enumerate(names[1:], 1))
    return tuple(f"class {i}" for i in range(1, count + 1))
