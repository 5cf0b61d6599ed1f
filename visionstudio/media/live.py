"""Frames of a camera, a network stream, or a file that is played over and over like one."""

from __future__ import annotations

import contextlib
import errno
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import MediaError, one_line

OPEN_SECONDS, READ_SECONDS = 10.0, 5.0
WAITS = (1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
"""Seconds before each try to connect again to a stream that has stopped."""
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
    macOS, its name on Windows. A stream that stops is connected to again, after `WAITS`:
    `on_wait` hears the number of each try. `on_end` hears the error that ended it, None when
    stopped.
    """

    def __init__(
        self,
        address: str,
        on_frame: Callable[[LiveFrame], None],
        on_end: Callable[[MediaError | None], None],
        on_wait: Callable[[int], None] = lambda _try: None,
    ) -> None:
        super().__init__(name="live source", daemon=True)
        self._address = address
        self._on_frame, self._on_end, self._on_wait = on_frame, on_end, on_wait
        self._stopping = threading.Event()
        self._number = 0
        self._live = False  # what is open now has no end of its own

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
        is_file = Path(self._address).is_file()
        tries = 0
        while not self._stopping.is_set():
            before = self._number
            try:
                self._read(is_file)
                lost: BaseException | None = None
            except (av.FFmpegError, OSError) as problem:
                lost = problem
            if self._stopping.is_set():
                return
            if is_file:
                if lost is not None:
                    raise lost
                if self._number == before:
                    raise MediaError("no frame can be decoded", where=self._address)
                continue
            if not self._number or not self._live or not _is_stream(self._address):
                raise lost or self._over()
            tries = 1 if self._number > before else tries + 1
            if tries > len(WAITS):
                raise lost or self._over()
            self._on_wait(tries)
            self._stopping.wait(WAITS[tries - 1])

    def _over(self) -> MediaError:
        return MediaError("the stream has ended", where=self._address, next_step="start it again")

    def _read(self, is_file: bool) -> None:
        """From opening to the end; what is damaged is left out."""
        with self._open() as container:
            if not container.streams.video:
                raise MediaError("holds no video", where=self._address)
            self._live = not container.duration
            container.streams.video[0].thread_type = "AUTO"
            started: tuple[float, float] | None = None
            for frame in _decoded(container):
                if self._stopping.is_set():
                    return
                if is_file and frame.time is not None:
                    started = started or (time.monotonic(), frame.time)
                    due = started[0] + frame.time - started[1] - time.monotonic()
                    if due > 0 and self._stopping.wait(due):
                        return
                rgb = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
                self._on_frame(LiveFrame(self._number, rgb, time.monotonic()))
                self._number += 1

    def _open(self) -> Any:
        address = self._address
        scheme = _scheme(address)
        if _is_stream(address):
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
        """Why it cannot be read, and what can be done about it."""
        address = self._address
        reason = getattr(error, "strerror", None) or one_line(error)
        if isinstance(error, av.error.ExitError):
            reason = f"nothing came for {READ_SECONDS:g} s"
        what, next_step = f"the source cannot be read: {reason}", "check the address"
        if _is_stream(address):
            next_step += " and the network"
            if self._number:
                what = f"the stream has stopped and does not come back: {reason}"
        elif not Path(address).is_file():
            what, next_step = self._camera_told(getattr(error, "errno", None), reason)
        return MediaError(what, where=address, next_step=next_step)

    def _camera_told(self, number: int | None, reason: str) -> tuple[str, str]:
        if self._number:
            return f"the camera has gone: {reason}", "plug it in and start again"
        if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
            there = ", ".join(cameras())
            return "there is no such camera", f"choose {there}" if there else "plug one in"
        if number in (errno.EACCES, errno.EPERM):
            group = "add your user to the group 'video' and log in again"
            allow = "allow cameras in the system's settings of privacy"
            return "the camera may not be used by you", (
                group if sys.platform.startswith("linux") else allow
            )
        if number == errno.EBUSY:
            return "another program uses the camera", "close that program"
        return (
            f"the camera cannot be read: {reason}",
            "check its name, and that no other program uses it",
        )


def _scheme(address: str) -> str:
    return address.split("://", 1)[0].lower() if "://" in address else ""


def _is_stream(address: str) -> bool:
    return _scheme(address) in STREAMS


def _decoded(container: Any) -> Iterator[Any]:
    """The frames of the first video stream; a damaged packet gives none."""
    for packet in container.demux(video=0):
        with contextlib.suppress(av.error.InvalidDataError):
            yield from packet.decode()
