"""The results of a search as a table model: rows are read in pages when they come into view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QPixmap

from visionstudio.model.annotations import Annotation
from visionstudio.model.labels import LabelClass
from visionstudio.session.finding import Search
from visionstudio.ui import theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.panels.objects import state_text

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

Index = QModelIndex | QPersistentModelIndex
_PAGE = 200
_KEPT = 64  # pages

CLASS, PICTURE, FRAME, STATE, SCORE, SIZE, ATTRIBUTES, SOURCE = range(8)


class FindModel(QAbstractTableModel):
    """What a search has found so far."""

    AnnotationRole = int(Qt.ItemDataRole.UserRole)
    grew = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session: ProjectSession | None = None
        self._search: Search | None = None
        self._count = 0
        self._pages: dict[int, Mapping[int, Annotation]] = {}
        self._asked: set[int] = set()
        self._round = 0
        self._swatches: dict[str, QPixmap] = {}
        self._classes: dict[int, LabelClass] = {}

    def set_search(self, session: ProjectSession | None, search: Search | None) -> None:
        """Show another search's results, empty at first."""
        self.beginResetModel()
        self._session, self._search, self._count = session, search, 0
        self._classes = {c.id: c for c in session.classes} if session is not None else {}
        self._forget_pages()
        self.endResetModel()
        if search is not None:
            search.grew.connect(self._grow)

    def _grow(self) -> None:
        found = len(self._search.ids) if self._search is not None else 0
        if found > self._count:
            self.beginInsertRows(QModelIndex(), self._count, found - 1)
            self._count = found
            self.endInsertRows()
            self._pages.pop((found - 1) // _PAGE, None)
            self.grew.emit()

    def refresh(self, *_: object) -> None:
        """Read the rows again: something has been edited."""
        self._classes = {c.id: c for c in self._session.classes} if self._session else {}
        self._forget_pages()
        if self._count:
            self.dataChanged.emit(self.index(0, 0), self.index(self._count - 1, SOURCE))

    def _forget_pages(self) -> None:
        self._pages, self._asked = {}, set()
        self._round += 1

    def ids(self, rows: Sequence[range]) -> list[int]:
        """The ids of some rows."""
        if self._search is None:
            return []
        return [i for r in rows for i in self._search.ids[r.start : r.stop].tolist()]

    def id_at(self, row: int) -> int:
        """The id of what was found at a row."""
        return 0 if self._search is None else int(self._search.ids[row])

    def row_of(self, annotation_id: int) -> int | None:
        """Where an annotation stands, None when it was not found."""
        if self._search is None:
            return None
        rows = np.flatnonzero(self._search.ids[: self._count] == annotation_id)
        return int(rows[0]) if len(rows) else None

    def annotation(self, row: int) -> Annotation | None:
        """The annotation of a row; None while it is read, or when it is gone."""
        if self._search is None or not 0 <= row < self._count:
            return None
        page = self._pages.get(row // _PAGE)
        if page is None:
            self._ask(row // _PAGE)
            return None
        return page.get(int(self._search.ids[row]))

    def is_gone(self, row: int) -> bool:
        """Whether what was found there has been deleted since."""
        page = self._pages.get(row // _PAGE)
        if page is None or self._search is None:
            return False
        return int(self._search.ids[row]) not in page

    def _ask(self, page: int) -> None:
        if page in self._asked or self._search is None:
            return
        self._asked.add(page)
        number, first = self._round, page * _PAGE
        last = min(first + _PAGE, self._count)

        def take(rows: Mapping[int, Annotation]) -> None:
            if number != self._round:
                return
            while len(self._pages) >= _KEPT:
                gone = next(iter(self._pages))
                del self._pages[gone]
                self._asked.discard(gone)
            self._pages[page] = rows
            if last > first:
                self.dataChanged.emit(self.index(first, 0), self.index(last - 1, SOURCE))

        self._search.rows(first, last, take)

    # Qt

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else self._count

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else SOURCE + 1

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = int(Qt.ItemDataRole.DisplayRole),
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical:
            return f"{section + 1:,}"
        return (
            tr("Class"),
            tr("Picture"),
            tr("Frame"),
            tr("State"),
            tr("Score"),
            tr("Size"),
            tr("Attributes"),
            tr("Source"),
        )[section]

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        display, decoration = Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.DecorationRole
        if role not in (display, decoration, self.AnnotationRole, Qt.ItemDataRole.ForegroundRole):
            return None
        annotation = self.annotation(index.row())
        if role == self.AnnotationRole:
            return annotation
        if annotation is None:
            gone = self.is_gone(index.row())
            if role == Qt.ItemDataRole.ForegroundRole:
                return theme.colour("disabled")
            if role == display and index.column() == CLASS:
                return tr("deleted") if gone else "…"
            return None
        if role == display:
            return self._text(annotation, index.column())
        if role == decoration and index.column() == CLASS:
            one = self._classes.get(annotation.class_id)
            return self._swatch(one.colour if one else "#808080")
        return None

    def _text(self, a: Annotation, column: int) -> str:
        match column:
            case 0:
                one = self._classes.get(a.class_id)
                return f"{one.name if one else '?'} #{a.id}"
            case 1:
                item = self._session.media_by_id(a.media_id) if self._session else None
                return item.path if item is not None else "?"
            case 2:
                return f"{a.frame:,}" if a.frame else ""
            case 3:
                return state_text(a.state)
            case 4:
                return "" if a.score is None else f"{a.score:.2f}"
            case 5:
                x1, y1, x2, y2 = a.shape.bounds()
                return "" if a.shape.kind == "tag" else f"{x2 - x1:.0f} × {y2 - y1:.0f}"
            case 6:
                values = a.attributes.items()
                return ", ".join(
                    f"{name}: {value:g}" if isinstance(value, float) else f"{name}: {value}"
                    for name, value in values
                )
        return a.source

    def _swatch(self, colour: str) -> QPixmap:
        if colour not in self._swatches:
            pixmap = QPixmap(12, 12)
            pixmap.fill(QColor(colour))
            self._swatches[colour] = pixmap
        return self._swatches[colour]
