"""segmenter/prompt: the object that points and a box mean."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Context, Frame, Masks, ModelError, Prompt, WeightsError
from visionstudio_segmenter import classical
from visionstudio_segmenter.params import PromptParams
from visionstudio_segmenter.sam import Sam

MODEL = "segmenter/prompt"
_KEPT = 32  # pictures whose embeddings are kept, about 4 MB each
_INSET = 0.05  # of the picture around what is taken for the object when nothing is said
_CLASSES = ("object",)
Embedding = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """The current picture: its size, and its pixels or what the network knows of it."""

    height: int
    width: int
    image: NDArray[np.uint8] | None
    embedding: Embedding | None


class PromptModel:
    """`PromptSegmenter`, and a `Segmenter` whose prompts are parameters."""

    def __init__(self) -> None:
        self._sam: Sam | None = None
        self._shown: _Shown | None = None
        self._embeddings: OrderedDict[bytes, Embedding] = OrderedDict()

    def load(self, params: PromptParams, weights: Path | None, ctx: Context) -> None:
        """Open the network's two files if there are any. Raises WeightsError."""
        encoder = weights or (Path(params.encoder).expanduser() if params.encoder else None)
        if encoder is None:
            if params.decoder:
                raise WeightsError(
                    "a decoder needs its encoder",
                    where=params.decoder,
                    next_step="give the encoder's ONNX file as weights or as param encoder",
                )
            return
        decoder = Path(params.decoder).expanduser() if params.decoder else beside(encoder)
        self._sam = Sam(encoder, decoder, ctx)

    def unload(self) -> None:
        self._sam = self._shown = None
        self._embeddings.clear()

    def set_image(self, frame: Frame, params: PromptParams, ctx: Context) -> None:
        """The picture of the prompts that follow; embedded unless it was before."""
        height, width = frame.shape[:2]
        embedding = self._embed(frame)
        image = frame.copy() if embedding is None else None
        self._shown = _Shown(height, width, image, embedding)

    def prepare(self, frame: Frame, params: PromptParams, ctx: Context) -> None:
        """Embed a picture that may come next."""
        self._embed(frame)

    def _embed(self, frame: Frame) -> Embedding | None:
        if self._sam is None:
            return None
        key = hashlib.blake2b(repr(frame.shape).encode())
        key.update(np.ascontiguousarray(frame).data)
        known = self._embeddings.pop(key.digest(), None)
        if known is None:
            known = self._sam.embed(frame)
        self._embeddings[key.digest()] = known
        while len(self._embeddings) > _KEPT:
            self._embeddings.popitem(last=False)
        return known

    def prompt(self, prompt: Prompt, params: PromptParams, ctx: Context) -> Masks:
        """One mask in the picture's size, or none when nothing is found."""
        shown = self._shown
        if shown is None:
            raise ModelError("there is no picture to look at", where=MODEL)
        prompt = _clipped(prompt, shown.height, shown.width)
        whole = np.zeros((1, shown.height, shown.width), bool)
        score = 0.0
        if shown.embedding is not None and self._sam is not None:
            whole[0], score = self._sam.segment(shown.embedding, prompt, shown.height, shown.width)
        elif shown.image is not None:
            cv2.setNumThreads(max(1, ctx.threads))
            found = classical.segment(shown.image, prompt, params.method, params.detail)
            area, score = found.area, found.score
            whole[0, area.y1 : area.y2, area.x1 : area.x2] = found.mask
        count = int(whole.any())
        return Masks(
            whole[:count], np.full(count, score, np.float32), np.zeros(count, np.int64), _CLASSES
        )

    def predict(
        self, frames: Sequence[Frame], params: PromptParams, ctx: Context
    ) -> Sequence[Masks]:
        """The object that the parameters `points` and `box` mean, in each frame."""
        results = []
        for i, frame in enumerate(frames):
            prompt = prompt_of(params, *frame.shape[:2])
            self.set_image(frame, params, ctx)
            results.append(self.prompt(prompt, params, ctx))
            ctx.report((i + 1) / len(frames))
        return results


def beside(encoder: Path) -> Path:
    """The decoder's file next to an encoder's. Raises WeightsError when there is none."""
    name = encoder.name.lower()
    files = sorted(p for p in encoder.parent.glob("*.onnx") if p != encoder)
    named = [p for p in files if "decoder" in p.name.lower()]
    exact = [p for p in named if p.name.lower() == name.replace("encoder", "decoder")]
    found = exact or named
    if len(found) != 1:
        raise WeightsError(
            "the decoder that belongs to the encoder is not known",
            where=str(encoder),
            next_step="give its ONNX file as param decoder",
        )
    return found[0]


def prompt_of(params: PromptParams, height: int, width: int) -> Prompt:
    """The prompt that parameters say; the middle of the picture when they say nothing."""
    points, labels = [], []
    for text in filter(None, (part.strip() for part in params.points.split(";"))):
        values = _numbers(text, "points", (2, 3))
        points.append(values[:2])
        labels.append(int(values[2] != 0) if len(values) == 3 else 1)
    box: tuple[float, float, float, float] | None = None
    if params.box.strip():
        x1, y1, x2, y2 = _numbers(params.box, "box", (4,))
        box = (x1, y1, x2, y2)
    elif not points:
        dx, dy = _INSET * width, _INSET * height
        box = (dx, dy, width - dx, height - dy)
    return Prompt(np.array(points, np.float64).reshape(-1, 2), np.array(labels, np.int64), box)


def _numbers(text: str, name: str, counts: tuple[int, ...]) -> list[float]:
    wanted = " or ".join(str(n) for n in counts)
    try:
        values = [float(v) for v in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in counts or not all(map(math.isfinite, values)):
        raise ModelError(
            f"'{text}' is not {wanted} numbers with commas between them", where=f"param {name}"
        )
    return values


def _clipped(prompt: Prompt, height: int, width: int) -> Prompt:
    """The prompt inside the picture. Raises ModelError for one that says nothing of it."""
    box = prompt.box
    if box is not None:
        x1, x2 = sorted((float(np.clip(box[0], 0, width)), float(np.clip(box[2], 0, width))))
        y1, y2 = sorted((float(np.clip(box[1], 0, height)), float(np.clip(box[3], 0, height))))
        if x2 <= x1 or y2 <= y1:
            raise ModelError("the box has no area inside the picture", where=MODEL)
        box = (x1, y1, x2, y2)
    elif not (prompt.labels > 0).any():
        raise ModelError(
            "nothing says where the object is", where=MODEL, next_step="click on the object first"
        )
    points = np.asarray(prompt.points, np.float64).reshape(-1, 2)
    inside = ((points >= 0) & (points <= (width, height))).all(axis=1)
    if not inside.all():
        x, y = points[int(np.argmin(inside))]
        raise ModelError(f"the point {x:g}, {y:g} lies outside the picture", where=MODEL)
    return Prompt(points, np.asarray(prompt.labels, np.int64), box)
