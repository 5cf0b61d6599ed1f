"""tracker/csrt: equal to bare OpenCV while it holds, Lost when the object has left."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from visionstudio.api import Frame, InvalidValue, TrackState, WeightsError
from visionstudio.engine.evaluation.sot import figures, overlaps
from visionstudio.engine.tracking import (
    BoxTuple,
    Tracked,
    read_ground_truth,
    track,
)
from visionstudio_tracker.manifest import MANIFEST
from visionstudio_tracker.opencv import CsrtTracker
from visionstudio_tracker.params import GateParams


class Quiet:
    """A context that reports to nobody."""

    device = "cpu"
    threads = 1
    seed = 0
    cache = Path()

    def report(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        metrics: Mapping[str, float] | None = None,
        step: int | None = None,
        **extra: Any,
    ) -> None: ...


class Frames:
    """Frames in memory, as a reader."""

    def __init__(self, frames: list[Frame]) -> None:
        self._all = frames
        self.frames = len(frames)

    def read(self, n: int, /) -> Frame:
        return self._all[n]


def tracker(**params: Any) -> CsrtTracker:
    model = CsrtTracker()
    model.load(GateParams(**params), None, Quiet())
    return model


def follow(frames: list[Frame], box: BoxTuple, **params: Any) -> list[Tracked]:
    return list(track(Frames(frames), tracker(**params), box, ctx=Quiet()))


def bare_csrt(frames: list[Frame], box: BoxTuple) -> list[Tracked]:
    x1, y1, x2, y2 = box
    csrt = cv2.TrackerCSRT_create()
    csrt.init(frames[0][..., ::-1].copy(), (round(x1), round(y1), round(x2 - x1), round(y2 - y1)))
    states = [TrackState(box, 1.0)]
    for frame in frames[1:]:
        success, (x, y, w, h) = csrt.update(frame[..., ::-1].copy())
        states.append(TrackState((x, y, x + w, y + h) if success else None, 1.0, not success))
    return [Tracked(i, s) for i, s in enumerate(states)]


def sequence(folder: Path, pictures: str, truth: str) -> tuple[list[Frame], np.ndarray]:
    files = sorted((folder / pictures).glob("*.jpg"))
    frames = [np.ascontiguousarray(cv2.imread(str(f))[..., ::-1]) for f in files]
    return frames, read_ground_truth(folder / truth)


def crossing(shared_data: Path) -> tuple[list[Frame], np.ndarray]:
    return sequence(shared_data / "track_sot/otb_Crossing", "img", "groundtruth_rect.txt")


def leaving_clip(
    size: int = 40, leave: int = 45, back: int = 65, count: int = 85
) -> tuple[list[Frame], np.ndarray]:
    """A textured square that crosses a panned photograph, leaves, and comes back."""
    from skimage import data

    rng = np.random.default_rng(3)
    photo = data.coffee()
    thing = cv2.resize(data.astronaut()[100:300, 100:300], (size, size))
    width, height = 320, 240
    frames, truth = [], []
    for i in range(count):
        view = photo[10 : 10 + height, i // 2 : i // 2 + width].copy()
        if i < leave:
            x, y = 40 + i * width // leave, 90 + round(20 * math.sin(i / 9))
        else:
            x, y = width - max(i - back, 0) * 6, 100
        part = min(width, x + size) - x
        if part > 0:
            view[y : y + size, x : x + part] = thing[:, :part]
        noisy = np.clip(view + rng.normal(0, 3, view.shape), 0, 255).astype(np.uint8)
        frames.append(noisy)
        inside = part > 0.3 * size
        truth.append((x, y, x + size, y + size) if inside else (math.nan,) * 4)
    return frames, np.array(truth)


@pytest.mark.slow
def test_crossing_equals_bare_csrt_box_for_box(shared_data: Path) -> None:
    frames, truth = crossing(shared_data)
    first = tuple(truth[0])
    ours, bare = follow(frames, first), bare_csrt(frames, first)
    assert not any(t.state.lost for t in ours)
    assert [t.state.box for t in ours] == [t.state.box for t in bare]
    assert figures(ours, truth) == figures(bare, truth)
    assert figures(ours, truth)["mean_iou"] == pytest.approx(0.785, abs=0.01)


@pytest.mark.slow
def test_the_bag_that_turns_and_deforms_equals_bare_csrt(shared_data: Path) -> None:
    frames, truth = sequence(shared_data / "track_sot/vot15_bag", "imgs", "groundtruth.txt")
    first = tuple(truth[0])
    ours, bare = follow(frames, first), bare_csrt(frames, first)
    assert figures(ours, truth)["mean_iou"] >= figures(bare, truth)["mean_iou"] - 0.01


@pytest.mark.slow
def test_a_pedestrian_who_vanishes_is_lost_and_not_parked(shared_data: Path) -> None:
    frames, truth = crossing(shared_data)
    gone = 67
    empty = np.median(np.stack(frames), axis=0).astype(np.uint8)
    for i in range(gone, len(frames)):
        x1, y1, x2, y2 = (int(v) for v in truth[i])
        area = np.s_[y1 - 8 : y2 + 8, x1 - 8 : x2 + 8]
        frames[i][area] = empty[area]
    tracked = follow(frames, tuple(truth[0]))
    assert not any(t.state.lost for t in tracked[:gone])
    assert all(t.state.lost and t.state.box is None for t in tracked[gone:])
    # Bare CSRT reports success on every one of them.
    assert not any(t.state.lost for t in bare_csrt(frames, tuple(truth[0])))


def test_an_object_that_leaves_is_lost_and_found_again() -> None:
    frames, truth = leaving_clip()
    tracked = follow(frames, tuple(truth[0]))
    absent = ~np.isfinite(truth).all(axis=1)
    lost = np.array([t.state.lost for t in tracked])
    assert absent.sum() > 15
    # One frame either side of the border may be judged either way.
    assert (lost & absent).sum() >= absent.sum() - 2
    back = np.flatnonzero(absent)[-1] + 1
    again = [t for t in tracked[back + 8 :] if not t.state.lost]
    assert len(again) == len(tracked) - back - 8
    assert overlaps(again, truth).min() > 0.6


def test_without_searching_it_stays_lost() -> None:
    frames, truth = leaving_clip()
    tracked = follow(frames, tuple(truth[0]), reacquire=False)
    assert all(t.state.lost for t in tracked[60:])


def test_a_short_occlusion_is_bridged_with_the_same_filter() -> None:
    frames, truth = leaving_clip(leave=1000, count=40)
    grey = np.random.default_rng(0).integers(0, 255, (70, 90, 3), dtype=np.uint8)
    for i in (20, 21):
        x, y = (int(v) for v in truth[i][:2])
        frames[i][max(y - 15, 0) : y + 55, max(x - 25, 0) : x + 65] = grey[
            : y + 55 - max(y - 15, 0), : x + 65 - max(x - 25, 0)
        ]
    tracked = follow(frames, tuple(truth[0]))
    assert tracked[20].state.lost
    assert not any(t.state.lost for t in tracked[24:])
    assert overlaps(tracked[24:], truth).min() > 0.5


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 0, 0), "empty"),
        ((50, 50, 40, 60), "empty"),
        ((400, 10, 440, 50), "outside the 320x240"),
        ((-50, -50, -10, -10), "outside"),
        ((10, 10, 11, 60), "at least 4x4"),
        ((317, 10, 350, 60), "only 9% of the region"),
        ((math.nan, 10, 50, 60), "finite"),
        ((10, 10, math.inf, 60), "finite"),
    ],
)
def test_an_impossible_region_is_refused_by_name(box: BoxTuple, words: str) -> None:
    frame = np.zeros((240, 320, 3), np.uint8)
    with pytest.raises(InvalidValue, match=words):
        tracker().start(frame, box, Quiet())


def test_a_region_between_pixels_is_rounded() -> None:
    frames, truth = leaving_clip(count=4)
    x1, y1, x2, y2 = truth[0]
    shifted = (x1 + 0.3, y1 - 0.3, x2 + 0.3, y2 - 0.3)
    assert [t.state for t in follow(frames, shifted)][1:] == [
        t.state for t in follow(frames, tuple(truth[0]))
    ][1:]


def test_frames_of_another_size_or_kind_are_refused() -> None:
    frames, truth = leaving_clip(count=2)
    model = tracker()
    model.start(frames[0], tuple(truth[0]), Quiet())
    with pytest.raises(InvalidValue, match="frame is 160x120, tracking started on 320x240"):
        model.update(frames[1][::2, ::2].copy(), Quiet())
    with pytest.raises(InvalidValue, match="shape"):
        model.update(frames[1][..., 0], Quiet())
    with pytest.raises(InvalidValue, match="float32"):
        model.update(frames[1].astype(np.float32), Quiet())
    assert not model.update(frames[1], Quiet()).lost


def test_update_before_start_and_weights_are_refused() -> None:
    with pytest.raises(InvalidValue, match="not started"):
        tracker().update(np.zeros((10, 10, 3), np.uint8), Quiet())
    with pytest.raises(WeightsError):
        CsrtTracker().load(GateParams(), Path("some.safetensors"), Quiet())


def test_every_tracker_of_a_region_can_do_without_training() -> None:
    for model in MANIFEST.models:
        assert model.ready == (model.id not in ("tracker/nano", "tracker/vit"))
