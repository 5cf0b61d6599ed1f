"""Reports of evaluations: one with all its parts, or several beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from visionstudio.engine.evaluation.comparison import compare
from visionstudio.engine.evaluation.evaluation import Evaluation
from visionstudio.engine.reports.measured import (
    confusion_matrix,
    evaluation_parts,
    lead,
    quality_curves,
)
from visionstudio.engine.reports.page import facts, page, section, table, write_page
from visionstudio.engine.reports.run import run_facts
from visionstudio.engine.training.runs import RunInfo


def write_evaluation_report(path: Path, found: Evaluation, run: RunInfo | None = None) -> Path:
    """Write an evaluation as one HTML file, with its run where there is one. StorageFull."""
    title = found.model or f"Evaluation: {found.task}"
    about = [evaluation_parts(found)]
    if run is not None:
        about.append(section("Run", run_facts(run)))
    else:
        about.append(section("What was measured", facts({"Weights": found.weights})))
    return write_page(path, page(title, lead(found), about))


def write_comparison_report(path: Path, names: Sequence[str], found: Sequence[Evaluation]) -> Path:
    """Write several evaluations of the same pictures beside each other."""
    rows = compare(names, found)
    parts = [section("Figures", table(rows[0], rows[1:]), "* marks the best.")]
    for name, one in zip(names, found, strict=True):
        curves = quality_curves(one)
        parts.append(section(name, curves + confusion_matrix(one.confusion)))
    return write_page(path, page("Comparison of runs", lead(found[0]), parts))
