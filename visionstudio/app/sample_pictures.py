"""Pictures and a clip of the sample project, from what installed packages carry.

scikit-image's photographs and scikit-learn's digits; nothing is downloaded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

COIN_SIDE = 176  # px of a crop of the coins
COIN_PICTURES = 20
LEAST_COIN = 250  # square pixels; less of a coin at the border is not labelled
DIGIT_SIDE = 16  # px; the originals are 8×8 with 17 shades
CLIP_SIZE = (320, 240)
CLIP_FRAMES = 120
LEAVES, RETURNS = 70, 90  # frames without the object
RATE = 25


@dataclass(frozen=True, slots=True, eq=False)
class CoinPicture:
    """A crop of the photograph of coins and the masks of its coins."""

    image: Picture
    masks: tuple[Mask, ...]


def coin_labels(photograph: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(H, W) coin numbers from 1, 0 = background, by a classical recipe.

    A watershed of the gradient from certain background (dark) and certain coin
    (bright), holes filled, specks dropped, as in scikit-image's guide to
    region-based segmentation (van der Walt et al., 2014).
    """
    from scipy import ndimage
    from skimage import filters, morphology, segmentation

    # Parts of scikit-image are typed and parts are not.
    recipe: Any = (filters.sobel, segmentation.watershed, morphology.remove_small_objects)
    sobel, watershed, remove_small_objects = recipe
    markers = np.zeros(photograph.shape, np.int32)
    markers[photograph < 30] = 1
    markers[photograph > 150] = 2
    coins = ndimage.binary_fill_holes(watershed(sobel(photograph), markers) == 2)
    numbers, _ = ndimage.label(remove_small_objects(coins, max_size=LEAST_COIN))
    return np.asarray(numbers, np.int32)


def coin_pictures(seed: int = 0) -> Iterator[CoinPicture]:
    """Crops of the coins at random places, mirrored and turned by quarters."""
    photograph = _photograph("coins")
    numbers = coin_labels(photograph)
    rng = np.random.default_rng(seed)
    height, width = photograph.shape
    for _ in range(COIN_PICTURES):
        top = int(rng.integers(0, height - COIN_SIDE + 1))
        left = int(rng.integers(0, width - COIN_SIDE + 1))
        place = np.s_[top : top + COIN_SIDE, left : left + COIN_SIDE]
        turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
        image, part = np.rot90(photograph[place], turns), np.rot90(numbers[place], turns)
        if mirror:
            image, part = image[:, ::-1], part[:, ::-1]
        masks = (part == n for n in np.unique(part) if n)
        kept = tuple(np.ascontiguousarray(m) for m in masks if m.sum() >= LEAST_COIN)
        yield CoinPicture(np.ascontiguousarray(np.repeat(image[..., None], 3, axis=2)), kept)


def digit_pictures(count: int) -> Iterator[tuple[Picture, int]]:
    """The first `count` handwritten digits, enlarged, with what they show."""
    import cv2
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    for image, label in zip(digits.images[:count], digits.target[:count], strict=True):
        grey = (image * (255 / 16)).round().astype(np.uint8)
        large = cv2.resize(grey, (DIGIT_SIDE, DIGIT_SIDE), interpolation=cv2.INTER_CUBIC)
        yield np.repeat(np.asarray(large, np.uint8)[..., None], 3, axis=2), int(label)


def photographs() -> dict[str, Picture]:
    """Photographs by name, for the classifier that knows ImageNet's classes."""
    return {
        "cat": _photograph("chelsea"),
        "coffee": _photograph("coffee"),
        "motorcycle": _photograph("motorcycle_left"),
        "photographer": np.repeat(_photograph("camera")[..., None], 3, axis=2),
    }


def _photograph(name: str) -> Picture:
    """A photograph that lies in scikit-image's package, read without asking the network."""
    from importlib.resources import files

    import cv2

    data = np.frombuffer(files("skimage.data").joinpath(f"{name}.png").read_bytes(), np.uint8)
    image = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
    return image if image.ndim == 2 else np.ascontiguousarray(image[..., 2::-1])


def clip() -> Iterator[tuple[Picture, tuple[float, float, float, float] | None]]:
    """Frames panned over a photograph, with a thing that crosses, leaves and returns.

    Each comes with the thing's box x, y, width, height, None while it is out of sight.
    """
    import cv2

    photograph = _photograph("coffee")
    thing = cv2.resize(_photograph("astronaut")[0:190, 130:320], (48, 48))
    side = len(thing)
    yy, xx = np.mgrid[:side, :side] + 0.5 - side / 2
    disc = np.hypot(xx, yy) < side / 2
    width, height = CLIP_SIZE
    for n in range(CLIP_FRAMES):
        dx, dy = n, round(40 + 30 * math.sin(n / 25))
        frame = photograph[dy : dy + height, dx : dx + width].copy()
        if n < LEAVES:
            x = 30 + n * (width - 30) // LEAVES
        else:
            x = width - max(n - RETURNS, 0) * 5
        y = 100 + round(45 * math.sin(n / 12))
        seen = min(width, x + side) - x
        if seen <= 0:
            yield frame, None
            continue
        frame[y : y + side, x : x + seen][disc[:, :seen]] = thing[:, :seen][disc[:, :seen]]
        yield frame, (float(x), float(y), float(seen), float(side))


def write_clip(path: Path, frames: Iterator[Picture]) -> None:
    """Write frames as an H.264 mp4 with a time base in which every frame has a whole pts."""
    import av

    width, height = CLIP_SIZE
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=RATE, options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for number, values in enumerate(frames):
            frame: Any = av.VideoFrame.from_ndarray(values, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
