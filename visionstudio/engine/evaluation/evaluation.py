"""What an evaluation found, as plain values that are stored with a run and shown anywhere.

The figures are in `metrics`; the rest says where they come from: curves over the
score, which class was taken for which, how far scores can be trusted, and every
case behind those numbers, so that one can go from a cell to its pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from visionstudio.model.errors import InvalidValue

EVALUATION_FILE = "evaluation.json"
BACKGROUND = "background"

Kind = Literal["right", "missed", "false", "class", "place", "duplicate"]
KINDS: tuple[Kind, ...] = ("missed", "false", "class", "place", "duplicate")
"""The ways to be wrong: an object not found; something found where nothing is; found as another
class; found too far off; found a second time (after Bolya et al., TIDE, ECCV 2020)."""

BoxRow = tuple[float, float, float, float]


class Curve(msgspec.Struct, frozen=True):
    """Precision and recall of a class at falling thresholds, thinned for drawing.

    `best_f1` is the highest harmonic mean of both, at a score of `best_threshold`.
    """

    thresholds: tuple[float, ...] = ()
    precision: tuple[float, ...] = ()
    recall: tuple[float, ...] = ()
    average_precision: float = 0.0
    best_f1: float = 0.0
    best_threshold: float = 0.0

    @property
    def f1(self) -> tuple[float, ...]:
        """The harmonic mean of precision and recall at each threshold."""
        pairs = zip(self.precision, self.recall, strict=True)
        return tuple(2 * p * r / (p + r) if p + r else 0.0 for p, r in pairs)


class ClassFigures(msgspec.Struct, frozen=True):
    """The figures of one class; `figures` holds what its task has, by name, such as AP50 or IoU."""

    name: str
    truths: int
    found: int
    figures: dict[str, float] = msgspec.field(default_factory=dict)
    curve: Curve | None = None


class Confusion(msgspec.Struct, frozen=True):
    """How often the class of a row was taken for the class of a column.

    With `background` the last row holds what was found where nothing is, and the last
    column what was not found.
    """

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    background: bool = False
    unit: str = "objects"


class Calibration(msgspec.Struct, frozen=True):
    """Mean score and share of right answers by bins of equal width in the score.

    `ece` is the expected calibration error: the mean gap between both, weighted by count
    (Guo et al., ICML 2017).
    """

    scores: tuple[float, ...]
    rights: tuple[float, ...]
    counts: tuple[int, ...]
    ece: float


class Bucket(msgspec.Struct, frozen=True):
    """Objects of a range of areas in square pixels: how many, and how they were found."""

    name: str
    low: float
    high: float
    truths: int
    recall: float
    average_precision: float


class Picture(msgspec.Struct, frozen=True):
    """A picture or frame that was compared. `file` is absolute, "" when it is not there."""

    media_id: int
    frame: int
    path: str
    kind: str = "image"
    file: str = ""


class Case(msgspec.Struct, frozen=True):
    """One comparison: an object, a whole picture, or pixels of one class taken for another.

    `picture` is a place in `Evaluation.pictures`; `row` and `column` are places in the
    confusion matrix. `loss` orders cases, worst highest. Boxes are x1, y1, x2, y2.
    """

    picture: int
    row: int
    column: int
    kind: Kind
    loss: float
    score: float | None = None
    iou: float | None = None
    truth: BoxRow | None = None
    found: BoxRow | None = None
    pixels: int = 0


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one model's results on one set of labels.

    `threshold` is the score from which on objects count in the confusion matrix and in the
    cases: the one with the best F1 over all classes.
    """

    task: str
    metrics: dict[str, float]
    classes: tuple[ClassFigures, ...] = ()
    confusion: Confusion | None = None
    calibration: Calibration | None = None
    buckets: tuple[Bucket, ...] = ()
    pictures: tuple[Picture, ...] = ()
    cases: tuple[Case, ...] = ()
    threshold: float | None = None
    model: str = ""
    weights: str = ""
    split: str = "all"

    def mistakes(self) -> list[Case]:
        """The cases that went wrong, worst first."""
        return sorted((c for c in self.cases if c.kind != "right"), key=lambda c: -c.loss)

    def cell(self, row: int, column: int) -> list[Case]:
        """The cases of a cell of the confusion matrix, worst first."""
        found = (c for c in self.cases if (c.row, c.column) == (row, column))
        return sorted(found, key=lambda c: -c.loss)

    def summary(self) -> dict[str, object]:
        """The figures without the cases, for the command line."""
        out: dict[str, object] = {"task": self.task, "metrics": self.metrics}
        if self.classes:
            out["classes"] = [
                {"name": c.name, "truths": c.truths, "found": c.found, **c.figures}
                for c in self.classes
            ]
        if self.confusion is not None:
            names = [*self.confusion.classes]
            out["confusion"] = {
                "classes": [*names, BACKGROUND] if self.confusion.background else names,
                "counts": self.confusion.counts,
            }
        if self.threshold is not None:
            out["threshold"] = self.threshold
        if self.calibration is not None:
            out["ece"] = self.calibration.ece
        return out


def save_evaluation(folder: Path, evaluation: Evaluation) -> Path:
    """Write evaluation.json beside a run's weights in one step."""
    path = folder / EVALUATION_FILE
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(evaluation))
    part.replace(path)
    return path


def load_evaluation(folder: Path) -> Evaluation | None:
    """The evaluation of a run's folder, None when there is none. InvalidValue for a damaged one."""
    path = folder / EVALUATION_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, OSError) as error:
        raise InvalidValue(
            f"the evaluation cannot be read: {error}",
            where=str(path),
            next_step="evaluate the run again",
        ) from None
