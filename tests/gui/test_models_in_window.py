"""The product's main job in the window: train each task from its dialog, propose, decide, track.

Real plugins in a real vision host and real training children, on the sample
project. Everything is done with mouse and keys.
"""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QSpinBox,
    QWidget,
)

from tests.gui.desk import LEFT, Desk, desk, sample, sample_source
from visionstudio.app.sample import Sample
from visionstudio.model.annotations import State
from visionstudio.ui.dialogs.generate import GenerateDialog
from visionstudio.ui.dialogs.inpaint import InpaintDialog
from visionstudio.ui.dialogs.training import TrainingDialog
from visionstudio.ui.grid.view import GridView
from visionstudio.ui.panels.device import DeviceButton

__all__ = ["desk", "sample", "sample_source"]  # fixtures

CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


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
    grid = desk.child(GridView, "generatedGrid", dialog)
    desk.wait(lambda: grid.model.count() == 12)
    desk.job(lambda: desk.press("generateCompare", dialog), "Compare with")
    status = desk.child(QLabel, "generateStatus", dialog)
    desk.wait(lambda: "coverage" in status.text() and "diversity" in status.text())
    desk.press("generateAdd", dialog)
    desk.wait(lambda: len(desk.session.media) == before + 12)
    desk.press("generateClose", dialog)
    desk.window.model_panel.use()  # as after a training
    desk.press("generateClose", desk.dialog(GenerateDialog))


@pytest.mark.timeout(300)
def test_inpaint_a_region(desk: Desk) -> None:
    """A box is drawn, filled, and the result becomes a picture beside the original: one undo."""
    item = desk.go_to("coffee.png")
    original = desk.session.path_of(item).read_bytes()
    before = len(desk.session.media)
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_1)
    desk.key(Qt.Key.Key_W)
    desk.drag((60, 280), (100, 320))
    desk.wait(lambda: len(desk.session.selection) == 1)
    action = desk.window.actions_["model.inpaint"]
    desk.wait(action.isEnabled)
    desk.job(action.trigger, "Inpaint and clone")
    dialog = desk.dialog(InpaintDialog)
    assert desk.child(QLabel, "inpaintBefore", dialog).pixmap().width() > 100
    desk.wait(lambda: desk.child(QLabel, "inpaintAfter", dialog).pixmap().width() > 100)
    method = desk.child(QComboBox, "field_method", dialog)
    shown = {
        n: desk.child(QWidget, f"param_{n}", dialog).isVisible() for n in ("seed", "radius", "dx")
    }
    assert shown == {"seed": True, "radius": False, "dx": False}
    method.setCurrentIndex(method.findData("telea"))
    desk.job(lambda: method.activated.emit(method.currentIndex()), "Inpaint and clone")
    before_view, hint = (desk.child(QLabel, n, dialog) for n in ("inpaintBefore", "inpaintHint"))
    assert not hint.isVisible()
    assert desk.child(QWidget, "param_radius", dialog).isVisible()
    assert not desk.child(QAbstractButton, "inpaintAgain", dialog).isVisible()
    method.setCurrentIndex(method.findData("clone"))
    method.activated.emit(method.currentIndex())
    desk.wait(hint.isVisible)
    # 400 x 400 px are shown, the region's middle is at 80, 300.
    right = QPoint(before_view.width() // 2 + 60, before_view.height() // 2)
    desk.job(lambda: QTest.mouseClick(before_view, LEFT, pos=right), "Inpaint and clone")
    assert 130 < desk.child(QSpinBox, "field_dx", dialog).value() < 300
    assert abs(desk.child(QSpinBox, "field_dy", dialog).value() + 100) <= 2
    add = desk.child(QAbstractButton, "inpaintAdd", dialog)
    desk.wait(add.isEnabled)
    desk.press("inpaintAdd", dialog)
    desk.wait(lambda: len(desk.session.media) == before + 1)
    made = desk.session.current
    assert made is not None
    assert (made.name, made.width, made.height) == ("coffee_edited_0_0001.png", 600, 400)
    assert desk.session.path_of(item).read_bytes() == original
    desk.saved()
    desk.window.activateWindow()
    desk.wait(desk.window.isActiveWindow)
    desk.canvas.setFocus()
    with desk.qtbot.waitSignal(desk.window.viewer.shown, timeout=10000):
        desk.key(Qt.Key.Key_Z, CONTROL)
    desk.wait(lambda: len(desk.session.media) == before)
    assert desk.session.current == item  # back where one came from
    desk.wait(lambda: desk.canvas.visible_ids() != frozenset())
    picture = desk.canvas.picture
    assert picture is not None
    assert (picture.width, picture.height) == (600, 400)
    desk.key(Qt.Key.Key_Z, CONTROL | SHIFT)
    desk.wait(lambda: len(desk.session.media) == before + 1)


@pytest.mark.timeout(300)
def test_track_a_region_drawn_by_hand(desk: Desk, sample: Sample) -> None:
    desk.go_to("clip.mp4")
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_1)
    desk.key(Qt.Key.Key_T, SHIFT)
    x1, y1, x2, y2 = sample.roi
    desk.job(lambda: desk.drag((x1, y1), (x2, y2)), "CSRT")
    desk.saved()  # the job has ended, the storage thread may still write
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

    # The device button tells what is in memory, and frees it.
    menu = desk.child(DeviceButton, "deviceButton").menu()

    def held() -> bool:
        return any("EfficientNet-Lite0" in a.text() and "MiB" in a.text() for a in menu.actions())

    menu.aboutToShow.emit()
    desk.wait(held)
    next(a for a in menu.actions() if a.text() == "Free memory").trigger()
    menu.aboutToShow.emit()
    desk.wait(lambda: not held())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_pictures_of_a_generator_join_a_classifiers_training(desk: Desk) -> None:
    desk.train("DCGAN", "0.3")
    desk.model("SimpleCNN")
    desk.press("trainButton")
    dialog = desk.dialog(TrainingDialog)
    start = desk.child(QAbstractButton, "trainingStart", dialog)
    desk.wait(start.isEnabled)
    source = desk.child(QComboBox, "trainingDrawn", dialog)
    desk.wait(lambda: source.count() > 1)
    desk.choose(source, "generator/dcgan")
    desk.type_into(desk.child(QSpinBox, "trainingDrawnCount", dialog), "5")
    desk.type_into(desk.child(QDoubleSpinBox, "trainingMinutes", dialog), "0.2")
    desk.job(lambda: desk.press("trainingStart", dialog), "Train SimpleCNN")
    assert desk.window.project is not None
    plan = desk.window.project.workbench.trainings.all[-1].plan
    assert plan is not None
    assert plan.drawn is not None
    assert plan.drawn.count == 5


def test_the_threshold_slider_and_box_move_together(desk: Desk) -> None:
    desk.type_into(desk.child(QDoubleSpinBox, "thresholdValue"), "0.3")
    desk.wait(lambda: desk.session.threshold == 0.3)
    slider = desk.child(QWidget, "thresholdSlider")
    assert slider.property("value") == 30
    QTest.mouseClick(slider, LEFT, pos=QPoint(slider.width() - 2, slider.height() // 2))
    desk.wait(lambda: desk.session.threshold > 0.3)
