"""Training curves: losses above, figures between 0 and 1 below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyqtgraph as pg
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QVBoxLayout, QWidget

from visionstudio.model.labels import PALETTE
from visionstudio.ui.i18n import tr

Curve = Sequence[tuple[int, float]]
_HIDDEN = {"lr", "epoch", "waiting"}


def is_loss(name: str) -> bool:
    """Whether a metric belongs to the losses, which have no upper bound."""
    return "loss" in name.lower()


class Curves(QWidget):
    """Two plots that share the step axis. `show_curves` replaces what they hold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("trainingCurves")
        self.setAccessibleName(tr("Training curves"))
        palette = self.palette()
        ink = palette.color(QPalette.ColorRole.Text)
        paper = palette.color(QPalette.ColorRole.Base)
        veil = QColor(paper)
        veil.setAlpha(200)  # lines shine through the legend, but its names can be read
        self._plots = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for kind, title in (("loss", tr("Loss")), ("metric", tr("Validation"))):
            plot = pg.PlotWidget(background=paper)
            plot.setLabel("left", title, color=ink.name())
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.showGrid(x=False, y=True, alpha=0.15)
            plot.addLegend(offset=(-8, 8), labelTextColor=ink, brush=pg.mkBrush(veil))
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(ink)
                plot.getAxis(side).setTextPen(ink)
            layout.addWidget(plot, 1)
            self._plots[kind] = plot
        self._plots["metric"].setLabel("bottom", tr("Step"), color=ink.name())
        self._plots["metric"].setYRange(0, 1, padding=0.02)
        self._lines: dict[str, pg.PlotDataItem] = {}

    def show_curves(self, curves: Mapping[str, Curve]) -> None:
        """Draw (step, value) points by metric name."""
        for name, points in curves.items():
            if name in _HIDDEN or not points:
                continue
            line = self._lines.get(name) or self._add_line(name)
            steps, values = zip(*points, strict=True)
            line.setData(list(steps), list(values))
            if not is_loss(name) and max(values) > 1:
                self._plots["metric"].enableAutoRange(y=True)

    def _add_line(self, name: str) -> pg.PlotDataItem:
        plot = self._plots["loss" if is_loss(name) else "metric"]
        colour = PALETTE[len(plot.listDataItems()) % len(PALETTE)]
        few = not is_loss(name)
        line = plot.plot(
            name=name,
            pen=pg.mkPen(colour, width=2),
            symbol="o" if few else None,
            symbolSize=5,
            symbolBrush=colour,
            symbolPen=None,
        )
        self._lines[name] = line
        return line

    def clear(self) -> None:
        """Forget all curves."""
        for plot in self._plots.values():
            plot.clear()
        self._lines.clear()
