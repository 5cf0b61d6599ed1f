"""The grid of pictures by mouse and keys: tags, verified, order, sizes, opening and going back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.gui.conftest import Driver
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import add
from visionstudio.model.shapes import Box, Tag
from visionstudio.session.sorting import Order
from visionstudio.ui.grid.item import GridItem, GridModel, ListModel, Overlay, PictureSource
from visionstudio.ui.grid.keys import Keys
from visionstudio.ui.grid.layout import Layout
from visionstudio.ui.grid.panel import MediaGrid
from visionstudio.ui.grid.view import GridView

LEFT = Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


class GridDriver:
    """A window with its grid shown."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        driver.session.add_class("cat")
        driver.session.add_class("dog")
        driver.window.viewer.focus_canvas()
        driver.key(Qt.Key.Key_G, SHIFT)
        grid = driver.window.shown_grid
        assert grid is not None
        self.grid: MediaGrid = grid
        self.view: GridView = grid.view
        driver.wait(self.view.hasFocus)

    def key(
        self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        QTest.keyClick(self.view, key, modifier)

    def at(self, row: int) -> QPoint:
        place = self.view._layout.place(row).translated(0, -self.view.verticalScrollBar().value())
        return place.center()

    def click(
        self, row: int, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        QTest.mouseClick(self.view.viewport(), LEFT, modifier, self.at(row))

    def tags(self) -> dict[str, list[str]]:
        """Names of label tags by picture, from the disk."""
        self.driver.saved()
        session = self.driver.session
        names = {c.id: c.name for c in session.classes}
        return {
            item.name: sorted(
                names[a.class_id]
                for a in session.store.annotations(item.id)
                if isinstance(a.shape, Tag) and a.state.is_label
            )
            for item in session.media
        }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures of different size and content."""
    made = tmp_path / "pictures"
    made.mkdir()
    for n in range(6):
        values = np.full((60 + 10 * n, 90, 3), 40 * n, np.uint8)
        Image.fromarray(values).save(made / f"{n}.png")
    return made


@pytest.fixture
def shown(make_window: Callable[[], Driver], folder: Path) -> GridDriver:
    driver = make_window()
    driver.open(folder)
    driver.wait(lambda: all(i.width for i in driver.session.media))
    return GridDriver(driver)


def test_tags_by_keys_are_the_whole_of_classification(shown: GridDriver) -> None:
    wait = shown.driver.wait
    assert shown.view.selection == {1}
    for key in (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_1):
        shown.key(key)
    assert shown.view.current == 4  # one key per picture
    wait(lambda: sum(len(t) for t in shown.tags().values()) == 3)
    assert [shown.tags()[f"{n}.png"] for n in range(4)] == [["cat"], ["dog"], ["cat"], []]
    shown.click(0)
    shown.click(2, SHIFT)
    assert shown.view.selection == {1, 2, 3}
    shown.key(Qt.Key.Key_2)  # many: stays, and takes the place of the old tag
    wait(lambda: [shown.tags()[f"{n}.png"] for n in range(3)] == [["dog"]] * 3)
    assert shown.view.selection == {1, 2, 3}
    shown.grid.one_tag.click()
    shown.key(Qt.Key.Key_1)
    wait(lambda: [shown.tags()[f"{n}.png"] for n in range(3)] == [["cat", "dog"]] * 3)
    shown.key(Qt.Key.Key_1)  # all have it: away
    wait(lambda: [shown.tags()[f"{n}.png"] for n in range(3)] == [["dog"]] * 3)
    shown.key(Qt.Key.Key_Z, CTRL)
    wait(lambda: [shown.tags()[f"{n}.png"] for n in range(3)] == [["cat", "dog"]] * 3)
    shown.key(Qt.Key.Key_Z, CTRL)
    shown.key(Qt.Key.Key_Z, CTRL)
    wait(lambda: [shown.tags()[f"{n}.png"] for n in range(3)] == [["cat"], ["dog"], ["cat"]])
    item = shown.grid._model.item(0)
    wait(lambda: [text for text, _ in shown.grid._model.item(0).chips] == ["cat"])
    assert item.title == "0.png"


def test_quick_keys_never_tag_twice(shown: GridDriver) -> None:
    shown.grid.go_on.click()
    shown.click(1)
    for _ in range(4):
        shown.key(Qt.Key.Key_2)
    shown.key(Qt.Key.Key_1)
    shown.driver.wait(lambda: shown.tags()["1.png"] == ["cat"])


def test_verify_select_all_and_back_to_one(shown: GridDriver) -> None:
    session, wait = shown.driver.session, shown.driver.wait
    shown.key(Qt.Key.Key_A, CTRL)
    assert len(shown.view.selection) == 6
    assert "6 of 6" in shown.grid.count.text()
    shown.key(Qt.Key.Key_Space)
    wait(lambda: session.media.verified == 6)
    shown.key(Qt.Key.Key_Space)
    wait(lambda: session.media.verified == 0)
    shown.click(4, CTRL)
    assert shown.view.selection == {1, 2, 3, 4, 6}
    assert [i.id for i in session.selected_media()] == [1, 2, 3, 4, 6]
    shown.key(Qt.Key.Key_Escape)  # the selection of many first
    assert len(shown.view.selection) == 1
    assert shown.driver.window.shown_grid is not None
    shown.key(Qt.Key.Key_Delete)  # nothing of a picture that is not in sight
    shown.key(Qt.Key.Key_Escape)
    assert shown.driver.window.shown_grid is None


def test_open_one_and_come_back_to_the_same_place(shown: GridDriver) -> None:
    driver = shown.driver
    for _ in range(3):
        shown.key(Qt.Key.Key_Right)
    with driver.qtbot.waitSignal(driver.window.viewer.shown):
        shown.key(Qt.Key.Key_Return)
    assert driver.window.shown_grid is None
    assert driver.session.current.id == 4
    driver.wait(driver.canvas.hasFocus)
    driver.key(Qt.Key.Key_Escape)
    assert driver.window.shown_grid is not None
    assert shown.view.current == 4
    with driver.qtbot.waitSignal(driver.window.viewer.shown):
        QTest.mouseDClick(shown.view.viewport(), LEFT, pos=shown.at(1))
    assert driver.session.current.id == 2
    driver.key(Qt.Key.Key_G, SHIFT)
    assert shown.view.current == 2


def test_a_band_selects_and_the_wheel_resizes(shown: GridDriver) -> None:
    view = shown.view
    port = view.viewport()
    side = view.side
    QTest.mousePress(port, LEFT, pos=QPoint(2, 2))
    QTest.mouseMove(port, shown.at(0))
    QTest.mouseMove(port, shown.at(1))
    QTest.mouseRelease(port, LEFT, pos=shown.at(1))
    assert view.selection == {1, 2}
    at = QPointF(shown.at(1))
    wheel = QWheelEvent(
        at, port.mapToGlobal(at), QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton, CTRL,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(port, wheel)
    assert view.side > side * 1.2
    shown.grid.slider.setValue(100)
    assert view.side == 1024
    assert view._layout.columns == 1
    view.go_to(3)
    shown.driver.wait(lambda: abs(drawn(view, 2)[350:450, 400:600].mean() - 80) < 3)


def drawn(view: GridView, row: int) -> np.ndarray:
    """(H, W, 3) of a cell on screen."""
    image = view.viewport().grab().toImage()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    place = view._layout.place(row).translated(0, -view.verticalScrollBar().value())
    return rows[place.top() : place.bottom(), place.left() : place.right(), 2::-1].astype(int)


def reddish(pixels: np.ndarray) -> int:
    away = (pixels[..., 0] > pixels[..., 1] + 90) & (pixels[..., 0] > pixels[..., 2] + 90)
    return int(np.count_nonzero(away))


def test_objects_are_drawn_and_orders_are_shared_with_the_list(shown: GridDriver) -> None:
    session, wait = shown.driver.session, shown.driver.wait
    cat = session.class_named("cat")
    session.recolour_class(cat.id, "#ff0000")
    rows = [
        Annotation(id=session.reserve_ids("annotation"), media_id=m, class_id=cat.id,
                   shape=Box(10, 10, 60, 50), state=State.PROPOSED, score=score)
        for m, score in ((2, 0.97), (4, 0.55), (5, 0.8))
    ]  # fmt: skip
    session.apply(add("Proposals", rows))
    wait(lambda: reddish(drawn(shown.view, 1)) > 60)
    assert reddish(drawn(shown.view, 0)) == 0
    shown.grid.overlays.click()
    wait(lambda: reddish(drawn(shown.view, 1)) == 0)
    model = shown.driver.window.media_panel.model

    def order(wanted: Order) -> list[int]:
        combo = shown.grid.order
        before = model.ids()
        combo.setCurrentIndex(combo.findData(wanted))
        combo.activated.emit(combo.currentIndex())
        wait(lambda: model.ids() != before)
        return model.ids()

    assert order(Order.UNCERTAINTY) == [4, 5, 2, 1, 3, 6]
    assert order(Order.SCORE) == [2, 5, 4, 1, 3, 6]
    assert order(Order.SIZE) == [6, 5, 4, 3, 2, 1]
    assert shown.grid._model.key(0) == 6
    shown.driver.window.media_panel.filter.setText("4")
    wait(lambda: model.ids() == [5])
    assert shown.grid._model.count() == 1
    shown.driver.window.media_panel.filter.setText("")
    wait(lambda: model.ids() == [6, 5, 4, 3, 2, 1])
    with shown.driver.qtbot.waitSignal(shown.driver.window.viewer.shown):
        session.open_media(5)
    assert model.neighbour(5, 1).id == 4  # D follows the order
    assert order(Order.NAME) == [1, 2, 3, 4, 5, 6]


def test_a_wall_of_new_cells_takes_turns_until_it_is_whole(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("visionstudio.ui.grid.view._PAINT_SECONDS", 0.0)
    view = GridView(
        ListModel([GridItem(n, "", PictureSource(), problem="none") for n in range(99)])
    )
    qtbot.addWidget(view)
    view.set_side(64)
    view.resize(700, 500)
    with qtbot.waitExposed(view):
        view.show()
    bar = view.verticalScrollBar()
    view.viewport().repaint()
    bar.setValue(bar.maximum())
    seen = view._layout.seen(bar.value())
    assert seen[-1] == 98
    assert not all(view.cells.has(n) for n in seen)
    qtbot.waitUntil(lambda: all(view.cells.has(n) for n in seen), timeout=20_000)
    qtbot.waitUntil(lambda: view._unpainted.isEmpty(), timeout=20_000)
    assert reddish(drawn(view, 98)) > 8  # the sign of what cannot be shown
    view.close_threads()


def test_crops_and_arrays_are_items_too(qtbot: QtBot, tmp_path: Path) -> None:
    values = np.zeros((80, 100, 3), np.uint8)
    values[20:40, 30:70] = (0, 200, 0)
    Image.fromarray(values).save(tmp_path / "a.png")
    crop = (30.0, 20.0, 70.0, 40.0)
    items = [
        GridItem(7, "crop", PictureSource(tmp_path / "a.png", crop), (100, 80),
                 (Overlay(Box(40, 25, 60, 35), "#ff0000"),), problem=""),
        GridItem(8, "made", PictureSource(pixels=np.full((50, 50, 3), 9, np.uint8)), (50, 50)),
        GridItem(9, "bad", PictureSource(tmp_path / "none.png")),
    ]  # fmt: skip
    view = GridView(ListModel(items))
    qtbot.addWidget(view)
    view.resize(700, 300)
    with qtbot.waitExposed(view):
        view.show()
    qtbot.waitUntil(lambda: view.pictures.failed(9))
    qtbot.waitUntil(lambda: drawn(view, 0)[60:100, 20:40].mean(axis=(0, 1))[1] > 150)
    assert reddish(drawn(view, 0)) > 8
    qtbot.waitUntil(lambda: abs(drawn(view, 1)[80, 80].mean() - 9) < 3)
    with qtbot.waitSignal(view.opened) as opened:
        QTest.mouseDClick(view.viewport(), LEFT, pos=view._layout.place(1).center())
    assert opened.args == [8]
    view.close_threads()


class Million(GridModel):
    """As many as anybody has."""

    COUNT = 1_000_000

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def count(self) -> int:
        return self.COUNT

    def key(self, row: int) -> int:
        return row + 1

    def row_of(self, key: int) -> int | None:
        return key - 1

    def item(self, row: int) -> GridItem:
        self.made += 1
        return GridItem(row + 1, f"{row}", PictureSource(pixels=np.zeros((4, 4, 3), np.uint8)))


@pytest.fixture
def million(qtbot: QtBot) -> Iterator[tuple[GridView, Million]]:
    model = Million()
    view = GridView(model)
    qtbot.addWidget(view)
    view.resize(1200, 800)
    with qtbot.waitExposed(view):
        view.show()
    yield view, model
    view.close_threads()


def test_a_million_cells_cost_a_screenful(million: tuple[GridView, Million]) -> None:
    view, model = million
    view.set_side(48)
    model.made = 0
    start = time.process_time()
    for key in (Qt.Key.Key_End, Qt.Key.Key_PageUp, Qt.Key.Key_Home, Qt.Key.Key_PageDown):
        QTest.keyClick(view, key)
        QApplication.processEvents()
    assert view.current is not None
    assert model.made < 4 * 2 * len(view._layout.seen(0)) + 100
    assert time.process_time() - start < 3  # would be minutes if rows were gone through


def test_layout_finds_what_it_places() -> None:
    layout = Layout(1000, width=900, height=600)
    for row in (0, 1, 5, 6, 499, 999):
        place = layout.place(row)
        assert layout.row_at(place.x(), place.y()) == row
        assert layout.row_at(place.right() + 3, place.y()) != row
        assert layout.within(place) == [row]
        assert row in layout.seen(max(0, place.y() - 100))
    assert layout.row_at(5, 5) is None
    assert layout.total == layout.place(999).bottom() + 1 + 8
    assert len(Layout(0).seen(0)) == 0


def test_very_many_keys_are_a_set() -> None:
    some = Keys(np.array([5, 3, 9]))
    assert some == {3, 5, 9} == frozenset(some)
    assert some == Keys(np.array([9, 5, 3])) != Keys(np.array([9, 5]))
    assert 5 in some
    assert 4 not in some
    assert 10 not in some
    assert "5" not in some
    assert some ^ {5, 6} == {3, 6, 9}
    assert some | {1} == {1, 3, 5, 9}
    assert len(Keys(np.zeros(0, np.int64))) == 0
