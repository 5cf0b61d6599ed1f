"""Hands and habits: keys of other programs, touchpad, wheel and pen, no mouse, names for all."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QInputDevice,
    QKeySequence,
    QNativeGestureEvent,
    QPointingDevice,
    QTabletEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
)

from tests.gui.conftest import Driver
from visionstudio.ui.actions import ACTIONS, BY_ID, conflicts, keys_of
from visionstudio.ui.dialogs.shortcuts import ShortcutsDialog
from visionstudio.ui.key_presets import KeyPreset, changed_by, presets, without_key

ALT = Qt.KeyboardModifier.AltModifier
CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier


@pytest.mark.parametrize("preset", presets(), ids=lambda p: p.name)
def test_presets_fit_the_table(preset: KeyPreset) -> None:
    assert set(preset.keys) <= set(BY_ID)
    changed = changed_by(preset)
    assert conflicts(ACTIONS, changed) == []
    for name, key in preset.keys.items():
        assert not QKeySequence(key).isEmpty(), key
        assert key in keys_of(BY_ID[name], changed)
    for action in ACTIONS:  # what the preset does not mention keeps a key of its own, or says so
        if action.keys and not keys_of(action, changed):
            assert action.title in without_key(changed)


FACTS: dict[str, dict[str, str]] = {
    # cvat-ui, the shortcuts its components register; n repeats the last way of drawing
    "cvat": {
        "view.next": "F",
        "view.previous": "D",
        "tool.box": "N",
        "object.lock": "L",
        "object.hide": "H",
        "object.group": "G",
        "object.ungroup": "Shift+G",
        "object.next": "Tab",
        "object.previous": "Shift+Tab",
        "object.top": "=",
        "object.bottom": "-",
        "shape.join": "J",
        "tool.knife": "Alt+J",
        "track.key": "K",
        "track.next_key": "R",
        "track.previous_key": "E",
        "track.leave_out": "O",
        "track.merge": "M",
        "track.split": "Alt+M",
        "track.ten_on": "V",
        "track.ten_back": "C",
        "edit.copy": "Ctrl+C",
        "edit.paste": "Ctrl+V",
        "edit.select_all": "Ctrl+A",
        "edit.delete": "Del",
    },
    # labelImg.py and the table of hot keys of its README
    "labelimg": {
        "file.open_folder": "Ctrl+U",
        "file.open_files": "Ctrl+O",
        "file.import": "Ctrl+Shift+O",
        "file.close": "Ctrl+W",
        "tool.box": "W",
        "tool.select": "Ctrl+J",
        "view.next": "D",
        "view.previous": "A",
        "edit.duplicate": "Ctrl+D",
        "edit.copy_previous": "Ctrl+V",
        "edit.delete": "Del",
        "label.change_class": "Ctrl+E",
        "label.verify": "Space",
        "object.hide_all": "Ctrl+H",
        "object.show_all": "Ctrl+A",
        "view.zoom_in": "Ctrl++",
        "view.zoom_out": "Ctrl+-",
        "view.actual_size": "Ctrl+=",
        "view.fit": "Ctrl+F",
    },
    # labelme/_config/default_config.yaml
    "labelme": {
        "file.open_folder": "Ctrl+U",
        "file.open_files": "Ctrl+O",
        "file.close": "Ctrl+W",
        "file.quit": "Ctrl+Q",
        "tool.polygon": "Ctrl+N",
        "tool.box": "Ctrl+R",
        "tool.select": "Ctrl+J",
        "view.next": "D",
        "view.previous": "A",
        "view.zoom_in": "Ctrl++",
        "view.zoom_out": "Ctrl+-",
        "view.actual_size": "Ctrl+0",
        "view.fit": "Ctrl+F",
        "edit.duplicate": "Ctrl+D",
        "edit.copy": "Ctrl+C",
        "edit.paste": "Ctrl+V",
        "edit.undo": "Ctrl+Z",
        "edit.delete": "Del",
        "label.change_class": "Ctrl+E",
        "object.hide_all": "T",
    },
    # anylabeling/configs/xanylabeling_config.yaml; I is a key of its bar of models
    "x-anylabeling": {
        "file.open_folder": "Ctrl+U",
        "file.open_files": "Ctrl+I",
        "file.statistics": "Ctrl+G",
        "file.close": "Ctrl+W",
        "tool.box": "R",
        "tool.polygon": "P",
        "tool.rotated_box": "O",
        "tool.select": "Ctrl+J",
        "view.next": "D",
        "view.previous": "A",
        "view.next_open": "Ctrl+Shift+D",
        "view.zoom_in": "Ctrl++",
        "view.zoom_out": "Ctrl+-",
        "view.actual_size": "Ctrl+0",
        "view.fit": "Ctrl+F",
        "inspect.minimap": "F9",
        "edit.duplicate": "Ctrl+D",
        "edit.copy": "Ctrl+C",
        "edit.paste": "Ctrl+V",
        "edit.undo": "Ctrl+Z",
        "edit.delete": "Del",
        "label.change_class": "Ctrl+E",
        "object.group": "G",
        "object.ungroup": "U",
        "object.hide": "S",
        "object.show_all": "W",
        "object.hide_all": "Ctrl+H",
        "shape.join": "Ctrl+Shift+M",
        "model.predict": "I",
        "model.predict_all": "Ctrl+M",
    },
}
MOVED = {  # keys of our own that give way and would leave something needed without one
    "cvat": {"label.new_class"},
    "labelimg": {"edit.paste", "edit.select_all"},
    "labelme": {"track.run"},
    "x-anylabeling": {"file.import"},
}


@pytest.mark.parametrize("preset", presets(), ids=lambda p: p.name)
def test_presets_are_the_keys_of_the_other_programs(preset: KeyPreset) -> None:
    changed, facts = changed_by(preset), FACTS[preset.name]
    for name, key in facts.items():
        assert key in keys_of(BY_ID[name], changed), name
    assert set(preset.keys) - set(facts) == MOVED[preset.name]


def test_a_preset_is_chosen_and_left_again(driver: Driver) -> None:
    actions = driver.window.actions_
    driver.window._run("help.keys")
    dialog = driver.window.findChild(QDialog, "shortcutsDialog")
    assert isinstance(dialog, ShortcutsDialog)

    def choose(title: str) -> None:
        place = dialog.presets.findText(title)
        dialog.presets.setCurrentIndex(place)
        dialog.presets.activated.emit(place)

    choose("CVAT")
    assert actions["view.next"].shortcut() == QKeySequence("F")
    assert actions["edit.find"].shortcut() == QKeySequence("Ctrl+Shift+F")  # its second key
    assert "Without a key" in dialog.problem.text()
    assert driver.window.settings.note("keys")["view.next"] == "F"
    item = next(
        dialog.tree.topLevelItem(n)
        for n in range(dialog.tree.topLevelItemCount())
        if dialog.tree.topLevelItem(n).data(0, int(Qt.ItemDataRole.UserRole)) == "view.fit"
    )
    dialog.tree.setCurrentItem(item)
    dialog.editor.setKeySequence(QKeySequence("F8"))
    dialog.editor.editingFinished.emit()
    assert dialog.presets.currentText() == "my own"
    choose("VisionStudio")
    assert actions["view.next"].shortcut() == QKeySequence("D")
    assert dialog.presets.currentText() == "VisionStudio"
    dialog.close()


@pytest.mark.parametrize("preset", presets(), ids=lambda p: p.name)
def test_a_picture_is_labelled_by_the_keys_of_a_preset(
    driver: Driver, pictures: Path, preset: KeyPreset
) -> None:
    driver.open(pictures)
    driver.window.actions_.set_keys(changed_by(preset))

    def press(action: str) -> None:
        combination = driver.window.actions_[action].shortcut()[0]
        driver.key(combination.key(), combination.keyboardModifiers())

    driver.session.add_class("cell")
    press("tool.box")
    assert driver.canvas.tool_name == "box"
    driver.drag((20, 20), (60, 50))
    driver.wait(lambda: driver.count() == 1)
    if "edit.duplicate" in preset.keys:
        press("edit.duplicate")
        driver.wait(lambda: driver.count() == 2)
    press("view.next")
    driver.wait(lambda: driver.session.current.name == "1.png")
    press("view.previous")
    driver.wait(lambda: driver.session.current.name == "0.png" and driver.count() > 0)


def test_escape_leads_out_of_a_field_to_the_picture(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.key(Qt.Key.Key_W)
    driver.key(Qt.Key.Key_L, CTRL)
    assert driver.window.media_panel.filter.hasFocus()
    driver.type("1")
    driver.key(Qt.Key.Key_Escape)
    assert driver.canvas.hasFocus()
    assert driver.canvas.tool_name == "box"  # the next one is for the tool
    driver.key(Qt.Key.Key_Escape)
    assert driver.canvas.tool_name == "select"


def pointing(
    device: QInputDevice.DeviceType,
    kind: QPointingDevice.PointerType = QPointingDevice.PointerType.Finger,
) -> QPointingDevice:
    return QPointingDevice("made up", 7, device, kind, QInputDevice.Capability.Position, 1, 2)


def test_wheel_touchpad_and_pen(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    canvas, port = driver.canvas, driver.canvas.viewport()
    canvas.set_zoom(20)
    middle = QPointF(port.rect().center())

    def wheel(
        turn: int,
        keys: Qt.KeyboardModifier = NONE,
        pixels: QPoint | None = None,
        phase: Qt.ScrollPhase | None = None,
        device: QPointingDevice | None = None,
    ) -> None:
        if phase is None:
            phase = Qt.ScrollPhase.NoScrollPhase if pixels is None else Qt.ScrollPhase.ScrollUpdate
        event = QWheelEvent(
            middle,
            QPointF(port.mapToGlobal(middle.toPoint())),
            pixels or QPoint(),
            QPoint(0, turn),
            Qt.MouseButton.NoButton,
            keys,
            phase,
            False,
            Qt.MouseEventSource.MouseEventNotSynthesized,
            device or QPointingDevice.primaryPointingDevice(),
        )
        QApplication.sendEvent(port, event)

    def state() -> tuple[float, float, float]:
        return canvas.view_state()

    zoom, x, y = state()
    wheel(120)
    assert state()[0] > zoom
    canvas.restore_view((zoom, x, y))
    wheel(40, pixels=QPoint(30, 40))
    assert state()[0] == zoom
    assert state()[1:] == pytest.approx((x - 30 / zoom, y - 40 / zoom), abs=0.1)

    # What rolls on after the fingers have left moves on, and does not zoom for a Ctrl.
    canvas.restore_view((zoom, x, y))
    momentum = Qt.ScrollPhase.ScrollMomentum
    wheel(40, pixels=QPoint(0, 40), phase=momentum)
    assert state() == pytest.approx((zoom, x, y - 40 / zoom), abs=0.1)
    wheel(40, CTRL, QPoint(0, 40), momentum)
    assert state() == pytest.approx((zoom, x, y - 40 / zoom), abs=0.1)

    # X11 knows no phases and no pixels, but that it is a touchpad.
    canvas.restore_view((zoom, x, y))
    wheel(120, device=pointing(QInputDevice.DeviceType.TouchPad))
    assert state() == pytest.approx((zoom, x, y - 60 / zoom), abs=0.1)
    wheel(120, CTRL, device=pointing(QInputDevice.DeviceType.TouchPad))
    assert state()[0] > zoom

    def gesture(kind: Qt.NativeGestureType, value: float) -> None:
        touchpad = pointing(QInputDevice.DeviceType.TouchPad)
        place = QPointF(port.mapToGlobal(middle.toPoint()))
        event = QNativeGestureEvent(kind, touchpad, 2, middle, middle, place, value, QPointF(), 1)
        QApplication.sendEvent(port, event)

    canvas.restore_view((zoom, x, y))
    gesture(Qt.NativeGestureType.ZoomNativeGesture, 0.25)
    assert state() == pytest.approx((1.25 * zoom, x, y), abs=0.1)
    gesture(Qt.NativeGestureType.SmartZoomNativeGesture, 0)
    assert canvas.shows_all
    gesture(Qt.NativeGestureType.SmartZoomNativeGesture, 0)
    assert state()[0] == pytest.approx(1)

    canvas.restore_view((zoom, x, y))
    driver.window.settings.set("wheel", "pan")
    driver.window.dialogs._setting_changed("wheel")
    wheel(120)
    assert state() == pytest.approx((zoom, x, y - 60 / zoom), abs=0.1)
    wheel(120, SHIFT)
    assert state() == pytest.approx((zoom, x - 60 / zoom, y - 60 / zoom), abs=0.1)
    wheel(120, CTRL)
    assert state()[0] > zoom
    driver.window.settings.set("wheel", "zoom")

    def pen(kind: QPointingDevice.PointerType) -> None:
        device = pointing(QInputDevice.DeviceType.Stylus, kind)
        event = QTabletEvent(
            QEvent.Type.TabletMove, device, middle, middle, 0.5, 0, 0, 0.0, 0.0, 0.0, NONE,
            Qt.MouseButton.NoButton, Qt.MouseButton.NoButton,
        )  # fmt: skip
        QApplication.sendEvent(port, event)

    driver.key(Qt.Key.Key_P)
    pen(QPointingDevice.PointerType.Eraser)
    assert canvas.tool_name == "eraser"
    pen(QPointingDevice.PointerType.Pen)
    assert canvas.tool_name == "polygon"


def test_a_picture_is_labelled_without_a_mouse(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    session = driver.session

    def arrows(key: Qt.Key, tens: int) -> None:
        for _ in range(tens):
            driver.key(key, SHIFT)

    driver.key(Qt.Key.Key_W)
    arrows(Qt.Key.Key_Left, 4)
    driver.key(Qt.Key.Key_Return)
    arrows(Qt.Key.Key_Right, 3)
    arrows(Qt.Key.Key_Down, 2)
    driver.key(Qt.Key.Key_Return)
    driver.wait(driver.window.viewer.chooser.isVisible)
    driver.type("cell")
    driver.key(Qt.Key.Key_Return)
    driver.wait(lambda: driver.count() == 1)
    x1, y1, x2, y2 = session.annotations[0].shape.bounds()
    assert (x2 - x1, y2 - y1) == (30, 20)

    driver.key(Qt.Key.Key_Slash)  # another class by its first letters, new or old
    driver.wait(driver.window.viewer.chooser.isVisible)
    driver.type("nucleus")
    driver.key(Qt.Key.Key_Return)
    arrows(Qt.Key.Key_Down, 2)
    driver.key(Qt.Key.Key_Return)
    arrows(Qt.Key.Key_Right, 2)
    arrows(Qt.Key.Key_Down, 1)
    driver.key(Qt.Key.Key_Return)
    driver.wait(lambda: driver.count() == 2)
    driver.key(Qt.Key.Key_Escape)
    driver.key(Qt.Key.Key_Tab)
    first = min(session.annotations, key=lambda a: a.id)
    assert session.selection == {first.id}
    driver.key(Qt.Key.Key_2)
    driver.key(Qt.Key.Key_Right)
    driver.wait(lambda: session.annotation(first.id).shape.bounds()[0] == x1 + 1)
    driver.key(Qt.Key.Key_G)
    driver.key(Qt.Key.Key_Space)
    driver.wait(lambda: session.current.verified and driver.count() == 3)
    names = {c.id: c.name for c in session.classes}
    assert sorted(names[a.class_id] for a in session.annotations) == ["nucleus"] * 3
    driver.key(Qt.Key.Key_D)
    driver.wait(lambda: session.current.name == "1.png")
