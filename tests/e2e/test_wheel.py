"""The wheel is all that a person needs: installed alone, it does the sample project's job."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_wheel_carries_resources_and_plugins_but_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/", 1)[0] for name in names if ".dist-info" not in name}
    assert tops == {
        "visionstudio",
        "visionstudio_torch",
        "visionstudio_classifier",
        "visionstudio_detector",
        "visionstudio_segmenter",
        "visionstudio_tracker",
        "visionstudio_generator",
    }
    assert any(n.startswith("visionstudio/_resources/translations/zh_CN/") for n in names)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_clean_environment_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = home / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, text=True)
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    environment["VISIONSTUDIO_HOME"] = str(tmp_path / "home")
    result = subprocess.run(
        [str(home / "bin" / "visionstudio"), "demo", "--no-window", "--json"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    report = json.loads(result.stdout)
    assert report["annotations"] > 0
    assert Path(report["screenshot"]).stat().st_size > 10_000
    assert {name.split("_")[0] for name in report["figures"]} >= {
        "classifier",
        "detector",
        "segmenter",
        "tracker",
        "generator",
    }
