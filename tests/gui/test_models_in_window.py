"""The product's main job in the window: train each task from its dialog, propose, decide, track.

Real plugins in a real vision host and real training children, on the sample
project. Everything is done with mouse and keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QListWidget,
    QSpinBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from tests.gui.conftest import Driver
from visionstudio.app.sample import Sample, build_sample
from visionstudio.model.annotations import State
from visionstudio.model.media import MediaItem
from visionstudio.session.jobs import Job, JobState
from visionstudio.settings.store import Settings
from visionstudio.ui.dialogs.generate import GenerateDialog
from visionstudio.ui.dialogs.training import TrainingDialog
from visionstudio.ui.window import MainWindow

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
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
    import shutil

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
        with self.qtbot.waitSignal(self.window.viewer.shown, timeout=20_000):
            self.session.open_media(item.id)
        return item

    def job(self, start: Callable[[], None], title: str) -> Job:
        """Do what starts a job and wait for the job's end."""
        before = len(self.window.jobs.all)
        start()
        self.qtbot.waitUntil(
            lambda: any(title in j.title for j in self.window.jobs.all[before:]), timeout=20_000
        )
        job = next(j for j in self.window.jobs.all[before:] if title in j.title)
        self.qtbot.waitUntil(lambda: job.state.is_final, timeout=JOB_MS)
        assert job.state is JobState.DONE, job.message
        return job

    def dialog(self, kind: type[D]) -> D:
        self.qtbot.waitUntil(
            lambda: any(isinstance(w, kind) for w in QApplication.topLevelWidgets()),
            timeout=20_000,
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
            self.child(QAbstractButton, "trainingUse", dialog).isVisible, timeout=20_000
        )
        assert dialog.isVisible()
        curves = self.window.project.workbench.trainings.all[-1].curves  # type: ignore[union-attr]
        assert any("loss" in name for name in curves)
        weights = self.child(QComboBox, "weightsChoice")
        self.press("trainingClose", dialog)
        self.window.activateWindow()  # what a window manager does
        self.qtbot.waitUntil(self.window.isActiveWindow)
        self.qtbot.waitUntil(lambda: isinstance(weights.currentData(), Path), timeout=20_000)
        return job

    def proposals(self) -> int:
        return len(self.session.visible_proposals())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_detect(desk: Desk) -> None:
    desk.train("Faster R-CNN", "1")
    desk.go_to("coins16.png")
    desk.job(lambda: desk.press("predictButton"), "Faster R-CNN")
    desk.wait(lambda: any(a.state is State.PROPOSED for a in desk.session.annotations))
    box = desk.child(QDoubleSpinBox, "thresholdValue")
    desk.type_into(box, "0.05")
    desk.wait(lambda: desk.proposals() >= 3)
    low = desk.proposals()
    first = desk.session.visible_proposals()[0]
    assert first.run_id is not None
    assert first.source == "model:detector/faster-rcnn"

    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_Return)
    desk.wait(lambda: desk.proposals() == low - 1)
    desk.key(Qt.Key.Key_Delete)
    desk.wait(lambda: desk.proposals() == low - 2)
    desk.key(Qt.Key.Key_Return, SHIFT)
    desk.wait(lambda: desk.proposals() == 0)
    states = [a.state for a in desk.session.annotations]
    assert states.count(State.ACCEPTED) == low - 1
    assert states.count(State.REJECTED) == 1
    for _ in range(3):
        desk.key(Qt.Key.Key_Z, CONTROL)
    desk.wait(lambda: desk.proposals() == low)
    desk.key(Qt.Key.Key_Z, CONTROL)
    desk.wait(lambda: desk.count() == 0)  # the whole run was one step


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_segment(desk: Desk) -> None:
    desk.train("U-Net", "1")
    desk.go_to("coins16.png")
    desk.job(lambda: desk.press("predictButton"), "U-Net")
    desk.wait(lambda: desk.proposals() >= 1)
    assert {a.shape.kind for a in desk.session.visible_proposals()} == {"mask"}
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_Return, SHIFT)
    desk.wait(lambda: all(a.state is State.ACCEPTED for a in desk.session.annotations))
    desk.saved()


@pytest.mark.timeout(600)
def test_classify(desk: Desk) -> None:
    desk.train("SimpleCNN", "0.3")
    desk.go_to("digit0795.png")
    desk.job(lambda: desk.press("predictButton"), "SimpleCNN")
    desk.type_into(desk.child(QDoubleSpinBox, "thresholdValue"), "0")
    desk.wait(lambda: desk.proposals() == 1)
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_Return)
    desk.wait(lambda: [a.state for a in desk.session.annotations] == [State.ACCEPTED])
    assert desk.session.annotations[0].shape.kind == "tag"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_generate(desk: Desk) -> None:
    before = len(desk.session.media)
    desk.train("DCGAN", "0.4")
    desk.press("predictButton")
    dialog = desk.dialog(GenerateDialog)
    desk.type_into(desk.child(QSpinBox, "generateCount", dialog), "12")
    desk.job(lambda: desk.press("generateStart", dialog), "DCGAN")
    grid = desk.child(QListWidget, "generatedGrid", dialog)
    desk.wait(lambda: grid.count() == 12)
    desk.press("generateAdd", dialog)
    desk.wait(lambda: len(desk.session.media) == before + 12)
    desk.press("generateClose", dialog)


@pytest.mark.timeout(300)
def test_track_a_region_drawn_by_hand(desk: Desk, sample: Sample) -> None:
    desk.go_to("clip.mp4")
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_1)
    desk.key(Qt.Key.Key_T, SHIFT)
    x1, y1, x2, y2 = sample.roi
    desk.job(lambda: desk.drag((x1, y1), (x2, y2)), "CSRT")
    frames = [
        a
        for a in desk.session.store.annotations(desk.session.current.id)  # type: ignore[union-attr]
        if a.track_id is not None
    ]
    assert len(frames) > 20
    assert len({a.track_id for a in frames}) == 1
    first = next(a for a in frames if a.frame == 0)
    assert first.state is State.EDITED
    desk.key(Qt.Key.Key_Z, CONTROL)
    desk.wait(lambda: desk.count() == 0)


@pytest.mark.timeout(300)
def test_name_a_photograph_out_of_the_box(desk: Desk) -> None:
    desk.model("EfficientNet")
    desk.go_to("coffee.png")
    desk.job(lambda: desk.press("predictButton"), "EfficientNet")
    desk.type_into(desk.child(QDoubleSpinBox, "thresholdValue"), "0")
    desk.wait(lambda: desk.proposals() == 1)
    (proposal,) = desk.session.visible_proposals()
    found = desk.session.class_by_id(proposal.class_id)
    assert found is not None
    assert found.name == "espresso"
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_Z, CONTROL)
    desk.wait(lambda: desk.session.class_named("espresso") is None)


def test_the_threshold_slider_and_box_move_together(desk: Desk) -> None:
    desk.type_into(desk.child(QDoubleSpinBox, "thresholdValue"), "0.3")
    desk.wait(lambda: desk.session.threshold == 0.3)
    slider = desk.child(QWidget, "thresholdSlider")
    assert slider.property("value") == 30
    QTest.mouseClick(slider, LEFT, pos=QPoint(slider.width() - 2, slider.height() // 2))
    desk.wait(lambda: desk.session.threshold > 0.3)
