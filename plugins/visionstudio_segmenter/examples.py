"""From label maps to random crops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visionstudio.api import Sample, TrainingError
from visionstudio_torch import transforms
from visionstudio_torch.data import Cached
from visionstudio_torch.transforms import Augmentation

IGNORE = 255
_LOOKED_AT = 32  # pictures that are asked how large they are and what occurs in them
_SEAM = 0.005  # less background than this are seams between objects, not a thing to learn
Example = tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A picture (H, W, 3) uint8 and its labels (H, W) uint8, 255 where nothing is known."""

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]

    @property
    def bytes(self) -> int:
        return self.image.nbytes + self.labels.nbytes


class Repeated(Sequence[Item]):
    """Every item so often that an epoch of crops shows about the whole of each picture."""

    def __init__(self, items: Cached[Sample, Item], times: int) -> None:
        self._items = items
        self._times = times

    def __len__(self) -> int:
        return len(self._items) * self._times

    def __getitem__(self, index: Any) -> Any:
        return self._items[index // self._times]


def reduced(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """The picture, reduced so that no side is longer than `max_side`."""
    height, width = image.shape[:2]
    side = min(height, width)
    return transforms.resize(
        image, *transforms.short_side_size(height, width, side, max(max_side, 1))
    )


def load(sample: Sample, max_side: int) -> Item:
    """The sample, reduced. Raises TrainingError for a sample without labels per pixel."""
    labels = sample.target.semantic
    if labels is None:
        raise TrainingError(
            "the picture has no labels per pixel",
            where=sample.name,
            next_step="label it with masks or polygons",
        )
    image = reduced(sample.image, max_side)
    if labels.shape != image.shape[:2]:
        size = (image.shape[1], image.shape[0])
        labels = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST_EXACT))
    return Item(image, np.asarray(labels, np.uint8))


def cropper(
    size: int, how: Augmentation, *, unlabelled: bool = True
) -> Callable[[Item, np.random.Generator], Example]:
    """The function that makes a random (size, size) crop of an item.

    Every other crop is centred on something labelled, so that rare objects are seen.
    What lies outside the picture is mirrored in the crop and ignored in its labels; without
    `unlabelled` so is the background.
    """

    def crop(item: Item, rng: np.random.Generator) -> Example:
        centre = _random_centre(item.labels, size, rng)
        matrix = transforms.random_matrix(size, size, how, rng)
        if matrix is None:
            matrix = np.eye(2, 3)
        whole = matrix.copy()
        whole[:, 2] += matrix[:, :2] @ (size / 2 - centre)
        # Whole steps keep a crop free of interpolation that is neither turned nor scaled.
        if np.allclose(np.abs(whole[:, :2]).sum(axis=1), 1):
            whole[:, 2] = np.round(whole[:, 2])
        image = transforms.warp_image(item.image, whole, (size, size), mirror=True)
        labels = transforms.warp_labels(item.labels, whole, (size, size), IGNORE)
        if not unlabelled:
            labels = np.where(labels == 0, np.uint8(IGNORE), labels)
        image = transforms.random_look(image, how, rng)
        return transforms.to_tensor(image), torch.from_numpy(labels)

    return crop


def _random_centre(
    labels: NDArray[np.uint8], size: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The x, y of a crop's centre: anywhere that keeps it inside, or near something labelled."""
    height, width = labels.shape
    room = np.maximum((width - size, height - size), 0)
    centre = rng.uniform(0, 1, 2) * room + np.minimum((width, height), size) / 2
    if rng.random() < 0.5:
        objects = np.flatnonzero((labels > 0) & (labels != IGNORE))
        if len(objects):
            y, x = divmod(int(rng.choice(objects)), width)
            centre = np.array([x, y]) + rng.uniform(-0.25, 0.25, 2) * size
    return np.asarray(centre)


def collate(examples: list[Example]) -> tuple[Tensor, Tensor]:
    """(N, 3, S, S) uint8 pictures and (N, S, S) int64 labels."""
    return torch.stack([e[0] for e in examples]), torch.stack([e[1] for e in examples]).long()


def survey(items: Cached[Any, Item], crop: int) -> tuple[bool, int]:
    """Whether background is a thing to learn, and how many crops show about a whole picture.

    Where labels cover (nearly) everything, the unlabelled seams are ignored instead.
    """
    places = np.unique(np.linspace(0, len(items) - 1, min(len(items), _LOOKED_AT)).astype(int))
    known = unlabelled = area = 0
    for place in places:
        labels = items[int(place)].labels
        known += int((labels != IGNORE).sum())
        unlabelled += int((labels == 0).sum())
        area += labels.size
    if len(places) == 0:
        return True, 1
    if known == unlabelled:
        raise TrainingError(
            "no pixel is labelled in the training pictures",
            next_step="label objects with masks or polygons",
        )
    crops = round(area / len(places) / crop**2)
    return unlabelled > _SEAM * known, max(1, min(crops, 16))


def balance(items: Cached[Any, Item], classes: int) -> Tensor:
    """The weight (classes,) of each label by its pixels in a few pictures, with a mean of 1.

    By the inverse root of its frequency: by the inverse itself a speck would rule the loss.
    """
    places = np.unique(np.linspace(0, len(items) - 1, min(len(items), _LOOKED_AT)).astype(int))
    counts = np.zeros(IGNORE + 1, np.int64)
    for place in places:
        counts += np.bincount(items[int(place)].labels.reshape(-1), minlength=IGNORE + 1)
    pixels = np.maximum(counts[:classes], 1)
    weights = np.where(counts[:classes] > 0, 1 / np.sqrt(pixels), 0.0)
    mean = (weights * pixels).sum() / pixels.sum()
    return torch.tensor(weights / mean, dtype=torch.float32)
