"""An object followed from two key frames: how the two runs become one track."""

from __future__ import annotations

import pytest

from visionstudio.api import TrackState
from visionstudio.session.following import blended


def state(x: float, score: float = 1.0) -> TrackState:
    return TrackState((x, 0.0, x + 100.0, 10.0), score)


LOST = TrackState(None, 0.0, lost=True)


def test_runs_that_agree_are_blended_by_how_near_their_ends_are() -> None:
    forwards = {n: state(10.0 * n) for n in range(11)}
    backwards = {n: state(10.0 * n + 4) for n in range(1, 11)}
    found = blended(forwards, backwards, 0, 10)
    assert [found[n].box[0] for n in range(11)] == pytest.approx(
        [0, *(10 * n + 4 * n / 10 for n in range(1, 11))]
    )
    # How far they agree is part of the confidence.
    assert found[5].score == pytest.approx(96 / 104)
    assert found[0].score == 1  # the drawn one


def test_where_they_differ_the_nearer_end_is_right() -> None:
    forwards = {n: state(0.0, 0.8) for n in range(10)}
    backwards = {n: state(70.0, 0.6) for n in range(1, 10)}
    found = blended(forwards, backwards, 0, 10)
    assert [found[n].box[0] for n in (2, 8)] == [0, 70]
    assert found[2].score == pytest.approx(0.8 * 30 / 170)


def test_what_one_run_has_lost_the_other_one_knows() -> None:
    forwards = {1: state(5.0), 2: LOST, 3: LOST}
    backwards = {1: LOST, 2: LOST, 3: state(8.0, 0.7)}
    found = blended(forwards, backwards, 0, 4)
    assert [found[n].lost for n in (1, 2, 3)] == [False, True, False]
    assert found[3].box == (8.0, 0.0, 108.0, 10.0)
    assert found[3].score == 0.7
    # A run that was stopped on its way has nothing to say of the rest.
    assert blended({1: state(5.0)}, {}, 0, 4) == {1: state(5.0)}
