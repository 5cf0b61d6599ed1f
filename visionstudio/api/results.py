"""What models return: frozen, validated values that cannot be half right.

Every class checks itself when it is made and says what it expected. All
coordinates are float pixels of the upright frame that the model was given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import InvalidValue

MAX_RESULTS = 100_000  # more than this many objects in one frame is a fault, not a result


def _array(values: Any, dtype: Any, shape: tuple[int | None, ...], what: str) -> NDArray[Any]:
    array = np.array(values, dtype=dtype)
    if array.size == 0 and len(shape) > 1 and array.ndim != len(shape):
        array = array.reshape(tuple(0 if s is None else s for s in shape))
    fits = array.ndim == len(shape) and all(
        s is None or s == n for s, n in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = " x ".join("n" if s is None else str(s) for s in shape)
        raise InvalidValue(f"{what} must be {wanted}, got shape {array.shape}")
    if len(array) > MAX_RESULTS and len(shape) < 3:
        raise InvalidValue(f"{what}: {len(array)} results in one frame, at most {MAX_RESULTS}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidValue(f"{what} has a value that is not a finite number")
    array.flags.writeable = False
    return array


def _scores(values: Any, count: int, what: str) -> NDArray[np.float32]:
    scores = _array(values, np.float32, (count,), what)
    if count and (scores.min() < 0 or scores.max() > 1):
        raise InvalidValue(f"{what} must lie in [0, 1], got {scores.min():g}…{scores.max():g}")
    return scores


def _indices(values: Any, count: int, classes: int, what: str) -> NDArray[np.int64]:
    indices = _array(values, np.int64, (count,), what)
    if count and (indices.min() < 0 or indices.max() >= classes):
        raise InvalidValue(f"{what} must lie in 0…{classes - 1}, got {indices.max()}")
    return indices


@dataclass(frozen=True, slots=True, eq=False)
class Classification:
    """Class names and their scores in [0, 1], best first."""

    labels: tuple[str, ...]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        labels = tuple(str(name) for name in self.labels)
        scores = _scores(self.scores, len(labels), "scores")
        order = np.argsort(-scores, kind="stable")
        object.__setattr__(self, "labels", tuple(labels[i] for i in order))
        object.__setattr__(self, "scores", scores[order])

    def above(self, threshold: float) -> Classification:
        """Only what scores at least `threshold`."""
        count = int((self.scores >= threshold).sum())
        return Classification(self.labels[:count], self.scores[:count])


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """n boxes (n, 4) x1, y1, x2, y2; scores (n,) in [0, 1]; indices (n,) into `classes`."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float32]
    indices: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        boxes = _array(self.boxes, np.float64, (None, 4), "boxes")
        if len(boxes) and (boxes[:, 2:] < boxes[:, :2]).any():
            raise InvalidValue("boxes must have x1 ≤ x2 and y1 ≤ y2")
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", _scores(self.scores, len(boxes), "scores"))
        classes = tuple(str(name) for name in self.classes)
        object.__setattr__(self, "classes", classes)
        indices = _indices(self.indices, len(boxes), len(classes), "class indices")
        object.__setattr__(self, "indices", indices)

    def within(self, height: int, width: int) -> Detections:
        """The detections clipped to the frame. Raises InvalidValue if one lies outside it."""
        if len(self.boxes) == 0:
            return self
        limits = np.array([width, height, width, height], dtype=np.float64)
        outside = (self.boxes[:, :2] >= limits[:2]).any(axis=1) | (self.boxes[:, 2:] <= 0).any(
            axis=1
        )
        if outside.any():
            box = ", ".join(f"{v:g}" for v in self.boxes[int(outside.argmax())])
            raise InvalidValue(f"box ({box}) lies outside the {width}x{height} frame")
        boxes = np.clip(self.boxes, 0, limits)
        return Detections(boxes, self.scores, self.indices, self.classes)

    def above(self, threshold: float) -> Detections:
        """Only what scores at least `threshold`."""
        keep = self.scores >= threshold
        return Detections(self.boxes[keep], self.scores[keep], self.indices[keep], self.classes)


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """n object masks (n, H, W) bool in the size of the frame, with scores and class indices."""

    masks: NDArray[np.bool_]
    scores: NDArray[np.float32]
    indices: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        masks = _array(self.masks, bool, (None, None, None), "masks")
        object.__setattr__(self, "masks", masks)
        object.__setattr__(self, "scores", _scores(self.scores, len(masks), "scores"))
        classes = tuple(str(name) for name in self.classes)
        object.__setattr__(self, "classes", classes)
        indices = _indices(self.indices, len(masks), len(classes), "class indices")
        object.__setattr__(self, "indices", indices)

    def above(self, threshold: float) -> Masks:
        """Only what scores at least `threshold`."""
        keep = self.scores >= threshold
        return Masks(self.masks[keep], self.scores[keep], self.indices[keep], self.classes)


@dataclass(frozen=True, slots=True, eq=False)
class SemanticMap:
    """A class index per pixel, (H, W) uint8 or uint16 into `classes`.

    `background` is the index that means "nothing", or None where every pixel
    belongs to something. `confidence`, if given, is (H, W) float32 in [0, 1].
    """

    labels: NDArray[np.uint8] | NDArray[np.uint16]
    classes: tuple[str, ...]
    background: int | None = 0
    confidence: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if labels.dtype not in (np.uint8, np.uint16):
            raise InvalidValue(f"a semantic map is uint8 or uint16, got {labels.dtype}")
        labels = _array(labels, labels.dtype, (None, None), "a semantic map")
        classes = tuple(str(name) for name in self.classes)
        if labels.size and int(labels.max()) >= len(classes):
            raise InvalidValue(
                f"a semantic map of {len(classes)} classes holds index {labels.max()}"
            )
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "classes", classes)
        if self.confidence is not None:
            confidence = _array(self.confidence, np.float32, labels.shape, "confidence")
            object.__setattr__(self, "confidence", confidence)


@dataclass(frozen=True, slots=True)
class TrackState:
    """Where one object is in a frame: box x1, y1, x2, y2 or None, score in [0, 1], lost or not.

    `label` is its class where a detector named it.
    """

    box: tuple[float, float, float, float] | None
    score: float
    lost: bool = False
    label: str = ""

    def __post_init__(self) -> None:
        if self.box is None and not self.lost:
            raise InvalidValue("a track state without a box must be lost")
        if self.box is not None:
            box = _array(self.box, np.float64, (4,), "a track's box")
            if box[2] < box[0] or box[3] < box[1]:
                raise InvalidValue("a track's box must have x1 ≤ x2 and y1 ≤ y2")
            object.__setattr__(self, "box", tuple(float(v) for v in box))
        if not 0 <= float(self.score) <= 1:
            raise InvalidValue(f"a track's score lies in [0, 1], got {self.score}")


@dataclass(frozen=True, slots=True, eq=False)
class GeneratedImage:
    """A picture (H, W, 3) uint8 RGB and what made it."""

    image: NDArray[np.uint8]
    seed: int = 0
    label: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if np.asarray(self.image).dtype != np.uint8:
            raise InvalidValue(f"a picture is uint8, got {np.asarray(self.image).dtype}")
        image = _array(self.image, np.uint8, (None, None, 3), "a picture")
        object.__setattr__(self, "image", image)


Result = Classification | Detections | Masks | SemanticMap | TrackState | GeneratedImage
