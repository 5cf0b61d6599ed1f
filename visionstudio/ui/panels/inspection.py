"""Facts about the picture shown: size, depth, and a histogram of its source values."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF, QShowEvent
from PySide6.QtWidgets import QCheckBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from visionstudio.model.errors import VisionStudioError
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.ui import theme
from visionstudio.ui.i18n import tr

_BINS = 256
_CHANNELS = {1: ("muted",), 3: ("#e5484d", "#30a46c", "#4c9ffe")}


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """A picture's numbers: counts (channels, bins) and the value range that they span."""

    lines: tuple[str, ...]
    counts: NDArray[np.int64]
    low: float
    high: float


def read_facts(path: Path) -> Facts:
    """The facts of a picture file. Blocks. Raises MediaError."""
    from visionstudio.media.image import read_pixels

    pixels = read_pixels(path)
    values = pixels.values
    planes = values[..., None] if values.ndim == 2 else values[..., :3]
    height, width, channels = planes.shape
    if values.dtype == np.uint8:
        low, high = 0.0, 256.0
    else:
        finite = planes[np.isfinite(planes)] if values.dtype.kind == "f" else planes
        low = float(finite.min()) if finite.size else 0.0
        high = float(finite.max()) if finite.size else 1.0
        high = high if high > low else low + 1.0
    counts = np.stack(
        [np.histogram(planes[..., c], bins=_BINS, range=(low, high))[0] for c in range(channels)]
    )
    lines = (
        f"{width} × {height}, {pixels.mode}, {pixels.bits} bit",
        tr("values {low} – {high}", low=f"{planes.min():g}", high=f"{planes.max():g}"),
        tr(
            "mean {mean}, spread {spread}",
            mean=f"{planes.mean():.4g}",
            spread=f"{planes.std():.4g}",
        ),
    )
    return Facts(lines, counts, low, high)


class Histogram(QWidget):
    """Counts per value, one line per channel, on a square-root scale so that peaks do not hide."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("histogram")
        self.setAccessibleName(tr("Histogram"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._facts: Facts | None = None
        theme.watcher().changed.connect(self.update)

    def show_facts(self, facts: Facts | None) -> None:
        """Draw other counts, or none."""
        self._facts = facts
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 136)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("surface"))
        facts = self._facts
        if facts is None:
            return
        area = self.rect().adjusted(8, 8, -8, -24)
        heights = np.sqrt(facts.counts)
        top = max(float(heights.max()), 1.0)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        names = _CHANNELS.get(len(heights), ("muted",) * len(heights))
        x = area.left() + np.arange(_BINS) * (area.width() / (_BINS - 1))
        for name, row in zip(names, heights, strict=True):
            colour = QColor(name) if name.startswith("#") else theme.colour(name)
            y = area.bottom() - row / top * area.height()
            line = QPolygonF([QPointF(a, b) for a, b in zip(x, y, strict=True)])
            painter.setPen(QPen(colour, 1.4))
            painter.drawPolyline(line)
        painter.setPen(theme.colour("muted"))
        below = self.rect().adjusted(8, 0, -8, -4)
        bottom = Qt.AlignmentFlag.AlignBottom
        painter.drawText(below, bottom | Qt.AlignmentFlag.AlignLeft, f"{facts.low:g}")
        painter.drawText(below, bottom | Qt.AlignmentFlag.AlignRight, f"{facts.high:g}")


class InspectionPanel(QWidget):
    """Reads in a thread, and only while it is visible; the newest picture wins."""

    def __init__(
        self, post: Callable[[Callable[[], None]], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("inspectionPanel")
        self._post = post
        self._wanted: tuple[MediaItem, Path] | None = None
        self._shown: int | None = None
        self._thread: threading.Thread | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        self.name = QLabel()
        self.name.setObjectName("inspectionName")
        self.name.setWordWrap(True)
        self.name.setProperty("role", "heading")
        self.histogram = Histogram()
        self.lines = QLabel()
        self.lines.setObjectName("inspectionFacts")
        self.lines.setProperty("role", "muted")
        self.lines.setWordWrap(True)
        self.lines.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.contrast = QCheckBox(tr("Auto-contrast"))
        self.contrast.setObjectName("inspectionContrast")
        self.contrast.setAccessibleName(tr("Auto-contrast"))
        for label in (self.name, self.lines):
            label.setTextFormat(Qt.TextFormat.PlainText)
            # A long name is no reason for a wide panel.
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        for widget in (self.name, self.histogram, self.lines, self.contrast):
            layout.addWidget(widget)
        layout.addStretch(1)

    def show_item(self, item: MediaItem | None, path: Path | None) -> None:
        """What is on screen now."""
        self._wanted = (item, path) if item is not None and path is not None else None
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._refresh()

    def _refresh(self) -> None:
        if not self.isVisible():
            return
        if self._wanted is None:
            self._show("", None, "")
            return
        item, path = self._wanted
        if item.kind is not MediaKind.IMAGE:
            self._shown = item.id
            text = tr(
                "{size}, {frames} frames", size=f"{item.width} × {item.height}", frames=item.frames
            )
            self._show(item.name, None, text)
        elif item.id != self._shown and self._thread is None:
            self._thread = threading.Thread(
                target=self._read, args=(item, path), name="inspection", daemon=True
            )
            self._thread.start()

    def _read(self, item: MediaItem, path: Path) -> None:
        facts, text = None, ""
        try:
            facts = read_facts(path)
        except VisionStudioError as error:
            text = str(error)
        except (MemoryError, ValueError) as error:
            text = str(error)
        self._post(lambda: self._came(item, facts, text))

    def _came(self, item: MediaItem, facts: Facts | None, text: str) -> None:
        self._thread = None
        self._shown = item.id
        if self._wanted is not None and self._wanted[0].id == item.id:
            self._show(item.name, facts, "\n".join(facts.lines) if facts else text)
        else:
            self._refresh()

    def _show(self, name: str, facts: Facts | None, text: str) -> None:
        self.name.setText(name)
        self.name.setToolTip(html.escape(name))
        self.lines.setText(text)
        self.histogram.show_facts(facts)

    def close_threads(self) -> None:
        """Before the window goes."""
        self._wanted = None
        if self._thread is not None:
            self._thread.join()
            self._thread = None
