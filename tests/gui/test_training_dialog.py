"""Trainings that end badly, in the dialog: what it says, what it offers, and that it goes on.

A trainer that does what the test wants, in a real child.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from tests.gui.desk import Desk
from tests.plugins.conftest import blob_plugin, blob_site
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import add
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Box
from visionstudio.session.jobs import Job, JobState
from visionstudio.session.library import add_media
from visionstudio.settings.store import Settings
from visionstudio.storage.store import ProjectStore
from visionstudio.ui.dialogs.training import TrainingDialog
from visionstudio.ui.window import MainWindow

__all__ = ["blob_plugin", "blob_site"]  # fixtures


@pytest.fixture
def window(qtbot: QtBot, blob_plugin: Path, pictures: Path, tmp_path: Path) -> Iterator[Desk]:
    """A window on a project with boxes in four pictures."""
    store = ProjectStore.create(tmp_path / "project", media_root=pictures)
    add_media(store, [pictures])
    items = [item for item in store.media() if item.path.endswith(".png")]
    box = Box(2, 2, 20, 20)
    rows = [
        Annotation(id=i, media_id=item.id, class_id=1, shape=box, state=State.EDITED)
        for i, item in enumerate(items, start=1)
    ]
    store.apply(add("test", [LabelClass(id=1, name="cell", colour="#e69f00", order=0), *rows]))
    store.close()
    made = MainWindow(Settings())
    made.setWindowState(Qt.WindowState.WindowNoState)
    made.resize(1280, 800)
    with qtbot.waitExposed(made):
        made.show()
    made.activateWindow()
    desk = Desk(qtbot, made)
    made.models.discover()
    desk.open(tmp_path / "project")
    desk.wait(lambda: "detector/learn" in made.models.registry.models)
    yield desk
    made.close()
    made.deleteLater()


def open_dialog(desk: Desk) -> TrainingDialog:
    desk.wait(lambda: desk.window.model_panel.choose("detector/learn"))
    desk.window.actions_["model.train"].trigger()
    dialog = desk.dialog(TrainingDialog)
    assert "detector/learn" in desk.child(QComboBox, "trainingModel", dialog).currentText()
    desk.wait(desk.child(QAbstractButton, "trainingStart", dialog).isEnabled)
    return dialog


def ended(desk: Desk, dialog: QWidget, start: Callable[[], None]) -> Job:
    """The job that was started, once it has ended and the dialog shows it."""
    assert desk.window.project is not None
    trainings = desk.window.project.workbench.trainings
    before = len(trainings.all)
    start()
    desk.wait(lambda: len(trainings.all) > before)
    job = trainings.all[-1].job
    desk.wait(lambda: job.state.is_final)
    desk.wait(desk.child(QAbstractButton, "trainingStart", dialog).isVisible)
    return job


def train(desk: Desk, dialog: QWidget, mode: str) -> Job:
    field = desk.child(QLineEdit, "field_mode", dialog)
    field.setText(mode)
    field.editingFinished.emit()
    return ended(desk, dialog, lambda: desk.press("trainingStart", dialog))


@pytest.mark.parametrize(
    ("mode", "what", "advice"),
    [
        ("memory", "memory ran out", "smaller batch"),
        ("nan_loss", "no number any more", "lower learning rate"),
        ("disk", "the disk is full", "make room and resume"),
    ],
)
def test_what_went_wrong_and_what_to_try(window: Desk, mode: str, what: str, advice: str) -> None:
    dialog = open_dialog(window)
    job = train(window, dialog, mode)
    assert job.state is JobState.FAILED
    status = window.child(QLabel, "trainingStatus", dialog)
    assert status.isVisible()
    assert status.property("role") == "error"
    assert what in status.text()
    assert advice in status.text()
    assert train(window, dialog, "fine").state is JobState.DONE  # the next one starts afresh
    assert status.property("role") == ""


def test_an_interrupted_training_goes_on(window: Desk) -> None:
    """Killed in its second epoch; the dialog, opened again, offers the last checkpoint."""
    dialog = open_dialog(window)
    job = train(window, dialog, "kill")
    assert job.state is JobState.FAILED
    assert "killed" in window.child(QLabel, "trainingStatus", dialog).text()
    dialog.close()

    dialog = open_dialog(window)
    resume = window.child(QAbstractButton, "trainingResume", dialog)
    window.wait(resume.isVisible)
    assert "interrupted" in resume.toolTip()
    job = ended(window, dialog, lambda: window.press("trainingResume", dialog))
    assert job.state is JobState.DONE, job.message
    assert window.window.project is not None
    training = window.window.project.workbench.trainings.all[-1]
    assert [step for step, _ in training.curves["loss"]] == [0, 1, 2]  # the first from before
    assert not resume.isVisible()
    assert window.child(QAbstractButton, "trainingUse", dialog).isVisible()
