"""Frames of a camera, a network stream, or a file that is played over and over like one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import MediaError, one_line

OPEN_SECONDS, READ_SECONDS = 10.0, 5.0
STREAMS = ("rtsp", "rtmp", "http", "https", "udp", "tcp", "srt", "rtp")
_CAMERA = {"linux": "v4l2", "win32": "dshow", "darwin": "avfoundation"}


@dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    """One frame (H, W, 3) uint8 RGB: how many came before it, when it arrived (monotonic)."""

    number: int
    rgb: NDArray[np.uint8]
    arrived: float


def cameras() -> list[str]:
    """The cameras that can be found without opening any; they can be typed elsewhere."""
    if sys.platform.startswith("linux"):
        return sorted(str(p) for p in Path("/dev").glob("video*"))
    return ["0"] if sys.platform == "darwin" else []


class LiveReader(threading.Thread):
    """Reads an address until it is stopped; every frame goes to `on_frame`, in this thread.

    An address is a file, a stream's URL, or a camera: '/dev/video0' on Linux, its number on
    macOS, its name on Windows. `on_end` hears the error that ended it, None when stopped.
    """

    def __init__(
        self,
        address: str,
        on_frame: Callable[[LiveFrame], None],
        on_end: Callable[[MediaError | None], None],
    ) -> None:
        super().__init__(name="live source", daemon=True)
        self._address = address
        self._on_frame, self._on_end = on_frame, on_end
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after the frame that is being read; a silent stream ends after a few seconds."""
        self._stopping.set()

    def run(self) -> None:
        error: MediaError | None = None
        try:
            self._read_all()
        except MediaError as problem:
            error = problem
        except (av.FFmpegError, OSError, ValueError) as problem:
            error = self._told(problem)
        self._on_end(None if self._stopping.is_set() else error)

    def _read_all(self) -> None:
        number = 0
        is_file = Path(self._address).is_file()
        while not self._stopping.is_set():
            before = number
            with self._open() as container:
                if not container.streams.video:
                    raise MediaError("holds no video", where=self._address)
                container.streams.video[0].thread_type = "AUTO"
                started: tuple[float, float] | None = None
                for frame in container.decode(video=0):
                    if self._stopping.is_set():
                        return
                    if is_file and frame.time is not None:
                        started = started or (time.monotonic(), frame.time)
                        due = started[0] + frame.time - started[1] - time.monotonic()
                        if due > 0 and self._stopping.wait(due):
                            return
                    rgb = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
                    self._on_frame(LiveFrame(number, rgb, time.monotonic()))
                    number += 1
            if not is_file:
                raise MediaError(
                    "the stream has ended", where=self._address, next_step="start it again"
                )
            if number == before:
                raise MediaError("no frame can be decoded", where=self._address)

    def _open(self) -> Any:
        address = self._address
        scheme = address.split("://", 1)[0].lower() if "://" in address else ""
        if scheme in STREAMS:
            options = {"rtsp_transport": "tcp"} if scheme == "rtsp" else {}
            return av.open(address, options=options, timeout=(OPEN_SECONDS, READ_SECONDS))
        if scheme:
            raise MediaError(
                f"'{scheme}' is no kind of stream that is opened",
                where=address,
                next_step=f"give one of {', '.join(STREAMS)}",
            )
        if Path(address).is_file():
            return av.open(f"file:{address}", options={"protocol_whitelist": "file"})
        kind = next((f for p, f in _CAMERA.items() if sys.platform.startswith(p)), "v4l2")
        if kind == "v4l2" and not address.startswith("/dev/"):
            raise MediaError(
                "there is no such camera, stream or file",
                where=address,
                next_step="give /dev/video0, a URL such as rtsp://…, or a video file",
            )
        name = f"video={address}" if kind == "dshow" else address
        return av.open(name, format=kind, timeout=(OPEN_SECONDS, READ_SECONDS))

    def _told(self, error: BaseException) -> MediaError:
        reason = getattr(error, "strerror", None) or one_line(error)
        return MediaError(
            f"the source cannot be read: {reason}",
            where=self._address,
            next_step="check the address, and that no other program uses the camera",
        )
