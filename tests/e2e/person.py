"""The program as a person starts it: a real X display, a real mouse and keyboard."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

SECONDS = 60


@contextmanager
def screen() -> Iterator[str]:
    """An X server of one's own with a window manager; its display's name."""
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
