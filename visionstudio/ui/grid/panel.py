"""The grid of the media: a bar above the cells, and what its keys do to many pictures at once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.session.sorting import Order, Sorted, Sorting
from visionstudio.session.tagging import Tagging
from visionstudio.ui.grid.media import MediaGridModel
from visionstudio.ui.grid.view import LEAST, MOST, GridView
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon
from visionstudio.ui.panels.media_model import MediaModel

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

ORDERS: tuple[tuple[Order, str], ...] = (
    (Order.NAME, "Name"),
    (Order.CLASS, "Class"),
    (Order.SCORE, "Score"),
    (Order.UNCERTAINTY, "Uncertainty"),
    (Order.LABELS, "Number of objects"),
    (Order.SIZE, "Size of the picture"),
    (Order.DATE, "Date of the file"),
)
_STEPS = 100  # of the size slider, which is logarithmic
_OF_THE_PICTURE = frozenset(
    {
        "delete", "paste", "duplicate", "copy", "copy_previous", "change_class", "accept",
        "accept_all", "reject_all", "accept_track", "track_selected", "fit",
    }
)  # fmt: skip
"""Commands that change or show objects of a picture that is not in sight."""


class MediaGrid(QWidget):
    """All media of the project as cells, with the filter and order of the media list."""

    opened = Signal(object)
    """Media id: a person wants to see one closely."""
    left = Signal()
    """Back to the picture."""
    message = Signal(str, str)
    side_chosen = Signal(int)

    def __init__(self, rows: MediaModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("mediaGrid")
        self._rows = rows
        self._session: ProjectSession | None = None
        self._tagging: Tagging | None = None
        self._model = MediaGridModel(rows, self)
        self.view = GridView(self._model, self)
        self.view.empty_text = "Nothing fits the filter."
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._build_bar())
        layout.addWidget(self.view, 1)
        self.setFocusProxy(self.view)
        self.view.opened.connect(self.opened)
        self.view.selection_changed.connect(self._selection_changed)
        self.view.side_changed.connect(self._side_changed)
        rows.order_lost.connect(self._sort)
        rows.filtered.connect(self._show_count)
        self._commands: dict[str, Callable[[], None]] = {
            "verify": self.verify,
            "select_all": self.view.select_all,
            "escape": self.escape,
            "zoom_in": lambda: self.view.set_side(round(self.view.side * 1.25)),
            "zoom_out": lambda: self.view.set_side(round(self.view.side / 1.25)),
            "actual_size": lambda: self.view.set_side(160),
            "next_item": lambda: self.view.move_current(1),
            "previous_item": lambda: self.view.move_current(-1),
            "tag": self._tag_active,
        }

    def _build_bar(self) -> QHBoxLayout:
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 6, 8, 6)
        bar.setSpacing(8)
        label = QLabel(tr("Sort by"))
        self.order = QComboBox()
        self.order.setObjectName("gridOrder")
        self.order.setAccessibleName(tr("Sort by"))
        for order, title in ORDERS:
            self.order.addItem(tr(title), order)
        self.order.activated.connect(lambda _: self._sort())
        label.setBuddy(self.order)
        self.overlays = self._toggle(
            "gridOverlays", "vector-square", tr("Draw the objects on the pictures"), on=True
        )
        self.overlays.toggled.connect(self.view.set_overlays)
        self.one_tag = self._toggle(
            "gridOneTag",
            "tag-outline",
            tr("One tag per picture: a new one takes its place"),
            on=True,
        )
        self.go_on = self._toggle(
            "gridGoOn", "arrow-right", tr("Go to the next picture after tagging one"), on=True
        )
        self.count = QLabel()
        self.count.setObjectName("gridCount")
        self.count.setProperty("role", "muted")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("gridSize")
        self.slider.setAccessibleName(tr("Size of the pictures"))
        self.slider.setToolTip(tr("Size of the pictures (Ctrl+wheel)"))
        self.slider.setRange(0, _STEPS)
        self.slider.setFixedWidth(160)
        self.slider.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.slider.setValue(_position(self.view.side))
        self.slider.valueChanged.connect(lambda at: self.view.set_side(_side(at)))
        for widget in (label, self.order, self.overlays, self.one_tag, self.go_on):
            bar.addWidget(widget)
        bar.addStretch(1)
        bar.addWidget(self.count)
        bar.addWidget(self.slider)
        return bar

    def _toggle(self, name: str, sign: str, text: str, *, on: bool) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setIcon(icon(sign))
        button.setCheckable(True)
        button.setChecked(on)
        button.setToolTip(text)
        button.setAccessibleName(text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return button

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project, or none."""
        if session is self._session:
            return
        self._session = session
        self._tagging = Tagging(session) if session is not None else None
        with QSignalBlocker(self.order):
            self.order.setCurrentIndex(0)
        self._model.set_session(session)
        self.view.reset()
        self._show_count()

    def close_threads(self) -> None:
        """Before the window goes."""
        self.view.close_threads()

    def show_current(self) -> None:
        """Make the session's current picture the current cell, if it is listed."""
        current = self._session.current if self._session is not None else None
        if current is not None and current.id != self.view.current:
            self.view.go_to(current.id)

    # -- order and size

    def _sort(self) -> None:
        if self._session is None:
            return
        order = Order(self.order.currentData())
        session = self._session

        def done(found: Sorted | None) -> None:
            if session is self._session and order == self.order.currentData():
                self._rows.set_order(found)
                self.view.verticalScrollBar().setValue(0)

        Sorting(session).sort(order, done)

    def _side_changed(self, side: int) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(_position(side))
        self.side_chosen.emit(side)

    # -- what keys do

    def takes(self, call: str) -> bool:
        """Whether an action means the selected pictures, or nothing, while the grid is shown."""
        return (
            call in self._commands
            or call in _OF_THE_PICTURE
            or call.startswith("tool_")
            or _class_number(call) is not None
        )

    def run(self, call: str) -> None:
        """Do what an action means here."""
        number = _class_number(call)
        if number is not None:
            self.tag_by_number(number)
        elif call in self._commands:
            self._commands[call]()
        else:
            self.message.emit(tr("Open a picture for this: Enter, or a double click."), "info")

    def tag_by_number(self, number: int) -> None:
        """Give the selected pictures the class with a number, or take it away."""
        session = self._session
        if session is None or number > len(session.classes):
            return
        one = session.classes[number - 1]
        session.set_active_class(one.id)
        self._tag(one.id)

    def _tag_active(self) -> None:
        if self._session is not None and self._session.active_class is not None:
            self._tag(self._session.active_class.id)

    def _tag(self, class_id: int) -> None:
        chosen = sorted(self.view.selection)
        if self._tagging is None or self._session is None or not chosen:
            return
        self._tagging.tag(class_id, chosen, only=self.one_tag.isChecked())
        if len(chosen) == 1 and self.go_on.isChecked():
            self.view.move_current(1)

    def verify(self) -> None:
        """Mark the selected pictures verified, or not when all of them are."""
        session = self._session
        if session is None:
            return
        items = [i for key in self.view.selection if (i := session.media.get(key)) is not None]
        if items:
            session.set_verified([i.id for i in items], not all(i.verified for i in items))
            if len(items) == 1 and self.go_on.isChecked():
                self.view.move_current(1)

    def escape(self) -> None:
        """Drop a selection of many, else go back to the picture."""
        if len(self.view.selection) > 1:
            current = self.view.current
            self.view.select(() if current is None else (current,))
        else:
            self.left.emit()

    def _selection_changed(self) -> None:
        if self._session is not None:
            self._session.select_media(self.view.selection)
        self._show_count()

    def _show_count(self) -> None:
        total, chosen = self._rows.rowCount(), len(self.view.selection)
        if chosen > 1:
            text = tr("{chosen} of {total} selected", chosen=f"{chosen:,}", total=f"{total:,}")
        else:
            text = tr("{total} pictures and videos", total=f"{total:,}")
        self.count.setText(text)


def _class_number(call: str) -> int | None:
    """The number in 'class_3'."""
    stem, _, number = call.rpartition("_")
    return int(number) if stem == "class" and number.isdecimal() else None


def _position(side: int) -> int:
    """Where the slider stands for a size."""
    return round(_STEPS * math.log(side / LEAST) / math.log(MOST / LEAST))


def _side(position: int) -> int:
    return round(LEAST * math.exp(math.log(MOST / LEAST) * position / _STEPS))
