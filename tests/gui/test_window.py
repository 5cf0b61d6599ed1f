"""The window with mouse and keys: open, draw, undo, classes, tags, palette, faults."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from tests.gui.conftest import Driver
from visionstudio.model.shapes import Box, Polygon, Tag
from visionstudio.storage.store import ProjectStore
from visionstudio.ui import theme
from visionstudio.ui.window import show_error

CTRL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def draw_first_box(driver: Driver, name: str = "cell") -> None:
    """W, drag, and the name of the first class."""
    driver.key(Qt.Key.Key_W)
    driver.drag((20, 20), (60, 70))
    driver.wait(driver.window.viewer.chooser.isVisible)
    driver.type(name)
    driver.key(Qt.Key.Key_Return)
    driver.wait(lambda: driver.count() == 1)


def test_welcome_without_a_project(driver: Driver) -> None:
    window = driver.window
    assert window.welcome.isVisible()
    for name in ("openFolder", "openFiles", "openSample"):
        assert window.findChild(QPushButton, name).isVisible()
    assert not window.actions_["edit.undo"].isEnabled()
    assert not window.media_dock.isVisible()


def test_first_box_on_ones_own_folder(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    assert driver.window.media_panel.model.rowCount() == 5
    assert driver.session.current.name == "0.png"
    draw_first_box(driver)
    box = driver.session.annotations[0].shape
    assert isinstance(box, Box)
    assert box.bounds() == pytest.approx((20, 20, 60, 70), abs=1)
    assert [c.name for c in driver.session.classes] == ["cell"]
    assert driver.session.selection == {driver.session.annotations[0].id}
    driver.saved()
    assert "saved" in driver.window.status.saved.text()


def test_shape_stays_in_sight_while_its_class_is_chosen(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.key(Qt.Key.Key_W)
    driver.drag((20, 20), (60, 70))
    driver.wait(driver.window.viewer.chooser.isVisible)
    assert 0 in driver.canvas.visible_ids()
    driver.key(Qt.Key.Key_Escape)
    driver.wait(lambda: not driver.window.viewer.chooser.isVisible())
    assert 0 not in driver.canvas.visible_ids()
    assert driver.count() == 0


def test_undo_survives_a_restart(make_window: Callable[[], Driver], pictures: Path) -> None:
    driver = make_window()
    driver.open(pictures)
    draw_first_box(driver)
    driver.drag((80, 30), (120, 90))
    driver.wait(lambda: driver.count() == 2)
    driver.key(Qt.Key.Key_Z, CTRL)
    driver.wait(lambda: driver.count() == 1)
    driver.close()
    again = make_window()
    again.open(pictures)
    again.wait(lambda: again.count() == 1)
    again.wait(lambda: again.window.actions_["edit.redo"].isEnabled())
    again.key(Qt.Key.Key_Z, CTRL | SHIFT)
    again.wait(lambda: again.count() == 2)
    again.key(Qt.Key.Key_Z, CTRL)
    again.wait(lambda: again.count() == 1)
    again.wait(lambda: again.window.actions_["edit.undo"].isEnabled())
    again.key(Qt.Key.Key_Z, CTRL)
    again.wait(lambda: again.count() == 0)


def test_polygon_by_clicks_and_enter(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.session.add_class("cell")
    driver.key(Qt.Key.Key_P)
    for point in ((20, 20), (100, 25), (90, 80), (30, 90)):
        driver.click(*point)
    driver.click(150, 100)
    driver.key(Qt.Key.Key_Backspace)
    driver.key(Qt.Key.Key_Return)
    driver.wait(lambda: driver.count() == 1)
    shape = driver.session.annotations[0].shape
    assert isinstance(shape, Polygon)
    assert len(shape.points()) == 4


def test_number_keys_choose_and_relabel(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    first = driver.session.add_class("a")
    second = driver.session.add_class("b")
    driver.key(Qt.Key.Key_2)
    assert driver.session.active_class.id == second.id
    driver.key(Qt.Key.Key_W)
    driver.drag((20, 20), (60, 70))
    driver.wait(lambda: driver.count() == 1)
    assert driver.session.annotations[0].class_id == second.id
    driver.key(Qt.Key.Key_1)
    driver.wait(lambda: driver.session.annotations[0].class_id == first.id)
    driver.saved()


def test_select_move_and_delete(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    draw_first_box(driver)
    driver.key(Qt.Key.Key_V)
    driver.drag((40, 45), (60, 55))
    driver.wait(
        lambda: driver.session.annotations[0].shape.bounds() != pytest.approx((20, 20, 60, 70))
    )
    assert driver.session.annotations[0].shape.bounds() == pytest.approx((40, 30, 80, 80), abs=2)
    driver.key(Qt.Key.Key_Delete)
    driver.wait(lambda: driver.count() == 0)
    driver.saved()


def test_tag_verify_and_go_on(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.session.add_class("good")
    driver.key(Qt.Key.Key_G)
    driver.wait(lambda: driver.count() == 1)
    assert isinstance(driver.session.annotations[0].shape, Tag)
    driver.key(Qt.Key.Key_Space)
    driver.wait(lambda: driver.session.current.verified)
    driver.wait(lambda: "1 / 5" in driver.window.status.verified.text())
    driver.key(Qt.Key.Key_D)
    driver.wait(lambda: driver.session.current.name == "1.png")
    driver.key(Qt.Key.Key_A)
    driver.wait(lambda: driver.session.current.name == "0.png")
    driver.wait(lambda: driver.count() == 1)


def test_a_damaged_picture_shows_why_and_next_goes_on(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    for name in ("1.png", "2.jpg", "3.png"):
        with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
            driver.key(Qt.Key.Key_D)
        assert driver.session.current.name == name
    damaged = next(i for i in driver.session.media if i.name == "2.jpg")
    driver.wait(lambda: driver.session.media_by_id(damaged.id).reason != "")
    assert driver.window.toasts.texts == []


def test_copy_to_another_picture_and_duplicate(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    draw_first_box(driver)
    driver.key(Qt.Key.Key_D, CTRL)
    driver.wait(lambda: driver.count() == 2)
    driver.key(Qt.Key.Key_A, CTRL)
    assert len(driver.session.selection) == 2
    driver.key(Qt.Key.Key_C, CTRL)
    driver.key(Qt.Key.Key_D)
    driver.wait(lambda: driver.session.current.name == "1.png")
    driver.wait(lambda: driver.window.actions_["edit.paste"].isEnabled())
    driver.key(Qt.Key.Key_V, CTRL)
    driver.wait(lambda: driver.count() == 2)
    driver.saved()


def test_typing_in_the_filter_is_no_command(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.key(Qt.Key.Key_L, CTRL)
    driver.type("3")
    driver.wait(lambda: driver.window.media_panel.model.rowCount() == 1)
    driver.key(Qt.Key.Key_Space)
    assert driver.window.media_panel.filter.text() == "3 "
    assert not driver.session.current.verified
    assert driver.session.current.name == "0.png"


def test_palette_finds_and_runs(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    driver.key(Qt.Key.Key_K, CTRL)
    driver.wait(driver.window.palette_.isVisible)
    driver.type("polyg")
    driver.key(Qt.Key.Key_Return)
    assert not driver.window.palette_.isVisible()
    assert driver.canvas.tool_name == "polygon"
    assert driver.window.actions_["tool.polygon"].isChecked()


def test_hover_in_the_list_and_in_the_picture(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    draw_first_box(driver)
    driver.key(Qt.Key.Key_V)
    view = driver.window.object_panel.view
    with driver.qtbot.waitSignal(driver.window.object_panel.hovered, timeout=60_000) as hovered:
        row = view.visualRect(driver.window.object_panel.model.index(0))
        QTest.mouseMove(view.viewport(), row.center())
    assert hovered.args == [driver.session.annotations[0].id]


def test_delete_class_says_how_many_and_undoes(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    draw_first_box(driver)
    driver.saved()
    driver.window.class_panel.delete()
    driver.wait(lambda: not driver.session.classes and driver.count() == 0)
    assert any("1 objects" in text for text in driver.window.toasts.texts)
    driver.saved()
    button = driver.window.findChild(QPushButton, "messageAction")
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    driver.wait(lambda: len(driver.session.classes) == 1 and driver.count() == 1)


def test_second_writer_reads_only(make_window: Callable[[], Driver], pictures: Path) -> None:
    first = make_window()
    first.open(pictures)
    draw_first_box(first)
    first.saved()
    second = make_window()
    second.open(pictures)
    assert any("reading only" in text for text in second.window.viewer.banners.texts)
    assert not second.window.actions_["label.tag"].isEnabled()
    second.wait(lambda: second.count() == 1)


def test_an_empty_folder_is_told_and_left_alone(driver: Driver, tmp_path: Path) -> None:
    folder = tmp_path / "nothing"
    folder.mkdir()
    with driver.qtbot.waitSignal(driver.window.open_failed, timeout=60_000) as failed:
        driver.window.open([folder])
    assert "no pictures" in str(failed.args[0])
    assert any("no pictures" in text for text in driver.window.toasts.texts)
    assert list(folder.iterdir()) == []


def test_a_damaged_project_is_recovered(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    draw_first_box(driver)
    driver.saved()
    folder = driver.window.project.folder
    driver.session.store.backup("test")
    driver.window.close_project()
    (folder / "project.db").write_bytes(b"not a database" * 1000)
    with driver.qtbot.waitSignal(driver.window.open_failed, timeout=60_000):
        driver.window.open([pictures])
    button = driver.window.findChild(QPushButton, "messageAction")
    with driver.qtbot.waitSignal(driver.window.viewer.shown, timeout=60_000):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    driver.wait(lambda: driver.count() == 1)


def test_place_is_remembered(make_window: Callable[[], Driver], pictures: Path) -> None:
    driver = make_window()
    driver.open(pictures)
    driver.key(Qt.Key.Key_D)
    driver.wait(lambda: driver.session.current.name == "1.png")
    driver.close()
    again = make_window()
    again.open(pictures)
    assert again.session.current.name == "1.png"


def test_light_and_dark_at_once(driver: Driver) -> None:
    app = QApplication.instance()
    theme.apply(app, "dark")
    driver.key(Qt.Key.Key_L, CTRL | SHIFT)
    assert theme.tokens() is theme.LIGHT
    assert app.palette().window().color().name() == theme.LIGHT.window
    driver.key(Qt.Key.Key_L, CTRL | SHIFT)
    assert theme.tokens() is theme.DARK


def test_an_error_nobody_caught_is_shown(driver: Driver) -> None:
    show_error(driver.window, RuntimeError("the bulb is broken"))
    assert any("the bulb is broken" in text for text in driver.window.toasts.texts)


def test_panels_below_share_a_place_and_fold_with_the_others(
    driver: Driver, pictures: Path
) -> None:
    driver.open(pictures)
    window = driver.window
    for name in ("inspect.measurements", "window.console", "edit.find"):
        window._run(name)
    below = [window.results_dock, window.console.dock, window.finding.dock]
    driver.wait(lambda: not window.finding.dock.visibleRegion().isEmpty())
    assert window.tabifiedDockWidgets(window.results_dock) == below[1:]
    assert window.width() == 1280  # beside each other they would not fit
    window.viewer.focus_canvas()
    driver.key(Qt.Key.Key_F9)
    assert all(dock.isHidden() for dock in below)
    driver.key(Qt.Key.Key_F9)
    assert not any(dock.isHidden() for dock in below)


def test_panels_fold_away_with_one_key(driver: Driver, pictures: Path) -> None:
    driver.open(pictures)
    before = driver.canvas.width() * driver.canvas.height()
    driver.key(Qt.Key.Key_F9)
    driver.wait(lambda: not driver.window.media_dock.isVisible())
    whole = driver.window.width() * driver.window.height()
    driver.wait(lambda: driver.canvas.width() * driver.canvas.height() > before)
    assert driver.canvas.width() * driver.canvas.height() >= 0.85 * whole
    driver.key(Qt.Key.Key_F9)
    driver.wait(driver.window.media_dock.isVisible)


@pytest.mark.shared_data
def test_real_pictures(driver: Driver, shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    folder.mkdir()
    for source in sorted((shared_data / "bccd" / "JPEGImages").glob("*.jpg"))[:20]:
        shutil.copy(source, folder)
    driver.open(folder)
    draw_first_box(driver, "RBC")
    driver.saved()
    driver.close()
    with ProjectStore.open(folder / ".visionstudio", read_only=True) as store:
        assert store.counts().annotations == 1
        assert store.counts().media == 20
