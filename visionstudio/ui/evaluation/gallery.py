"""A grid of cut-outs, one for each case."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from visionstudio.engine.evaluation.crops import FOUND, TRUTH, surroundings
from visionstudio.engine.evaluation.evaluation import BoxRow, Case, Evaluation
from visionstudio.model.shapes import Box
from visionstudio.ui.evaluation.texts import case_detail, case_title
from visionstudio.ui.grid.item import GridItem, GridModel, Overlay, PictureSource
from visionstudio.ui.grid.view import GridView
from visionstudio.ui.i18n import tr

_SIDE = 132


class _CaseModel(GridModel):
    """Cases in their order; the key of one is its place."""

    def __init__(self) -> None:
        super().__init__()
        self._evaluation: Evaluation | None = None
        self._cases: Sequence[Case] = ()

    def show(self, evaluation: Evaluation | None, cases: Sequence[Case]) -> None:
        self._evaluation, self._cases = evaluation, cases

    def case(self, key: int) -> Case:
        return self._cases[key]

    def count(self) -> int:
        return len(self._cases)

    def key(self, row: int) -> int:
        return row

    def row_of(self, key: int) -> int | None:
        return key if 0 <= key < len(self._cases) else None

    def item(self, row: int) -> GridItem:
        case, evaluation = self._cases[row], self._evaluation
        assert evaluation is not None
        picture = evaluation.pictures[case.picture]
        title = case_title(evaluation, case)
        marks = ((case.truth, TRUTH), (case.found, FOUND))
        return GridItem(
            key=row,
            title=title,
            picture=PictureSource(
                Path(picture.file), surroundings(case), kind=picture.kind, frame=picture.frame
            ),
            overlay=tuple(_outline(box, colour) for box, colour in marks if box is not None),
            badge=case_detail(case),
            problem="" if picture.file else tr("The picture is not there"),
            tip=f"{title}\n{picture.path}",
        )


def _outline(box: BoxRow, colour: tuple[int, int, int]) -> Overlay:
    return Overlay(Box(*box), "#{:02x}{:02x}{:02x}".format(*colour), filled=False)


class CaseGallery(GridView):
    """Cases as pictures; choosing one by a click or the arrow keys tells where to look."""

    chosen = Signal(object, object)
    """Picture, Case"""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        self._cases = _CaseModel()
        super().__init__(self._cases, parent)
        self.setObjectName(name)
        self.setAccessibleName(tr("Cases"))
        self.set_side(_SIDE)
        self._evaluation: Evaluation | None = None
        self.selection_changed.connect(self._choose)
        self.opened.connect(lambda _: self._choose())

    def show_cases(self, evaluation: Evaluation | None, cases: Sequence[Case]) -> None:
        """Show other cases, in their order."""
        self._evaluation = evaluation
        self._cases.show(evaluation, cases)
        self.reset()

    def _choose(self) -> None:
        if self._evaluation is not None and len(self.selection) == 1:
            case = self._cases.case(next(iter(self.selection)))
            self.chosen.emit(self._evaluation.pictures[case.picture], case)
