"""The values along a line, as curves."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from visionstudio.ui import theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.numbers import number
from visionstudio.ui.panels.inspection.histogram import channel_colour


class ProfileView(QWidget):
    """One curve per channel over the distance in the unit of the scale."""

    export_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("profileView")
        self.distance: NDArray[np.float64] = np.zeros(0)
        self.values: NDArray[np.float64] = np.zeros((0, 0))
        self.names: tuple[str, ...] = ()
        self.unit = "px"
        self.plot = pg.PlotWidget()
        self.plot.setObjectName("profilePlot")
        self.plot.setAccessibleName(tr("Values along the line"))
        self.plot.setMenuEnabled(False)
        self.plot.showGrid(x=True, y=True, alpha=0.2)
        self.text = QLabel(tr("Draw a line with K to see the values along it."))
        self.text.setObjectName("profileText")
        self.text.setProperty("role", "muted")
        self.export_button = QPushButton(tr("Export CSV…"))
        self.export_button.setObjectName("profileExport")
        self.export_button.setAccessibleName(tr("Export CSV…"))
        self.export_button.setEnabled(False)
        self.export_button.clicked.connect(self.export_wanted)
        row = QHBoxLayout()
        row.addWidget(self.text, 1)
        row.addWidget(self.export_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self.plot, 1)
        self._curves: list[pg.PlotDataItem] = []
        theme.watcher().changed.connect(self._colour)
        self._colour()

    def _colour(self) -> None:
        self.plot.setBackground(theme.colour("surface"))
        for side in ("left", "bottom"):
            axis = self.plot.getAxis(side)
            axis.setPen(theme.colour("muted"))
            axis.setTextPen(theme.colour("muted"))
        self._pen_curves()

    def _pen_curves(self) -> None:
        for n, curve in enumerate(self._curves):
            curve.setPen(pg.mkPen(channel_colour(n, len(self._curves)), width=1.6))

    def show_profile(
        self,
        distance: NDArray[np.float64],
        values: NDArray[np.float64],
        names: Sequence[str],
        unit: str,
    ) -> None:
        """Distances (n,) in `unit` and values (n, C)."""
        self.distance, self.values, self.names, self.unit = distance, values, tuple(names), unit
        while len(self._curves) < values.shape[1]:
            self._curves.append(self.plot.plot([], []))
        for curve in self._curves[values.shape[1] :]:
            self.plot.removeItem(curve)
        del self._curves[values.shape[1] :]
        for n, curve in enumerate(self._curves):
            curve.setData(distance, values[:, n], connect="finite")
        self._pen_curves()
        self.plot.setLabel("bottom", tr("distance ({unit})", unit=unit))
        self.export_button.setEnabled(len(distance) > 0)
        parts = [tr("length {length} {unit}", length=number(float(distance[-1])), unit=unit)]
        for n, name in enumerate(self.names):
            inside = values[:, n][np.isfinite(values[:, n])]
            if len(inside):
                low, high, mean = inside.min(), inside.max(), inside.mean()
                parts.append(f"{name}: {number(low, 4)} – {number(high, 4)}, ø {number(mean, 4)}")
        self.text.setText("   ".join(parts))

    def csv(self) -> str:
        """The samples, a row each."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([f"distance_{self.unit}", *self.names])
        for d, row in zip(self.distance, self.values, strict=True):
            cells = ["" if not np.isfinite(v) else f"{v:.10g}" for v in row]
            writer.writerow([f"{d:.10g}", *cells])
        return out.getvalue()
