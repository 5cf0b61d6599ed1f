"""``evaluate --task sot``: trackers of one object on a clip with ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from visionstudio.app.cli.reply import ProgressLine, Reply, columns

if TYPE_CHECKING:
    from visionstudio.engine.evaluation.trackers import Subject
    from visionstudio.engine.host import Host
    from visionstudio.engine.requests import Track
    from visionstudio.engine.tracking import Tracked


def evaluate_trackers(
    source: Path | None,
    trackers: str | None,
    gt: Path | None,
    roi: str | None,
    protocol: str,
    device: str,
    report: Path | None,
    csv: Path | None,
) -> Reply:
    """Run every tracker and compare; the best one's figures are the document's metrics."""
    from visionstudio.engine.evaluation.sot import PROTOCOLS
    from visionstudio.engine.evaluation.trackers import (
        best_tracker,
        compare_trackers,
        comparison_table,
        curves_csv,
        parse_subjects,
    )
    from visionstudio.engine.reports import write_tracker_report
    from visionstudio.engine.tracking import parse_roi, read_ground_truth
    from visionstudio.formats.output import write_bytes
    from visionstudio.media.scan import find_media

    if source is None or gt is None or trackers is None:
        raise typer.BadParameter("trackers are compared with SRC --trackers A,B --gt FILE")
    if protocol not in PROTOCOLS:
        raise typer.BadParameter(f"'{protocol}' is none of {', '.join(PROTOCOLS)}")
    find_media([source])  # says when there is no such path
    subjects = _checked(parse_subjects(trackers))
    results = compare_trackers(
        source,
        subjects,
        read_ground_truth(gt),
        run_tracker,
        protocol=protocol,
        box=parse_roi(roi) if roi is not None else None,
        device=device,
    )
    best = results[best_tracker(results)]
    document: dict[str, Any] = {
        "task": "sot",
        "protocol": protocol,
        "metrics": best.metrics,
        "best": best.subject.model,
        "trackers": [
            {
                "model": r.subject.model,
                "weights": r.subject.weights,
                "metrics": r.metrics,
                "fps": round(r.fps, 2),
                "frames": r.frames,
                "lost": r.lost,
                "runs": r.runs,
            }
            for r in results
        ],
    }
    if report is not None:
        document["report"] = str(write_tracker_report(report, source.name, protocol, results))
    if csv is not None:
        write_bytes(csv, curves_csv(results).encode())
        document["csv"] = str(csv)
    return Reply(document, columns(comparison_table(results)))


def _checked(subjects: list[Subject]) -> list[Subject]:
    """The subjects under their full ids, all of which follow one object. InvalidValue."""
    from dataclasses import replace

    from visionstudio.engine.discovery import discover
    from visionstudio.model.errors import InvalidValue

    registry = discover()
    found = []
    for subject in subjects:
        info = registry.model(subject.model)
        if info.task != "tracker" or info.output == "tracks":
            raise InvalidValue(
                f"'{info.id}' does not follow one object",
                next_step="compare trackers of a region, such as tracker/csrt",
            )
        found.append(replace(subject, model=info.id))
    return found


def run_tracker(request: Track, host: Host | None = None) -> tuple[list[Tracked], float]:
    """What a tracker of one object says of every frame, and the seconds it took."""
    from visionstudio.engine.evaluation.trackers import tracked_by

    progress = ProgressLine()
    try:
        return tracked_by(request, progress, host)
    finally:
        progress.close()
