"""Choosing weights: those that were trained here, newest first, and a model's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QWidget

from visionstudio.engine.model_store import WeightsEntry
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.training.runs import RunInfo
from visionstudio.session.models import ModelChoice
from visionstudio.ui.i18n import tr

_NARROW = QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon


class WeightsChoice(QComboBox):
    """The weights of one model."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weightsChoice")
        self.setAccessibleName(tr("Weights"))
        self.setSizeAdjustPolicy(_NARROW)

    def offer(
        self,
        model: ModelInfo | None,
        runs: Sequence[RunInfo],
        files: Sequence[WeightsEntry] = (),
        *,
        keep: bool,
    ) -> None:
        """Offer a model's weights: as before, else the newest whose training has ended.

        `files` are those that were imported or downloaded.
        """
        before = self.currentData()
        self.blockSignals(True)
        self.clear()
        for run in runs:
            self.addItem(run_title(run), run.folder / "best.safetensors")
            self.setItemData(self.count() - 1, str(run.folder), Qt.ItemDataRole.ToolTipRole)
        if model is not None and model.ready:
            self.addItem(tr("Built in"), None)
        for entry in files:
            self.addItem(entry.name, entry.path)
            self.setItemData(self.count() - 1, str(entry.path), Qt.ItemDataRole.ToolTipRole)
        if model is not None and self.count() == 0:
            self.addItem(tr("Not trained yet"), None)
        offered = [self.itemData(row) for row in range(self.count())]
        ended = [run for run in runs if run.state != "running"]
        if keep and before in offered:
            self.setCurrentIndex(offered.index(before))
        elif ended:
            self.setCurrentIndex(list(runs).index(ended[0]))
        self.blockSignals(False)

    def chosen(self) -> Path | None:
        """The chosen file; None for the model's own."""
        data = self.currentData()
        return data if isinstance(data, Path) else None


_LABELS = "labels"


class DetectorChoice(QComboBox):
    """A detector with weights that it can use, for trackers of many objects."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("detectorChoice")
        self.setAccessibleName(tr("Detector that finds the objects"))
        self.setToolTip(tr("Detector that finds the objects"))
        self.setSizeAdjustPolicy(_NARROW)

    def offer(
        self,
        detectors: Sequence[ModelInfo],
        runs: Mapping[str, Sequence[RunInfo]],
        files: Mapping[str, Sequence[WeightsEntry]],
    ) -> None:
        """Offer every detector that can run, trained ones first; keeps the choice."""
        before = self.currentText()
        self.clear()
        for model in detectors:
            for run in runs.get(model.id, ()):
                if run.state != "running":
                    choice = ModelChoice(model, run.folder / "best.safetensors")
                    self.addItem(f"{tr(model.title)} · {run_title(run)}", choice)
        for model in detectors:
            if model.ready:
                self.addItem(f"{model.title} · {tr('Built in')}", ModelChoice(model))
            for entry in files.get(model.id, ()):
                self.addItem(f"{tr(model.title)} · {entry.name}", ModelChoice(model, entry.path))
        self.addItem(tr("Labels and proposals that are there"), _LABELS)
        self.setCurrentIndex(max(self.findText(before), 0))

    @property
    def takes_labels(self) -> bool:
        """Whether what is in the video already is to be followed, instead of a detector's boxes."""
        return bool(self.currentData() == _LABELS)

    def chosen(self) -> ModelChoice | None:
        """The chosen detector; None when there is none."""
        data = self.currentData()
        return data if isinstance(data, ModelChoice) else None


def run_title(run: RunInfo) -> str:
    """The first figure of its validation, and when it was trained."""
    figures = [f"{name} {value:.3f}" for name, value in run.metrics.items()][:1]
    return " · ".join([*figures, f"{run.started.astimezone():%Y-%m-%d %H:%M}"])
