"""OTB's curves, figures and protocols against values worked out by hand."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from visionstudio.api import TrackState
from visionstudio.engine.evaluation.sot import curves, distances, figures, mean_curves, starts
from visionstudio.engine.evaluation.trackers import (
    Subject,
    TrackerResult,
    best_tracker,
    compare_trackers,
    comparison_table,
    curves_csv,
    parse_subjects,
)
from visionstudio.engine.reports import write_tracker_report
from visionstudio.engine.requests import Track
from visionstudio.engine.tracking import Tracked
from visionstudio.model.errors import InvalidValue

TRUTH = np.array([[0, 0, 10, 20]] * 4 + [[np.nan] * 4], dtype=float)
LOST = TrackState(None, 0.0, lost=True)


def shifted(frame: int, x: float, y: float = 0.0) -> Tracked:
    return Tracked(frame, TrackState((x, y, x + 10, y + 20), 1.0))


def test_precision_counts_pixels_and_normalised_precision_counts_sizes() -> None:
    tracked = [shifted(0, 0), shifted(1, 3, 4), shifted(2, 30), Tracked(3, LOST), shifted(4, 9)]
    pixels, sizes = distances(tracked, TRUTH)
    assert pixels.tolist() == [0, 5, 30, np.inf]
    assert sizes == pytest.approx([0, np.hypot(0.3, 0.2), 3, np.inf])
    found = curves(tracked, TRUTH)
    assert found.precision[[0, 4, 5, 20, 29, 30, 50]].tolist() == [
        0.25, 0.25, 0.5, 0.5, 0.5, 0.75, 0.75
    ]  # fmt: skip
    measured = figures(tracked, TRUTH)
    assert measured["precision_20"] == 0.5
    # Of 51 thresholds all hold the exact frame, and those from .37 on the one that is .36 off.
    assert measured["norm_precision_auc"] == pytest.approx((51 + 14) / 51 / 4)
    # IoU 1 is above 20 of 21 thresholds; 7·16 of 2·200 − 112 are .389, above eight of them.
    assert measured["auc"] == pytest.approx((20 + 8) / 21 / 4)
    assert measured["success_50"] == 0.25
    assert measured["mean_iou"] == pytest.approx((1 + 112 / 288) / 4)


def test_the_starts_of_each_protocol() -> None:
    truth = np.array([[np.nan] * 4] + [[i, 0, i + 10, 20] for i in range(40)], dtype=float)
    assert starts(truth, "ope") == [(1, (0, 0, 10, 20))]
    assert starts(truth, "ope", (1, 2, 3, 4)) == [(1, (1, 2, 3, 4))]
    times = starts(truth, "tre")
    assert [n for n, _ in times] == list(range(1, 41, 2))
    assert all(box == tuple(truth[n]) for n, box in times)
    boxes = np.array([box for _, box in starts(truth, "sre")])
    assert len(boxes) == 12
    moved = boxes[:8] - truth[1]
    assert {tuple(m) for m in moved.round(6)} == {
        (x, y, x, y) for x in (-1, 0, 1) for y in (-2, 0, 2) if (x, y) != (0, 0)
    }
    sides = boxes[8:, 2:] - boxes[8:, :2]
    assert sides[:, 0].tolist() == pytest.approx([8, 9, 11, 12])
    assert ((boxes[8:, :2] + boxes[8:, 2:]) / 2).tolist() == [[5, 10]] * 4
    with pytest.raises(InvalidValue):
        starts(truth[:1], "tre")


def test_subjects_may_have_weights() -> None:
    assert parse_subjects("csrt, tracker/nano=a.onnx") == [
        Subject("tracker/csrt"),
        Subject("tracker/nano", Path("a.onnx")),
    ]
    with pytest.raises(InvalidValue):
        parse_subjects("csrt,,kcf")


def results(protocol: str = "ope") -> list[TrackerResult]:
    """Two made-up trackers: one that sees everything, one that loses it after each start."""

    def run(request: Track) -> tuple[list[Tracked], float]:
        numbers = range(request.start or 0, len(TRUTH))
        if request.model == "tracker/right":
            return [shifted(n, 0) for n in numbers], 0.5
        first = Tracked(numbers[0], TrackState(request.box, 1.0))
        return [first, *(Tracked(n, LOST) for n in numbers[1:])], 0.1

    subjects = [Subject("tracker/wrong"), Subject("tracker/right")]
    return compare_trackers(Path("clip"), subjects, TRUTH, run, protocol=protocol)


def test_trackers_are_compared_on_the_same_starts() -> None:
    wrong, right = found = results("tre")
    assert (wrong.runs, right.runs) == (4, 4)
    assert right.metrics["mean_iou"] == 1.0
    assert wrong.metrics["mean_iou"] == pytest.approx((1 / 4 + 1 / 3 + 1 / 2 + 1) / 4)
    assert wrong.frames == 5 + 4 + 3 + 2
    assert wrong.lost == wrong.frames - 4
    assert wrong.fps == pytest.approx(14 / 0.4)
    assert best_tracker(found) == 1
    table = comparison_table(found)
    assert [row[0] for row in table] == ["tracker", "tracker/right", "tracker/wrong"]
    assert table[1][1] == "1.000*"
    merged = mean_curves([wrong.curves, right.curves])
    assert merged.success[10] == pytest.approx((wrong.curves.success[10] + 1) / 2)


def test_curves_as_a_table_and_as_a_report(tmp_path: Path) -> None:
    found = results()
    rows = list(csv.DictReader(io.StringIO(curves_csv(found))))
    assert len(rows) == 2 * (21 + 51 + 51)
    wanted = next(
        r for r in rows
        if r["tracker"] == "tracker/wrong" and r["curve"] == "precision" and r["threshold"] == "20"
    )  # fmt: skip
    assert float(wanted["share"]) == 0.25
    text = write_tracker_report(tmp_path / "r.html", "a <clip>", "ope", found).read_text()
    assert "a &lt;clip&gt;" in text
    assert text.count("<svg") == 4
    assert "tracker/right [1.000]" in text or "tracker/right [0.952]" in text
    assert "http" not in text
