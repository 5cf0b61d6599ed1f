"""Whether a generator adds pictures to what a classifier learns from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QSpinBox, QWidget

from visionstudio.engine.training.runs import BEST, list_runs
from visionstudio.storage import ProjectStore
from visionstudio.ui.forms import LABEL_WIDTH
from visionstudio.ui.i18n import tr

Found = tuple[str, Path]
"""A trained generator: what to call it, and its weights."""


class DrawnForm(QWidget):
    """A choice of the project's trained generators; to be seen only where there is one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(8)
        self._from = QComboBox()
        self._from.setObjectName("trainingDrawn")
        self._from.setAccessibleName(tr("Drawn pictures"))
        self._from.setToolTip(
            tr("Also learn from pictures that a trained generator draws, where there are few")
        )
        self._from.setMinimumContentsLength(10)
        self._from.currentIndexChanged.connect(lambda _: self._show_count())
        self._count = QSpinBox()
        self._count.setObjectName("trainingDrawnCount")
        self._count.setAccessibleName(tr("Of each class"))
        self._count.setRange(1, 100_000)
        self._count.setValue(100)
        self._each = QLabel(tr("Of each class"))
        for title, widget in (
            (QLabel(tr("Drawn pictures")), self._from),
            (self._each, self._count),
        ):
            title.setMinimumWidth(LABEL_WIDTH)
            title.setBuddy(widget)
            form.addRow(title, widget)
        self._wanted = False
        self.offer(())

    def offer(self, found: Sequence[Found]) -> None:
        """Show these generators, none chosen."""
        self._from.clear()
        self._from.addItem(tr("none"), None)
        for title, weights in found:
            self._from.addItem(title, weights)
        self._show()

    def set_wanted(self, wanted: bool) -> None:
        """Whether the model that is to be trained can use them."""
        self._wanted = wanted
        self._show()

    def _show(self) -> None:
        self.setVisible(self._wanted and self._from.count() > 1)
        self._show_count()

    def _show_count(self) -> None:
        chosen = self._from.currentData() is not None
        self._count.setVisible(chosen)
        self._each.setVisible(chosen)

    @property
    def chosen(self) -> tuple[Path, int] | None:
        """The generator's weights and how many pictures of each class; None for no pictures."""
        weights = self._from.currentData()
        if not self._wanted or not isinstance(weights, Path):
            return None
        return weights, self._count.value()


def trained_generators(store: ProjectStore) -> list[Found]:
    """The project's runs of generators that know classes, newest first. Blocks."""
    return [
        (f"{run.model}  {run.started:%Y-%m-%d %H:%M}", run.folder / BEST)
        for run in list_runs(store.folder / "runs")
        if run.file.task == "generator" and run.classes and (run.folder / BEST).is_file()
    ]
