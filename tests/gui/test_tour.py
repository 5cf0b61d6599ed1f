"""The tour of the sample project, taken with mouse and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel
from pytestqt.qtbot import QtBot

from tests.gui.desk import Desk, sample, sample_source  # noqa: F401 (fixtures)
from visionstudio.app.sample import Sample
from visionstudio.model.annotations import State
from visionstudio.settings.store import Settings
from visionstudio.ui import i18n
from visionstudio.ui.dialogs.training import TrainingDialog
from visionstudio.ui.tour import NOTE
from visionstudio.ui.window import MainWindow

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def make_desk(qtbot: QtBot, sample: Sample) -> Iterator[Callable[[], Desk]]:  # noqa: F811
    """Makes windows that offer the sample project, as the program's own does."""
    made: list[MainWindow] = []

    def make() -> Desk:
        window = MainWindow(Settings(), make_sample=lambda: sample.folder)
        window.setWindowState(Qt.WindowState.WindowNoState)
        window.resize(1400, 900)
        with qtbot.waitExposed(window):
            window.show()
        window.activateWindow()
        made.append(window)
        return Desk(qtbot, window)

    yield make
    for window in made:
        window.close()
        window.deleteLater()


def step_is(desk: Desk, number: int) -> None:
    desk.wait(lambda: desk.window.tour.step == number)
    card = desk.window.findChild(QLabel, "tourTitle")
    assert card.isVisible()
    assert f"{number + 1}" in card.text()


def is_gone(desk: Desk) -> bool:
    card = desk.window.findChild(QLabel, "tourTitle")
    return desk.window.tour.step == -1 and (card is None or not card.isVisible())


def name(desk: Desk) -> str:
    return desk.session.current.path if desk.session.current is not None else ""


@pytest.mark.timeout(300)
def test_six_steps_that_do_real_things(make_desk: Callable[[], Desk], sample: Sample) -> None:  # noqa: F811
    desk = make_desk()
    desk.window.models.discover()
    desk.open(sample.folder)
    step_is(desk, 0)
    desk.qtbot.waitUntil(lambda: desk.child(QComboBox, "modelChoice").count() > 4, timeout=60_000)
    assert name(desk).startswith("coins/")
    assert desk.count() == 0
    desk.wait(lambda: desk.canvas.picture is not None)
    desk.key(Qt.Key.Key_W)
    desk.drag((30, 30), (90, 90))
    step_is(desk, 1)
    assert desk.count() == 1
    desk.key(Qt.Key.Key_Z, CTRL)
    step_is(desk, 2)
    assert name(desk) == "photographs/coffee.png"
    desk.key(Qt.Key.Key_P, CTRL)
    desk.qtbot.waitUntil(lambda: desk.window.tour.step == 3, timeout=60_000)
    (proposal,) = desk.session.visible_proposals()
    desk.key(Qt.Key.Key_Return)
    step_is(desk, 4)
    assert desk.session.annotation(proposal.id).state is State.ACCEPTED
    desk.key(Qt.Key.Key_T, CTRL)
    dialog = desk.dialog(TrainingDialog)
    start = desk.child(QAbstractButton, "trainingStart", dialog)
    desk.qtbot.waitUntil(start.isEnabled, timeout=30_000)
    desk.press("trainingStart", dialog)
    desk.wait(lambda: desk.window.tour.step == 5)
    desk.window.project.workbench.trainings.close()
    desk.press("trainingClose", dialog)
    desk.window.activateWindow()
    desk.qtbot.waitUntil(desk.window.isActiveWindow)
    assert name(desk) == "video/clip.mp4"
    desk.wait(lambda: desk.canvas.picture is not None and desk.window.viewer.player.frame == 0)
    desk.canvas.setFocus()
    desk.key(Qt.Key.Key_T, SHIFT)
    x1, y1, x2, y2 = sample.roi
    desk.job(lambda: desk.drag((x1, y1), (x2, y2)), "CSRT")
    desk.wait(lambda: is_gone(desk))
    assert any("Help menu" in text for text in desk.window.toasts.texts)
    assert desk.window.settings.note(NOTE) == "ended"
    desk.close()
    again = make_desk()  # never again by itself
    again.open(sample.folder)
    again.session.in_store(lambda _: True, lambda _: again.session.select_media([1]))
    again.wait(lambda: again.session.selected_ids == (1,))
    assert is_gone(again)


def test_skipped_for_good_and_started_from_the_menu(
    make_desk: Callable[[], Desk],
    sample: Sample,  # noqa: F811
) -> None:
    desk = make_desk()
    desk.window.models.discover = lambda **_: None  # type: ignore[method-assign]
    desk.open(sample.folder)
    step_is(desk, 0)
    desk.press("tourSkip")
    assert is_gone(desk)
    assert desk.window.settings.note(NOTE) == "skipped"
    assert desk.canvas.hasFocus()  # the click has not taken the keys from the picture
    desk.window.close_project()
    with desk.qtbot.waitSignal(desk.window.viewer.shown, timeout=60_000):
        desk.window.actions_["help.tour"].trigger()  # opens the sample project for it
    step_is(desk, 0)
    desk.press("tourNext")  # nothing drawn: nothing to undo either
    step_is(desk, 2)
    desk.press("tourNext")
    step_is(desk, 4)
    desk.window.close_project()
    assert is_gone(desk)


def test_not_in_ones_own_project(make_desk: Callable[[], Desk], pictures: Path) -> None:
    desk = make_desk()
    desk.window.models.discover = lambda **_: None  # type: ignore[method-assign]
    desk.open(pictures)
    desk.session.in_store(lambda _: True, lambda _: desk.session.select_media([1]))
    desk.wait(lambda: desk.session.selected_ids == (1,))
    assert is_gone(desk)


def test_in_chinese_and_with_ones_own_keys(make_desk: Callable[[], Desk], sample: Sample) -> None:  # noqa: F811
    i18n.use_language("zh_CN")
    try:
        desk = make_desk()
        desk.window.models.discover = lambda **_: None  # type: ignore[method-assign]
        desk.window.actions_.set_keys({"tool.box": "F7"})
        desk.open(sample.folder)
        step_is(desk, 0)
        text = desk.child(QLabel, "tourText").text()
        assert "F7" in text
        assert "硬币" in text
    finally:
        i18n.use_language("en")
