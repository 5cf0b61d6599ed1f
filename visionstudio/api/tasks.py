"""The calls that each kind of model answers. All run in a worker thread of the host.

Frames are (H, W, 3) uint8 RGB arrays, upright; they are read-only views and
must not be kept after the call returns (copy what is needed).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from visionstudio.api.context import Context, TrainContext
from visionstudio.api.data import TrainingData
from visionstudio.api.results import (
    Classification,
    Detections,
    GeneratedImage,
    Masks,
    SemanticMap,
    TrackState,
)

Frame = NDArray[np.uint8]


class Model(Protocol):
    """Every model can be loaded and unloaded. `weights` is None for the model's own default."""

    def load(self, params: Any, weights: Path | None, ctx: Context) -> None: ...

    def unload(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What weights turned out to be once loaded: class names, and the input's height and width
    in pixels, 0 where any will do."""

    classes: tuple[str, ...]
    input_size: tuple[int, int] = (0, 0)


class Telling(Model, Protocol):
    """A model that can tell what it has loaded: shown before a weights file is imported."""

    def facts(self) -> Facts: ...


@dataclass(frozen=True, slots=True)
class ModelInput:
    """An input of an exported model that is no picture.

    Standard normal numbers (N, *shape) float32, or with `choices` (N,) int64 below that number.
    """

    name: str
    shape: tuple[int, ...] = ()
    choices: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Exportable:
    """A loaded model as other programs may run it.

    `module` is a torch module on the CPU, ready to predict: it takes pictures (N, 3, height,
    width) float32 RGB in [0, 1] of `input_size` and gives tensors named `outputs`. `batch`
    says whether N may be more than 1. `meaning` tells in words what the outputs are. A module
    that takes something else, as generators do, says so by `inputs`, in its arguments' order.
    """

    module: Any
    input_size: tuple[int, int]
    outputs: tuple[str, ...]
    classes: tuple[str, ...]
    meaning: str
    batch: bool = True
    inputs: tuple[ModelInput, ...] = ()


class Exporting(Model, Protocol):
    """A model that can be written as ONNX; called after `load` on the CPU.

    Raises ModelError when this one cannot.
    """

    def export(self) -> Exportable: ...


class Classifier(Model, Protocol):
    def predict(
        self, frames: Sequence[Frame], params: Any, ctx: Context
    ) -> Sequence[Classification]: ...


class Detector(Model, Protocol):
    def predict(
        self, frames: Sequence[Frame], params: Any, ctx: Context
    ) -> Sequence[Detections]: ...


class Segmenter(Model, Protocol):
    def predict(
        self, frames: Sequence[Frame], params: Any, ctx: Context
    ) -> Sequence[Masks | SemanticMap]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """Points (n, 2) with labels (n,) 1 = object, 0 = not, and/or one box x1, y1, x2, y2."""

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    box: tuple[float, float, float, float] | None = None


class PromptSegmenter(Model, Protocol):
    """A class may also have ``prepare(frame, params, ctx)``: this picture may come next.

    What takes long is then done ahead; the picture of `set_image` stays the current one.
    """

    def set_image(self, frame: Frame, params: Any, ctx: Context) -> None: ...

    def prompt(self, prompt: Prompt, params: Any, ctx: Context) -> Masks: ...


class SingleObjectTracker(Model, Protocol):
    def start(self, frame: Frame, box: tuple[float, float, float, float], ctx: Context) -> None: ...

    def update(self, frame: Frame, ctx: Context) -> TrackState: ...


class MultiObjectTracker(Model, Protocol):
    """A class may also have ``begin(ctx)``: the next frame is of another video.

    One that has not is loaded afresh for every video.
    """

    def update(
        self, frame: Frame, detections: Detections, ctx: Context
    ) -> Sequence[tuple[int, TrackState]]: ...


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """How many pictures, from which seed, of which class (None: any)."""

    count: int
    seed: int = 0
    label: str | None = None


class Generator(Model, Protocol):
    def generate(
        self, request: GenerateRequest, params: Any, ctx: Context
    ) -> Iterator[GeneratedImage]: ...


class Editor(Model, Protocol):
    def edit(
        self, frame: Frame, mask: NDArray[np.bool_], params: Any, ctx: Context
    ) -> GeneratedImage: ...


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a training ended: best validation figures and the epochs that ran."""

    epochs: int
    metrics: dict[str, float]


class Trainer(Protocol):
    """A trainable model's class also has this; an instance is made just for the run."""

    def train(self, data: TrainingData, params: Any, ctx: TrainContext) -> TrainResult: ...


class ExampleTrainer(Trainer, Protocol):
    """A trainer that can show what it learns from: the window shows it as parameters change."""

    def examples(self, data: TrainingData, params: Any, ctx: Context) -> Iterator[Frame]:
        """Training examples of `data.train`, in order and again and again, as (H, W, 3) pictures.

        They are varied as in training, by `ctx.seed`, with their targets drawn in.
        """
        ...
