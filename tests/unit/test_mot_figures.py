"""Figures of many-object tracks against motmetrics and trackeval, on real and on random tracks."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visionstudio.engine.evaluation.mot import Tracks, evaluate_tracks, read_tracks
from visionstudio.model.errors import InvalidValue
from visionstudio.model.geometry import box_iou

SEQUENCES = ("TUD-Campus", "TUD-Stadtmitte")


def files(shared_data: Path, name: str) -> tuple[Path, Path]:
    folder = shared_data / "mot/motmetrics/motmetrics/data" / name
    return folder / "gt.txt", folder / "test.txt"


def by_motmetrics(truth: Tracks, found: Tracks) -> dict[str, float]:
    motmetrics = pytest.importorskip("motmetrics")
    nothing = np.zeros(0, int), np.zeros((0, 4))
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for frame in sorted(truth.frames.keys() | found.frames.keys()):
        ids, boxes = truth.frames.get(frame, nothing)
        others, other_boxes = found.frames.get(frame, nothing)
        far = 1 - box_iou(boxes, other_boxes) if len(ids) and len(others) else np.zeros((0, 0))
        accumulator.update(ids, others, np.where(far > 0.5, np.nan, far))
    names = ["mota", "motp", "idf1", "idp", "idr", "num_switches", "num_fragmentations"]
    names += ["mostly_tracked", "mostly_lost", "precision", "recall"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        summary = motmetrics.metrics.create().compute(accumulator, metrics=names, name="all")
    return {name: float(summary[name].iloc[0]) for name in names}


def by_trackeval(truth: Tracks, found: Tracks) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):
        trackeval = pytest.importorskip("trackeval")
    nothing = np.zeros(0, int), np.zeros((0, 4))
    data: dict[str, Any] = {"gt_ids": [], "tracker_ids": [], "similarity_scores": []}
    for frame in sorted(truth.frames.keys() | found.frames.keys()):
        ids, boxes = truth.frames.get(frame, nothing)
        others, other_boxes = found.frames.get(frame, nothing)
        data["gt_ids"].append(ids)
        data["tracker_ids"].append(others)
        both = len(ids) and len(others)
        iou = box_iou(boxes, other_boxes) if both else np.zeros((len(ids), len(others)))
        data["similarity_scores"].append(iou)
    data |= {"num_gt_ids": truth.count, "num_tracker_ids": found.count}
    data |= {"num_gt_dets": truth.boxes, "num_tracker_dets": found.boxes}
    with contextlib.redirect_stdout(io.StringIO()):
        result = trackeval.metrics.HOTA().eval_sequence(data)
    return {name: float(np.mean(result[name])) for name in ("HOTA", "DetA", "AssA", "LocA")}


def check(truth: Tracks, found: Tracks) -> dict[str, float]:
    ours = evaluate_tracks(truth, found)
    theirs = by_motmetrics(truth, found)
    names = {
        "MOTA": "mota", "IDF1": "idf1", "IDP": "idp", "IDR": "idr", "switches": "num_switches",
        "fragments": "num_fragmentations", "mostly_tracked": "mostly_tracked",
        "mostly_lost": "mostly_lost", "precision": "precision", "recall": "recall",
    }  # fmt: skip
    for our, their in names.items():
        assert ours[our] == pytest.approx(theirs[their], abs=1e-9), our
    assert 1 - ours["MOTP"] == pytest.approx(theirs["motp"], abs=1e-9)
    for name, value in by_trackeval(truth, found).items():
        assert ours[name] == pytest.approx(value, abs=1e-9), name
    return ours


@pytest.mark.parametrize("name", SEQUENCES)
def test_real_tracks_measure_as_by_motmetrics_and_trackeval(shared_data: Path, name: str) -> None:
    truth, result = files(shared_data, name)
    figures = check(read_tracks(truth, truth=True), read_tracks(result))
    # motmetrics' documentation prints these of its own results.
    printed = {"TUD-Campus": (0.526, 0.558), "TUD-Stadtmitte": (0.564, 0.645)}[name]
    assert (figures["MOTA"], figures["IDF1"]) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize("seed", range(6))
def test_random_tracks_measure_as_by_motmetrics_and_trackeval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 200, (6, 2))
    truth: dict[int, Any] = {}
    found: dict[int, Any] = {}
    names = np.arange(6)
    for frame in range(40):
        place += rng.normal(0, 3, place.shape)
        if rng.random() < 0.1:
            rng.shuffle(names)  # identities are mixed up
        boxes = np.concatenate([place, place + 20], axis=1)
        here, seen = rng.random(6) < 0.9, rng.random(6) < 0.8
        truth[frame] = np.flatnonzero(here), boxes[here]
        noisy = boxes[seen] + rng.normal(0, 2, (int(seen.sum()), 4))
        found[frame] = names[seen].copy(), noisy
    check(Tracks(truth, 6), Tracks(found, 6))


def test_a_perfect_result_an_empty_one_and_no_truth(shared_data: Path) -> None:
    truth = read_tracks(files(shared_data, "TUD-Campus")[0], truth=True)
    perfect = evaluate_tracks(truth, truth)
    assert all(perfect[n] == pytest.approx(1) for n in ("MOTA", "MOTP", "IDF1", "HOTA", "LocA"))
    nothing = evaluate_tracks(truth, Tracks({}, 0))
    assert (nothing["MOTA"], nothing["IDF1"], nothing["HOTA"]) == (0, 0, 0)
    assert nothing["misses"] == truth.boxes
    with pytest.raises(InvalidValue, match="no boxes"):
        evaluate_tracks(Tracks({}, 0), truth)
