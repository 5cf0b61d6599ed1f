"""Plots in the colours of the theme."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QWidget


def framed_plot(owner: QWidget, x: str, y: str) -> pg.PlotWidget:
    """A plot that stands still, with named axes."""
    ink = owner.palette().color(QPalette.ColorRole.Text)
    plot = pg.PlotWidget(background=owner.palette().color(QPalette.ColorRole.Base))
    plot.setLabel("bottom", x, color=ink.name())
    plot.setLabel("left", y, color=ink.name())
    plot.setMenuEnabled(False)
    plot.hideButtons()
    plot.showGrid(x=True, y=True, alpha=0.15)
    plot.setMouseEnabled(False, False)
    plot.setAccessibleName(y or x)
    for side in ("left", "bottom"):
        plot.getAxis(side).setPen(ink)
        plot.getAxis(side).setTextPen(ink)
    return plot
