"""Streams that stop and come back, cameras that are not there, may not be used, or go."""

from __future__ import annotations

import errno
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tests.video_maker import make, number_in
from visionstudio.media import live
from visionstudio.media.live import LiveFrame, LiveReader
from visionstudio.model.errors import MediaError


class Station(http.server.ThreadingHTTPServer):
    """Sends a transport stream over HTTP; each connection ends, or falls silent, as it is told."""

    daemon_threads = True

    def __init__(self, program: bytes) -> None:
        self.program = program
        self.silent = threading.Event()
        self.gone = False
        self.connections = 0
        super().__init__(("127.0.0.1", 0), _Sends)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/live"


class _Sends(http.server.BaseHTTPRequestHandler):
    server: Station

    def do_GET(self) -> None:
        self.server.connections += 1
        if self.server.gone:
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        self.wfile.write(self.server.program)
        self.wfile.flush()
        if self.server.silent.is_set():
            threading.Event().wait(5)  # keeps the connection and says nothing more

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    server = Station(make(tmp_path / "program.ts", 30).read_bytes())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Listener:
    def __init__(self, address: str) -> None:
        self.frames: list[LiveFrame] = []
        self.waits: list[int] = []
        self.ends: list[MediaError | None] = []
        self.some = threading.Condition()
        self.reader = LiveReader(address, self._frame, self.ends.append, self.waits.append)

    def _frame(self, frame: LiveFrame) -> None:
        with self.some:
            self.frames.append(frame)
            self.some.notify_all()

    def run_until(self, frames: int) -> None:
        self.reader.start()
        with self.some:
            assert self.some.wait_for(lambda: len(self.frames) >= frames, 30)
        self.reader.stop()
        self.reader.join(30)

    def run(self) -> MediaError:
        self.reader.start()
        self.reader.join(30)
        (error,) = self.ends
        assert error is not None
        return error


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "WAITS", (0.01, 0.01))
    monkeypatch.setattr(live, "READ_SECONDS", 0.4)


def test_a_stream_that_breaks_off_is_connected_to_again(station: Station) -> None:
    heard = Listener(station.url)
    heard.run_until(70)
    assert heard.ends == [None]
    assert heard.waits[:2] == [1, 1]
    assert station.connections >= 3
    assert [f.number for f in heard.frames] == list(range(len(heard.frames)))
    # Each time it begins anew: no frame is shown twice, none is made up.
    numbers = [number_in(f.rgb) for f in heard.frames]
    begins = [n for n, number in enumerate(numbers) if number < 5 and n][:1]
    assert begins
    assert all(0 <= number < 30 for number in numbers)


def test_a_stream_that_falls_silent_is_left_and_connected_to_again(station: Station) -> None:
    station.silent.set()
    heard = Listener(station.url)
    heard.run_until(35)
    assert heard.waits
    assert station.connections >= 2


def test_a_stream_that_does_not_come_back_is_told(station: Station) -> None:
    heard = Listener(station.url)

    def go(number: int) -> None:
        heard.waits.append(number)
        station.gone = True

    heard.reader._on_wait = go
    error = heard.run()
    assert heard.waits == [1, 2]
    assert "has stopped and does not come back" in error.what
    assert error.where == station.url
    assert "network" in error.next_step


def test_a_damaged_packet_is_left_out(station: Station) -> None:
    program = bytearray(station.program)
    middle = len(program) // 2
    program[middle : middle + 600] = bytes(600)
    station.program = bytes(program)
    heard = Listener(station.url)
    heard.run_until(40)
    assert heard.ends == [None]


@pytest.mark.parametrize(
    ("number", "what", "then"),
    [
        (errno.ENOENT, "no such camera", "plug one in"),
        (errno.EACCES, "may not be used", "video"),
        (errno.EBUSY, "another program", "close"),
        (errno.EIO, "cannot be read", "check its name"),
    ],
)
def test_a_camera_that_cannot_be_used_says_why(
    number: int, what: str, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "as the system says it")

    monkeypatch.setattr(av, "open", refuse)
    monkeypatch.setattr(live, "cameras", lambda: [])
    monkeypatch.setattr("sys.platform", "linux")
    error = Listener("/dev/video0").run()
    assert what in error.what
    assert then in error.next_step
    assert error.where == "/dev/video0"


def test_a_camera_that_is_unplugged_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has sent frames, then the system says that the device is gone."""
    film = make(tmp_path / "a.mp4", 5)
    opened = av.open(str(film))

    class Pulled:
        streams, duration = opened.streams, None

        def demux(self, **what: int) -> Iterator[Any]:
            yield from opened.demux(**what)
            raise OSError(errno.ENODEV, "No such device")

        def __enter__(self) -> Pulled:
            return self

        def __exit__(self, *_: object) -> None:
            opened.close()

    monkeypatch.setattr(LiveReader, "_open", lambda _: Pulled())
    heard = Listener("/dev/video0")
    error = heard.run()
    assert len(heard.frames) == 5
    assert "the camera has gone" in error.what
    assert "plug it in" in error.next_step
    assert not heard.waits
