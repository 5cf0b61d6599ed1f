"""Starting and ending child processes: probes, hosts, training runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import visionstudio

# Spinning threads cost twice the CPU time on a busy machine and slow the window down.
_WAIT = ("OMP_WAIT_POLICY", "PASSIVE")


def child_environment() -> dict[str, str]:
    """The environment of our children: they find this very program and run in UTF-8."""
    home = str(Path(visionstudio.__file__).resolve().parent.parent)
    paths = [home, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(p for p in dict.fromkeys(paths) if p),
        "PYTHONUTF8": "1",
        _WAIT[0]: os.environ.get(*_WAIT),
    }


def quiet_threads() -> None:
    """Before torch is imported here: its threads sleep at barriers instead of burning a core."""
    os.environ.setdefault(*_WAIT)


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that was started with `start_new_session` and all that it started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(child.pid, 9)
        child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def exit_text(code: int | None) -> str:
    """How a child ended, in words: '9' tells less than 'killed (signal 9)'."""
    if code is None:
        return "did not end"
    if code >= 0:
        return f"ended with exit code {code}"
    if code == -9:
        return "was killed (signal 9), perhaps because memory ran out"
    with contextlib.suppress(ValueError):
        return f"crashed ({signal.Signals(-code).name})"
    return f"crashed (signal {-code})"
