"""Evaluate in the window: train, measure, look behind the figures, go to a mistake, compare."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QListWidget,
    QTableWidget,
    QTabWidget,
    QWidget,
)

from tests.gui.desk import LEFT, Desk, desk, sample, sample_source
from visionstudio.session.jobs import JobState
from visionstudio.session.training import TrainingRequest
from visionstudio.ui.dialogs.training import TrainingDialog
from visionstudio.ui.evaluation.dialog import EvaluationDialog
from visionstudio.ui.evaluation.gallery import CaseGallery

__all__ = ["desk", "sample", "sample_source"]  # fixtures

pytestmark = pytest.mark.timeout(600)


def train(desk: Desk, model: str, **params: float) -> Path:
    """Train without the dialog, which other tests are about; the run's folder."""
    workbench = desk.window.project.workbench  # type: ignore[union-attr]
    info = workbench.models.registry.models[model]
    training = workbench.trainings.start(TrainingRequest(info, dict(params), minutes=0.5))
    desk.qtbot.waitUntil(lambda: training.job.state.is_final, timeout=300_000)
    assert training.job.state is JobState.DONE, training.job.message
    return training.folder


def page(dialog: QWidget, name: str) -> None:
    """Show a page of the dialog by its title."""
    tabs = dialog.findChild(QTabWidget)
    for i in range(tabs.count()):
        if tabs.tabText(i) == name:
            QTest.mouseClick(tabs.tabBar(), LEFT, pos=tabs.tabBar().tabRect(i).center())
    assert tabs.tabText(tabs.currentIndex()) == name


def test_a_run_is_evaluated_and_its_mistakes_are_shown(desk: Desk, tmp_path: Path) -> None:
    folder = train(desk, "classifier/simplecnn", epochs=2)
    assert (folder / "evaluation.json").is_file()
    desk.canvas.setFocus()
    QTest.keyClick(
        desk.canvas,
        Qt.Key.Key_M,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    )
    dialog = desk.dialog(EvaluationDialog)
    what = desk.child(QComboBox, "evaluationWhat", dialog)
    desk.wait(lambda: "simplecnn" in what.currentText())
    classes = desk.child(QTableWidget, "classTable", dialog)
    desk.wait(lambda: classes.rowCount() > 1)  # as measured when the training ended
    job = desk.job(lambda: desk.press("evaluationStart", dialog), "Evaluate")
    assert job.message.startswith("accuracy")
    evaluation = desk.window.project.workbench.evaluations.all[-1].evaluation  # type: ignore[union-attr]
    assert evaluation is not None
    assert evaluation.split == "val"
    assert classes.rowCount() == len(evaluation.classes)

    page(dialog, "Confusion")
    table = desk.child(QTableWidget, "confusionTable", dialog)
    gallery = desk.child(CaseGallery, "cellGallery", dialog)
    filled = [
        table.item(y, x)
        for y in range(table.rowCount())
        for x in range(table.columnCount())
        if table.item(y, x).text()
    ]
    total = sum(int(item.text().replace(",", "")) for item in filled)
    assert total == len(evaluation.pictures)
    QTest.mouseClick(table.viewport(), LEFT, pos=table.visualItemRect(filled[0]).center())
    desk.wait(lambda: gallery.model.count() == int(filled[0].text()))
    about = desk.child(QLabel, "cellAbout", dialog)
    assert filled[0].text() in about.text()
    row, column = filled[0].data(Qt.ItemDataRole.UserRole)
    first = evaluation.pictures[evaluation.cell(row, column)[0].picture]
    with desk.qtbot.waitSignal(desk.window.viewer.shown, timeout=60_000):
        QTest.mouseClick(gallery.viewport(), LEFT, pos=QPoint(60, 60))
    assert desk.session.current is not None
    assert desk.session.current.id == first.media_id

    page(dialog, "Compare")
    comparison = desk.child(QTableWidget, "comparisonTable", dialog)
    assert comparison.rowCount() >= 1
    report = tmp_path / "report.html"
    dialog.save_report(report)
    desk.wait(report.is_file)
    assert "class=matrix" in report.read_text(encoding="utf-8")
    desk.press("evaluationClose", dialog)
    # A run that nobody has measured is measured when the dialog is opened for it.
    (folder / "evaluation.json").unlink()
    desk.window.project.workbench.evaluations.all.clear()  # type: ignore[union-attr]
    desk.job(lambda: desk.window.dialogs.open_evaluation(folder), "Evaluate")


def test_examples_follow_the_augmentation_and_a_rate_is_found(desk: Desk) -> None:
    desk.model("SimpleCNN")
    desk.press("trainButton")
    dialog = desk.dialog(TrainingDialog)
    desk.wait(lambda: desk.child(QWidget, "trainingStart", dialog).isEnabled())
    page(dialog, "Examples")
    grid = desk.child(QListWidget, "examplesGrid", dialog)

    def shown() -> list[bytes]:
        icons = [grid.item(i).icon().pixmap(64) for i in range(grid.count())]
        return [bytes(p.toImage().constBits()) for p in icons]

    desk.wait(lambda: grid.count() == 12)
    before = shown()
    desk.press("paramsAugmentation", dialog)
    rotation = desk.child(QWidget, "param_rotate", dialog).findChild(QDoubleSpinBox)
    desk.type_into(rotation, "90")
    desk.wait(lambda: grid.count() == 12 and shown() != before)
    rotated = shown()
    desk.press("examplesAgain", dialog)
    desk.wait(lambda: grid.count() == 12 and shown() != rotated)

    page(dialog, "Learning rate")
    desk.job(lambda: desk.press("rateFind", dialog), "Find a learning rate")
    use = desk.child(QWidget, "rateUse", dialog)
    desk.wait(use.isVisible)
    rate = desk.window.project.workbench.trainings.all[-1].suggested_lr  # type: ignore[union-attr]
    desk.press("rateUse", dialog)
    spin = desk.child(QWidget, "param_lr", dialog).findChild(QDoubleSpinBox)
    assert spin.value() == pytest.approx(rate)
    desk.press("trainingClose", dialog)


def test_training_is_held_and_goes_on(desk: Desk) -> None:
    desk.model("SimpleCNN")
    desk.press("trainButton")
    dialog = desk.dialog(TrainingDialog)
    start = desk.child(QWidget, "trainingStart", dialog)
    desk.wait(start.isEnabled)
    desk.press("trainingStart", dialog)
    training = desk.window.project.workbench.trainings.all[-1]  # type: ignore[union-attr]
    desk.qtbot.waitUntil(lambda: bool(training.curves), timeout=120_000)
    desk.press("trainingPause", dialog)
    desk.wait(lambda: training.job.message == "paused")
    assert not training.job.state.is_final
    desk.press("trainingPause", dialog)
    desk.wait(lambda: training.job.message != "paused")
    desk.press("trainingStop", dialog)
    desk.qtbot.waitUntil(lambda: training.job.state.is_final, timeout=60_000)
    assert training.weights is not None
    desk.press("trainingClose", dialog)
