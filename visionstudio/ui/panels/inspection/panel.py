"""Facts about the picture shown: size, depth, histogram, figures; and how it is shown."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QComboBox,
    QGridLayout,
    QHeaderView,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.errors import VisionStudioError
from visionstudio.model.shapes import Shape
from visionstudio.session.latest import Latest
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.display_control import DisplayControl
from visionstudio.ui.inspect.numbers import number
from visionstudio.ui.panels.inspection.display_box import DisplayBox
from visionstudio.ui.panels.inspection.histogram import SCALES, HistogramView

if TYPE_CHECKING:
    from visionstudio.media.image import Pixels
    from visionstudio.media.statistics import Histogram

_WAIT_MS = 60  # selections and frames come in bursts


@dataclass(frozen=True, slots=True)
class Subject:
    """What the panel speaks of: a name, the picture's facts, and the selected shapes."""

    name: str = ""
    facts: str = ""
    shapes: tuple[Shape, ...] = ()


class InspectionPanel(QWidget):
    """Counts in a thread, and only while somebody can see it; the newest picture wins."""

    def __init__(
        self,
        post: Callable[[Callable[[], None]], None],
        control: DisplayControl,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("inspectionPanel")
        self._control = control
        self._subject = Subject()
        self._front = False
        self._counted: tuple[Any, ...] | None = None
        self._latest = Latest(post, "inspection")
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_WAIT_MS)
        self._wait.timeout.connect(self._count)
        self._build()
        control.shown_changed.connect(self._picture_changed)
        control.changed.connect(self._follow)

    def _build(self) -> None:
        self.name = self._label("inspectionName", "heading")
        self.lines = self._label("inspectionFacts", "muted")
        self.lines.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.histogram = HistogramView()
        self.region = QComboBox()
        self.region.setObjectName("histogramRegion")
        self.region.setAccessibleName(tr("What is counted"))
        self.region.addItems([tr("Whole picture"), tr("Selected objects")])
        self.scale = QComboBox()
        self.scale.setObjectName("histogramScale")
        self.scale.setAccessibleName(tr("Scale of the counts"))
        for scale in SCALES:
            self.scale.addItem(tr(scale), scale)
        self.scale.setCurrentIndex(1)
        self.display = DisplayBox(self._control)
        self.figures = FigureTable()
        counts = QGridLayout()
        counts.setSpacing(6)
        counts.setColumnStretch(1, 1)
        # One below the other: beside each other neither could be read in a narrow panel.
        for row, (title, combo) in enumerate(
            ((tr("Counted"), self.region), (tr("Counts"), self.scale))
        ):
            label = QLabel(title)
            label.setProperty("role", "muted")
            label.setBuddy(combo)
            combo.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            counts.addWidget(label, row, 0)
            counts.addWidget(combo, row, 1)

        inside = QWidget()
        inside.setObjectName("inspectionInside")
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        for widget in (self.name, self.lines, self.histogram):
            column.addWidget(widget)
        column.addLayout(counts)
        column.addWidget(self.display)
        column.addWidget(self.figures)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setObjectName("inspectionScroll")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

        self.histogram.window_dragged.connect(self.display.drag_window)
        self.histogram.auto_wanted.connect(lambda: self._control.set_auto(True))
        self.scale.activated.connect(
            lambda _: self.histogram.set_scale(str(self.scale.currentData()))
        )
        self.region.activated.connect(lambda _: self._refresh())

    def _label(self, name: str, role: str) -> QLabel:
        label = QLabel()
        label.setObjectName(name)
        label.setProperty("role", role)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        # A long name is no reason for a wide panel.
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        return label

    # -- what it speaks of

    def show_subject(self, subject: Subject) -> None:
        """What is on screen now, and what is selected in it."""
        self._subject = subject
        self.name.setText(subject.name)
        self.name.setToolTip(html.escape(subject.name))
        self.lines.setText(subject.facts)
        self._refresh()

    def show_selection(self, shapes: Sequence[Shape]) -> None:
        """Other objects are selected."""
        self._subject = Subject(self._subject.name, self._subject.facts, tuple(shapes))
        if self.region.currentIndex() == 1:
            self._refresh()

    def _picture_changed(self) -> None:
        self._follow()
        self._refresh()

    def _follow(self) -> None:
        if self._is_seen:
            self.histogram.set_window(*self.display.window_shown())
            self.display.follow()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._picture_changed()

    def come_to_front(self, front: bool) -> None:
        """Its dock, one of several tabs, has come to the front or gone from there."""
        self._front = front
        self._picture_changed()

    @property
    def _is_seen(self) -> bool:
        """Qt calls a panel visible that lies behind another tab, outside the window."""
        return self.isVisible() and (self._front or not self.visibleRegion().isEmpty())

    def _refresh(self) -> None:
        if self._is_seen and not self._wait.isActive():
            self._wait.start()

    def _count(self) -> None:
        """Have the histogram counted where it is not the one that is shown."""
        picture = self._control.picture
        whole = picture is not None and picture.has_values
        if picture is None or not whole or not self._is_seen:
            if picture is None:
                self._latest.drop()
                self._counted = None
                self.histogram.show_histogram(None)
                self.figures.show_histogram(None)
            return
        pixels = picture.pixels
        shapes = self._subject.shapes if self.region.currentIndex() == 1 else None
        wanted = (id(pixels), shapes)
        if wanted == self._counted:
            return

        def done(found: Histogram | VisionStudioError) -> None:
            self._counted = wanted
            counted = None if isinstance(found, VisionStudioError) else found
            self.histogram.show_histogram(counted)
            self.histogram.set_window(*self.display.window_shown())
            self.figures.show_histogram(counted)

        self._latest.want(lambda: _counted(pixels, shapes), done)

    def close_threads(self) -> None:
        """Before the window goes."""
        self._wait.stop()
        self._latest.close()


def _counted(pixels: Pixels, shapes: Sequence[Shape] | None) -> Histogram:
    from visionstudio.media.statistics import histogram
    from visionstudio.model.shape_pixels import to_mask

    if shapes is None:
        return histogram(pixels)
    height, width = pixels.values.shape[:2]
    mask = np.zeros((height, width), bool)
    for shape in shapes:
        mask |= to_mask(shape, height, width)
    return histogram(pixels, mask)


class FigureTable(QTableWidget):
    """Mean, deviation, extremes and percentiles of every channel; can be copied."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("histogramFigures")
        self.setAccessibleName(tr("Figures of the values"))
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.verticalHeader().setDefaultSectionSize(22)
        self.setShowGrid(False)
        copy = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self)
        copy.setContext(Qt.ShortcutContext.WidgetShortcut)
        copy.activated.connect(self._copy)
        self.hide()

    def show_histogram(self, histogram: Histogram | None) -> None:
        """The figures of a histogram, or none."""
        self.setVisible(histogram is not None)
        if histogram is None:
            return
        rows = (
            (tr("pixels"), "count"),
            (tr("mean"), "mean"),
            (tr("st. dev."), "sd"),
            (tr("minimum"), "minimum"),
            (tr("maximum"), "maximum"),
            (tr("median"), "median"),
            (tr("1 %"), "p1"),
            (tr("99 %"), "p99"),
        )
        self.setRowCount(len(rows))
        self.setColumnCount(len(histogram.channels))
        self.setHorizontalHeaderLabels([c.name for c in histogram.channels])
        self.setVerticalHeaderLabels([title for title, _ in rows])
        for r, (_, name) in enumerate(rows):
            for c, channel in enumerate(histogram.channels):
                item = QTableWidgetItem(number(float(getattr(channel, name)), 5))
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(r, c, item)
        height = self.horizontalHeader().sizeHint().height() + 22 * len(rows) + 4
        self.setFixedHeight(height)

    def _copy(self) -> None:
        lines = []
        for r in range(self.rowCount()):
            title = self.verticalHeaderItem(r)
            cells = [self.item(r, c) for c in range(self.columnCount())]
            texts = [title.text() if title else "", *(i.text() if i else "" for i in cells)]
            lines.append("\t".join(texts))
        QApplication.clipboard().setText("\n".join(lines))
