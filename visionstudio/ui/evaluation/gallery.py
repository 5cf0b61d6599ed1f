"""A grid of cut-outs, one for each case; those in sight are cut out in the background."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QListView, QWidget

from visionstudio.engine.evaluation.crops import crop, frame_of
from visionstudio.engine.evaluation.evaluation import Case, Evaluation
from visionstudio.engine.frames import FrameReader
from visionstudio.model.errors import VisionStudioError
from visionstudio.ui.evaluation.texts import case_detail, case_title
from visionstudio.ui.i18n import tr

_log = logging.getLogger(__name__)
_SIDE = 132
_WAITING = 60  # wishes of rows that were scrolled past are forgotten
_KEPT = 1000
Index = QModelIndex | QPersistentModelIndex


class _Cutter(QObject):
    """Cuts cases out of their pictures in a thread, the newest wish first."""

    ready = Signal(int, object, int)  # row, QImage or None, round

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._waiting: OrderedDict[int, tuple[Evaluation, Case]] = OrderedDict()
        self._wake = threading.Condition()
        self._closed = False
        self._round = 0
        self._thread: threading.Thread | None = None

    def want(self, row: int, evaluation: Evaluation, case: Case) -> None:
        with self._wake:
            self._waiting[row] = evaluation, case
            self._waiting.move_to_end(row)
            while len(self._waiting) > _WAITING:
                self._waiting.popitem(last=False)
            self._wake.notify()
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._run, name="cases", daemon=True)
            self._thread.start()

    def forget(self) -> int:
        """Drop all wishes; the number of the round that begins."""
        with self._wake:
            self._waiting.clear()
            self._round += 1
            return self._round

    def close(self) -> None:
        """Stop the thread and wait for it."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        reader = FrameReader()
        last: tuple[str, object] | None = None  # cases of one picture often follow each other
        try:
            while True:
                with self._wake:
                    while not self._waiting and not self._closed:
                        self._wake.wait()
                    if self._closed:
                        return
                    row, (evaluation, case) = self._waiting.popitem(last=True)
                    number = self._round
                image = None
                try:
                    picture = evaluation.pictures[case.picture]
                    key = f"{picture.file}#{picture.frame}"
                    if last is None or last[0] != key:
                        last = key, reader.read(frame_of(picture))
                    image = _qimage(crop(last[1], case, _SIDE))  # type: ignore[arg-type]
                except VisionStudioError:
                    image = None
                except Exception:
                    _log.exception("cut-out of a case")
                if self._closed:
                    return
                self.ready.emit(row, image, number)
        finally:
            reader.close()


def _qimage(rgb: object) -> QImage:
    """The picture in the middle of a square, so that the grid is even."""
    import numpy as np

    pixels = np.asarray(rgb, np.uint8)
    height, width = pixels.shape[:2]
    square = np.zeros((_SIDE, _SIDE, 4), np.uint8)
    top, left = (_SIDE - height) // 2, (_SIDE - width) // 2
    square[top : top + height, left : left + width, :3] = pixels
    square[top : top + height, left : left + width, 3] = 255
    # A copy: the array goes away with this call.
    return QImage(square.data, _SIDE, _SIDE, 4 * _SIDE, QImage.Format.Format_RGBA8888).copy()


class _CaseModel(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._evaluation: Evaluation | None = None
        self._cases: Sequence[Case] = ()
        self._icons: OrderedDict[int, QIcon] = OrderedDict()
        self._empty = QPixmap(_SIDE, _SIDE)
        self._empty.fill(Qt.GlobalColor.transparent)
        self._number = 0
        self.cutter = _Cutter(self)
        self.cutter.ready.connect(self._keep)

    def show(self, evaluation: Evaluation | None, cases: Sequence[Case]) -> None:
        self.beginResetModel()
        self._evaluation, self._cases = evaluation, cases
        self._icons.clear()
        self._number = self.cutter.forget()
        self.endResetModel()

    def case(self, row: int) -> Case:
        return self._cases[row]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else len(self._cases)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        evaluation = self._evaluation
        if evaluation is None or not index.isValid():
            return None
        case = self._cases[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            detail = case_detail(case)
            return (
                f"{case_title(evaluation, case)}\n{detail}"
                if detail
                else case_title(evaluation, case)
            )
        if role == Qt.ItemDataRole.ToolTipRole:
            picture = evaluation.pictures[case.picture]
            return f"{case_title(evaluation, case)}\n{picture.path}"
        if role == Qt.ItemDataRole.DecorationRole:
            icon = self._icons.get(index.row())
            if icon is None:
                self.cutter.want(index.row(), evaluation, case)
                return self._empty
            return icon
        return None

    def _keep(self, row: int, image: QImage | None, number: int) -> None:
        if number != self._number or row >= len(self._cases):
            return
        pixmap = QPixmap.fromImage(image) if image is not None else self._empty
        self._icons[row] = QIcon(pixmap)
        while len(self._icons) > _KEPT:
            self._icons.popitem(last=False)
        place = self.index(row)
        self.dataChanged.emit(place, place, [Qt.ItemDataRole.DecorationRole])


class CaseGallery(QListView):
    """Cases as pictures; a click or Enter on one tells its picture and where to look."""

    chosen = Signal(object, object)  # Picture, Case

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(tr("Cases"))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setWordWrap(True)
        self.setIconSize(QSize(_SIDE, _SIDE))
        line = self.fontMetrics().lineSpacing()
        self.setGridSize(QSize(_SIDE + 24, _SIDE + 2 * line + 20))
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self._evaluation: Evaluation | None = None
        self._cases = _CaseModel(self)
        self.setModel(self._cases)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)

    def show_cases(self, evaluation: Evaluation | None, cases: Sequence[Case]) -> None:
        """Show other cases, in their order."""
        self._evaluation = evaluation
        self._cases.show(evaluation, cases)
        self.scrollToTop()

    @property
    def count(self) -> int:
        """How many cases there are."""
        return self._cases.rowCount()

    def close_threads(self) -> None:
        """Stop cutting out."""
        self._cases.cutter.close()

    def _choose(self, index: QModelIndex) -> None:
        if self._evaluation is not None:
            case = self._cases.case(index.row())
            self.chosen.emit(self._evaluation.pictures[case.picture], case)
