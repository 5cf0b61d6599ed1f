"""The program as it is started, on a real X display, driven by a real mouse and keyboard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.person import Person, until
from visionstudio.storage import ProjectStore, project_folder

pytestmark = pytest.mark.xvfb


@pytest.mark.timeout(300)
def test_draw_kill_reopen_and_undo(person: Person, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    Image.fromarray(values).save(folder / "a.png")
    project = project_folder(folder)

    def labels() -> int:
        if not (project / "project.db").exists():
            return -1
        with ProjectStore.open(project, read_only=True) as store:
            return store.counts().annotations

    def opened() -> bool:
        return "pictures" in person.do("getactivewindow", "getwindowname")

    person.start(str(folder))
    assert until(opened)
    assert until(lambda: labels() == 0)
    for _ in range(8):  # until the picture is there to be drawn on
        person.do("key", "w")
        person.draw(520, 300, 700, 450)
        person.do("type", "--delay", "20", "cell")
        person.do("key", "Return")
        if until(lambda: labels() > 0, 3):
            break
        person.do("key", "Escape")
    drawn = labels()
    assert drawn >= 1
    person.do("key", "ctrl+z")
    assert until(lambda: labels() == drawn - 1)
    person.do("key", "ctrl+shift+z")
    assert until(lambda: labels() == drawn)
    person.kill()

    person.start(str(folder))
    assert until(opened)
    assert labels() == drawn
    # The key does nothing until the project is open, so it is pressed until it has worked.
    assert until(lambda: bool(person.do("key", "ctrl+z")) or labels() == drawn - 1)


@pytest.mark.timeout(120)
def test_closing_the_window_ends_the_program(person: Person, tmp_path: Path) -> None:
    person.start(str(tmp_path))
    assert until(lambda: "VisionStudio" in person.do("getactivewindow", "getwindowname"))
    person.do("key", "ctrl+q")
    assert person.program is not None
    assert until(lambda: person.program is not None and person.program.poll() is not None)
    assert person.program.returncode == 0
