"""What was found live, on the frames of a recording: exact, filled between, never over a loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.video_maker import number_in, picture
from visionstudio.api import TrackState
from visionstudio.media.live import LiveFrame
from visionstudio.media.video import open_video
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.live_findings import MOST_BETWEEN, filled
from visionstudio.session.live_recording import Recording


def seen(x: float, score: float = 0.9) -> TrackState:
    return TrackState((x, 10, x + 20, 30), score, label="bar")


def test_between_two_answers_the_object_moves_evenly() -> None:
    states = filled({2: ((7, seen(0, 0.9)),), 6: ((7, seen(40, 0.5)), (8, seen(100)))})
    assert list(states) == [2, 3, 4, 5, 6]
    assert [dict(states[f])[7].box[0] for f in states] == [0, 10, 20, 30, 40]
    assert [dict(states[f])[7].score for f in states] == [0.9, 0.5, 0.5, 0.5, 0.5]
    assert {dict(states[f])[7].label for f in states} == {"bar"}
    assert [8 in dict(states[f]) for f in states] == [False] * 4 + [True]


def test_nothing_is_made_up_over_a_loss_or_a_long_silence() -> None:
    lost = TrackState(None, 0.0, lost=True)
    assert list(filled({0: ((1, seen(0)),), 3: ((1, lost),), 6: ((1, seen(9)),)})) == [0, 3, 6]
    late = MOST_BETWEEN + 1
    assert list(filled({0: ((1, seen(0)),), late: ((1, seen(9)),)})) == [0, late]
    assert filled({}) == {}


def record(path: Path, frames: list[LiveFrame]) -> tuple[Recording, VisionStudioError | None]:
    ends: list[VisionStudioError | None] = []
    recording = Recording(path, lambda _, error: ends.append(error))
    for frame in frames:
        recording.add(frame)
    recording.finish()
    recording.start()
    recording.join(30)
    (error,) = ends
    return recording, error


def test_places_name_the_frames_that_were_written(tmp_path: Path) -> None:
    """Also where some were lost, and where two arrived at the same time."""
    numbers = [5, 6, 9, 10, 11]
    frames = [LiveFrame(n, picture(n), max(n, 6) / 25) for n in numbers]
    recording, error = record(tmp_path / "a.mp4", frames)
    assert error is None
    assert recording.whole
    with open_video(recording.path) as video:
        assert video.frames == len(numbers)
        assert {n: number_in(video.read(at)) for n, at in recording.places.items()} == {
            n: n for n in numbers
        }


def test_frames_of_another_size_end_a_recording_that_is_kept(tmp_path: Path) -> None:
    frames = [LiveFrame(n, picture(n), n / 25) for n in range(4)]
    frames.append(LiveFrame(4, np.zeros((48, 64, 3), np.uint8), 4 / 25))
    recording, error = record(tmp_path / "a.mp4", frames)
    assert error is not None
    assert "192 × 96 to 64 × 48" in error.what
    assert recording.whole
    with open_video(recording.path) as video:
        assert [number_in(video.read(n)) for n in range(video.frames)] == [0, 1, 2, 3]


def test_a_recording_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "no folder").write_text("a file is in its place")
    frames = [LiveFrame(n, picture(n), n / 25) for n in range(3)]
    recording, error = record(tmp_path / "no folder" / "a.mp4", frames)
    assert error is not None
    assert not recording.whole
    assert [p.name for p in tmp_path.iterdir()] == ["no folder"]
