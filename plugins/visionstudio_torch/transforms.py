"""Geometry and colour of training pictures; boxes and masks move with them.

Pictures are (H, W, 3) uint8 RGB. Coordinates are pixels with the origin at the top-left
corner of pixel (0, 0), so a picture spans 0…W and 0…H.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Image = NDArray[np.uint8]
Matrix = NDArray[np.float64]
PAD = 127  # the built-in backbone's zero


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far random changes go; all zero changes nothing.

    `scale` s draws a factor in [1/(1+s), 1+s], `rotate` is in degrees, `translate` a
    share of the size; `brightness`, `contrast` and `colour` are shares of the full range.
    `blur` is the largest standard deviation in pixels, `mosaic` the share of pictures that
    are put together from four.
    """

    flip_x: bool = False
    flip_y: bool = False
    quarter_turns: bool = False  # of square crops only
    scale: float = 0.0
    rotate: float = 0.0
    translate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    blur: float = 0.0
    mosaic: float = 0.0


def augmentation_of(params: Any, *, quarter_turns: bool = False) -> Augmentation:
    """The changes that a model's training parameters ask for, by their common names.

    `quarter_turns` also turns square crops by them when pictures are mirrored both ways.
    """
    flip = str(getattr(params, "flip", "none"))

    def share(name: str) -> float:
        return float(getattr(params, name, 0.0))

    return Augmentation(
        flip_x=flip in ("horizontal", "both", "True"),
        flip_y=flip == "both",
        quarter_turns=quarter_turns and flip == "both",
        scale=share("scale"),
        rotate=share("rotate"),
        translate=share("translate"),
        brightness=share("colour"),
        contrast=share("colour"),
        colour=share("colour") / 2,
        blur=share("blur"),
        mosaic=share("mosaic"),
    )


def resize(image: Image, height: int, width: int) -> Image:
    """To (height, width): area averaging when it shrinks, bilinear when it grows."""
    if image.shape[:2] == (height, width):
        return image
    shrinks = height * width < image.shape[0] * image.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    out: Image = np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
    return out


def short_side_size(height: int, width: int, side: int, longest: int) -> tuple[int, int]:
    """The size with short side `side`, or smaller so that no side exceeds `longest`."""
    factor = min(side / min(height, width), longest / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def letterbox_size(height: int, width: int, side: int, multiple: int = 32) -> tuple[int, int]:
    """The smallest letterbox for a picture scaled to a longest side of `side`.

    Its height and width are multiples of `multiple`, as networks of that stride need.
    """
    factor = side / max(height, width)
    inner = max(1, round(height * factor)), max(1, round(width * factor))
    high, wide = (-(-n // multiple) * multiple for n in inner)
    return high, wide


def letterbox(image: Image, height: int, width: int, pad: int = PAD) -> tuple[Image, Matrix]:
    """Fit into (height, width) keeping proportions, padded all round with grey `pad`.

    Returns the picture and the 2×3 matrix from its old coordinates to the new ones.
    """
    h, w = image.shape[:2]
    factor = min(height / h, width / w)
    inner_h, inner_w = max(1, round(h * factor)), max(1, round(w * factor))
    top, left = (height - inner_h) // 2, (width - inner_w) // 2
    out = np.full((height, width, 3), pad, np.uint8)
    out[top : top + inner_h, left : left + inner_w] = resize(image, inner_h, inner_w)
    return out, np.array([[inner_w / w, 0, left], [0, inner_h / h, top]], np.float64)


def random_matrix(
    height: int, width: int, how: Augmentation, rng: np.random.Generator
) -> Matrix | None:
    """A random 2×3 map of a picture onto a canvas of its own size, None for no change."""
    flip_x = how.flip_x and rng.random() < 0.5
    flip_y = how.flip_y and rng.random() < 0.5
    turns = int(rng.integers(4)) if how.quarter_turns and height == width else 0
    factor = (1 + how.scale) ** rng.uniform(-1, 1) if how.scale else 1.0
    angle = np.deg2rad(rng.uniform(-how.rotate, how.rotate)) if how.rotate else 0.0
    shift = rng.uniform(-how.translate, how.translate, 2) if how.translate else np.zeros(2)
    # A zoomed-in picture shows any part of itself, not only its middle.
    if factor > 1:
        shift = shift + rng.uniform(-0.5, 0.5, 2) * (factor - 1)
    angle += turns * np.pi / 2
    if not (flip_x or flip_y or turns or angle or factor != 1 or shift.any()):
        return None
    cos, sin = np.round([np.cos(angle), np.sin(angle)], 12)
    linear = factor * np.array([[cos, -sin], [sin, cos]])
    linear = linear @ np.diag([-1.0 if flip_x else 1.0, -1.0 if flip_y else 1.0])
    middle = np.array([width / 2, height / 2])
    offset = middle - linear @ middle + shift * (width, height)
    return np.concatenate([linear, offset[:, None]], axis=1)


def _centred(matrix: Matrix) -> Matrix:
    """The map for cv2, which counts from the centre of pixel (0, 0)."""
    out = matrix.copy()
    out[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return out


def warp_image(
    image: Image, matrix: Matrix, size: tuple[int, int] | None = None, *, mirror: bool = False
) -> Image:
    """The picture moved by a 2×3 matrix onto a canvas of (height, width) `size`.

    Outside it is grey, or with `mirror` the picture mirrored at its edges.
    """
    height, width = size or image.shape[:2]
    out = cv2.warpAffine(
        image,
        _centred(matrix),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT if mirror else cv2.BORDER_CONSTANT,
        borderValue=(PAD,) * 3,
    )
    return np.asarray(out, np.uint8)


def warp_labels(
    labels: NDArray[np.uint8], matrix: Matrix, size: tuple[int, int] | None = None, fill: int = 255
) -> NDArray[np.uint8]:
    """A label map (H, W) moved likewise without mixing labels; outside becomes `fill`."""
    height, width = size or labels.shape[:2]
    out = cv2.warpAffine(
        labels, _centred(matrix), (width, height), flags=cv2.INTER_NEAREST, borderValue=fill
    )
    return np.asarray(out, np.uint8)


def warp_boxes(boxes: NDArray[Any], matrix: Matrix) -> NDArray[np.float32]:
    """Upright boxes around the moved boxes (n, 4), not clipped."""
    x1, y1, x2, y2 = np.asarray(boxes, np.float64).reshape(-1, 4).T
    corners = np.stack([x1, y1, x2, y1, x2, y2, x1, y2], axis=1).reshape(-1, 4, 2)
    moved = corners @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1).astype(np.float32)


def clip_boxes(
    boxes: NDArray[Any], height: int, width: int, least_visible: float = 0.3
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Boxes clipped to the picture, and which of them are still worth learning.

    Those with less than `least_visible` of their area inside or thinner than a pixel are not.
    """
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    clipped = np.clip(boxes, 0, np.array([width, height, width, height], np.float32))
    size, before = clipped[:, 2:] - clipped[:, :2], boxes[:, 2:] - boxes[:, :2]
    visible = size.prod(axis=1) >= least_visible * before.prod(axis=1)
    return clipped, visible & (size >= 1).all(axis=1)


def random_colour(image: Image, how: Augmentation, rng: np.random.Generator) -> Image:
    """Brightness, contrast and the balance of channels changed at random, by a look-up table."""
    if not (how.brightness or how.contrast or how.colour):
        return image
    gain = 1 + rng.uniform(-how.contrast, how.contrast)
    gains = gain * (1 + rng.uniform(-how.colour, how.colour, 3))
    offset = 255 * rng.uniform(-how.brightness, how.brightness)
    table = (np.arange(256.0)[:, None] - 127.5) * gains + 127.5 + offset
    lut = np.clip(table + 0.5, 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(np.ascontiguousarray(image), lut), np.uint8)


def random_look(image: Image, how: Augmentation, rng: np.random.Generator) -> Image:
    """What changes pixels and moves nothing: colours, and in every other picture blur."""
    image = random_colour(image, how, rng)
    if not how.blur or rng.random() < 0.5:
        return image
    sigma = rng.uniform(0, how.blur)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(sigma, 0.1)), np.uint8)


def to_tensor(image: Image) -> Tensor:
    """(H, W, 3) uint8 → (3, H, W) uint8, a copy."""
    return torch.from_numpy(np.array(image.transpose(2, 0, 1), order="C"))


def pad_batch(images: list[Tensor], multiple: int = 32) -> Tensor:
    """(3, H, W) uint8 pictures in one (N, 3, H', W') batch, padded at the right and bottom.

    H' and W' are the largest sizes rounded up to `multiple`.
    """
    height = -(-max(i.shape[1] for i in images) // multiple) * multiple
    width = -(-max(i.shape[2] for i in images) // multiple) * multiple
    batch = images[0].new_full((len(images), 3, height, width), PAD)
    for slot, image in zip(batch, images, strict=True):
        slot[:, : image.shape[1], : image.shape[2]] = image
    return batch
