"""Cases in words, in the person's language."""

from __future__ import annotations

from visionstudio.engine.evaluation.evaluation import BACKGROUND, Case, Evaluation, Kind
from visionstudio.ui.i18n import tr


def kind_title(kind: Kind) -> str:
    """A kind of mistake, for lists."""
    titles: dict[Kind, str] = {
        "right": tr("Right"),
        "missed": tr("Missed"),
        "false": tr("Found where there is nothing"),
        "class": tr("Taken for another class"),
        "place": tr("Badly placed"),
        "duplicate": tr("Found twice"),
    }
    return titles[kind]


def case_title(evaluation: Evaluation, case: Case) -> str:
    """What a case is, in a few words."""
    names = class_names(evaluation)
    truth = names[case.row] if case.row < len(names) else ""
    found = names[case.column] if case.column < len(names) else ""
    match case.kind:
        case "missed":
            return tr("{name} missed", name=truth)
        case "class":
            return f"{truth} → {found}"
        case "place":
            return tr("{name}, IoU {iou}", name=found, iou=f"{case.iou or 0:.2f}")
        case "duplicate":
            return tr("{name} again", name=found)
        case _:
            return found


def case_detail(case: Case) -> str:
    """The numbers of a case."""
    if case.pixels:
        return tr("{count} pixels", count=f"{case.pixels:,}")
    return "" if case.score is None else f"{case.score:.2f}"


def class_names(evaluation: Evaluation) -> list[str]:
    """The names of the confusion matrix's rows and columns."""
    confusion = evaluation.confusion
    if confusion is None:
        return []
    return [*confusion.classes, *([tr(BACKGROUND)] if confusion.background else [])]
