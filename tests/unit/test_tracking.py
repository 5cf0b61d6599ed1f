"""The tracking loop, its files and figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visionstudio.api import Context, Frame, TrackState
from visionstudio.engine.evaluation.sot import figures
from visionstudio.engine.mot_text import mot_text, read_mot_rows
from visionstudio.engine.tracking import (
    BoxTuple,
    Tracked,
    frame_order,
    parse_roi,
    read_ground_truth,
    track,
)
from visionstudio.model.errors import Cancelled, FormatError, InvalidValue, MediaError


class Recorder:
    """A context that remembers what was reported and stops after some reports."""

    device = "cpu"
    threads = 1
    seed = 0
    cache = Path()

    def __init__(self, stop_after: int = 1000) -> None:
        self.fractions: list[float | None] = []
        self.stop_after = stop_after

    def report(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        metrics: Mapping[str, float] | None = None,
        step: int | None = None,
        **extra: Any,
    ) -> None:
        self.fractions.append(fraction)
        if len(self.fractions) >= self.stop_after:
            raise Cancelled


class Numbered:
    """Frames whose first pixel is their number; one of them may be damaged."""

    frames = 6

    def __init__(self, damaged: int = -1) -> None:
        self.damaged = damaged

    def read(self, n: int, /) -> Frame:
        if n == self.damaged:
            raise MediaError("damaged frame")
        return np.full((4, 4, 3), n, np.uint8)


class Echo:
    """A tracker whose box tells the frame it saw."""

    def load(self, params: Any, weights: Path | None, ctx: Context) -> None: ...

    def unload(self) -> None: ...

    def start(self, frame: Frame, box: BoxTuple, ctx: Context) -> None:
        self.first = int(frame[0, 0, 0])

    def update(self, frame: Frame, ctx: Context) -> TrackState:
        n = float(frame[0, 0, 0])
        return TrackState((n, n, n + 1, n + 1), 0.5)


BOX = (0.0, 0.0, 2.0, 2.0)


def test_forwards_backwards_and_a_part() -> None:
    def numbers(**options: Any) -> list[int]:
        return [t.frame for t in track(Numbered(), Echo(), BOX, ctx=Recorder(), **options)]

    assert numbers() == [0, 1, 2, 3, 4, 5]
    assert numbers(start=2, end=4) == [2, 3, 4]
    assert numbers(backwards=True) == [5, 4, 3, 2, 1, 0]
    assert numbers(start=3, end=1, backwards=True) == [3, 2, 1]


def test_the_first_state_is_the_drawn_box_and_the_rest_the_models() -> None:
    tracked = list(track(Numbered(), Echo(), BOX, ctx=Recorder(), start=2))
    assert tracked[0] == Tracked(2, TrackState(BOX, 1.0))
    assert tracked[1].state.box == (3.0, 3.0, 4.0, 4.0)


def test_a_damaged_frame_is_lost_and_the_rest_goes_on() -> None:
    tracked = list(track(Numbered(damaged=3), Echo(), BOX, ctx=Recorder()))
    assert [t.state.lost for t in tracked] == [False, False, False, True, False, False]


def test_stopping_ends_the_loop_after_the_frames_that_were_done() -> None:
    items = track(Numbered(), Echo(), BOX, ctx=Recorder(stop_after=3))
    assert [next(items).frame for _ in range(3)] == [0, 1, 2]
    with pytest.raises(Cancelled):
        next(items)


@pytest.mark.parametrize(("start", "end"), [(6, None), (-1, None), (0, 6), (3, 2)])
def test_frames_that_are_not_there_are_refused(start: int, end: int | None) -> None:
    with pytest.raises(InvalidValue):
        frame_order(6, start, end)


def test_region_text() -> None:
    assert parse_roi("205,151.5,17,50") == (205, 151.5, 222, 201.5)
    for bad in ("1,2,3", "a,b,c,d", "1,2,0,4", "1,2,3,nan", ""):
        with pytest.raises(InvalidValue):
            parse_roi(bad)


def test_mot_rows_are_one_based_ordered_and_without_lost_frames(tmp_path: Path) -> None:
    states = {
        2: ((1, TrackState((0.5, 1, 10.5, 21), 0.25)),),
        1: ((1, TrackState(None, 0.0, lost=True)),),
        0: ((1, TrackState((0, 0, 4, 5), 1.0)), (7, TrackState((1, 2, 3, 4), 0.5))),
    }
    text = mot_text(states)
    assert text == (
        "1,1,1,1,4,5,1,-1,-1,-1\n1,7,2,3,2,2,0.5,-1,-1,-1\n3,1,1.5,2,10,20,0.25,-1,-1,-1\n"
    )
    path = tmp_path / "track.txt"
    path.write_text(text)
    rows = list(read_mot_rows(path, ids=True))
    assert [(r.frame, r.id, r.box, r.score) for r in rows] == [
        (f, i, s.box, s.score) for f in (0, 2) for i, s in states[f]
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,1,0,0,5,5,1\nnonsense", ":2"),
        ("1,1,0,0,5,0,1", ":1"),
        ("1,1,0,0,5,nan,1", ":1"),
        ("0,1,0,0,5,5,1", ":1"),
        ("1,-1,0,0,5,5,1", "no track id"),
        ("1,1,0,0,5,5,1\n1,1,9,9,5,5,1", "twice in frame 1"),
    ],
)
def test_broken_mot_rows_name_their_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(text)
    with pytest.raises(FormatError, match=words):
        list(read_mot_rows(path, ids=True))


def test_ground_truth_in_all_its_spellings(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(
        "1,2,3,4\n1\t2\t3\t4\n 1  2 3 4 \n1,2, 5,2, 5,8, 1,8\nnan,nan,nan,nan\n0,0,0,0\n"
    )
    boxes = read_ground_truth(path)
    assert boxes[:3].tolist() == [[1, 2, 4, 6]] * 3
    assert boxes[3].tolist() == [1, 2, 5, 8]
    assert np.isnan(boxes[4:]).all()


@pytest.mark.parametrize(
    ("text", "words"), [("1,2,3\n", ":1"), ("1,2,3,4\nx,2,3,4", ":2"), ("", "empty")]
)
def test_broken_ground_truth_names_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(text)
    with pytest.raises(FormatError, match=words):
        read_ground_truth(path)


def test_figures_by_hand() -> None:
    truth = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [np.nan] * 4])
    tracked = [
        Tracked(0, TrackState((0, 0, 10, 10), 1.0)),  # IoU 1
        Tracked(1, TrackState((0, 0, 10, 5), 1.0)),  # IoU .5
        Tracked(2, TrackState(None, 0.0, lost=True)),  # lost counts 0
        Tracked(3, TrackState((0, 0, 1, 1), 1.0)),  # no ground truth
    ]
    result = figures(tracked, truth)
    assert result["mean_iou"] == pytest.approx(0.5)
    # IoU 1 is above 20 of the 21 thresholds, .5 above the ten from 0 to .45.
    assert result["auc"] == pytest.approx((20 + 10) / 21 / 3)


def test_figures_need_ground_truth() -> None:
    with pytest.raises(InvalidValue):
        figures([Tracked(9, TrackState(BOX, 1.0))], np.zeros((2, 4)))
