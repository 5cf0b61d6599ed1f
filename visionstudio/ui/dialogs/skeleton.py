"""Define the skeleton of a class: its points, the lines between them, and mirror images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass
from visionstudio.session.skeletons import PERSON, Draft
from visionstudio.ui import theme
from visionstudio.ui.canvas import style
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.icons import icon

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

_REACH = 14.0
# Where the points of a person stand in the drawing, in units of its height; seen from the front.
_PERSON = (
    *((0.5, 0.06), (0.53, 0.03), (0.47, 0.03), (0.57, 0.05), (0.43, 0.05), (0.62, 0.2)),
    *((0.38, 0.2), (0.7, 0.36), (0.3, 0.36), (0.74, 0.5), (0.26, 0.5), (0.57, 0.52)),
    *((0.43, 0.52), (0.58, 0.74), (0.42, 0.74), (0.59, 0.96), (0.41, 0.96)),
)


class SkeletonDialog(QDialog):
    """Nothing is changed before OK; then the class and all its objects are, as one step."""

    def __init__(
        self, session: ProjectSession, one: LabelClass, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("skeletonDialog")
        self.setWindowTitle(tr("Skeleton of {name}", name=one.name))
        self.resize(720, 520)
        self._session, self._class = session, one
        self.draft = Draft(one.skeleton)
        self._filling = False
        layout = QVBoxLayout(self)
        layout.setSpacing(12)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addLayout(self._build_list(), 2)
        top.addLayout(self._build_drawing(one.colour), 3)
        layout.addLayout(top, 1)
        self.note = QLabel()
        self.note.setObjectName("skeletonNote")
        self.note.setProperty("role", "warning")
        self.note.setWordWrap(True)
        layout.addWidget(self.note)
        layout.addWidget(self._build_buttons())
        self._fill(0)

    def _build_list(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        bar = QHBoxLayout()
        for name, sign, text, call in (
            ("skeletonAdd", "plus", tr("New point"), self._add),
            ("skeletonRemove", "delete-outline", tr("Remove the point"), self._remove),
            ("skeletonUp", "arrow-up", tr("Move up"), lambda: self._move(-1)),
            ("skeletonDown", "arrow-down", tr("Move down"), lambda: self._move(1)),
        ):
            button = QToolButton()
            button.setObjectName(name)
            button.setIcon(icon(sign))
            button.setToolTip(text)
            button.setAccessibleName(text)
            button.clicked.connect(lambda _=False, c=call: c())
            bar.addWidget(button)
        bar.addStretch(1)
        preset = QPushButton(tr("Person (COCO 17)"))
        preset.setObjectName("skeletonPerson")
        preset.setAccessibleName(preset.text())
        preset.setAutoDefault(False)
        preset.clicked.connect(self._use_person)
        bar.addWidget(preset)
        column.addLayout(bar)
        self.list = QListWidget()
        self.list.setObjectName("skeletonPoints")
        self.list.setAccessibleName(tr("Points in the order of drawing"))
        self.list.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.list.currentRowChanged.connect(self._chosen)
        self.list.itemChanged.connect(self._renamed)
        column.addWidget(self.list, 1)
        row = QHBoxLayout()
        label = QLabel(tr("Mirror image"))
        self.mirror = QComboBox()
        self.mirror.setObjectName("skeletonMirror")
        self.mirror.setAccessibleName(tr("Mirror image of the chosen point"))
        self.mirror.activated.connect(self._mirrored)
        label.setBuddy(self.mirror)
        pair = QPushButton(tr("Pair left and right"))
        pair.setObjectName("skeletonPair")
        pair.setAccessibleName(pair.text())
        pair.setAutoDefault(False)
        pair.setToolTip(tr("Pairs points whose names differ in left and right only"))
        pair.clicked.connect(self._pair_by_name)
        row.addWidget(label)
        row.addWidget(self.mirror, 1)
        row.addWidget(pair)
        column.addLayout(row)
        return column

    def _build_drawing(self, colour: str) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(4)
        hint = QLabel(tr("Click one point and then another to join them, or to take a line away."))
        hint.setObjectName("skeletonHint")
        hint.setProperty("role", "muted")
        hint.setWordWrap(True)
        column.addWidget(hint)
        self.drawing = SkeletonDrawing(self.draft, colour)
        self.drawing.picked.connect(self.list.setCurrentRow)
        self.drawing.joined.connect(self._join)
        column.addWidget(self.drawing, 1)
        return column

    def _build_buttons(self) -> QDialogButtonBox:
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        for kind, name, text in (
            (QDialogButtonBox.StandardButton.Ok, "skeletonOk", tr("OK")),
            (QDialogButtonBox.StandardButton.Cancel, "skeletonCancel", tr("Cancel")),
        ):
            button = buttons.button(kind)
            button.setObjectName(name)
            button.setText(text)
            button.setAccessibleName(text)
        buttons.accepted.connect(self._apply)
        buttons.rejected.connect(self.reject)
        return buttons

    # -- what people do

    def _add(self) -> None:
        number = len(self.draft.names) + 1
        while tr("point {number}", number=number) in self.draft.names:
            number += 1
        at = self.draft.add(tr("point {number}", number=number))
        self._fill(at)
        self.list.editItem(self.list.item(at))

    def _remove(self) -> None:
        row = self.list.currentRow()
        if row >= 0:
            self.draft.remove(row)
            self._fill(min(row, len(self.draft.names) - 1))

    def _move(self, step: int) -> None:
        row = self.list.currentRow()
        place = row + step
        if row >= 0 and 0 <= place < len(self.draft.names):
            self.draft.move(row, place)
            self._fill(place)

    def _use_person(self) -> None:
        self.draft.use(PERSON)
        self._fill(0)

    def _renamed(self, item: QListWidgetItem) -> None:
        if self._filling:
            return
        row = self.list.row(item)
        try:
            self.draft.rename(row, item.text())
        except InvalidValue as error:
            self.note.setText(told(str(error)))
        else:
            self.note.clear()
        self._filling = True
        item.setText(self.draft.names[row])
        self._filling = False
        self._chosen(row)

    def _join(self, a: int, b: int) -> None:
        self.draft.join(a, b)
        self.drawing.update()

    def _mirrored(self, index: int) -> None:
        row = self.list.currentRow()
        if row >= 0:
            self.draft.mirror(row, self.mirror.itemData(index))
            self.drawing.update()

    def _pair_by_name(self) -> None:
        self.draft.mirror_by_name()
        self._fill(self.list.currentRow())

    def _apply(self) -> None:
        self._session.change_skeleton(self._class.id, self.draft.spec(), self.draft.origin)
        self.accept()

    # -- showing

    def _fill(self, row: int) -> None:
        self._filling = True
        self.list.clear()
        for name in self.draft.names:
            item = QListWidgetItem(name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self.list.addItem(item)
        self._filling = False
        self.list.setCurrentRow(row)
        self._chosen(row)
        self.note.clear()

    def _chosen(self, row: int) -> None:
        if self._filling:
            return
        self.drawing.choose(row)
        self.mirror.clear()
        self.mirror.addItem(tr("none"), None)
        for n, name in enumerate(self.draft.names):
            if n != row:
                self.mirror.addItem(name, n)
        partner = self.draft.partner(row)
        self.mirror.setCurrentIndex(0 if partner is None else self.mirror.findData(partner))
        self.mirror.setEnabled(row >= 0)


class SkeletonDrawing(QWidget):
    """The points as they may stand, joined by their lines; clicks join two points."""

    picked = Signal(int)
    joined = Signal(int, int)

    def __init__(self, draft: Draft, colour: str) -> None:
        super().__init__()
        self.setObjectName("skeletonDrawing")
        self.setAccessibleName(tr("Drawing of the skeleton"))
        self.setMinimumSize(QSize(320, 360))
        self.setMouseTracking(True)
        self._draft, self._colour = draft, colour
        self._row = -1
        self._hot = -1
        self._first = -1  # the point that a second click joins

    def choose(self, row: int) -> None:
        """Show a point as chosen."""
        self._row = row
        if self._first >= len(self._draft.names):
            self._first = -1
        self.update()

    def places(self) -> list[QPointF]:
        """Where the points stand: a person's as a person, others on a circle."""
        names = self._draft.names
        if tuple(names) == PERSON.names:
            size = self.height() - 40.0
            left = (self.width() - size) / 2
            return [QPointF(left + x * size, 20 + y * size) for x, y in _PERSON]
        reach = min(self.width() / 2 - 80, self.height() / 2 - 24)
        middle = QPointF(self.width() / 2, self.height() / 2)
        turns = [2 * math.pi * n / max(len(names), 1) for n in range(len(names))]
        return [middle + QPointF(reach * math.sin(t), -reach * math.cos(t)) for t in turns]

    def _at(self, place: QPointF) -> int:
        away = [math.hypot(p.x() - place.x(), p.y() - place.y()) for p in self.places()]
        nearest = min(range(len(away)), key=away.__getitem__, default=-1)
        return nearest if nearest >= 0 and away[nearest] <= _REACH else -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self._at(event.position())
        if found >= 0 and self._first not in (-1, found):
            self.joined.emit(self._first, found)
            self._first = -1
        else:
            self._first = -1 if found == self._first else found
        if found >= 0:
            self.picked.emit(found)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        hot = self._at(event.position())
        if hot != self._hot:
            self._hot = hot
            self.setCursor(
                Qt.CursorShape.PointingHandCursor if hot >= 0 else Qt.CursorShape.ArrowCursor
            )
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.colour("line"))
        painter.setBrush(theme.colour("canvas"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        places = self.places()
        for shade, width in ((style.halo(self._colour), 4.0), (self._colour, 2.0)):
            painter.setPen(style.pen(shade, width))
            for a, b in (sorted(pair) for pair in self._draft.edges):
                painter.drawLine(places[a], places[b])
        partner = self._draft.partner(self._row) if self._row >= 0 else None
        for n, place in enumerate(places):
            hot = n in (self._hot, self._first)
            colour = style.SNAPPED if n == partner else self._colour
            painter.setBrush(Qt.BrushStyle.NoBrush)
            style.paint_handle(painter, place, colour, round_=True, hot=hot or n == self._row)
        shown = {
            n for n in (self._hot, self._first, self._row, partner) if n is not None and n >= 0
        }
        everyone = tuple(self._draft.names) != PERSON.names
        for n, place in enumerate(places):
            if everyone or n in shown:
                style.paint_note(painter, place + QPointF(9, -9), self._draft.names[n])
        painter.end()
