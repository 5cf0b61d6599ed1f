"""Plugins made on the spot, and the context and data that a trainer gets."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.plugins.doubles import MODELS, WORK
from visionstudio.api import Cancelled, Sample

MANIFEST = """
from dataclasses import dataclass

from visionstudio.api import Manifest, ModelSpec, param


@dataclass(frozen=True)
class Params:
    threshold: float = param(0.5, low=0, high=1, impact="display", help="Hide weaker results.")
    mode: str = param("fine", impact="predict", help="What the test wants to happen.")


@dataclass(frozen=True)
class TrainParams:
    epochs: int = param(3, low=1, impact="train", help="Passes over the data.")
    mode: str = param("fine", impact="train", help="What the test wants to happen.")


def spec(id, factory, **more):
    return ModelSpec(id, id.split("/")[0], "Test", "A model of the tests.", "Apache-2.0",
                     f"{PACKAGE}.work:{factory}", Params, **more)
"""


def write_plugin(
    folder: Path,
    package: str,
    models: str = "()",
    work: str = "",
    *,
    manifest: str | None = None,
    version: str = "1.0",
) -> None:
    """A package with its manifest expression and implementation, and its dist-info."""
    home = folder / package
    home.mkdir(parents=True, exist_ok=True)
    text = manifest
    if text is None:
        text = f"PACKAGE = {package!r}\n{MANIFEST}\n"
        text += f"MANIFEST = Manifest({package!r}, {version!r}, {models})\n"
    (home / "__init__.py").write_text(text, encoding="utf-8")
    (home / "work.py").write_text(textwrap.dedent(work), encoding="utf-8")
    info = folder / f"{package}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(
        f"[visionstudio.plugins]\n{package} = {package}:MANIFEST\n", encoding="utf-8"
    )


@pytest.fixture
def make_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Install a plugin for one test; see `write_plugin`. Gives the folder on the path."""
    before = set(sys.modules)

    def make(package: str, *content: str, **more: str) -> Path:
        folder = tmp_path / "site"
        write_plugin(folder, package, *content, **more)
        if str(folder) not in sys.path:
            monkeypatch.syspath_prepend(str(folder))
        return folder

    yield make
    for name in set(sys.modules) - before:
        if name.split(".")[0].startswith("plug_"):
            del sys.modules[name]


@pytest.fixture(scope="session")
def blob_site(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The plugin `plug_blob` and a home in which it is known, made once."""
    site, home = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("blob-home")
    write_plugin(site, "plug_blob", MODELS, WORK)
    return site, home


@pytest.fixture
def blob_plugin(
    blob_site: tuple[Path, Path], isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Have `plug_blob` installed; its folder. Probed once for all tests."""
    site, home = blob_site
    monkeypatch.setenv("VISIONSTUDIO_HOME", str(home))
    monkeypatch.syspath_prepend(str(site))
    return site


@dataclass
class RecordingContext:
    """A TrainContext that remembers what it is told."""

    run_folder: Path
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    resume: bool = False
    budget: float | None = None
    find_lr: bool = False
    stop_at: int | None = None  # the step from which on to stop and keep the best
    cancel_at: int | None = None
    metrics: list[tuple[int | None, dict[str, float]]] = field(default_factory=list)
    fractions: list[float] = field(default_factory=list)
    previews: dict[str, np.ndarray] = field(default_factory=dict)
    calls: int = 0
    steps: int = 0
    started: float = field(default_factory=time.monotonic)

    @property
    def cache(self) -> Path:
        return self.run_folder

    def report(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        metrics: Mapping[str, float] | None = None,
        step: int | None = None,
        **extra: Any,
    ) -> None:
        self.calls += 1
        self.steps += message.startswith("epoch")
        if fraction is not None:
            self.fractions.append(fraction)
        if metrics:
            self.metrics.append((step, dict(metrics)))
        if self.cancel_at is not None and self.steps >= self.cancel_at:
            raise Cancelled

    def time_left(self) -> float | None:
        return None if self.budget is None else self.budget - (time.monotonic() - self.started)

    def should_stop(self) -> bool:
        return self.stop_at is not None and self.steps >= self.stop_at

    def preview(self, name: str, image: Any) -> None:
        self.previews[name] = np.asarray(image)


@dataclass
class MemoryData:
    """TrainingData from samples in memory."""

    classes: tuple[str, ...]
    train: Sequence[Sample]
    val: Sequence[Sample] = ()
    data_hash: str = "0" * 64

    @property
    def class_ids(self) -> tuple[int, ...]:
        return tuple(range(1, len(self.classes) + 1))


@pytest.fixture
def train_context(tmp_path: Path) -> Callable[..., RecordingContext]:
    """Make a context whose run folder is `name` beneath the test's folder."""

    def make(name: str = "run", **settings: Any) -> RecordingContext:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return RecordingContext(folder, **settings)

    return make


@pytest.fixture
def memory_data() -> type[MemoryData]:
    return MemoryData
