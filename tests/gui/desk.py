"""A person at the window with the bundled plugins: the sample project, the model panel, dialogs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.gui.conftest import Driver
from visionstudio.app.sample import Sample, build_sample
from visionstudio.model.media import MediaItem
from visionstudio.session.jobs import Job, JobState
from visionstudio.settings.store import Settings
from visionstudio.ui.dialogs.training import TrainingDialog
from visionstudio.ui.window import MainWindow

LEFT = Qt.MouseButton.LeftButton
JOB_MS = 240_000

W = TypeVar("W", bound=QWidget)
D = TypeVar("D", bound=QDialog)


@pytest.fixture(scope="module")
def sample_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "project"
    build_sample(folder)
    return folder


@pytest.fixture
def sample(sample_source: Path, tmp_path: Path) -> Sample:
    """A sample project of the test's own."""
    shutil.copytree(sample_source, tmp_path / "project")
    return build_sample(tmp_path / "project")


@pytest.fixture
def desk(qtbot: QtBot, sample: Sample) -> Iterator[Desk]:
    window = MainWindow(Settings())
    window.setWindowState(Qt.WindowState.WindowNoState)
    window.resize(1400, 900)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    desk = Desk(qtbot, window)
    window.models.discover()
    desk.open(sample.folder)
    qtbot.waitUntil(lambda: desk.child(QComboBox, "modelChoice").count() > 4, timeout=60_000)
    yield desk
    window.close()
    window.deleteLater()


class Desk(Driver):
    """A driver that also knows the model panel and its dialogs."""

    def child(self, kind: type[W], name: str, parent: QWidget | None = None) -> W:
        found = (parent or self.window).findChild(kind, name)
        assert found is not None, f"no {kind.__name__} is named {name}"
        return found

    def press(self, name: str, parent: QWidget | None = None) -> None:
        """Click a button; it must be there to be seen and enabled."""
        button = self.child(QAbstractButton, name, parent)
        assert button.isVisible(), name
        assert button.isEnabled(), f"{name}: {button.toolTip()}"
        QTest.mouseClick(button, LEFT)

    def choose(self, combo: QComboBox, wanted: str) -> None:
        """Choose an entry by keys."""
        combo.setFocus()
        QTest.keyClick(combo, Qt.Key.Key_Home)
        for _ in range(combo.count()):
            if wanted in combo.currentText():
                return
            QTest.keyClick(combo, Qt.Key.Key_Down)
        pytest.fail(f"{combo.objectName()} does not offer {wanted}")

    def model(self, wanted: str) -> None:
        self.choose(self.child(QComboBox, "modelChoice"), wanted)

    def type_into(self, box: QSpinBox | QDoubleSpinBox, text: str) -> None:
        box.setFocus()
        box.selectAll()
        QTest.keyClicks(box, text)
        QTest.keyClick(box, Qt.Key.Key_Tab)

    def go_to(self, wanted: str) -> MediaItem:
        """Open a media item by its name: filter, then click the row that is left."""
        item = next(i for i in self.session.media if i.path.endswith(wanted))
        with self.qtbot.waitSignal(self.window.viewer.shown, timeout=60_000):
            self.session.open_media(item.id)
        return item

    def job(self, start: Callable[[], None], title: str) -> Job:
        """Do what starts a job and wait for the job's end."""
        before = len(self.window.jobs.all)
        start()
        self.qtbot.waitUntil(
            lambda: any(title in j.title for j in self.window.jobs.all[before:]), timeout=60_000
        )
        job = next(j for j in self.window.jobs.all[before:] if title in j.title)
        self.qtbot.waitUntil(lambda: job.state.is_final, timeout=JOB_MS)
        assert job.state is JobState.DONE, job.message
        return job

    def dialog(self, kind: type[D]) -> D:
        self.qtbot.waitUntil(
            lambda: any(isinstance(w, kind) for w in QApplication.topLevelWidgets()),
            timeout=60_000,
        )
        return next(
            w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()
        )

    def train(self, model: str, minutes: str) -> Job:
        """Train from the dialog, use the result, and leave the panel with its weights chosen."""
        self.model(model)
        self.press("trainButton")
        dialog = self.dialog(TrainingDialog)
        start = self.child(QAbstractButton, "trainingStart", dialog)
        self.qtbot.waitUntil(start.isEnabled, timeout=30_000)
        assert model in self.child(QComboBox, "trainingModel", dialog).currentText()
        assert self.child(QCheckBox, "trainingLimitTime", dialog).isChecked()
        self.type_into(self.child(QDoubleSpinBox, "trainingMinutes", dialog), minutes)
        job = self.job(lambda: self.press("trainingStart", dialog), f"Train {model}")
        self.qtbot.waitUntil(
            self.child(QAbstractButton, "trainingUse", dialog).isVisible, timeout=60_000
        )
        assert dialog.isVisible()
        curves = self.window.project.workbench.trainings.all[-1].curves  # type: ignore[union-attr]
        assert any("loss" in name for name in curves)
        weights = self.child(QComboBox, "weightsChoice")
        self.press("trainingClose", dialog)
        self.window.activateWindow()  # what a window manager does
        self.qtbot.waitUntil(self.window.isActiveWindow)
        self.qtbot.waitUntil(lambda: isinstance(weights.currentData(), Path), timeout=60_000)
        return job

    def proposals(self) -> int:
        return len(self.session.visible_proposals())
