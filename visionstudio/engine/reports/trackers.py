"""The report that compares trackers on a clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visionstudio.engine.evaluation.trackers import (
    TrackerResult,
    comparison_table,
    curve_points,
)
from visionstudio.engine.reports.charts import Line, chart
from visionstudio.engine.reports.page import facts, page, section, table, write_page

_LABELS = {
    "success": "overlap threshold (IoU)",
    "precision": "distance threshold (px)",
    "normalised precision": "distance threshold (sizes of the object)",
}
_PROTOCOLS = {
    "ope": "One-pass evaluation: one start on the first frame.",
    "tre": "Temporal robustness: starts evenly through the clip, each to its end.",
    "sre": "Spatial robustness: twelve starts with a box moved by a tenth or scaled.",
}


def write_tracker_report(
    path: Path, source: str, protocol: str, results: Sequence[TrackerResult]
) -> Path:
    """Write table, curves and overlap over time as one HTML file. Raises StorageFull."""
    rows = comparison_table(results)
    charts = [
        chart(
            name.capitalize(),
            [_line(result, name) for result in results],
            label,
            y_range=(0.0, 1.0),
        )
        for name, label in _LABELS.items()
    ]
    overlap = chart(
        "Overlap over time",
        [
            Line(r.subject.model, r.overlap[:, 0].tolist(), r.overlap[:, 1].tolist())
            for r in results
        ],
        "frame",
        y_range=(0.0, 1.0),
    )
    runs = f"{results[0].runs} run{'s' if results[0].runs != 1 else ''} each"
    parts = [
        section("Figures", table(rows[0], rows[1:]), "* marks the best."),
        section("Curves", "".join(charts), "The share of frames over each threshold."),
        section("Overlap", overlap, "IoU with the ground truth in the first run."),
        section(
            "How it was measured",
            facts(
                {
                    "Clip": source,
                    "Protocol": f"{_PROTOCOLS.get(protocol, protocol)} {runs}.",
                    "Lost": "a frame in which a tracker says Lost counts as an overlap of 0",
                }
            ),
        ),
    ]
    return write_page(path, page("Comparison of trackers", f"{len(results)} on {source}", parts))


def _line(result: TrackerResult, name: str) -> Line:
    _, places, shares = next(c for c in curve_points(result) if c[0] == name)
    key = {"success": "auc", "precision": "precision_20"}.get(name, "norm_precision_auc")
    return Line(
        f"{result.subject.model} [{result.metrics[key]:.3f}]", places.tolist(), shares.tolist()
    )
