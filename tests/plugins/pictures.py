"""Small labelled pictures for the tests of detectors and segmenters."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import cv2
import numpy as np

from visionstudio.api import Sample, Target


def squares(seed: int, size: int = 96, classes: int = 2) -> Sample:
    """Bright squares and dark discs on noise, one to three of them."""
    rng = np.random.default_rng(seed)
    image = rng.integers(90, 130, (size, size, 3), np.uint8)
    boxes, indices = [], []
    for x in rng.permutation(3)[: int(rng.integers(1, 4))]:
        side = int(rng.integers(20, 30))
        left, top = int(x) * size // 3 + 1, int(rng.integers(1, size - side))
        kind = int(rng.integers(classes))
        if kind == 0:
            image[top : top + side, left : left + side] = 240
        else:
            middle = (left + side // 2, top + side // 2)
            cv2.circle(image, middle, side // 2, (10, 10, 40), -1)
        boxes.append([left, top, left + side, top + side])
        indices.append(kind)
    target = Target(boxes=np.array(boxes, float), indices=np.array(indices))
    return Sample(image, target, f"squares {seed}")


def odd_samples() -> list[Sample]:
    """No box, boxes without area, outside or crowds, a single pixel, a huge picture."""
    noise = np.random.default_rng(0).integers(0, 255, (80, 60, 3), np.uint8)

    def sample(image: np.ndarray, boxes: list[list[float]], ignore: list[bool]) -> Sample:
        array = np.array(boxes, float).reshape(-1, 4)
        marks = np.array(ignore, bool)
        return Sample(
            image, Target(boxes=array, indices=np.zeros(len(array), int), ignore=marks), ""
        )

    return [
        sample(noise, [], []),
        sample(noise, [[5, 5, 5, 40], [10, 10, 30, 10]], [False, False]),
        sample(noise, [[-20, -20, 30, 30], [500, 500, 600, 600]], [False, False]),
        sample(noise, [[0, 0, 60, 80]], [True]),
        sample(noise[:1, :1], [[0, 0, 1, 1]], [False]),
        sample(np.tile(noise, (30, 30, 1)), [[100, 100, 1500, 1800]], [False]),
        sample(noise[:4], [[0, 0, 60, 4]], [False]),
    ]


def bccd(folder: Path) -> list[Sample]:
    """The blood cells as samples; the classes are RBC, WBC, Platelets."""
    classes = ("RBC", "WBC", "Platelets")
    samples = []
    for path in sorted((folder / "bccd" / "JPEGImages").glob("*.jpg")):
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        xml = folder / "bccd" / "Annotations" / f"{path.stem}.xml"
        objects = list(ElementTree.parse(xml).getroot().iter("object"))
        sides = ("xmin", "ymin", "xmax", "ymax")
        boxes = [[float(o.findtext(f"bndbox/{s}", "0")) for s in sides] for o in objects]
        indices = [classes.index(o.findtext("name", "")) for o in objects]
        target = Target(
            boxes=np.array(boxes, float).reshape(-1, 4),
            indices=np.array(indices, np.int64),
        )
        samples.append(Sample(image, target, path.stem))
    return samples


def discs(seed: int, height: int = 96, width: int = 96, *, covered: bool = False) -> Sample:
    """Bright discs of class 0 on noise; with `covered` all the rest is class 1."""
    rng = np.random.default_rng(seed)
    image = rng.integers(60, 120, (height, width, 3), np.uint8)
    labels = np.full((height, width), 2 if covered else 0, np.uint8)
    for _ in range(4):
        at = (int(rng.integers(width)), int(rng.integers(height)))
        radius = int(rng.integers(8, 16))
        cv2.circle(image, at, radius, (200, 210, 190), -1)
        cv2.circle(labels, at, radius, 1, -1)  # type: ignore[call-overload]
    return Sample(image, Target(semantic=labels), f"discs {seed}")


def membranes(folder: Path, numbers: range) -> list[Sample]:
    """ISBI membranes: class 0 the membrane, the rest background."""
    home = folder / "isbi_membrane" / "train"
    samples = []
    for number in numbers:
        image = cv2.cvtColor(cv2.imread(str(home / "image" / f"{number}.png")), cv2.COLOR_BGR2RGB)
        mask = cv2.imread(str(home / "label" / f"{number}.png"), cv2.IMREAD_GRAYSCALE)
        labels = np.where(mask == 0, 1, 0).astype(np.uint8)
        samples.append(Sample(image, Target(semantic=labels), str(number)))
    return samples
