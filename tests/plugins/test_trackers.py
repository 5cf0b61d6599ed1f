"""The trackers of the mission against independent filters, ground truth and bare OpenCV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from tests.plugins.test_tracker_regions import (
    Frames,
    Quiet,
    crossing,
    leaving_clip,
    sequence,
)
from visionstudio.api import Detections, Frame, InvalidValue, WeightsError
from visionstudio.app.cli import run
from visionstudio.engine.evaluation.sot import figures
from visionstudio.engine.tracking import BoxTuple, Tracked, track
from visionstudio_tracker import filtered, learned, mdnet, opencv
from visionstudio_tracker.bootstrap import BootstrapFilter
from visionstudio_tracker.bytetrack import ByteTracker
from visionstudio_tracker.detect_and_track import DetectAndTrack
from visionstudio_tracker.kalman import KalmanFilter, motion
from visionstudio_tracker.manifest import MANIFEST
from visionstudio_tracker.many import ManyObjectTracker
from visionstudio_tracker.ocsort import OcSortTracker
from visionstudio_tracker.params import (
    ByteParams,
    DetectAndTrackParams,
    GateParams,
    KalmanParams,
    LearnedGateParams,
    MdNetParams,
    OcSortParams,
    ParticleParams,
    SortParams,
)
from visionstudio_tracker.sort import SortTracker

MANY: list[tuple[type[ManyObjectTracker], Any]] = [
    (SortTracker, SortParams()),
    (ByteTracker, ByteParams()),
    (OcSortTracker, OcSortParams()),
]


def follow(model: Any, params: Any, frames: list[Frame], box: BoxTuple, weights=None):
    model.load(params, weights, Quiet())
    return list(track(Frames(frames), model, box, ctx=Quiet()))


# -- filters


def test_the_kalman_filter_equals_filterpys() -> None:
    filterpy = pytest.importorskip("filterpy.kalman")
    rng = np.random.default_rng(0)
    for order in (2, 3):
        ours = motion([3.0, -2.0], order=order, process=0.3, measurement=0.7, unknown=4.0)
        theirs = filterpy.KalmanFilter(dim_x=2 * order, dim_z=2)
        theirs.x, theirs.P, theirs.F, theirs.H, theirs.Q, theirs.R = (
            ours.x.copy(), ours.P.copy(), ours.F, ours.H, ours.Q, ours.R
        )  # fmt: skip
        for step in range(50):
            ours.predict()
            theirs.predict()
            z = rng.normal(size=2) * 3 + step
            assert ours.distance(z) == pytest.approx(
                float((z - theirs.H @ theirs.x) @ np.linalg.inv(theirs.H @ theirs.P @ theirs.H.T
                + theirs.R) @ (z - theirs.H @ theirs.x)), rel=1e-9
            )  # fmt: skip
            if step % 4:  # some frames without a measurement
                ours.update(z)
                theirs.update(z)
            np.testing.assert_allclose(ours.x, theirs.x, rtol=0, atol=1e-10)
            np.testing.assert_allclose(ours.P, theirs.P, rtol=0, atol=1e-10)


def test_white_noise_equals_filterpys() -> None:
    common = pytest.importorskip("filterpy.common")
    from visionstudio_tracker.kalman import white_noise

    for order in (2, 3):
        for dt in (1.0, 0.04):
            expected = common.Q_discrete_white_noise(order, dt=dt)
            np.testing.assert_allclose(white_noise(order, dt), expected, atol=1e-15)


def test_the_particle_filter_converges_to_the_kalman_filter() -> None:
    """On a linear-Gaussian model the exact answer is known, and more particles come nearer."""
    rng = np.random.default_rng(1)
    kalman = motion([0.0], process=0.5, measurement=1.0, unknown=1.0)
    measurements = np.cumsum(rng.normal(0.4, 0.5, 40)) + rng.normal(0, 1.0, 40)

    def error(count: int) -> float:
        exact = KalmanFilter(kalman.x, kalman.P, F=kalman.F, H=kalman.H, Q=kalman.Q, R=kalman.R)
        start = rng.multivariate_normal(exact.x, exact.P, count)
        particles = BootstrapFilter(start, rng)
        root = np.linalg.cholesky(exact.Q + 1e-12 * np.eye(2))
        off = []
        for z in measurements:
            exact.predict()
            exact.update([z])
            particles.predict(lambda x, r: x @ exact.F.T + r.normal(size=x.shape) @ root.T)
            particles.weigh(-0.5 * (z - particles.particles[:, 0]) ** 2 / exact.R[0, 0])
            off.append(np.abs(particles.mean() - exact.x) / np.sqrt(np.diag(exact.P)))
            particles.resample()
        return float(np.mean(off))

    few, many = error(100), error(20_000)
    assert many < 0.05  # of a standard deviation
    assert many < few / 3


# -- one object


def test_nanotrack_holds_both_clips(shared_data: Path) -> None:
    weights = shared_data / "weights/nanotrack/nanotrackv2/nanotrack_backbone_sim.onnx"
    frames, truth = crossing(shared_data)
    states = follow(learned.NanoTracker(), LearnedGateParams(), frames, tuple(truth[0]), weights)
    assert figures(states, truth)["mean_iou"] >= 0.75
    folder = shared_data / "track_sot/vot15_bag"
    frames, truth = sequence(folder, "imgs", "groundtruth.txt")
    states = follow(
        learned.NanoTracker(),
        LearnedGateParams(),
        frames,
        tuple(truth[0]),
        weights.with_name("nanotrack_head_sim.onnx"),  # either file will do
    )
    assert figures(states, truth)["mean_iou"] >= 0.75


def test_learned_trackers_say_which_files_they_need(tmp_path: Path) -> None:
    for model, words in ((learned.NanoTracker(), "backbone"), (learned.VitTracker(), "vittrack")):
        with pytest.raises(WeightsError, match=words):
            model.load(LearnedGateParams(), None, Quiet())
    broken = tmp_path / "vit.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"vit\.onnx"):
        learned.VitTracker().load(LearnedGateParams(), broken, Quiet())
    alone = tmp_path / "my_backbone.onnx"
    alone.write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"my_head\.onnx"):
        learned.NanoTracker().load(LearnedGateParams(), alone, Quiet())


def stand_in_vittrack(path: Path) -> Path:
    """A network with VitTrack's inputs and outputs that finds what is bright.

    A confidence for each of 16 × 16 places, the object a quarter of the search area as it was.
    """
    node, number = helper.make_node, numpy_helper.from_array
    ends = {"template": (1, 3, 128, 128), "search": (1, 3, 256, 256)}
    maps = {"output1": (1, 1, 16, 16), "output2": (1, 2, 16, 16), "output3": (1, 2, 16, 16)}
    nodes = [
        node("Conv", ["search", "mean"], ["cells"], kernel_shape=[16, 16], strides=[16, 16]),
        node("GlobalAveragePool", ["template"], ["colour"]),
        node("Conv", ["colour", "ignored", "much"], ["used"], kernel_shape=[1, 1]),
        node("Sigmoid", ["used"], ["all"]),
        node("Sigmoid", ["cells"], ["bright"]),
        node("Mul", ["bright", "all"], ["output1"]),
        node("Conv", ["cells", "flat", "quarter"], ["output2"], kernel_shape=[1, 1]),
        node("Conv", ["cells", "flat", "half"], ["output3"], kernel_shape=[1, 1]),
    ]
    values = {
        "mean": np.full((1, 3, 16, 16), 1 / 768),
        "ignored": np.zeros((1, 3, 1, 1)),
        "much": np.full(1, 20.0),
        "flat": np.zeros((2, 1, 1, 1)),
        "quarter": np.full(2, 0.25),
        "half": np.full(2, 0.5),
    }
    graph = helper.make_graph(
        nodes,
        "vittrack",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in ends.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in maps.items()],
        [number(v.astype(np.float32), n) for n, v in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_given_vittrack_file_is_what_follows(tmp_path: Path) -> None:
    """Its published file is not here: one with the same inputs and outputs stands in."""
    file = stand_in_vittrack(tmp_path / "object_tracking_vittrack.onnx")
    frames, truth = leaving_clip(count=10)
    params = cv2.TrackerVit_Params()
    params.net = str(file)
    bare = cv2.TrackerVit_create(params)
    x1, y1, x2, y2 = (round(v) for v in truth[0])
    bare.init(frames[0][..., ::-1].copy(), (x1, y1, x2 - x1, y2 - y1))
    believing = LearnedGateParams(min_score=0.0, min_response=0.0)
    states = follow(learned.VitTracker(), believing, frames, tuple(truth[0]), file)
    boxes = set()
    for frame, tracked in zip(frames[1:], states[1:], strict=True):
        found, (x, y, w, h) = bare.update(frame[..., ::-1].copy())
        assert found
        assert tracked.state.box == (x, y, x + w, y + h)
        boxes.add(tracked.state.box)
    assert len(boxes) > 1  # it moves with what is bright


@pytest.mark.parametrize("model", [opencv.KcfTracker, opencv.MosseTracker, opencv.MilTracker])
def test_fast_filters_follow_and_tell_when_the_object_has_left(model: Any) -> None:
    frames, truth = leaving_clip(leave=60, back=75, count=76)
    states = follow(model(), GateParams(), frames, tuple(truth[0]))
    absent = ~np.isfinite(truth).all(axis=1)
    here = [t for t in states if not absent[t.frame] and t.frame < 54]
    assert figures(here, truth)["mean_iou"] > 0.5
    lost = np.array([t.state.lost for t in states])
    assert (lost & absent).sum() >= absent.sum() - 3


@pytest.mark.parametrize(
    ("model", "params"),
    [
        pytest.param(opencv.KcfTracker, GateParams(), marks=pytest.mark.slow),
        pytest.param(opencv.MosseTracker, GateParams(), marks=pytest.mark.slow),
        (filtered.KalmanTracker, KalmanParams()),
        (filtered.ParticleTracker, ParticleParams()),
    ],
)
def test_an_object_that_leaves_is_lost_and_found_when_it_returns(model: Any, params: Any) -> None:
    frames, truth = leaving_clip()
    states = follow(model(), params, frames, tuple(truth[0]))
    absent = ~np.isfinite(truth).all(axis=1)
    lost = np.array([t.state.lost for t in states])
    assert (lost & absent).sum() >= absent.sum() - 2
    back = np.flatnonzero(absent)[-1] + 1
    again = [t for t in states[back + 5 :] if not t.state.lost]
    assert len(again) >= 0.8 * (len(states) - back - 5)
    assert figures(again, truth)["mean_iou"] > 0.4


def test_mil_repeats_itself_whatever_ran_before_and_with_any_threads() -> None:
    frames, truth = leaving_clip(leave=1000, count=8)
    threads = cv2.getNumThreads()
    runs = []
    for number in (1, 2, threads):
        cv2.setNumThreads(number)
        runs.append(follow(opencv.MilTracker(), GateParams(), frames, tuple(truth[0])))
    cv2.setNumThreads(threads)
    assert runs[0] == runs[1] == runs[2]


def test_the_kalman_tracker_follows_a_person_and_bridges_an_occlusion(shared_data: Path) -> None:
    frames, truth = crossing(shared_data)
    states = follow(filtered.KalmanTracker(), KalmanParams(), frames, tuple(truth[0]))
    assert figures(states, truth)["mean_iou"] >= 0.7
    frames, truth = leaving_clip(leave=1000, count=40)
    grey = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    for i in range(15, 20):
        frames[i] = grey
    states = follow(filtered.KalmanTracker(), KalmanParams(), frames, tuple(truth[0]))
    assert all(t.state.lost for t in states[15:20])
    assert figures(states[22:], truth)["mean_iou"] > 0.6


def test_the_particle_filter_tracks_a_colourful_object_and_repeats_itself() -> None:
    rng = np.random.default_rng(0)
    frames, truth = [], []
    for i in range(60):
        frame = rng.integers(90, 130, (200, 300, 3), dtype=np.uint8)
        x, y = 20 + 4 * i, 80 + round(40 * np.sin(i / 8))
        cv2.ellipse(frame, (x, y), (18, 14), i * 5, 0, 360, (220, 40, 60), -1)
        frames.append(frame)
        truth.append((x - 18, y - 16, x + 18, y + 16))
    states = follow(filtered.ParticleTracker(), ParticleParams(), frames, truth[0])
    measured = figures(states, np.array(truth, dtype=float))
    assert measured["mean_iou"] > 0.6
    again = follow(filtered.ParticleTracker(), ParticleParams(), frames, truth[0])
    assert [t.state for t in again] == [t.state for t in states]
    empty = [*frames[:30], *[rng.integers(90, 130, (200, 300, 3), dtype=np.uint8)] * 10]
    gone = follow(filtered.ParticleTracker(), ParticleParams(), empty, truth[0])
    assert all(t.state.lost for t in gone[30:])


@pytest.mark.parametrize("name", ["csrt", "kcf", "mil", "mosse", "kalman", "particle", "mdnet"])
def test_every_tracker_refuses_what_is_no_region_frame_or_weights(name: str) -> None:
    spec = next(m for m in MANIFEST.models if m.id == f"tracker/{name}")
    module, _, cls = spec.factory.partition(":")
    model = getattr(__import__(module, fromlist=[cls]), cls)()
    model.load(spec.params(), None, Quiet())
    with pytest.raises(InvalidValue, match="not started"):
        model.update(np.zeros((10, 10, 3), np.uint8), Quiet())
    frame = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    for box in ((0, 0, 0, 0), (90, 0, 99, 9), (1, 1, 2, 2), (np.nan, 0, 9, 9)):
        with pytest.raises(InvalidValue):
            model.start(frame, box, Quiet())
    model.start(frame, (10, 10, 40, 40), Quiet())
    with pytest.raises(InvalidValue, match="40x60"):
        model.update(np.ascontiguousarray(frame[:, ::2]), Quiet())
    words = "does not exist" if spec.train_params else name
    with pytest.raises(WeightsError, match=words):
        model.load(spec.params(), Path("x.safetensors"), Quiet())


# -- many objects


@pytest.mark.parametrize("name", ["sort", "bytetrack", "oc-sort"])
@pytest.mark.parametrize("clip", ["TUD-Campus", "TUD-Stadtmitte"])
def test_public_detections_give_better_tracks_than_the_bundled_results(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, clip: str
) -> None:
    given = shared_data / f"mot/sort_mot15_det/train/{clip}/det/det.txt"
    folder = shared_data / "mot/motmetrics/motmetrics/data" / clip
    out = tmp_path / "tracks.txt"
    made = run(
        ["track", str(given), "--model", f"tracker/{name}", "--gt", str(folder / "gt.txt"),
         "--out", str(out), "--json"]
    )  # fmt: skip
    ours = json.loads(capsys.readouterr().out)["metrics"]
    bundled = run(
        ["evaluate", "--gt", str(folder / "gt.txt"), "--dt", str(folder / "test.txt"),
         "--task", "mot", "--json"]
    )  # fmt: skip
    theirs = json.loads(capsys.readouterr().out)["metrics"]
    assert (made, bundled) == (0, 0)
    for figure in ("MOTA", "IDF1", "HOTA"):
        assert ours[figure] >= theirs[figure], figure


def moving(count: int) -> tuple[list[Frame], list[Detections]]:
    """Two objects that cross; one is hidden for a while, then detected unsurely."""
    frames, detections = [], []
    for i in range(count):
        boxes = [(10 + 4 * i, 40, 40 + 4 * i, 90), (200 - 4 * i, 60, 230 - 4 * i, 110)]
        scores = [0.95, 0.9]
        if 20 <= i < 24:
            boxes, scores = boxes[:1], scores[:1]
        if i == 24:
            scores[1] = 0.4
        frames.append(np.zeros((160, 260, 3), np.uint8))
        detections.append(
            Detections(np.array(boxes), np.array(scores), np.zeros(len(boxes), int), ("thing",))
        )
    return frames, detections


@pytest.mark.parametrize(("model", "params"), MANY)
def test_identities_survive_a_crossing_and_a_gap(model: Any, params: Any) -> None:
    tracker = model()
    tracker.load(params, None, Quiet())
    frames, detections = moving(40)
    for _ in range(2):  # another video begins with new identities
        tracker.begin(Quiet())
        last: dict[int, tuple[int, ...]] = {}
        for i, (frame, given) in enumerate(zip(frames, detections, strict=True)):
            told = tracker.update(frame, given, Quiet())
            last[i] = tuple(sorted(name for name, _ in told))
            assert all(state.label == "thing" for _, state in told)
        assert last[10] == (1, 2)
        assert last[22] == (1,)
        assert last[39] == (1, 2)
    with pytest.raises(InvalidValue, match="130x160"):
        tracker.update(frames[0][:, :130], detections[0], Quiet())


@pytest.mark.parametrize(("model", "params"), MANY)
def test_two_classes_are_never_one_object(model: Any, params: Any) -> None:
    tracker = model()
    tracker.load(params, None, Quiet())
    frame = np.zeros((100, 100, 3), np.uint8)
    box = np.array([[10.0, 10, 50, 50]])
    for i in range(8):
        given = Detections(box, np.array([0.9]), np.array([i // 4]), ("cat", "dog"))
        told = tracker.update(frame, given, Quiet())
    assert [(state.label) for _, state in told] in ([["dog"]], ["dog"], [])
    assert all(name != 1 for name, _ in told)


def test_detect_and_track_gives_a_returning_object_its_id_back() -> None:
    frames, truth = leaving_clip()
    model = DetectAndTrack()
    model.load(DetectAndTrackParams(), None, Quiet())
    told: list[Tracked] = []
    names = set()
    for i, (frame, box) in enumerate(zip(frames, truth, strict=True)):
        here = np.isfinite(box).all() and i % 3 == 0  # the detector misses two of three
        boxes = np.clip(box[None] if here else np.zeros((0, 4)), 0, (320, 240, 320, 240))
        count = len(boxes)
        given = Detections(boxes, np.full(count, 0.9), np.zeros(count, int), ("face",))
        for name, state in model.update(frame, given, Quiet()):
            names.add(name)
            told.append(Tracked(i, state))
    assert names == {1}
    absent = np.flatnonzero(~np.isfinite(truth).all(axis=1))
    by_frame = {t.frame: t.state for t in told}
    assert sum(by_frame[i].lost for i in absent) >= len(absent) - 2
    back = absent[-1] + 1
    assert not any(by_frame[i].lost for i in range(back + 6, len(frames)))
    assert figures([t for t in told if not t.state.lost], truth)["mean_iou"] > 0.6


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_mdnet_learns_its_object_online(shared_data: Path) -> None:
    frames, truth = crossing(shared_data)
    states = follow(mdnet.MdNetTracker(), MdNetParams(), frames, tuple(truth[0]))
    assert figures(states, truth)["mean_iou"] >= 0.5
    frames, truth = sequence(shared_data / "track_sot/vot15_bag", "imgs", "groundtruth.txt")
    states = follow(mdnet.MdNetTracker(), MdNetParams(), frames[:100], tuple(truth[0]))
    assert figures(states, truth[:100])["mean_iou"] >= 0.35


def test_mdnet_says_when_its_object_has_gone_and_repeats_itself() -> None:
    frames, truth = leaving_clip(count=6)
    gone = [np.full_like(frames[0], 120)] * 3
    runs = [
        follow(mdnet.MdNetTracker(), MdNetParams(), [*frames, *gone], tuple(truth[0]))
        for _ in range(2)
    ]
    assert [t.state for t in runs[0]] == [t.state for t in runs[1]]
    assert figures(runs[0][:6], truth)["mean_iou"] > 0.5
    assert all(t.state.lost for t in runs[0][6:])
