"""A loopback server of weights files that can fail in every way, and a registry that names them."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from visionstudio.engine.registry import ModelInfo, Registry, WeightsInfo

CONTENT = bytes(range(256)) * 8000
BLOCK = 64 * 1024


class ModelServer:
    """Serves `content`. `cut` ends the connection there, `status` refuses, `hold` waits at it."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.cut = 0
        self.status = 0
        self.hold = 0
        self.go_on = threading.Event()
        self.ranges: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        if self.status:
            request.send_error(self.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if start >= len(self.content):
            request.send_error(416)
            return
        request.send_response(206 if wanted else 200)
        request.send_header("Content-Length", str(len(self.content) - start))
        request.end_headers()
        end = self.cut or len(self.content)
        try:
            for first in range(start, end, BLOCK):
                if self.hold and first >= self.hold:
                    self.go_on.wait(20)
                request.wfile.write(self.content[first : min(first + BLOCK, end)])
                request.wfile.flush()
        except OSError:
            pass  # the program has hung up

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/w.pth"

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def registry_with(*weights: WeightsInfo, files: tuple[str, ...] = ()) -> Registry:
    """One detector with these weights, that can be trained nowhere."""
    info = ModelInfo(
        id="detector/blob",
        task="detector",
        title="Blob finder",
        description="Finds blobs.",
        licence="MIT",
        factory="a:B",
        plugin="p",
        manifest="a:M",
        output="boxes",
        ready=False,
        params=(),
        weights=weights,
        files=files,
    )
    return Registry((), {info.id: info})
