"""Tabs below the picture: profile, measurements, figures of objects, metadata."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDockWidget,
    QLabel,
    QMainWindow,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from visionstudio.ui.i18n import tr
from visionstudio.ui.panels.results.profile import ProfileView
from visionstudio.ui.panels.results.table import ResultTable

TABS = ("profile", "measurements", "regions", "metadata")
_HEIGHT = 250
SCOPES = ("picture", "selected", "all")


class ResultsPanel(QWidget):
    """The widgets; whoever owns it fills them."""

    tab_shown = Signal(str)
    """One of TABS has come to the front, or the panel has been shown with it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("resultsPanel")
        self.tabs = QTabWidget()
        self.tabs.setObjectName("resultsTabs")
        self.tabs.setAccessibleName(tr("Results"))
        self.profile = ProfileView()
        self.measurements = ResultTable(
            "measurements",
            tr("Measurements"),
            tr("Nothing has been measured: press M and draw a line in the picture"),
        )
        self.regions = ResultTable(
            "regions",
            tr("Figures of the objects"),
            tr("Measure tells area, perimeter and values of every object"),
        )
        self.metadata = ResultTable(
            "metadata", tr("Metadata of the file"), tr("The file says nothing about itself")
        )
        titles = (tr("Profile"), tr("Measurements"), tr("Objects"), tr("Metadata"))
        views = (self.profile, self.measurements, self.regions, self.metadata)
        for view, title in zip(views, titles, strict=True):
            self.tabs.addTab(view, title)
        self.scale = QLabel()
        self.scale.setObjectName("measurementsScale")
        self.scale.setProperty("role", "muted")
        self.measurements.add_widget(self.scale)
        self.delete = self.measurements.button("measurementsDelete", tr("Delete"))
        self.measurements.add_widget(self.delete)
        self.scope = QComboBox()
        self.scope.setObjectName("regionsScope")
        self.scope.setAccessibleName(tr("Which objects"))
        for name, title in zip(
            SCOPES,
            (tr("Objects of this picture"), tr("Selected objects"), tr("Objects of all pictures")),
            strict=True,
        ):
            self.scope.addItem(title, name)
        self.measure = self.regions.button("regionsMeasure", tr("Measure"))
        self.regions.add_widget(self.scope)
        self.regions.add_widget(self.measure)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.tabs)
        self.tabs.currentChanged.connect(lambda n: self.tab_shown.emit(TABS[n]))

    def show_tab(self, name: str) -> None:
        """Bring a tab to the front, and the panel with it."""
        dock = self.parent()
        if isinstance(dock, QDockWidget):
            fresh = dock.isHidden()
            dock.show()
            dock.raise_()
            window = dock.parent()
            if fresh and isinstance(window, QMainWindow):
                # Plots and tables would like half of the window.
                window.resizeDocks([dock], [_HEIGHT], Qt.Orientation.Vertical)
        if self.tabs.currentIndex() == TABS.index(name):
            self.tab_shown.emit(name)
        else:
            self.tabs.setCurrentIndex(TABS.index(name))
