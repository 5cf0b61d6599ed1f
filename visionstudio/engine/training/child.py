"""The process of one training run, started by the window.

    python -m visionstudio.engine.training.child RUN_FOLDER [--resume]

Events go to stdout as lines of JSON; "stop" on stdin ends the run and keeps the
best weights, "pause" holds it until "go on". When stdin closes the window is gone: the
run is stopped, and after a grace time killed with all that it started.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
from pathlib import Path

import msgspec

from visionstudio.engine.events import Event, Failed, Finished
from visionstudio.engine.training.lines import encode_line
from visionstudio.engine.training.plan import load_plan
from visionstudio.engine.training.runner import run_training
from visionstudio.engine.training.steering import Control
from visionstudio.model.errors import VisionStudioError

GRACE_SECONDS = 10.0


def main() -> int:
    folder, resume = Path(sys.argv[1]), "--resume" in sys.argv[2:]
    commands = os.fdopen(os.dup(0), "rb")
    out = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what trainers print goes to the log
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(10)
    lock = threading.Lock()

    def tell(event: Event) -> None:
        # A closed pipe means that the window is gone; the listener ends the run.
        with lock, contextlib.suppress(OSError, ValueError):
            out.write(encode_line(event))
            out.flush()

    control = Control()
    try:
        sys.path[:] = msgspec.json.decode(commands.readline(), type=list[str])
        threading.Thread(target=_listen, args=(commands, control), daemon=True).start()
        event = run_training(load_plan(folder), folder, tell, resume=resume, control=control)
    except VisionStudioError as error:
        event = Failed.of(error)
        tell(event)
    with contextlib.suppress(OSError, ValueError):
        out.close()
    _end_group(0 if isinstance(event, Finished) else 1)
    return 0


def _listen(commands: object, control: Control) -> None:
    for line in commands:  # type: ignore[attr-defined]
        match line.strip():
            case b"stop":
                control.stop.set()
            case b"pause":
                control.pause()
            case b"go on":
                control.go_on()
    control.stop.set()
    timer = threading.Timer(GRACE_SECONDS, _end_group, (1,))
    timer.daemon = True
    timer.start()


def _end_group(code: int) -> None:
    """End now: data loader workers and threads of plugins must not stay behind."""
    logging.shutdown()
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        with contextlib.suppress(OSError):
            os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
