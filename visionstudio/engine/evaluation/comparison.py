"""Evaluations beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from visionstudio.engine.evaluation.evaluation import Evaluation
from visionstudio.model.errors import InvalidValue

MAIN = {
    "detect": "AP",
    "segment": "AP",
    "keypoints": "AP",
    "semantic": "mIoU",
    "classify": "accuracy",
    "generate": "density",
}
"""The figure by which models of a task are ranked; higher is better."""


def main_figure(evaluation: Evaluation) -> float:
    """The figure that ranks it; -1 where it is missing."""
    return evaluation.metrics.get(MAIN.get(evaluation.task, ""), -1.0)


def best_of(found: Sequence[Evaluation]) -> int:
    """The place of the best one. InvalidValue when they are of different tasks."""
    tasks = sorted({e.task for e in found})
    if len(tasks) != 1:
        raise InvalidValue(
            f"figures of different tasks cannot be compared: {', '.join(tasks)}",
            next_step="compare runs of one task",
        )
    return max(range(len(found)), key=lambda i: main_figure(found[i]))


def compare(names: Sequence[str], found: Sequence[Evaluation]) -> list[tuple[str, ...]]:
    """A table with a row for each figure and a column for each evaluation; * marks the best."""
    best_of(found)
    rows: list[tuple[str, ...]] = [("", *names)]
    figures = list(dict.fromkeys(name for e in found for name in e.metrics))
    for figure in figures:
        values = [e.metrics.get(figure) for e in found]
        top = max((v for v in values if v is not None), default=0.0)
        rows.append((figure, *(_cell(v, v == top and len(found) > 1) for v in values)))
    return rows


def _cell(value: float | None, is_best: bool) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}{' *' if is_best else ''}"
