"""What all tests share: the real data, an isolated home, no screen unless asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# One intra-op thread: tests share two cores with the children they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


def data_folder() -> Path | None:
    """The real data: VISIONSTUDIO_DATA, else ../shared/data beside the project, else None.

    A folder that is named but not there is a failure, never a skip.
    """
    named = os.environ.get("VISIONSTUDIO_DATA")
    if named:
        folder = Path(named)
        if not folder.is_dir():
            raise pytest.UsageError(f"VISIONSTUDIO_DATA names {folder}, which is no folder")
        return folder
    beside = ROOT.parent / "shared" / "data"
    return beside if beside.is_dir() else None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures, videos, labels and weights; skips where there is none."""
    folder = data_folder()
    if folder is None:
        pytest.skip("no real data: set VISIONSTUDIO_DATA to its folder")
    return folder


@pytest.fixture(autouse=True)
def isolated_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Settings, caches and user data of a test go to a folder of its own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VISIONSTUDIO_HOME", str(home))
    return home
