"""The conformance kit: what the program expects of a plugin's models, tried on small pictures.

    for result in check_model(spec, folder):
        print(result.check, result.ok, result.detail)

It needs nothing but the api, so a plugin's own tests can call it. The command
``visionstudio plugins check NAME`` runs it in a process of its own. Call it in a
worker thread, as the host would.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.api import samples
from visionstudio.api.manifest import Manifest, ModelSpec
from visionstudio.api.params import build, describe
from visionstudio.api.results import (
    Classification,
    Detections,
    GeneratedImage,
    Masks,
    SemanticMap,
    TrackState,
)
from visionstudio.api.tasks import Exportable, Frame, GenerateRequest, TrainResult
from visionstudio.model.errors import Cancelled, ModelError, WeightsError, one_line

METHODS: dict[str, tuple[str, ...]] = {
    "classes": ("predict",),
    "boxes": ("predict",),
    "masks": ("predict",),
    "semantic": ("predict",),
    "track": ("start", "update"),
    "tracks": ("update",),
    "images": ("generate",),
    "edit": ("edit",),
}


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was checked, of model or plugin `check` names, and what was found."""

    check: str
    ok: bool
    detail: str = ""


@dataclass(slots=True)
class KitContext:
    """A context on the CPU. With `cancel` every report raises Cancelled."""

    folder: Path
    cancel: bool = False
    device: str = "cpu"
    threads: int = 1
    seed: int = 7
    reports: int = 0
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    @property
    def run_folder(self) -> Path:
        return self.folder / "run"

    @property
    def resume(self) -> bool:
        return False

    def report(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        metrics: Mapping[str, float] | None = None,
        step: int | None = None,
        **extra: Any,
    ) -> None:
        self.reports += 1
        self.figures |= {str(k): float(v) for k, v in (metrics or {}).items()}
        if self.cancel:
            raise Cancelled

    def time_left(self) -> float | None:
        return None

    def should_stop(self) -> bool:
        return False

    def preview(self, name: str, image: Any) -> None:
        picture = np.asarray(image)
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise ValueError(f"a preview is (H, W, 3) uint8, got {picture.dtype} {picture.shape}")


def check_manifest(manifest: Manifest) -> Iterator[CheckResult]:
    """What can be said without importing an implementation."""
    yield CheckResult("manifest", bool(manifest.models), f"{len(manifest.models)} models")
    for spec in manifest.models:
        missing = [n for n in ("title", "description", "licence") if not getattr(spec, n).strip()]
        yield CheckResult(f"{spec.id}: described", not missing, _listed("missing", missing))
        params = [*describe(spec.params), *(describe(spec.train_params or spec.params))]
        silent = sorted({p.name for p in params if not p.help})
        yield CheckResult(
            f"{spec.id}: parameters have help", not silent, _listed("without", silent)
        )


def _listed(word: str, names: list[str]) -> str:
    return f"{word}: {', '.join(names)}" if names else ""


def check_model(spec: ModelSpec, folder: Path) -> Iterator[CheckResult]:
    """Import, load, use, cancel, unload and, if trainable, train one model. Never raises.

    `folder` is for caches and a training run. A model that needs weights may say so
    with WeightsError; it is then tried with those it has just learned.
    """
    kit = _Kit(spec, folder)
    ok, detail = _attempt(kit.load_class)
    yield CheckResult(f"{spec.id}: implementation", ok, detail)
    if not ok:
        return
    yield kit.methods()
    if spec.train_params is not None:
        ok, detail = _attempt(kit.train)
        yield CheckResult(f"{spec.id}: trains", ok, detail)
    ok, detail = _attempt(kit.load)
    yield CheckResult(f"{spec.id}: loads", ok, detail)
    if not ok or kit.model is None:
        return
    if callable(getattr(kit.made, "export", None)):
        ok, detail = _attempt(kit.export)
        yield CheckResult(f"{spec.id}: can be given to other programs", ok, detail)
    for name, call in kit.uses():
        ok, detail = _attempt(call)
        yield CheckResult(f"{spec.id}: {name}", ok, detail)
    ok, detail = _attempt(kit.unload)
    yield CheckResult(f"{spec.id}: unloads and loads again", ok, detail)


def _attempt(call: Callable[[], str]) -> tuple[bool, str]:
    try:
        return True, call()
    except (Exception, SystemExit) as error:
        return False, one_line(error)


class _Kit:
    """One model on its way through the checks; each method returns details or raises."""

    def __init__(self, spec: ModelSpec, folder: Path) -> None:
        self.spec = spec
        self.ctx = KitContext(folder)
        self.params: Any = spec.params()
        self.made: Any = None
        self.model: Any = None
        self.weights: Path | None = None

    def load_class(self) -> str:
        module, _, name = self.spec.factory.partition(":")
        self.made = getattr(importlib.import_module(module), name)
        return ""

    def methods(self) -> CheckResult:
        wanted = ["load", "unload", *METHODS.get(self.spec.result_kind, ())]
        if self.spec.train_params is not None:
            wanted.append("train")
        if self.spec.task == "generator" and hasattr(self.made, "edit"):
            wanted = [n for n in wanted if n != "generate"]
        missing = [n for n in wanted if not callable(getattr(self.made, n, None))]
        return CheckResult(
            f"{self.spec.id}: has the calls of its task", not missing, ", ".join(missing)
        )

    def train(self) -> str:
        """One short epoch on eight small pictures; the weights can be loaded afterwards."""
        if self.spec.train_params is None:
            return "not trainable"
        self.ctx.run_folder.mkdir(parents=True, exist_ok=True)
        short = {"epochs": 1, "batch": 2, "image_size": 64, "steps": 2, "crop": 64}
        short |= {"crop_size": 64, "pairs": 8, "looks": 8}
        values = {}
        for param in describe(self.spec.train_params):
            if param.name in short:
                value = max(float(short[param.name]), param.low or 0)
                values[param.name] = min(value, value if param.high is None else param.high)
        data = samples.TinyData(self.spec.result_kind)
        result = self.made().train(data, build(self.spec.train_params, values), self.ctx)
        if not isinstance(result, TrainResult):
            raise TypeError(f"train returned {type(result).__name__}, not TrainResult")
        if not self.ctx.reports:
            raise ValueError("train never reported progress, so it cannot be cancelled")
        self.weights = self.ctx.run_folder / "best.safetensors"
        if not self.weights.is_file():
            self.weights = None
            raise ValueError("train wrote no best.safetensors")
        figures = ", ".join(f"{k} {v:.3g}" for k, v in result.metrics.items())
        return f"{result.epochs} epochs, {figures}"

    def load(self) -> str:
        model = self.made()
        try:
            model.load(self.params, self.weights, self.ctx)
        except WeightsError as error:
            if self.weights is not None or self.spec.ready:
                raise
            return f"needs weights: {one_line(error)}"
        self.model = model
        return "" if self.weights is None else "with the weights it learned"

    def export(self) -> str:
        """What it gives away runs on its own and names its outputs."""
        given = self.made()
        given.load(self.params, self.weights, self.ctx)
        try:
            what = given.export()
        except ModelError as error:
            return f"not this one: {error.what}"
        if not isinstance(what, Exportable):
            raise TypeError(f"export returned {type(what).__name__}, not Exportable")
        if not callable(what.module) or not all(side > 0 for side in what.input_size):
            raise ValueError("export gives a module and the size of its input")
        return f"{what.input_size[1]}x{what.input_size[0]}: {', '.join(what.outputs)}"

    def unload(self) -> str:
        self.model.unload()
        self.model.load(self.params, self.weights, self.ctx)
        self.model.unload()
        return ""

    def uses(self) -> list[tuple[str, Callable[[], str]]]:
        """The checks of the model's kind of result."""
        match self.spec.result_kind:
            case "track":
                return [("follows an object", self.follow)]
            case "tracks":
                return [("follows objects", self.follow_many)]
            case "images" | "edit":
                found = []
                if hasattr(self.model, "generate"):
                    found.append(("generates", self.generate))
                if hasattr(self.model, "edit"):
                    found.append(("edits", self.edit))
                return found
        return [
            ("predicts any size", self.sizes),
            ("predicts one result a frame", self.batch),
            ("gives the same twice", self.twice),
            ("can be cancelled", self.cancel),
        ]

    def predict(self, frames: list[Frame]) -> list[Any]:
        before = [f.copy() for f in frames]
        results = list(self.model.predict(frames, self.params, self.ctx))
        if any(not np.array_equal(a, b) for a, b in zip(before, frames, strict=True)):
            raise ValueError("the model changed its input")
        if len(results) != len(frames):
            raise ValueError(f"{len(results)} results for {len(frames)} frames")
        for frame, result in zip(frames, results, strict=True):
            self.fits(result, frame)
        return results

    def fits(self, result: Any, frame: Frame) -> None:
        """Raise unless the result is of the model's kind and inside its frame."""
        height, width = frame.shape[:2]
        match result, self.spec.result_kind:
            case (Classification(), "classes"):
                return
            case (Detections(), "boxes"):
                result.within(height, width)
            case (Masks(), "masks" | "semantic"):
                if len(result.masks) and result.masks.shape[1:] != (height, width):
                    raise ValueError(f"masks {result.masks.shape} for a {width}x{height} frame")
            case (SemanticMap(), "masks" | "semantic"):
                if result.labels.shape != (height, width):
                    raise ValueError(f"a map {result.labels.shape} for a {width}x{height} frame")
            case _:
                raise TypeError(
                    f"a result is {type(result).__name__}, the model says {self.spec.result_kind}"
                )

    def sizes(self) -> str:
        sizes = [(64, 48), (37, 63), (128, 16), (1, 1)]
        for height, width in sizes:
            self.predict([samples.picture(height, width, seed=height)])
        return ", ".join(f"{w}x{h}" for h, w in sizes)

    def batch(self) -> str:
        frames = [samples.picture(48 + i, 64, seed=i) for i in range(3)]
        together = self.predict(frames)
        self.predict([])
        return f"{len(together)} results for {len(frames)} frames"

    def twice(self) -> str:
        frame = samples.picture(64, 64, seed=3)
        (first,), (second,) = self.predict([frame]), self.predict([frame])
        if not _same(first, second):
            raise ValueError("the same frame gave different results")
        return ""

    def cancel(self) -> str:
        ctx = KitContext(self.ctx.folder, cancel=True)
        try:
            self.model.predict([samples.picture(64, 64, seed=1)], self.params, ctx)
        except Cancelled:
            return "stops at its own reports"
        if ctx.reports:
            raise ValueError("it goes on after report raised Cancelled")
        return "stops between chunks"

    def follow(self) -> str:
        frames = samples.moving(8)
        self.model.start(frames[0], samples.MOVING_BOX, self.ctx)
        states = [self.model.update(frame, self.ctx) for frame in frames[1:]]
        wrong = [s for s in states if not isinstance(s, TrackState)]
        if wrong:
            raise TypeError(f"update returned {type(wrong[0]).__name__}, not TrackState")
        return f"{sum(s.lost for s in states)} of {len(states)} frames lost"

    def follow_many(self) -> str:
        box = np.array([samples.MOVING_BOX])
        given = Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64), ("object",))
        for frame in samples.moving(4):
            for number, state in self.model.update(frame, given, self.ctx):
                if int(number) < 0 or not isinstance(state, TrackState):
                    raise TypeError("update gives (id, TrackState) pairs")
        return ""

    def generate(self) -> str:
        def make() -> list[GeneratedImage]:
            return list(self.model.generate(GenerateRequest(2, 7), self.params, self.ctx))

        first, second = make(), make()
        if len(first) != 2 or not all(isinstance(p, GeneratedImage) for p in first):
            raise TypeError(f"generate gave {len(first)} results where 2 pictures were asked for")
        if any(not np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True)):
            raise ValueError("the same seed gave different pictures")
        return "x".join(str(n) for n in first[0].image.shape)

    def edit(self) -> str:
        frame = samples.picture(48, 64, seed=2)
        mask = np.zeros((48, 64), bool)
        mask[10:20, 10:30] = True
        made = self.model.edit(frame, mask, self.params, self.ctx)
        if not isinstance(made, GeneratedImage):
            raise TypeError(f"edit returned {type(made).__name__}, not GeneratedImage")
        return "x".join(str(n) for n in made.image.shape)


def _same(first: Any, second: Any) -> bool:
    def arrays(result: Any) -> list[NDArray[Any]]:
        names = ("boxes", "scores", "indices", "masks", "labels")
        return [np.asarray(getattr(result, n)) for n in names if hasattr(result, n)]

    pairs = zip(arrays(first), arrays(second), strict=True)
    return all(
        a.shape == b.shape
        and (np.allclose(a, b, atol=1e-4) if a.dtype.kind == "f" else bool((a == b).all()))
        for a, b in pairs
    )


__all__ = ["CheckResult", "KitContext", "check_manifest", "check_model"]
