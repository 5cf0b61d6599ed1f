"""A vision host that dies, hangs or floods: the job ends clearly and the host is back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.plugins.conftest import blob_plugin, blob_site  # noqa: F401  fixtures
from visionstudio.engine import process_host
from visionstudio.engine.discovery import discover
from visionstudio.engine.events import (
    FINAL,
    Event,
    Failed,
    Finished,
    FrameResult,
    Progress,
    Stopped,
)
from visionstudio.engine.host import ProcessHost, run
from visionstudio.engine.logs import MAX_LOG, host_log
from visionstudio.engine.requests import FrameRef, Predict
from visionstudio.engine.switches import set_enabled


@pytest.fixture
def frame(tmp_path: Path) -> FrameRef:
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), np.full((40, 50, 3), 200, np.uint8))
    return FrameRef("p", str(path))


@pytest.fixture
def host(blob_plugin: Path) -> Iterator[ProcessHost]:  # noqa: F811
    host = ProcessHost()
    yield host
    host.close()


def blob(frame: FrameRef, mode: str = "fine", count: int = 1) -> Predict:
    refs = tuple(FrameRef(str(i), frame.path) for i in range(count))
    return Predict(model="detector/blob", frames=refs, params={"mode": mode})


def final_of(host: ProcessHost, request: Predict) -> Event:
    events = list(run(host, request))
    assert [isinstance(e, FINAL) for e in events].count(True) == 1
    return events[-1]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize(("mode", "word"), [("segv", "SIGSEGV"), ("kill", "memory"), ("exit", "7")])
def test_a_crash_names_the_plugin_and_the_host_restarts(
    host: ProcessHost, frame: FrameRef, mode: str, word: str
) -> None:
    final = final_of(host, blob(frame, mode))
    assert isinstance(final, Failed)
    assert "plug_blob" in final.what
    assert word in final.what
    assert final.where == "detector/blob"
    assert final.next_step
    assert isinstance(final_of(host, blob(frame)), Finished)


def test_the_third_crash_switches_the_plugin_off(host: ProcessHost, frame: FrameRef) -> None:
    for _ in range(2):
        assert isinstance(final_of(host, blob(frame, "exit")), Failed)
        assert discover().plugin("plug_blob").enabled
    last = final_of(host, blob(frame, "exit"))
    assert isinstance(last, Failed)
    assert "plugins enable plug_blob" in last.next_step
    plugin = discover().plugin("plug_blob")
    assert not plugin.enabled
    assert "crashed 3 times" in plugin.error
    refused = final_of(host, blob(frame))
    assert isinstance(refused, Failed)
    assert refused.kind == "UnknownModel"
    set_enabled("plug_blob", True)
    assert isinstance(final_of(host, blob(frame)), Finished)


def test_a_killed_host_fails_what_ran_and_runs_what_waited(
    host: ProcessHost, frame: FrameRef
) -> None:
    running, waiting = [], []
    begun, ended = threading.Event(), threading.Semaphore(0)

    def first(event: Event) -> None:
        running.append(event)
        if isinstance(event, FrameResult):
            begun.set()
        if isinstance(event, FINAL):
            ended.release()

    def second(event: Event) -> None:
        waiting.append(event)
        if isinstance(event, FINAL):
            ended.release()

    host.submit(blob(frame, "tick", 200), first)
    host.submit(blob(frame), second)
    assert begun.wait(20)
    pid = host.pid
    assert pid is not None
    os.kill(pid, 9)
    assert ended.acquire(timeout=20)
    assert ended.acquire(timeout=20)
    assert isinstance(running[-1], Failed)
    assert isinstance(waiting[-1], Finished)
    assert host.pid != pid


def test_a_job_that_hangs_is_killed_when_cancelled(
    host: ProcessHost, frame: FrameRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert process_host.KILL_AFTER < 10
    monkeypatch.setattr(process_host, "KILL_AFTER", 1.0)
    assert isinstance(final_of(host, blob(frame)), Finished)
    pid = host.pid
    events: list[Event] = []
    ended = threading.Event()

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, FINAL):
            ended.set()

    job = host.submit(blob(frame, "hang"), listen)
    assert wait_until(lambda: len(events) >= 2)
    host.cancel(job)
    assert ended.wait(5)
    assert isinstance(events[-1], Stopped)
    assert isinstance(final_of(host, blob(frame)), Finished)
    assert host.pid != pid
    assert discover().plugin("plug_blob").enabled


def test_a_job_that_hangs_is_told_and_ended(
    host: ProcessHost, frame: FrameRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_host, "WATCH_SECONDS", 0.1)
    monkeypatch.setattr(process_host, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(process_host, "HANG_SECONDS", 1.5)
    events = list(run(host, blob(frame, "hang")))
    assert "no sign for 0.5 s" in " ".join(e.message for e in events if isinstance(e, Progress))
    assert isinstance(events[-1], Failed)
    assert "'detector/blob' gave no sign" in events[-1].what
    assert isinstance(final_of(host, blob(frame)), Finished)


def test_restarting_frees_everything(host: ProcessHost, frame: FrameRef) -> None:
    assert isinstance(final_of(host, blob(frame)), Finished)
    pid = host.pid
    assert pid is not None
    host.restart("memory was freed")
    assert wait_until(lambda: not is_alive(pid))
    assert isinstance(final_of(host, blob(frame)), Finished)


def test_a_flood_on_stdout_neither_stops_the_job_nor_fills_the_disk(
    host: ProcessHost, frame: FrameRef
) -> None:
    assert isinstance(final_of(host, blob(frame, "flood")), Finished)
    host.close()
    assert 1_000_000 < host_log().stat().st_size < MAX_LOG + 200_000


def test_submitting_does_not_wait_for_the_child(host: ProcessHost, frame: FrameRef) -> None:
    start = time.perf_counter()
    ended = threading.Event()
    host.submit(blob(frame), lambda e: ended.set() if isinstance(e, FINAL) else None)
    assert time.perf_counter() - start < 1  # the child's start alone takes longer
    assert ended.wait(20)


@pytest.mark.parametrize("mode", ["fine", "hang"])
def test_the_host_ends_with_its_parent(
    blob_plugin: Path,  # noqa: F811
    frame: FrameRef,
    mode: str,
) -> None:
    code = f"""
import sys, threading
sys.path.insert(0, {str(blob_plugin)!r})
from visionstudio.engine.host import ProcessHost
from visionstudio.engine.events import Progress
from visionstudio.engine.requests import FrameRef, Predict
host, begun = ProcessHost(), threading.Event()
request = Predict(model="detector/blob", frames=(FrameRef("p", {frame.path!r}),),
                  params={{"mode": {mode!r}}})
host.submit(request, lambda e: begun.set() if isinstance(e, Progress) else None)
begun.wait(30)
print(host.pid, flush=True)
sys.stdin.read()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.communicate()
    assert wait_until(lambda: not is_alive(pid), 10)
