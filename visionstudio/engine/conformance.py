"""Runs the conformance kit on an installed plugin, in a process of its own.

python -m visionstudio.engine.conformance < {"path": […], "value": "package.module:MANIFEST"}
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

from visionstudio.api.conformance import CheckResult, check_manifest, check_model
from visionstudio.api.manifest import Manifest
from visionstudio.engine.children import child_environment, exit_text, kill_group, quiet_threads
from visionstudio.engine.registry import PluginInfo
from visionstudio.model.errors import one_line

CHECK_SECONDS = 300.0  # without an answer
HEAVY = ("torch", "torchvision", "tensorflow", "onnxruntime", "PySide6")


class _Question(msgspec.Struct, frozen=True):
    path: list[str]
    value: str


def check_plugin(plugin: PluginInfo) -> list[CheckResult]:
    """All checks of the plugin's manifest and models. Blocks, up to CHECK_SECONDS a check.

    A plugin that cannot be read has one failed check with the reason; one that ends
    or hangs the process has its last check failed.
    """
    if plugin.error or not plugin.manifest:
        return [CheckResult("manifest", False, plugin.error or "there is none")]
    child = subprocess.Popen(
        [sys.executable, "-m", "visionstudio.engine.conformance"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,
    )
    assert child.stdin is not None
    question = _Question([p for p in sys.path if p], plugin.manifest)
    with contextlib.suppress(OSError):  # a child that has ended says so by what is missing
        child.stdin.write(msgspec.json.encode(question))
        child.stdin.close()
    results, late = _answers(child)
    if not results or results[-1].check != "done":
        how = f"no answer within {CHECK_SECONDS:g} s"
        if not late:
            how = f"the process {exit_text(child.wait())}"
        return [*results, CheckResult("runs to the end", False, how)]
    return results[:-1]


def _answers(child: subprocess.Popen[bytes]) -> tuple[list[CheckResult], bool]:
    """What the child answers until it ends, and whether it was ended for being late."""
    assert child.stdout is not None
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def read(stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):  # closed when the child is ended
            for line in stream:
                lines.put(line)
        lines.put(b"")

    threading.Thread(target=read, args=(child.stdout,), daemon=True).start()
    results = []
    try:
        while line := lines.get(timeout=CHECK_SECONDS):
            with contextlib.suppress(msgspec.MsgspecError):
                results.append(msgspec.json.decode(line, type=CheckResult))
    except queue.Empty:
        kill_group(child)
        return results, True
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)
    kill_group(child)  # what it started, too
    return results, False


def _check(value: str, folder: Path) -> Iterator[CheckResult]:
    """The checks, in a process that has imported nothing of the plugin yet."""
    module, _, attribute = value.partition(":")
    begun = time.monotonic()
    try:
        manifest = getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as error:
        yield CheckResult("manifest", False, one_line(error))
        return
    heavy = [name for name in HEAVY if name in sys.modules]
    seconds = time.monotonic() - begun
    detail = f"{seconds:.2f} s" + (f", imports {', '.join(heavy)}" if heavy else "")
    yield CheckResult("manifest is cheap to import", not heavy and seconds < 2, detail)
    if not isinstance(manifest, Manifest):
        yield CheckResult("manifest", False, f"{value} is no Manifest")
        return
    yield from check_manifest(manifest)
    for number, spec in enumerate(manifest.models):
        yield from check_model(spec, folder / str(number))
        shutil.rmtree(folder / str(number), ignore_errors=True)  # checkpoints are large


def main() -> int:
    """Answer one line per check on the real stdout; plugins print to nowhere."""
    answer = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=_Question)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.path[:] = question.path
    quiet_threads()

    def work() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for result in _check(question.value, Path(folder)):
                answer.write(msgspec.json.encode(result) + b"\n")
                answer.flush()
        answer.write(msgspec.json.encode(CheckResult("done", True)) + b"\n")
        answer.flush()

    # Plugins run in worker threads, never in a main thread: so they are checked in one.
    thread = threading.Thread(target=work, name="conformance", daemon=True)
    thread.start()
    thread.join()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
