"""The vision host's process: reads requests from its stdin, runs them in lanes, tells events.

    python -m visionstudio.engine.host_main

The main thread only reads messages. Plugins get a stdin that is empty and a
stdout and stderr that go to the log. When the window's end of the pipe closes,
also because the window died, this process and all it started end.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import signal
import sys
import threading
from typing import BinaryIO

import msgspec

from visionstudio.engine import wire
from visionstudio.engine.events import Event, Failed, FrameFailed, FrameResult
from visionstudio.engine.lanes import LaneEngine
from visionstudio.engine.sharing import Sender
from visionstudio.model.errors import PluginError, VisionStudioError, one_line

log = logging.getLogger(__name__)


class _Outlet:
    """Writes events to the window, one at a time, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.sender = Sender()

    def tell(self, job: str, event: Event) -> None:
        try:
            data = wire.encode_event(job, event, self.sender)
        except VisionStudioError as error:
            data = wire.encode_event(job, _instead(event, error), self.sender)
        # A closed pipe: the window is gone, and the main thread ends this process.
        with self._lock, contextlib.suppress(OSError, ValueError):
            wire.write_frame(self._stream, data)


def _instead(event: Event, error: VisionStudioError) -> Event:
    """What to tell when an event cannot be sent."""
    if isinstance(event, FrameResult):
        return FrameFailed(event.key, one_line(error))
    return Failed.of(error)


def main() -> int:
    requests, outlet = _take_over_streams()
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(5)  # the window comes first
    engine = LaneEngine()
    with contextlib.suppress(OSError):
        while (data := wire.read_frame(requests)) is not None:
            _handle(data, engine, outlet)
    outlet.sender.close()
    _end_group()
    return 0


def _handle(data: bytes, engine: LaneEngine, outlet: _Outlet) -> None:
    try:
        message = wire.decode_message(data)
    except (msgspec.MsgspecError, VisionStudioError):
        log.exception("a message that cannot be understood")
        return
    match message:
        case wire.Hello(path=path):
            sys.path[:] = path
        case wire.Submit(job=job, request=request):
            engine.submit(job, request, lambda event: outlet.tell(job, event))
        case wire.Cancel(job=job):
            engine.cancel(job)
        case wire.Released(segments=segments):
            for name in segments:
                outlet.sender.released(name)


def _take_over_streams() -> tuple[BinaryIO, _Outlet]:
    """Keep the pipes for ourselves; plugins may read nothing and print to the log."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, _Outlet(answers)


def _end_group() -> None:
    """End now, with whatever plugins have started: threads of theirs may never end."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        with contextlib.suppress(OSError):
            os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    try:
        code = main()
    except PluginError as fault:
        log.error("%s", one_line(fault))
        code = 1
    sys.exit(code)
