"""What a training would learn from, before it starts, and which model suits the labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.training import build_plan
from visionstudio.model.errors import VisionStudioError
from visionstudio.storage import ProjectStore


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """Pictures on each side of the split and labelled things by class, most first.

    `problem` says why training cannot start, "" when it can.
    """

    train: int = 0
    val: int = 0
    classes: tuple[tuple[str, int], ...] = ()
    problem: str = ""


def summarise(store: ProjectStore, model: ModelInfo, holdout: float) -> TrainingSummary:
    """Count by the same rules that make the plan of a run. Blocks: not for the GUI thread."""
    try:
        plan = build_plan(store, model, {}, holdout=holdout)
    except VisionStudioError as error:
        return TrainingSummary(problem=str(error))
    counts = Counter(t.index for p in plan.pictures for t in p.targets)
    classes = tuple((plan.classes[index].name, count) for index, count in counts.most_common())
    return TrainingSummary(len(plan.of("train")), len(plan.of("val")), classes)


def suggest(
    store: ProjectStore, models: Sequence[ModelInfo], wanted: ModelInfo, holdout: float
) -> tuple[ModelInfo, TrainingSummary]:
    """The wanted model if the labels suit it, else the first of `models` that they suit.

    Where they suit none, the wanted one with its problem. Blocks: not for the GUI thread.
    """
    summary = summarise(store, wanted, holdout)
    if not summary.problem:
        return wanted, summary
    for model in models:
        if model.id != wanted.id:
            other = summarise(store, model, holdout)
            if not other.problem:
                return model, other
    return wanted, summary
