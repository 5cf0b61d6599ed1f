"""examples/plugin-template, installed as a stranger would: it appears, works, and vanishes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from visionstudio.api.results import Detections
from visionstudio.engine.conformance import check_plugin
from visionstudio.engine.discovery import discover
from visionstudio.engine.events import Failed, Finished, FrameResult
from visionstudio.engine.host import ProcessHost, run
from visionstudio.engine.requests import FrameRef, Predict

TEMPLATE = Path(__file__).resolve().parents[2] / "examples" / "plugin-template"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the template as pip installs it."""
    target = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source") / "template"
    shutil.copytree(TEMPLATE, source)  # the build leaves files beside the source
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def site(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the installed template on the import path, to change or remove."""
    copy = tmp_path / "site"
    shutil.copytree(installed, copy)
    monkeypatch.syspath_prepend(str(copy))
    yield copy
    for name in [n for n in sys.modules if n.split(".")[0] == "blob_detector"]:
        del sys.modules[name]


@pytest.fixture
def picture(tmp_path: Path) -> FrameRef:
    frame = np.full((60, 80, 3), 30, np.uint8)
    frame[10:20, 10:30] = 220
    cv2.imwrite(str(tmp_path / "p.png"), frame)
    return FrameRef("p", str(tmp_path / "p.png"))


def predicted(picture: FrameRef) -> list[object]:
    host = ProcessHost()
    try:
        return list(run(host, Predict(model="detector/blobs", frames=(picture,))))
    finally:
        host.close()


def test_it_appears_works_and_vanishes(site: Path, picture: FrameRef) -> None:
    model = discover().model("detector/blobs")
    assert model.plugin == "blob-detector"
    assert [p.name for p in model.params] == ["threshold", "ground", "smallest"]
    events = predicted(picture)
    assert isinstance(events[-1], Finished)
    (result,) = [e.result for e in events if isinstance(e, FrameResult)]
    assert isinstance(result, Detections)
    assert result.boxes.tolist() == [[10, 10, 30, 20]]
    for path in site.iterdir():
        shutil.rmtree(path)
    assert "detector/blobs" not in discover().models
    assert "blob-detector" not in [p.name for p in discover().plugins]
    last = predicted(picture)[-1]
    assert isinstance(last, Failed)
    assert last.kind == "UnknownModel"


def test_it_predicts_in_a_worker_thread_of_the_host(site: Path, picture: FrameRef) -> None:
    source = site / "blob_detector" / "model.py"
    text = source.read_text(encoding="utf-8")
    told = (
        "    import os, threading\n"
        "    main = threading.current_thread() is threading.main_thread()\n"
        "    global CLASSES\n"
        "    CLASSES = (f'{os.getpid()} {threading.current_thread().name} {main}',)\n"
    )
    marker = "    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)\n"
    source.write_text(text.replace(marker, told + marker), encoding="utf-8")
    events = predicted(picture)
    (result,) = [e.result for e in events if isinstance(e, FrameResult)]
    assert isinstance(result, Detections)
    match = re.fullmatch(r"(\d+) (.+) (True|False)", result.classes[0])
    assert match
    assert int(match[1]) != os.getpid()
    assert match[2] == "lane cpu"
    assert match[3] == "False"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("raise RuntimeError('broken today')", "broken today"),
        ("import time; time.sleep(1000)", "hangs"),
        ("import os; os._exit(3)", "exit code 3"),
        ("import a_package_that_is_not_there", "a_package_that_is_not_there"),
    ],
)
def test_a_broken_one_is_disabled_with_its_reason(
    site: Path, monkeypatch: pytest.MonkeyPatch, line: str, reason: str
) -> None:
    from visionstudio.engine import discovery

    monkeypatch.setattr(discovery, "PROBE_SECONDS", 2.0)
    manifest = site / "blob_detector" / "manifest.py"
    manifest.write_text(f"{line}\n" + manifest.read_text(encoding="utf-8"), encoding="utf-8")
    plugin = discover().plugin("blob-detector")
    assert not plugin.enabled
    assert reason in plugin.error
    assert "detector/blobs" not in discover().models


def test_it_passes_the_conformance_kit_and_its_own_tests(site: Path) -> None:
    results = check_plugin(discover().plugin("blob-detector"))
    assert len(results) > 8
    assert not [r for r in results if not r.ok]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, str(TEMPLATE / "tests")],
        env=os.environ | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=site,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
