"""From labelled pictures to examples for a detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from visionstudio.api import Sample
from visionstudio_torch import preview, transforms
from visionstudio_torch.data import Cached
from visionstudio_torch.mosaic import mosaic
from visionstudio_torch.transforms import Augmentation
from visionstudio_torch.two_stage import Example, shrunk


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A resized picture (h, w, 3) uint8 and its boxes in its own pixels.

    `boxes` (n, 4) float32 with `indices` (n,) are to be learned; those of `ignore` (m, 4)
    with `ignore_indices` (m,) count neither way. `regions` (r, 4) may hold objects, for
    detectors that do not look for such regions themselves.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    indices: NDArray[np.int64]
    ignore: NDArray[np.float32]
    ignore_indices: NDArray[np.int64]
    regions: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    @property
    def bytes(self) -> int:
        return self.image.nbytes


def load(sample: Sample, side: int) -> Item:
    """The sample resized; boxes without an area are left out, the others clipped."""
    return _item(sample, *shrunk(sample.image, side))


def load_square(sample: Sample, side: int) -> Item:
    """The sample letterboxed into a square of `side`, its boxes likewise as `load` has them."""
    return _item(sample, *transforms.letterbox(sample.image, side, side))


def _item(sample: Sample, image: NDArray[np.uint8], matrix: transforms.Matrix) -> Item:
    target = sample.target
    moved = transforms.warp_boxes(target.boxes, matrix)
    boxes, useful = transforms.clip_boxes(moved, *image.shape[:2])
    marked = target.ignore if len(target.ignore) else np.zeros(len(boxes), bool)
    keep, drop = useful & ~marked, useful & marked
    indices = np.asarray(target.indices, np.int64)
    return Item(image, boxes[keep], indices[keep], boxes[drop], indices[drop])


def augmenter(
    how: Augmentation, others: Sequence[Item] | Cached[Sample, Item] = ()
) -> Callable[[Item, np.random.Generator], Example]:
    """The function that makes a random example of an item, with `others` in a mosaic."""

    def augment(item: Item, rng: np.random.Generator) -> Example:
        if how.mosaic and len(others) and rng.random() < how.mosaic:
            item = _mosaic(item, others, rng)
        height, width = item.image.shape[:2]
        image = transforms.random_look(item.image, how, rng)
        boxes, indices, ignore, regions = item.boxes, item.indices, item.ignore, item.regions
        matrix = transforms.random_matrix(height, width, how, rng)
        if matrix is not None:
            image = transforms.warp_image(image, matrix)
            moved = transforms.warp_boxes(boxes, matrix)
            boxes, keep = transforms.clip_boxes(moved, height, width)
            # What is hardly visible any more is neither object nor background.
            ignore = np.concatenate([transforms.warp_boxes(ignore, matrix), boxes[~keep]])
            boxes, indices = boxes[keep], indices[keep]
            regions, keep = transforms.clip_boxes(
                transforms.warp_boxes(regions, matrix), height, width
            )
            regions = regions[keep]
        target = {
            "boxes": torch.from_numpy(np.ascontiguousarray(boxes)),
            "labels": torch.from_numpy(np.ascontiguousarray(indices)),
            "ignore": torch.from_numpy(np.ascontiguousarray(ignore)),
        }
        if len(item.regions):
            target["regions"] = torch.from_numpy(np.ascontiguousarray(regions))
        return transforms.to_tensor(image), target

    return augment


def drawn(example: Example, names: Sequence[str]) -> NDArray[np.uint8]:
    """An example's picture with its boxes; what is to be ignored is grey."""
    image, target = example
    picture = preview.picture_of(image)
    for x1, y1, x2, y2 in target["ignore"].round().int().tolist():
        picture[max(y1, 0) : y2, max(x1, 0) : x2] //= 2
    return preview.draw_boxes(picture, target["boxes"].numpy(), target["labels"].numpy(), names)


def _mosaic(
    item: Item, others: Sequence[Item] | Cached[Sample, Item], rng: np.random.Generator
) -> Item:
    """An item of the same size, put together from parts of it and of three others."""
    items = [item, *(others[int(i)] for i in rng.integers(len(others), size=3))]
    height, width = item.image.shape[:2]
    image, tiles = mosaic([i.image for i in items], height, width, rng)
    boxes, indices, ignore, ignored, regions = [], [], [], [], []
    for one, tile in zip(items, tiles, strict=True):
        inside, keep = tile.boxes(one.boxes)
        boxes.append(inside[keep])
        indices.append(one.indices[keep])
        unsure, _ = tile.boxes(one.ignore)
        # What is hardly visible any more is neither object nor background.
        ignore += [inside[~keep], unsure]
        ignored += [one.indices[~keep], one.ignore_indices]
        moved, keep = tile.boxes(one.regions)
        regions.append(moved[keep])
    return Item(
        image,
        np.concatenate(boxes),
        np.concatenate(indices),
        np.concatenate(ignore),
        np.concatenate(ignored),
        np.concatenate(regions),
    )
