"""Forms made from parameters: what is typed is what `values()` says, within bounds."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QToolButton,
)
from pytestqt.qtbot import QtBot

from visionstudio.api import InvalidValue, describe, param, validate
from visionstudio.ui.forms import ParamForm


@dataclass(frozen=True)
class Params:
    threshold: float = param(0.5, low=0, high=1, step=0.05)
    lr: float = param(0.0006, low=1e-6, high=1.0, step=0.0001)
    epochs: int | None = param(None, low=1, high=1000)
    flip: bool = param(True)
    mode: str = param("fast", choices=("fast", "exact"))
    note: str = param("", advanced=True)


@pytest.fixture
def form(qtbot: QtBot) -> ParamForm:
    form = ParamForm(describe(Params))
    qtbot.addWidget(form)
    form.show()
    return form


def test_a_new_form_holds_the_defaults(form: ParamForm) -> None:
    assert form.values() == validate(describe(Params), {})


def test_typing_changes_the_value_and_moves_the_slider(form: ParamForm, qtbot: QtBot) -> None:
    editor = form.findChild(object, "param_threshold")
    spin = editor.findChild(QDoubleSpinBox)
    slider = editor.findChild(QSlider)
    spin.selectAll()
    with qtbot.waitSignal(form.changed) as changed:
        qtbot.keyClicks(spin, "0.25")
    assert changed.args == ["threshold"]
    assert form.values()["threshold"] == 0.25
    assert slider.value() == 250


def test_small_numbers_keep_their_digits(form: ParamForm) -> None:
    assert form.values()["lr"] == pytest.approx(0.0006, abs=1e-9)


def test_values_stay_within_bounds(form: ParamForm, qtbot: QtBot) -> None:
    spin = form.findChild(object, "param_threshold").findChild(QDoubleSpinBox)
    spin.selectAll()
    qtbot.keyClicks(spin, "9")
    assert form.values()["threshold"] <= 1


def test_an_optional_number_is_automatic_until_it_is_set(form: ParamForm, qtbot: QtBot) -> None:
    spin = form.findChild(object, "param_epochs").findChild(QSpinBox)
    assert form.values()["epochs"] is None
    qtbot.keyClick(spin, Qt.Key.Key_Up)
    assert form.values()["epochs"] == 1
    form.set_values({"epochs": None})
    assert form.values()["epochs"] is None


def test_flags_and_choices_answer_to_the_mouse(form: ParamForm, qtbot: QtBot) -> None:
    box = form.findChild(object, "param_flip").findChild(QCheckBox)
    qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    assert form.values()["flip"] is False
    combo = form.findChild(object, "param_mode").findChild(QComboBox)
    qtbot.keyClick(combo, Qt.Key.Key_Down)
    assert form.values()["mode"] == "exact"


def test_advanced_settings_are_folded_away(form: ParamForm, qtbot: QtBot) -> None:
    note = form.findChild(object, "param_note")
    assert not note.isVisible()
    qtbot.mouseClick(form.findChild(QToolButton, "paramsMore"), Qt.MouseButton.LeftButton)
    assert note.isVisible()


@dataclass(frozen=True)
class Depending:
    method: str = param("still", choices=("still", "moving"))
    speed: float = param(2.0, low=0, high=9, when={"method": ("moving",)})
    wind: bool = param(True, advanced=True, when={"method": ("moving",)})


def test_what_does_not_count_is_not_shown(qtbot: QtBot) -> None:
    form = ParamForm(describe(Depending))
    qtbot.addWidget(form)
    form.show()
    speed, fold = form.findChild(object, "param_speed"), form.findChild(QToolButton, "paramsMore")
    assert not speed.isVisible()
    assert not fold.isVisible()
    assert not form.counts("speed")
    combo = form.findChild(QComboBox)
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Down)
    assert speed.isVisible()
    assert fold.isVisible()
    assert form.counts("speed")
    form.set_values({"method": "still"})
    assert not speed.isVisible()
    assert form.values()["speed"] == 2.0  # kept for when it counts again


def test_a_parameter_cannot_depend_on_what_is_not_there() -> None:
    @dataclass(frozen=True)
    class Unknown:
        speed: float = param(2.0, when={"method": ("moving",)})

    @dataclass(frozen=True)
    class Impossible:
        method: str = param("still", choices=("still", "moving"))
        speed: float = param(2.0, when={"method": ("flying",)})

    with pytest.raises(InvalidValue, match="unknown 'method'"):
        describe(Unknown)
    with pytest.raises(InvalidValue, match="'flying'"):
        describe(Impossible)


def test_a_path_is_typed_or_chosen(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Files:
        encoder: str = param("", file="*.onnx")

    form = ParamForm(describe(Files))
    qtbot.addWidget(form)
    asked: list[str] = []

    def choose(_parent: object, title: str, start: str, files: str) -> tuple[str, str]:
        asked.extend([title, start, files])
        return "models/encoder.onnx", files

    monkeypatch.setattr("visionstudio.ui.forms.QFileDialog.getOpenFileName", choose)
    with qtbot.waitSignal(form.changed):
        qtbot.keyClicks(form.findChild(QLineEdit, "field_encoder"), "old.onnx\r")
    with qtbot.waitSignal(form.changed):
        qtbot.mouseClick(form.findChild(QPushButton, "choose_encoder"), Qt.MouseButton.LeftButton)
    assert form.values() == {"encoder": "models/encoder.onnx"}
    assert asked[:2] == ["Encoder", "old.onnx"]
    assert asked[2].startswith("*.onnx")


def test_choices_are_shown_by_their_titles(qtbot: QtBot) -> None:
    @dataclass(frozen=True)
    class Method:
        method: str = param("fmm", choices=("ns", "fmm"), choice_titles=("Flow", "Marching"))

    form = ParamForm(describe(Method))
    qtbot.addWidget(form)
    box = form.findChild(QComboBox, "field_method")
    assert box.currentText() == "Marching"
    qtbot.keyClick(box, Qt.Key.Key_Up)
    assert (box.currentText(), form.values()) == ("Flow", {"method": "ns"})


def test_each_choice_needs_a_title() -> None:
    @dataclass(frozen=True)
    class Method:
        method: str = param("ns", choices=("ns", "fmm"), choice_titles=("Flow",))

    with pytest.raises(InvalidValue, match="a title for each choice"):
        describe(Method)
