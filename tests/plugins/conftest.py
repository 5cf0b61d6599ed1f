"""Plugins made on the spot: a package and its dist-info in a folder on the import path."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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


@pytest.fixture
def make_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Install a plugin: its package, manifest expression and implementation."""
    before = set(sys.modules)

    def make(
        package: str,
        models: str = "()",
        work: str = "",
        *,
        manifest: str | None = None,
        version: str = "1.0",
        site: str = "site",
    ) -> Path:
        folder = tmp_path / site
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
        if str(folder) not in sys.path:
            monkeypatch.syspath_prepend(str(folder))
        return folder

    yield make
    for name in set(sys.modules) - before:
        if name.split(".")[0].startswith("plug_"):
            del sys.modules[name]
