"""From labelled pictures to examples with a mask per object, and back to masks in the frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visionstudio.api import Frame, Masks, Sample, TrainContext, TrainingError
from visionstudio_torch import preview, transforms
from visionstudio_torch.data import Cached
from visionstudio_torch.found import found_in, to_frame
from visionstudio_torch.metrics import Found, Truth, box_figures
from visionstudio_torch.transforms import Augmentation, Matrix, to_tensor
from visionstudio_torch.two_stage import Example, Find, shrunk

_MASK_BYTES = 1 << 30  # masks of one frame at once: the surest objects of a huge picture
_LEAST_VISIBLE = 0.3  # of an object's area, for what is still worth learning
_PREVIEWS = 4
_SURE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """An object: class index, `mask` (h, w) uint8 0 or 1 whose top-left pixel is `x`, `y`."""

    index: int
    x: int
    y: int
    mask: NDArray[np.uint8]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """x1, y1, x2, y2."""
        height, width = self.mask.shape
        return self.x, self.y, self.x + width, self.y + height


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A resized picture (h, w, 3) uint8, the objects to learn, and boxes that count neither way."""

    image: NDArray[np.uint8]
    objects: tuple[Instance, ...]
    ignore: NDArray[np.float32]

    @property
    def bytes(self) -> int:
        return self.image.nbytes + sum(o.mask.nbytes for o in self.objects)


def load(sample: Sample, side: int) -> Item:
    """The sample resized. Raises TrainingError for boxes without masks."""
    target = sample.target
    if len(target.masks) != len(target.boxes):
        raise TrainingError(
            "the picture's objects have no masks",
            where=sample.name,
            next_step="label them with masks or polygons",
        )
    image, matrix = shrunk(sample.image, side)
    marked = target.ignore if len(target.ignore) else np.zeros(len(target.boxes), bool)
    objects = []
    for place in map(int, np.flatnonzero(~marked)):
        mask = np.asarray(target.masks[place]).astype(np.uint8)
        found = cropped(transforms.warp_labels(mask, matrix, image.shape[:2], 0))
        if found is not None:
            objects.append(Instance(int(target.indices[place]), *found))
    ignore, useful = transforms.clip_boxes(
        transforms.warp_boxes(target.boxes[marked], matrix), *image.shape[:2]
    )
    return Item(image, tuple(objects), ignore[useful])


def cropped(mask: NDArray[np.uint8]) -> tuple[int, int, NDArray[np.uint8]] | None:
    """x, y and the mask's part that is set; None for an empty one."""
    x, y, width, height = cv2.boundingRect(mask)
    if not width:
        return None
    return x, y, np.ascontiguousarray(mask[y : y + height, x : x + width])


def augmenter(
    how: Augmentation, _others: Cached[Any, Item] | None = None
) -> Callable[[Item, np.random.Generator], Example]:
    """The function that makes a random example of an item: masks move with the picture."""

    def augment(item: Item, rng: np.random.Generator) -> Example:
        height, width = item.image.shape[:2]
        image = transforms.random_look(item.image, how, rng)
        objects, ignore = item.objects, item.ignore
        matrix = transforms.random_matrix(height, width, how, rng)
        if matrix is not None:
            image = transforms.warp_image(image, matrix)
            objects, gone = _moved(objects, matrix, height, width)
            ignore, _ = transforms.clip_boxes(transforms.warp_boxes(ignore, matrix), height, width)
            ignore = np.concatenate([ignore, gone])
        masks = np.zeros((len(objects), height, width), np.uint8)
        for plane, one in zip(masks, objects, strict=True):
            x1, y1, x2, y2 = one.box
            plane[y1:y2, x1:x2] = one.mask
        boxes = np.array([o.box for o in objects], np.float32).reshape(-1, 4)
        target = {
            "boxes": torch.from_numpy(boxes),
            "labels": torch.tensor([o.index for o in objects], dtype=torch.int64),
            "masks": torch.from_numpy(masks),
            "ignore": torch.from_numpy(np.ascontiguousarray(ignore, np.float32)),
        }
        return to_tensor(image), target

    return augment


def _moved(
    objects: Sequence[Instance], matrix: Matrix, height: int, width: int
) -> tuple[tuple[Instance, ...], NDArray[np.float32]]:
    """The objects moved by a 2×3 matrix, and the boxes (n, 4) of those hardly visible any more."""
    kept: list[Instance] = []
    gone: list[tuple[int, int, int, int]] = []
    scale = abs(float(np.linalg.det(matrix[:, :2])))
    for one in objects:
        shifted = matrix.copy()
        shifted[:, 2] += matrix[:, :2] @ (one.x, one.y)
        found = cropped(transforms.warp_labels(one.mask, shifted, (height, width), 0))
        if found is None:
            continue
        moved = Instance(one.index, *found)
        whole = scale * int(one.mask.sum())
        if int(moved.mask.sum()) >= _LEAST_VISIBLE * whole:
            kept.append(moved)
        else:
            gone.append(moved.box)
    return tuple(kept), np.array(gone, np.float32).reshape(-1, 4)


def drawn(example: Example, names: Sequence[str]) -> NDArray[np.uint8]:
    """An example's picture with its tinted masks and boxes; what is to be ignored is grey."""
    image, target = example
    picture = preview.picture_of(image)
    for x1, y1, x2, y2 in target["ignore"].round().int().tolist():
        picture[max(y1, 0) : y2, max(x1, 0) : x2] //= 2
    labels = target["labels"].numpy()
    return _tinted(picture, target["masks"].numpy() > 0, labels, target["boxes"].numpy(), names)


def _tinted(
    picture: NDArray[np.uint8],
    masks: NDArray[np.bool_],
    indices: NDArray[np.int64],
    boxes: NDArray[Any],
    names: Sequence[str],
) -> NDArray[np.uint8]:
    tints = np.zeros(picture.shape[:2], np.int64)
    for mask, index in zip(masks, indices, strict=True):
        tints[mask] = index + 1
    return preview.draw_boxes(preview.draw_labels(picture, tints), boxes, indices, names)


def pasted(
    cells: NDArray[np.float32], box: NDArray[np.float64], height: int, width: int
) -> tuple[int, int, NDArray[np.uint8]]:
    """The mask of an object from shares (m, m) of its box x1, y1, x2, y2.

    Returns x, y and the mask (h, w) uint8 of the part of a (height, width) picture around the
    box: 1 where the share, interpolated between the middles of cells, is at least a half.
    """
    x1, y1 = np.floor(box[:2]).astype(int)
    x2, y2 = np.ceil(box[2:]).astype(int)
    x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    if x2 <= x1 or y2 <= y1:
        return 0, 0, np.zeros((0, 0), np.uint8)
    step = cells.shape[0] / np.maximum(box[2:] - box[:2], 1e-6)
    # cv2 counts from the middle of a pixel or cell.
    shift = (np.array([x1, y1]) + 0.5 - box[:2]) * step - 0.5
    matrix = np.array([[step[0], 0, shift[0]], [0, step[1], shift[1]]])
    shares = cv2.warpAffine(
        cells, matrix, (x2 - x1, y2 - y1), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    return x1, y1, (np.asarray(shares) >= _SURE).astype(np.uint8)


def to_masks(
    found: Mapping[str, Tensor], frame: Frame, matrix: Matrix, classes: tuple[str, ...]
) -> Masks:
    """What the network found in its own picture as masks in the frame's pixels, best first.

    Empty ones are left out. Of a picture so large that its masks would not fit into memory
    only the surest objects are kept.
    """
    height, width = frame.shape[:2]
    most = max(1, _MASK_BYTES // max(1, height * width))
    scores = found["scores"].float().cpu().numpy()
    order = np.argsort(-scores, kind="stable")
    boxes = found["boxes"].double().cpu().numpy() / np.tile(np.diag(matrix[:, :2]), 2)
    cells = found["masks"][:, 0].float().cpu().numpy()
    kept: list[int] = []
    parts = []
    for place in order:
        x, y, mask = pasted(cells[place], boxes[place], height, width)
        if mask.any() and len(kept) < most:
            kept.append(int(place))
            parts.append((x, y, mask))
    masks = np.zeros((len(kept), height, width), bool)
    for plane, (x, y, mask) in zip(masks, parts, strict=True):
        plane[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    return Masks(masks, scores[kept], found["labels"].cpu().numpy()[kept], classes)


def validate(
    find: Find,
    held: Cached[Any, Item],
    classes: tuple[str, ...],
    batch: int,
    ctx: TrainContext,
) -> dict[str, float]:
    """AP and AP50 of masks, and AP of boxes, over the held-out pictures; {} without any."""
    if len(held) == 0:
        return {}
    truths: list[Truth] = []
    found: list[Found] = []
    boxed: list[Found] = []
    pictures: list[NDArray[np.uint8]] = []
    for item, answer in found_in(find, held, batch, ctx):
        truth = truth_of(item)
        result = to_masks(answer, item.image, np.eye(2, 3), classes)
        truths.append(truth)
        overlap = mask_overlap(result.masks, item, len(truth.boxes))
        indices = np.asarray(result.indices)
        boxes = np.zeros((len(indices), 4))
        found.append(Found(boxes, indices, np.asarray(result.scores), overlap))
        plain = to_frame(answer, item.image, np.eye(2, 3), classes)
        boxed.append(Found(plain.boxes, plain.indices, plain.scores))
        if len(pictures) < _PREVIEWS:
            sure = result.above(_SURE)
            tints = np.zeros(item.image.shape[:2], np.int64)
            for mask, index in zip(sure.masks, sure.indices, strict=True):
                tints[mask] = index + 1
            pictures.append(preview.draw_labels(item.image, tints))
    ctx.preview("validation", preview.strip(pictures))
    figures = box_figures(truths, found, classes)
    boxes_too = box_figures(truths, boxed, classes)
    return figures | ({"box AP": boxes_too["AP"]} if boxes_too else {})


def truth_of(item: Item) -> Truth:
    """The objects of an item, then what is to be ignored."""
    boxes = np.array([o.box for o in item.objects], np.float64).reshape(-1, 4)
    marked = np.repeat([False, True], [len(boxes), len(item.ignore)])
    # What is ignored may be of any class; it is the first's, as no index is kept.
    indices = np.array([o.index for o in item.objects] + [0] * len(item.ignore), np.int64)
    return Truth(np.concatenate([boxes, item.ignore.astype(np.float64)]), indices, marked)


def mask_overlap(masks: NDArray[np.bool_], item: Item, count: int) -> NDArray[np.float64]:
    """IoU (n, count) of masks (n, H, W) with the item's objects; with an ignored box the share
    of the mask in it."""
    overlap = np.zeros((len(masks), count))
    areas = masks.sum(axis=(1, 2))
    for column, one in enumerate(item.objects):
        x1, y1, x2, y2 = one.box
        both = (masks[:, y1:y2, x1:x2] & (one.mask > 0)).sum(axis=(1, 2))
        overlap[:, column] = both / np.maximum(areas + int(one.mask.sum()) - both, 1)
    for column, box in enumerate(item.ignore, len(item.objects)):
        x1, y1, x2, y2 = (max(int(v), 0) for v in np.round(box))
        overlap[:, column] = masks[:, y1:y2, x1:x2].sum(axis=(1, 2)) / np.maximum(areas, 1)
    return overlap
