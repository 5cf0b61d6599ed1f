"""The program as it is started, on a real X display, driven by a real mouse and keyboard."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionstudio.storage import ProjectStore, project_folder

pytestmark = pytest.mark.xvfb
SECONDS = 60


@pytest.fixture
def display() -> Iterator[str]:
    """An X server of the test's own with a window manager."""
    missing = [name for name in ("Xvfb", "xdotool", "openbox") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    reading, writing = os.pipe()
    command = [
        "Xvfb",
        "-displayfd",
        str(writing),
        "-screen",
        "0",
        "1280x800x24",
        "-nolisten",
        "tcp",
    ]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as answer:
        number = answer.readline().strip()
    name = f":{number}"
    manager = subprocess.Popen(["openbox"], env={**os.environ, "DISPLAY": name})
    yield name
    for process in (manager, server):
        process.terminate()
        process.wait()


class Person:
    """A screen, a mouse and a keyboard."""

    def __init__(self, display: str) -> None:
        self.environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        self.program: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "visionstudio", *arguments]
        self.program = subprocess.Popen(command, env=self.environment)

    def do(self, *arguments: str) -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    def draw(self, x1: int, y1: int, x2: int, y2: int) -> None:
        self.do("mousemove", str(x1), str(y1), "mousedown", "1")
        self.do("mousemove", str((x1 + x2) // 2), str((y1 + y2) // 2))
        self.do("mousemove", str(x2), str(y2), "mouseup", "1")

    def kill(self) -> None:
        assert self.program is not None
        self.program.send_signal(signal.SIGKILL)
        self.program.wait()


def until(what: Callable[[], bool], seconds: float = SECONDS) -> bool:
    """Look again and again, as somebody who watches would; False when it never came."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)  # another process answers through its files only
    return True


@pytest.fixture
def person(display: str) -> Iterator[Person]:
    person = Person(display)
    yield person
    if person.program is not None and person.program.poll() is None:
        person.kill()


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
