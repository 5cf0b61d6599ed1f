"""Whether pictures that a generator draws help a classifier that has few real ones.

For some numbers k, k pictures of each digit of scikit-learn's are chosen, five times with
different seeds. `generator/dcgan` learns from these alone, and `classifier/simplecnn` learns
from them without and with what the generator draws; both are judged on 600 other digits.
All see equally many pictures in all. Prints each accuracy, the mean difference and its
standard error. Takes minutes.

    python benchmarks/drawn_pictures.py [k …]
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from visionstudio.api import Sample, Target
from visionstudio.engine.discovery import discover
from visionstudio.engine.training.drawn import plan_drawn, with_drawn
from visionstudio_classifier.manifest import ClassifierParams, SimpleCnnTraining
from visionstudio_classifier.simplecnn import SimpleCnn
from visionstudio_generator.dcgan import Dcgan
from visionstudio_generator.manifest import DcganTraining

SEEDS = 5
TESTED = 600
DRAWN = 50  # of each class
SEEN = 8000  # pictures that each classifier sees in all, so that both learn equally long
GENERATOR = DcganTraining(epochs=100, width=16)


@dataclass
class Data:
    """Training data in memory, nothing held out: every model ends with its last weights."""

    train: list[Sample]
    classes: tuple[str, ...] = tuple("0123456789")
    class_ids: tuple[int, ...] = tuple(range(1, 11))
    val: tuple[Sample, ...] = ()
    data_hash: str = "0" * 64


@dataclass
class Run:
    """A training context that says nothing."""

    run_folder: Path
    seed: int
    device: str = "cpu"
    threads: int = 1
    resume: bool = False
    find_lr: bool = False

    @property
    def cache(self) -> Path:
        return self.run_folder

    def report(self, *_: Any, **__: Any) -> None: ...
    def preview(self, *_: Any) -> None: ...

    def time_left(self) -> None:
        return None

    def should_stop(self) -> bool:
        return False


def digits() -> list[Sample]:
    found: Any = load_digits()
    images = (found.images * (255 / 16)).round().astype(np.uint8)[..., None].repeat(3, axis=3)
    pairs = zip(images, found.target, strict=True)
    return [Sample(image, Target(label=int(label)), "") for image, label in pairs]


def accuracy(data: Any, tested: list[Sample], folder: Path, seed: int) -> float:
    folder.mkdir()
    ctx: Any = Run(folder, seed)
    epochs = round(SEEN / len(data.train))
    SimpleCnn().train(data, SimpleCnnTraining(epochs=epochs), ctx)
    model = SimpleCnn()
    model.load(ClassifierParams(), folder / "best.safetensors", ctx)
    found = model.predict([s.image for s in tested], ClassifierParams(), ctx)
    pairs = zip(found, tested, strict=True)
    return float(np.mean([int(f.labels[0]) == s.target.label for f, s in pairs]))


def compared(k: int, seed: int, folder: Path) -> tuple[float, float]:
    """Accuracy without and with drawn pictures."""
    samples = digits()
    order = np.random.default_rng(seed).permutation(len(samples))
    tested = [samples[i] for i in order[:TESTED]]
    rest = [samples[i] for i in order[TESTED:]]
    few = [s for d in range(10) for s in [r for r in rest if r.target.label == d][:k]]
    data: Any = Data(few)
    (folder / "generator").mkdir(parents=True)
    ctx: Any = Run(folder / "generator", seed)
    Dcgan().train(data, GENERATOR, ctx)
    drawn = plan_drawn(ctx.run_folder / "best.safetensors", DRAWN, discover())
    more = with_drawn(data, drawn, ctx)
    without = accuracy(data, tested, folder / "without", seed)
    return without, accuracy(more, tested, folder / "with", seed)


def main() -> None:
    for k in [int(v) for v in sys.argv[1:]] or [5, 10, 20]:
        results = []
        for seed in range(SEEDS):
            begun = time.process_time()
            with tempfile.TemporaryDirectory(prefix="visionstudio-drawn-") as name:
                results.append(compared(k, seed, Path(name) / "run"))
            without, more = results[-1]
            seconds = time.process_time() - begun
            print(
                f"k {k:>3}  seed {seed}  without {without:.3f}  with {more:.3f}"
                f"   {seconds:.0f} s of processor time",
                flush=True,
            )
        table = np.array(results)
        gain = table[:, 1] - table[:, 0]
        error = gain.std(ddof=1) / len(gain) ** 0.5
        print(
            f"k {k:>3}  mean    without {table[:, 0].mean():.3f}  with {table[:, 1].mean():.3f}"
            f"   difference {gain.mean():+.3f} ± {error:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
