"""Pairs of an object's looks to learn from: of two frames of a track, or two views of a still.

What is kept of a frame is a square crop around the object, so that long clips fit into
memory. A picture without boxes lends a few of its regions as objects: what they show does
not matter, a network only learns to find the same thing again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Frame, Sample, TrainingError
from visionstudio_torch.transforms import Augmentation, random_look
from visionstudio_tracker.views import View

FloatArray = NDArray[np.float64]
Image = NDArray[np.uint8]

CONTEXT = 7.0  # sides of the object (√area) that a crop shows
SIDE = 384  # px of a crop at most
MOST_CROPS = 1500
MOST_PICTURES = 4000
REGIONS = 6  # of a picture without boxes
LEAST = 8.0  # px; a smaller object has no look to speak of
FLAT = 12.0  # grey levels of standard deviation below which a region shows nothing
NEAR = 100  # frames between the two looks of a pair at most


class Reporter(Protocol):
    """The part of a context that tells how far the reading is."""

    def report(self, fraction: float | None = None, message: str = "") -> None: ...


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """A crop (side, side, 3) uint8, the object's box in it (4,), and the frame it is of."""

    crop: Image
    box: FloatArray
    frame: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """One object: its looks in the order of their frames; a still has one.

    `plain` marks a region of a picture without boxes, which has no outline of its own.
    """

    looks: tuple[Look, ...]
    plain: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two views (size, size, 3) of an object, with its box in each.

    `present` is False where the second shows something else; its box is then of that.
    """

    first: Image
    second: Image
    first_box: FloatArray
    second_box: FloatArray
    present: bool


def read_things(samples: Sequence[Sample], seed: int, ctx: Reporter) -> list[Thing]:
    """The objects of the samples, with at most `MOST_CROPS` looks in all.

    Boxes of one track in one clip are looks of one object, others objects by themselves.
    Frames and looks are taken evenly where there are too many.
    """
    rng = np.random.default_rng(seed)
    step = max(1, -(-len(samples) // MOST_PICTURES))
    numbers = range(0, len(samples), step)
    per_picture = max(1, min(REGIONS, MOST_CROPS // max(len(numbers), 1)))
    tracks: dict[tuple[str, int], list[Look]] = {}
    alone: list[Look] = []
    plain: list[Look] = []
    for number in numbers:
        ctx.report(0.0, f"reading picture {number + 1} of {len(samples)}")
        sample = samples[number]
        boxes, names = _boxes(sample, per_picture, rng)
        for box, name in zip(boxes, names, strict=True):
            look = _look(sample.image, box, sample.frame)
            if name >= 0 and sample.clip:
                tracks.setdefault((sample.clip, name), []).append(look)
            else:
                (alone if len(sample.target.boxes) else plain).append(look)
        _thin([*tracks.values(), alone, plain])
    things = [Thing(tuple(looks)) for looks in tracks.values()]
    things += [Thing((look,)) for look in alone]
    return things + [Thing((look,), plain=True) for look in plain]


def check_things(things: Sequence[Thing]) -> None:
    """Raise TrainingError when there is nothing to learn from."""
    if not things:
        raise TrainingError(
            f"no picture shows an object of {LEAST:g} pixels or more",
            next_step="draw boxes, track an object, or add pictures that are not flat",
        )


def _boxes(
    sample: Sample, count: int, rng: np.random.Generator
) -> tuple[FloatArray, NDArray[np.int64]]:
    """The boxes of a sample that can be learned from and their tracks, -1 for none."""
    target = sample.target
    if len(target.boxes) == 0:
        found = random_regions(sample.image, count, rng)
        return found, np.full(len(found), -1)
    names = target.tracks if len(target.tracks) else np.full(len(target.boxes), -1)
    sides = target.boxes[:, 2:] - target.boxes[:, :2]
    good = (sides >= LEAST).all(axis=1)
    if len(target.ignore):
        good &= ~target.ignore
    # Pictures full of objects do not need all of them.
    chosen = np.flatnonzero(good)
    loose = chosen[names[chosen] < 0]
    if len(loose) > count:
        loose = np.sort(rng.choice(loose, count, replace=False))
    chosen = np.concatenate([chosen[names[chosen] >= 0], loose])
    return target.boxes[chosen], names[chosen]


def random_regions(image: Frame, count: int, rng: np.random.Generator) -> FloatArray:
    """Up to `count` boxes (n, 4) of all shapes in a picture, where it is not flat."""
    height, width = image.shape[:2]
    found: list[tuple[float, float, float, float]] = []
    for _ in range(6 * count):
        if len(found) == count:
            break
        side = min(height, width) * np.exp(rng.uniform(np.log(0.08), np.log(0.4)))
        stretch = np.exp(rng.uniform(-0.6, 0.6))
        w, h = min(side * stretch, width - 1), min(side / stretch, height - 1)
        if min(w, h) < LEAST:
            continue
        x, y = rng.uniform(0, width - w), rng.uniform(0, height - h)
        inside = image[int(y) : int(y + h), int(x) : int(x + w)]
        if float(inside.mean(axis=2).std()) >= FLAT:
            found.append((x, y, x + w, y + h))
    return np.array(found, dtype=np.float64).reshape(-1, 4)


def _look(image: Frame, box: FloatArray, frame: int) -> Look:
    """The crop around a box; never larger than the picture shows it."""
    w, h = box[2:] - box[:2]
    side = CONTEXT * float(np.sqrt(w * h))
    size = int(min(SIDE, max(round(side), 64)))
    centre = (box[:2] + box[2:]) / 2
    view = View(float(centre[0]), float(centre[1]), side, size)
    return Look(view.cut(image), view.to_view(box[None])[0], frame)


def _thin(lists: Sequence[list[Look]]) -> None:
    """Drop every other look of the longest list while there are too many in all."""
    while sum(map(len, lists)) > MOST_CROPS:
        del max(lists, key=len)[1::2]


# Pairs


def pair_maker(
    things: Sequence[Thing],
    *,
    context: Callable[[FloatArray], float],
    sizes: tuple[int, int],
    shift: float,
    grow: float,
    colour: float,
    mirror: bool,
    others: float = 0.0,
    paste: float = 0.0,
) -> Callable[[Thing, np.random.Generator], Pair]:
    """The function that makes a random pair of an object.

    `context(box)` is the side in pixels that the larger view of a box shows, `sizes` the
    pixels of both views; the smaller one shows as much less. The second view is moved by up
    to `shift` of its side and grown by up to exp(±`grow`). A share `others` of the pairs
    shows another object in the second view. A share `paste` of the plain regions is cut out
    with a random outline and pasted elsewhere, so that there is an edge to be found.
    """
    most = max(sizes)
    how = Augmentation(brightness=colour, contrast=colour, colour=colour / 2, blur=1.0)

    def make(thing: Thing, rng: np.random.Generator) -> Pair:
        first, second = _two(thing, rng)
        if paste and thing.plain and rng.random() < paste:
            ground = things[int(rng.integers(len(things)))].looks[0]
            first, second = _pasted(first, ground, rng)
        present = len(things) < 2 or rng.random() >= others
        if not present:
            other = things[int(rng.integers(len(things)))]
            present = other is thing
            second = other.looks[int(rng.integers(len(other.looks)))]
        views = []
        for look, size, moved in ((first, sizes[0], 0.02), (second, sizes[1], shift)):
            side = context(look.box) * size / most
            factor = float(np.exp(rng.uniform(-grow, grow))) if moved == shift else 1.0
            centre = (look.box[:2] + look.box[2:]) / 2
            centre = centre + rng.uniform(-moved, moved, 2) * side
            view = View(float(centre[0]), float(centre[1]), side * factor, size)
            picture = random_look(view.cut(look.crop), how, rng)
            views.append((picture, view.to_view(look.box[None])[0]))
        if colour and rng.random() < 0.15:  # grey pairs teach shape
            views = [(_grey(picture), box) for picture, box in views]
        if mirror and rng.random() < 0.5:
            views = [_mirrored(picture, box) for picture, box in views]
        return Pair(views[0][0], views[1][0], views[0][1], views[1][1], present)

    return make


def _two(thing: Thing, rng: np.random.Generator) -> tuple[Look, Look]:
    looks = thing.looks
    one = looks[int(rng.integers(len(looks)))]
    near = [look for look in looks if abs(look.frame - one.frame) <= NEAR]
    return one, near[int(rng.integers(len(near)))]


def _pasted(look: Look, ground: Look, rng: np.random.Generator) -> tuple[Look, Look]:
    """The region with a random outline, where it is and, a little deformed, on another ground."""
    size = look.crop.shape[0]
    x1, y1, x2, y2 = np.round(look.box).astype(int)
    patch = look.crop[max(y1, 0) : y2, max(x1, 0) : x2]
    outline = _outline(patch.shape[0], patch.shape[1], rng)
    mirrored = ground.crop[:, ::-1] if rng.random() < 0.5 else ground.crop
    other = np.asarray(cv2.resize(mirrored, (size, size)), np.uint8)
    made = []
    for canvas, factor in ((other, 1.0), (np.roll(other, size // 3, axis=1), None)):
        wide, high = (
            max(8, round(n * (factor or float(np.exp(rng.normal(0, 0.1))))))
            for n in (patch.shape[1], patch.shape[0])
        )
        wide, high = min(wide, size), min(high, size)
        piece = np.asarray(cv2.resize(patch, (wide, high)), np.float32)
        share = np.asarray(cv2.resize(outline, (wide, high)), np.float32)[..., None]
        left, top = (size - wide) // 2, (size - high) // 2
        area = canvas[top : top + high, left : left + wide]
        picture = canvas.copy()
        picture[top : top + high, left : left + wide] = share * piece + (1 - share) * area
        box = np.array([left, top, left + wide, top + high], dtype=np.float64)
        made.append(Look(picture, box, look.frame))
    return made[0], made[1]


def _outline(height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A superellipse (height, width) that touches all four sides, 1 inside and 0 outside."""
    power = float(rng.choice([1.5, 2.0, 2.5, 4.0, 12.0]))
    y = np.abs(np.linspace(-1, 1, height))[:, None]
    x = np.abs(np.linspace(-1, 1, width))[None]
    inside = (x**power + y**power <= 1).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(inside, (0, 0), 0.8), np.float32)


def _grey(picture: Image) -> Image:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB), np.uint8)


def _mirrored(picture: Image, box: FloatArray) -> tuple[Image, FloatArray]:
    width = picture.shape[1]
    turned = np.array([width - box[2], box[1], width - box[0], box[3]])
    return np.ascontiguousarray(picture[:, ::-1]), turned
