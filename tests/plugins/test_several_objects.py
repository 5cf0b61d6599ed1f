"""Several regions in one pass, and frame by frame as from a live source: as each one alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from visionstudio.engine.events import Failed, FrameFailed, FrameResult
from visionstudio.engine.frames import FrameReader
from visionstudio.engine.host import LocalHost, run
from visionstudio.engine.requests import FrameRef, LiveTrack, Track

COUNT = 12
BALL, BRICK = (20.0, 18.0, 44.0, 42.0), (145.0, 70.0, 170.0, 95.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ball goes right and a brick goes left on a photograph's noise."""
    where = tmp_path_factory.mktemp("clip")
    noise = np.random.default_rng(1).uniform(0, 120, (120, 200, 3))
    ground = cv2.GaussianBlur(noise, (0, 0), 3)
    for n in range(COUNT):
        frame = ground.astype(np.uint8)
        cv2.circle(frame, (32 + 4 * n, 30), 11, (60, 90, 230), -1)
        cv2.rectangle(frame, (146 - 3 * n, 71), (169 - 3 * n, 94), (80, 200, 60), -1)
        cv2.imwrite(str(where / f"{n:02}.png"), frame)
    return where


@pytest.fixture(scope="module")
def host() -> Iterator[LocalHost]:
    made = LocalHost()
    yield made
    made.close()


def alone(host: LocalHost, folder: Path, box: tuple[float, ...], **more: object) -> dict:
    request = Track(model="tracker/csrt", path=str(folder), kind="frames", box=box, **more)
    return {int(e.key): e.result for e in run(host, request) if isinstance(e, FrameResult)}


def test_one_pass_is_as_each_object_alone(
    host: LocalHost, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ball, brick = alone(host, folder, BALL), alone(host, folder, BRICK, start=0, end=7)
    read: list[int] = []
    decode = FrameReader.read

    def counted(self: FrameReader, ref: FrameRef) -> np.ndarray:
        read.append(ref.frame)
        return decode(self, ref)

    monkeypatch.setattr(FrameReader, "read", counted)
    later = ball[5].box
    spans = ((0, -1, *BALL), (0, 7, *BRICK), (3, 9, 10, 10, 12, 90), (5, 8, *later))
    request = Track(model="tracker/csrt", path=str(folder), kind="frames", spans=spans)
    events = list(run(host, request))
    told = {int(e.key): dict(e.result) for e in events if isinstance(e, FrameResult)}
    assert sorted(read) == list(range(COUNT))  # each frame is decoded once for all
    assert {n: s[0] for n, s in told.items()} == ball
    assert {n: s[1] for n, s in told.items() if 1 in s} == brick
    assert [n for n, s in told.items() if 3 in s] == [5, 6, 7, 8]
    # One that cannot be followed says why, and holds up none of the others.
    (refused,) = [e for e in events if isinstance(e, FrameFailed)]
    assert refused.key == "3:2"
    assert "2x80" in refused.reason
    assert not any(2 in s for s in told.values())


def test_backwards_each_from_its_own_frame(host: LocalHost, folder: Path) -> None:
    ball = alone(host, folder, BALL)
    spans = ((9, 2, *ball[9].box), (6, 4, *ball[6].box))
    request = Track(
        model="tracker/csrt", path=str(folder), kind="frames", spans=spans, backwards=True
    )
    told = {int(e.key): dict(e.result) for e in run(host, request) if isinstance(e, FrameResult)}
    assert list(told) == [9, 8, 7, 6, 5, 4, 3, 2]
    assert [n for n, s in told.items() if 1 in s] == [6, 5, 4]
    assert all(abs(told[n][0].box[0] - ball[n].box[0]) <= 4 for n in told)


def test_all_refused_is_a_failure(host: LocalHost, folder: Path) -> None:
    request = Track(
        model="tracker/csrt", path=str(folder), kind="frames", spans=((0, -1, 500, 5, 520, 25),)
    )
    end = list(run(host, request))[-1]
    assert isinstance(end, Failed)
    assert "outside the 200x120 frame" in end.what


def test_a_live_stream_keeps_its_objects_between_frames(host: LocalHost, folder: Path) -> None:
    ball = alone(host, folder, BALL)

    def show(n: int, **more: object) -> list:
        frame = FrameRef(key="live", path=str(folder / f"{n:02}.png"))
        ask = LiveTrack(model="tracker/csrt", stream="door", frame=frame, **more)
        return list(run(host, ask))

    def states(events: list) -> dict:
        (told,) = [e.result for e in events if isinstance(e, FrameResult)]
        return dict(told)

    assert states(show(0, boxes=((7, *BALL),))) == {7: ball[0]}
    assert states(show(1)) == {7: ball[1]}
    # A second one that cannot be begun: the first goes on, and the reason is told.
    events = show(2, boxes=((8, 10, 10, 12, 90),))
    assert states(events) == {7: ball[2]}
    assert isinstance(events[-1], Failed)
    assert "2x80" in events[-1].what
    events = show(3, boxes=((9, *BRICK),))
    assert states(events)[7] == ball[3]
    assert set(states(show(4, forget=(9,)))) == {7}
    # Without a frame it ends; the same name is a new stream then, which knows no object.
    list(run(host, LiveTrack(model="tracker/csrt", stream="door")))
    assert states(show(5)) == {}
    # Another size in between ends it too, and says so.
    assert states(show(0, boxes=((1, *BALL),))) == {1: ball[0]}
    small = folder.parent / "small.png"
    cv2.imwrite(str(small), np.zeros((60, 100, 3), np.uint8))
    frame = FrameRef(key="live", path=str(small))
    end = list(run(host, LiveTrack(model="tracker/csrt", stream="door", frame=frame)))[-1]
    assert isinstance(end, Failed)
    assert "tracking started on 200x120" in end.what
