"""Requests through both hosts: results, threads, order, cancelling, memory, validation."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from visionstudio.api.results import Detections, GeneratedImage, Masks, TrackState
from visionstudio.engine.events import (
    FINAL,
    Event,
    Failed,
    Finished,
    FrameFailed,
    FrameResult,
    Progress,
    Queued,
    Stopped,
)
from visionstudio.engine.host import Host, LocalHost, ProcessHost, run
from visionstudio.engine.requests import (
    Devices,
    EditImage,
    FrameRef,
    Generate,
    Predict,
    Prompted,
    Track,
    Unload,
)


@pytest.fixture
def pictures(tmp_path: Path) -> list[FrameRef]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    refs = []
    for i in range(12):
        picture = np.zeros((48, 64, 3), np.uint8)
        picture[10 : 20 + i, 5 : 30 + i] = 255 if i == 3 else 200
        path = folder / f"{i:02}.png"
        cv2.imwrite(str(path), picture)
        refs.append(FrameRef(str(i), str(path)))
    return refs


@pytest.fixture(scope="module")
def hosts() -> Iterator[dict[type, Host]]:
    """One of each kind for all tests, started by the first that asks."""
    started: dict[type, Host] = {}
    yield started
    for host in started.values():
        host.close()


@pytest.fixture(params=[LocalHost, ProcessHost])
def host(request: pytest.FixtureRequest, blob_plugin: Path, hosts: dict[type, Host]) -> Host:
    kind = request.param
    if kind not in hosts:
        hosts[kind] = kind()
    return hosts[kind]


@pytest.fixture
def process_host(blob_plugin: Path) -> Iterator[ProcessHost]:
    host = ProcessHost()
    yield host
    host.close()


def blob(refs: list[FrameRef], mode: str = "fine", **more: object) -> Predict:
    return Predict(model="detector/blob", frames=tuple(refs), params={"mode": mode}, **more)


def results(events: list[Event]) -> dict[str, FrameResult]:
    return {e.key: e for e in events if isinstance(e, FrameResult)}


def check_final(events: list[Event], kind: type) -> Event:
    assert [isinstance(e, FINAL) for e in events].count(True) == 1
    assert isinstance(events[-1], kind), events[-1]
    return events[-1]


def test_a_batch_has_one_result_a_frame_in_order(host: Host, pictures: list[FrameRef]) -> None:
    events = list(run(host, blob(pictures)))
    final = check_final(events, Finished)
    assert isinstance(events[0], Queued)
    assert list(results(events)) == [str(i) for i in range(12)]
    first = results(events)["0"].result
    assert isinstance(first, Detections)
    assert first.boxes.tolist() == [[5, 10, 30, 20]]
    assert final.device == "cpu"
    assert final.summary == {"results": 12, "failed": 0}
    assert any(isinstance(e, Progress) and e.fraction == 1.0 for e in events)


def test_prediction_runs_in_a_worker_thread_of_the_host_process(
    process_host: ProcessHost, pictures: list[FrameRef]
) -> None:
    events = list(run(process_host, blob(pictures[:1])))
    found = results(events)["0"].result
    assert isinstance(found, Detections)
    match = re.fullmatch(r"pid=(\d+) main=(\w+) thread=(.+)", found.classes[0])
    assert match
    assert int(match[1]) == process_host.pid != os.getpid()
    assert match[2] == "False"
    assert match[3] == "lane cpu"


def test_masks_come_through_shared_memory(host: Host, tmp_path: Path) -> None:
    picture = np.zeros((700, 900, 3), np.uint8)
    picture[100:200, 300:500] = 255
    refs = []
    for i in range(6):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.roll(picture, 10 * i, axis=1))
        refs.append(FrameRef(str(i), str(tmp_path / f"{i}.png")))
    events = list(run(host, Predict(model="segmenter/cut", frames=tuple(refs))))
    check_final(events, Finished)
    for i in range(6):
        found = results(events)[str(i)].result
        assert isinstance(found, Masks)
        assert np.array_equal(found.masks[0], np.roll(picture, 10 * i, axis=1)[:, :, 0] > 127)
        assert np.array_equal(found.masks[1], ~found.masks[0])


def test_no_shared_memory_stays_behind(process_host: ProcessHost, tmp_path: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir():
        pytest.skip("shared memory is no folder here")
    before = set(shm.iterdir())
    cv2.imwrite(str(tmp_path / "p.png"), np.zeros((500, 500, 3), np.uint8))
    ref = FrameRef("p", str(tmp_path / "p.png"))
    check_final(list(run(process_host, Predict(model="segmenter/cut", frames=(ref,)))), Finished)
    process_host.close()
    deadline = time.monotonic() + 10
    while set(shm.iterdir()) - before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not set(shm.iterdir()) - before


def test_a_picture_that_cannot_be_read_fails_alone(
    host: Host, pictures: list[FrameRef], tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    bad = FrameRef("bad", str(tmp_path / "bad.png"))
    events = list(run(host, blob([*pictures[:2], bad, *pictures[2:4]])))
    assert check_final(events, Finished).summary == {"results": 4, "failed": 1}
    failed = [e for e in events if isinstance(e, FrameFailed)]
    assert [e.key for e in failed] == ["bad"]
    assert "bad.png" in failed[0].reason


def test_a_frame_that_the_plugin_cannot_do_fails_alone(
    host: Host, pictures: list[FrameRef]
) -> None:
    events = list(run(host, blob(pictures, "some")))
    assert check_final(events, Finished).summary == {"results": 11, "failed": 1}
    failed = [e for e in events if isinstance(e, FrameFailed)]
    assert [e.key for e in failed] == ["3"]
    assert "plug_blob" in failed[0].reason
    assert "too bright" in failed[0].reason


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("raise", "deliberate"),
        ("load", "no weights today"),
        ("outside", "outside the 64x48 frame"),
        ("nan", "not a finite number"),
        ("type", "returned str"),
        ("count", "0 results for 1 frames"),
        ("many", "10000000 results"),
    ],
)
def test_a_plugin_that_fails_is_named(
    host: Host, pictures: list[FrameRef], mode: str, reason: str
) -> None:
    final = check_final(list(run(host, blob(pictures[:1], mode))), Failed)
    assert reason in final.what
    assert "plug_blob" in final.what
    assert final.where == "detector/blob"
    assert final.next_step
    check_final(list(run(host, blob(pictures[:1]))), Finished)


def test_what_the_user_asked_wrongly_is_no_fault_of_the_plugin(
    host: Host, pictures: list[FrameRef]
) -> None:
    final = check_final(list(run(host, blob(pictures[:1], "asked"))), Failed)
    assert (final.kind, final.what) == ("InvalidValue", "there is no class 'ox'")
    assert (final.where, final.next_step) == ("detector/blob", "choose another")


def test_boxes_are_clipped_to_the_frame(host: Host, pictures: list[FrameRef]) -> None:
    found = results(list(run(host, blob(pictures[:1], "over"))))["0"].result
    assert isinstance(found, Detections)
    assert found.boxes.tolist() == [[0, 0, 64, 48]]


def test_chunks_are_halved_when_memory_is_short(host: Host, pictures: list[FrameRef]) -> None:
    events = list(run(host, blob(pictures, "memory")))
    assert check_final(events, Finished).summary == {"results": 12, "failed": 0}
    final = check_final(list(run(host, blob(pictures, "no_memory"))), Failed)
    assert final.kind == "OutOfMemory"


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"model": "detector/unknown"}, "UnknownModel", "detector/blob"),
        ({"model": "generator/paint"}, "InvalidValue", "choose a"),
        ({"params": {"threshold": 7}}, "InvalidValue", "at most 1"),
        ({"params": {"thresold": 0.5}}, "InvalidValue", "thresold"),
        ({"device": "cuda:7"}, "DeviceError", "cuda:7"),
        ({"weights": "/does/not/exist.safetensors"}, "WeightsError", "missing"),
    ],
)
def test_what_cannot_be_asked_for(
    host: Host, pictures: list[FrameRef], change: dict[str, object], kind: str, words: str
) -> None:
    asked = {"model": "detector/blob", "frames": tuple(pictures[:1])} | change
    final = check_final(list(run(host, Predict(**asked))), Failed)
    assert final.kind == kind
    assert words in str(final.error())


@pytest.mark.parametrize("mode", ["slow", "tick"])
def test_cancelling_a_running_job_is_quick(host: Host, pictures: list[FrameRef], mode: str) -> None:
    many = [FrameRef(str(i), pictures[0].path) for i in range(500)]
    events: list[Event] = []
    begun, ended = threading.Event(), threading.Event()

    def listen(event: Event) -> None:
        events.append(event)
        if isinstance(event, Progress):
            begun.set()
        if isinstance(event, FINAL):
            ended.set()

    job = host.submit(blob(many, mode), listen)
    assert begun.wait(20)
    asked = time.monotonic()
    host.cancel(job)
    assert ended.wait(10)
    assert time.monotonic() - asked < 1
    check_final(events, Stopped)


def test_interactive_requests_overtake_batches(host: Host, pictures: list[FrameRef]) -> None:
    many = [FrameRef(str(i), pictures[0].path) for i in range(60)]
    order: list[str] = []
    done = threading.Semaphore(0)
    begun = threading.Event()

    def batch(event: Event) -> None:
        if isinstance(event, FrameResult):
            begun.set()
        if isinstance(event, FINAL):
            order.append("batch")
            done.release()

    def single(event: Event) -> None:
        if isinstance(event, FINAL):
            order.append("single")
            done.release()

    host.submit(blob(many, "tick"), batch)
    assert begun.wait(20)
    host.submit(blob(pictures[:1], interactive=True), single)
    assert done.acquire(timeout=30)
    assert done.acquire(timeout=30)
    assert order == ["single", "batch"]


def test_generating_and_editing(host: Host, pictures: list[FrameRef]) -> None:
    events = list(run(host, Generate(model="generator/paint", count=3, seed=5)))
    check_final(events, Finished)
    made = results(events)
    assert list(made) == ["0", "1", "2"]
    expected = np.random.default_rng(6).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    assert isinstance(made["1"].result, GeneratedImage)
    assert np.array_equal(made["1"].result.image, expected)
    few = list(run(host, Generate(model="generator/paint", count=3, params={"mode": "few"})))
    assert "made 2 pictures of 3" in check_final(few, Failed).what
    mask = np.zeros((48, 64), bool)
    mask[:5, :7] = True
    request = EditImage(model="generator/paint", frame=pictures[0], mask=mask)
    edited = results(list(run(host, request)))["0"].result
    assert isinstance(edited, GeneratedImage)
    assert (edited.image[:5, :7] == 7).all()
    wrong = EditImage(model="generator/paint", frame=pictures[0], mask=mask[1:])
    assert check_final(list(run(host, wrong)), Failed).kind == "InvalidValue"


def test_tracking_a_folder_of_frames(host: Host, pictures: list[FrameRef]) -> None:
    folder = str(Path(pictures[0].path).parent)
    request = Track(model="tracker/follow", path=folder, kind="frames", box=(5, 10, 30, 20), end=9)
    events = list(run(host, request))
    assert check_final(events, Finished).summary == {"frames": 10, "lost": 0}
    states = results(events)
    assert list(states) == [str(i) for i in range(10)]
    assert states["9"].result == TrackState((5, 10, 30, 20), 0.5)
    wrong = Track(model="tracker/follow", path=folder, kind="frames", box=(5, 10, 30, 20), end=99)
    assert check_final(list(run(host, wrong)), Failed).kind == "InvalidValue"
    for mode in ("raise", "outside"):
        bad = Track(
            model="tracker/follow",
            path=folder,
            kind="frames",
            box=(5, 10, 30, 20),
            params={"mode": mode},
        )
        assert "plug_blob" in check_final(list(run(host, bad)), Failed).what


def test_tracking_many_objects(host: Host, pictures: list[FrameRef]) -> None:
    rows = ((0, 1.0, 2.0, 11.0, 12.0, 0.9), (0, 20.0, 20.0, 30.0, 30.0, 0.8), (1, 1, 2, 3, 4, 0.5))
    request = Track(
        model="tracker/all",
        path=str(Path(pictures[0].path).parent),
        kind="frames",
        detections=rows,
        end=2,
    )
    events = list(run(host, request))
    check_final(events, Finished)
    found = results(events)
    assert found["0"].result == (
        (1, TrackState((1, 2, 11, 12), 0.5)),
        (2, TrackState((20, 20, 30, 30), 0.5)),
    )
    assert found["1"].result == ((1, TrackState((1, 2, 3, 4), 0.5)),)
    assert found["2"].result == ()


def test_prompts_show_a_picture_once(host: Host, pictures: list[FrameRef]) -> None:
    check_final(list(run(host, Unload(model="segmenter/cut"))), Finished)
    seen = []
    for ref, point in ((pictures[0], (5, 6)), (pictures[0], (7, 8)), (pictures[1], (1, 1))):
        request = Prompted(model="segmenter/cut", frame=ref, points=(point,), labels=(1,))
        events = list(run(host, request))
        check_final(events, Finished)
        found = results(events)[ref.key].result
        assert isinstance(found, Masks)
        assert np.argwhere(found.masks[0]).tolist() == [[point[1], point[0]]]
        seen.append(found.classes[0])
    assert seen == ["shown 1", "shown 1", "shown 2"]
    ahead = Prompted(model="segmenter/cut", frame=pictures[0])
    events = list(run(host, ahead))
    assert check_final(events, Finished).summary == {"results": 0}
    assert not results(events)
    after = Prompted(model="segmenter/cut", frame=pictures[1], points=((2, 2),), labels=(1,))
    found = results(list(run(host, after)))[pictures[1].key].result
    assert isinstance(found, Masks)
    assert found.classes[0] == "shown 2"  # what was prepared has not taken its place
    wrong = Prompted(model="segmenter/cut", frame=pictures[0], points=((1, 1),), labels=())
    assert check_final(list(run(host, wrong)), Failed).kind == "InvalidValue"


def test_devices_and_unloading(host: Host, pictures: list[FrameRef]) -> None:
    final = check_final(list(run(host, Devices())), Finished)
    assert "cpu" in [d["id"] for d in final.summary["devices"]]
    check_final(list(run(host, Unload())), Finished)

    def held() -> list[tuple[str, str, bool]]:
        final = check_final(list(run(host, Devices())), Finished)
        return [(r["model"], r["device"], r["bytes"] >= 0) for r in final.summary["loaded"]]

    assert held() == []
    check_final(list(run(host, blob(pictures[:1]))), Finished)
    assert held() == [("detector/blob", "cpu", True)]
    check_final(list(run(host, Unload(model="detector/blob"))), Finished)
    assert held() == []
