"""Predictions and training examples drawn into pictures, for the training window."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from visionstudio_torch.data import Cached

L = TypeVar("L")
E = TypeVar("E")

# Okabe and Ito's (2008) colours for all kinds of colour vision.
_COLOURS = np.array(
    [(230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0)],
    np.uint8,
)


def colour(index: int) -> tuple[int, int, int]:
    """The colour of a class index as RGB."""
    r, g, b = (int(v) for v in _COLOURS[index % len(_COLOURS)])
    return r, g, b


def draw_boxes(
    image: NDArray[np.uint8],
    boxes: NDArray[np.float64],
    indices: NDArray[np.int64],
    names: Sequence[str],
) -> NDArray[np.uint8]:
    """A copy of the picture with outlined boxes (n, 4) and their class names."""
    out = np.ascontiguousarray(image).copy()
    for (x1, y1, x2, y2), index in zip(np.round(boxes).astype(int), indices, strict=True):
        shade = colour(int(index))
        cv2.rectangle(out, (int(x1), int(y1)), (int(x2) - 1, int(y2) - 1), shade, 1, cv2.LINE_AA)
        # OpenCV's fonts know ASCII only; other scripts keep box and colour.
        name = names[int(index)]
        if name.isascii():
            at = (int(x1) + 2, max(int(y1) - 3, 9))
            cv2.putText(out, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, shade, 1, cv2.LINE_AA)
    return out


def draw_labels(image: NDArray[np.uint8], labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """A copy with the pixels of each label above 0 tinted half-way to its colour."""
    table = np.concatenate([np.zeros((1, 3), np.uint8), _COLOURS])
    shade = table[np.where(labels > 0, (labels - 1) % len(_COLOURS) + 1, 0)]
    mixed = (image.astype(np.uint16) + shade) // 2
    return np.where((labels > 0)[..., None], mixed, image).astype(np.uint8)


def examples(
    items: Sequence[L] | Cached[Any, L],
    augment: Callable[[L, np.random.Generator], E],
    draw: Callable[[E], NDArray[np.uint8]],
    seed: int,
) -> Iterator[NDArray[np.uint8]]:
    """Training examples of the items in order, again and again, drawn with their targets."""
    if len(items) == 0:
        return
    for number in itertools.count():
        rng = np.random.default_rng([seed, number])
        yield draw(augment(items[number % len(items)], rng))


def picture_of(tensor: Tensor) -> NDArray[np.uint8]:
    """(3, H, W) uint8 → (H, W, 3), a copy."""
    return np.ascontiguousarray(tensor.permute(1, 2, 0).numpy())


def strip(pictures: Sequence[NDArray[np.uint8]], height: int = 192) -> NDArray[np.uint8]:
    """Pictures side by side at one height, each at most twice as wide as high."""
    parts = []
    for picture in pictures:
        h, w = picture.shape[:2]
        width = max(1, min(round(w * height / h), 2 * height))
        method = cv2.INTER_AREA if height < h else cv2.INTER_NEAREST
        parts.append(np.asarray(cv2.resize(picture, (width, height), interpolation=method)))
    return np.concatenate(parts, axis=1).astype(np.uint8)
