"""The layers, and what the window must not load."""

from __future__ import annotations

import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("visionstudio", *(p.name for p in (ROOT / "plugins").glob("visionstudio_*")))


def test_import_contracts_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_no_files_import_each_other_in_a_circle() -> None:
    """Not even later, inside functions; for type annotations alone they may."""
    graph = grimp.build_graph(
        *PACKAGES,
        exclude_type_checking_imports=True,
        cache_dir=None,  # type: ignore[arg-type]
    )
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    TopologicalSorter(imports).prepare()  # a CycleError names the files


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("visionstudio", ("torch", "PySide6")),
        ("visionstudio.app.main", ("torch", "PySide6")),
        ("visionstudio.ui.window", ("torch", "torchvision", "sklearn", "skimage")),
        ("visionstudio.session.project", ("torch", "PySide6")),
        ("visionstudio.engine.host", ("torch", "PySide6")),
    ],
)
def test_importing_stays_light(module: str, forbidden: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*[n for n in {forbidden!r} if n in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "", f"{module} loads {result.stdout.strip()}"


def test_the_empty_window_loads_no_decoders(tmp_path: Path) -> None:
    """They, and what runs models, come with the first picture: half of the start otherwise."""
    code = (
        "import sys\n"
        "from visionstudio.app.window import MainWindow, Settings, make_application, prepare\n"
        "app, settings = make_application(), Settings()\n"
        "prepare(app, settings)\n"
        "MainWindow(settings).show()\n"
        "app.processEvents()\n"
        "heavy = ('torch', 'cv2', 'PIL', 'tifffile', 'av', 'yaml')\n"
        "print(*[n for n in heavy if n in sys.modules], flush=True)\n"
        "import os; os._exit(0)\n"
    )
    here = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "VISIONSTUDIO_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=here,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == ""


def test_files_stay_about_one_idea() -> None:
    """No source file grows past 600 lines; near 400 one looks for the second idea in it."""
    sources = [*ROOT.glob("visionstudio/**/*.py"), *ROOT.glob("plugins/**/*.py")]
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sources
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 600
    }
    assert not long
