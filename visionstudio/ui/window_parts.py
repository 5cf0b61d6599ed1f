"""What the window is made of: centre, panels, bars, and their layout."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDockWidget,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QStackedWidget,
    QTextEdit,
    QWidget,
)

from visionstudio.session.jobs import Jobs
from visionstudio.session.models import Models
from visionstudio.settings.store import Settings
from visionstudio.ui.actions import ActionSet
from visionstudio.ui.below import Below
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.i18n import tr
from visionstudio.ui.palette import Palette
from visionstudio.ui.panels.classes import ClassPanel
from visionstudio.ui.panels.device import DeviceButton
from visionstudio.ui.panels.inspection import InspectionPanel
from visionstudio.ui.panels.jobs import JobStrip
from visionstudio.ui.panels.media import MediaPanel
from visionstudio.ui.panels.objects import ObjectsPanel
from visionstudio.ui.posting import Poster
from visionstudio.ui.statusbar import StatusBar
from visionstudio.ui.toast import Toasts
from visionstudio.ui.toolbar import ToolBar
from visionstudio.ui.viewer import Viewer
from visionstudio.ui.welcome import Welcome

if TYPE_CHECKING:
    from visionstudio.session.model_files import ModelFiles
    from visionstudio.ui.grid.panel import MediaGrid
    from visionstudio.ui.panels.model import ModelPanel

_SIZE = (1600, 1000)
_LEFT, _RIGHT, _BELOW = 240, 272, 240


class WindowParts(QMainWindow):
    """The widgets, by name, without anything that acts on a project."""

    def __init__(
        self,
        settings: Settings,
        models: Models,
        jobs: Jobs,
        poster: Poster,
        run: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle("VisionStudio")
        self.settings = settings
        self.models = models
        self.jobs = jobs
        self._poster = poster
        self._folded: list[QDockWidget] = []
        self._late: list[QDockWidget] = []  # below the picture, made when first wanted
        self.actions_ = ActionSet(self, run, settings.note("keys", {}))
        self._build_centre()
        self._build_docks()
        self._build_bars()
        self.toasts = Toasts(self)
        self.palette_ = Palette(self, self.actions_, run)
        self._resize_first()

    @cached_property
    def model_files(self) -> ModelFiles:
        """The weights files of all models, once somebody looks at them."""
        from visionstudio.session.model_files import ModelFiles

        return ModelFiles(self.models, self.jobs)

    def _build_centre(self) -> None:
        self.welcome = Welcome()
        self.viewer = Viewer()
        self._centre = QStackedWidget()
        self._centre.setObjectName("centre")
        self._centre.addWidget(self.welcome)
        self._centre.addWidget(self.viewer)
        self.setCentralWidget(self._centre)

    def _build_docks(self) -> None:
        self.media_panel = MediaPanel(int(self.settings.get("thumbnail_size") or 48))
        self.class_panel = ClassPanel()
        self.object_panel = ObjectsPanel()
        self.inspection_panel = InspectionPanel(self._poster.post, self.viewer.display)
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        self.media_dock = self._dock("mediaDock", tr("Media"), self.media_panel, left)
        self.class_dock = self._dock("classDock", tr("Classes"), self.class_panel, left)
        self.object_dock = self._dock("objectDock", tr("Objects"), self.object_panel, right)
        self.inspection_dock = self._dock(
            "inspectionDock", tr("Inspection"), self.inspection_panel, right
        )
        self.inspection_dock.visibilityChanged.connect(self.inspection_panel.come_to_front)
        self.model_dock = self._dock("modelDock", tr("Model"), None, right)
        below = Qt.DockWidgetArea.BottomDockWidgetArea
        self.results_dock = self._dock("resultsDock", tr("Results"), None, below)
        self.results_dock.hide()
        self._below = Below(self)
        self._below.add(self.results_dock)
        self._keep_corners()
        for dock in (self.object_dock, self.inspection_dock):
            dock.setTitleBarWidget(QWidget(dock))  # the tab says it already
        self.setDockOptions(
            QMainWindow.DockOption.AnimatedDocks | QMainWindow.DockOption.AllowTabbedDocks
        )
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, self.tabPosition(left).North)
        self._default_layout()

    def _dock(
        self, name: str, title: str, panel: QWidget | None, area: Qt.DockWidgetArea
    ) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(name)
        if panel is not None:
            dock.setWidget(panel)
        self.addDockWidget(area, dock)
        return dock

    @cached_property
    def new_model_panel(self) -> ModelPanel:
        """Made for the first project: what models need costs a third of the start."""
        from visionstudio.ui.panels.model import ModelPanel

        return ModelPanel()

    @cached_property
    def model_panel(self) -> ModelPanel:
        """The same, at its place in the window."""
        panel = self.new_model_panel
        self.model_dock.setWidget(panel)
        self._connect_models(panel)
        return panel

    @cached_property
    def grid(self) -> MediaGrid:
        """Made when it is first shown."""
        from visionstudio.ui.grid.panel import MediaGrid

        grid = MediaGrid(self.media_panel.model)
        side = self.settings.note("grid_side")
        if isinstance(side, int):
            grid.view.set_side(side)
        grid.side_chosen.connect(lambda chosen: self.settings.remember("grid_side", chosen))
        self._centre.addWidget(grid)
        self._connect_grid(grid)
        return grid

    @property
    def shown_grid(self) -> MediaGrid | None:
        """The grid while it is shown in the place of the picture."""
        made = "grid" in self.__dict__
        return self.grid if made and self._centre.currentWidget() is self.grid else None

    def _connect_grid(self, grid: MediaGrid) -> None:
        raise NotImplementedError

    def _connect_models(self, panel: ModelPanel) -> None:
        raise NotImplementedError

    def stand_below(self, dock: QDockWidget, height: int) -> None:
        """Put a panel made late where it was; at first below the picture, as one of its tabs.

        Panels beside each other would together be wider than a small window.
        """
        self._late.append(dock)
        self._below.add(dock)
        if self.restoreDockWidget(dock):
            return
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, dock)
        self.tabifyDockWidget(self.results_dock, dock)
        self.resizeDocks([dock], [height], Qt.Orientation.Vertical)

    @property
    def docks(self) -> tuple[QDockWidget, ...]:
        return (
            self.media_dock,
            self.class_dock,
            self.object_dock,
            self.inspection_dock,
            self.model_dock,
        )

    def _keep_corners(self) -> None:
        """What is below is below the picture only: the lists at the sides keep their height."""
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        self.setCorner(Qt.Corner.BottomLeftCorner, left)
        self.setCorner(Qt.Corner.BottomRightCorner, right)

    def _default_layout(self) -> None:
        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        for dock in (*self.docks, self.results_dock):
            if dock.isFloating():  # even where it is not, the call takes a millisecond
                dock.setFloating(False)
        self.results_dock.hide()
        self.addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, self.results_dock)
        for dock in self._late:
            dock.setFloating(False)
            dock.hide()
            self.tabifyDockWidget(self.results_dock, dock)
        self.resizeDocks([self.results_dock], [_BELOW], Qt.Orientation.Vertical)
        self.addDockWidget(left, self.media_dock)
        self.addDockWidget(left, self.class_dock)
        self.addDockWidget(right, self.object_dock)
        self.addDockWidget(right, self.model_dock)
        self.tabifyDockWidget(self.object_dock, self.inspection_dock)
        self.object_dock.raise_()
        across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
        self.resizeDocks([self.media_dock, self.object_dock], [_LEFT, _RIGHT], across)
        self.resizeDocks([self.media_dock, self.class_dock], [620, 280], down)
        self.resizeDocks([self.object_dock, self.model_dock], [420, 480], down)

    def _build_bars(self) -> None:
        menus = self.actions_.fill(self.menuBar())
        self.recent_menu = menus["File"].addMenu(tr("Open recent"))
        self.recent_menu.setObjectName("menu_recent")
        menus["File"].insertMenu(self.actions_["file.open_sample"], self.recent_menu)
        self.device_button = DeviceButton(self.models)
        self.menuBar().setCornerWidget(self.device_button, Qt.Corner.TopRightCorner)
        self.tools = ToolBar(self, self.actions_)
        self.addToolBar(Qt.ToolBarArea.LeftToolBarArea, self.tools)
        self.status = StatusBar()
        self.setStatusBar(self.status)
        self.job_strip = JobStrip(self.jobs)
        self.status.add_right(self.job_strip)

    def _resize_first(self) -> None:
        geometry = self.settings.note("geometry")
        if not geometry or not self.restoreGeometry(QByteArray.fromBase64(geometry.encode())):
            room = self.screen().availableGeometry()
            # With room for the frame; on a smaller screen all of it is used.
            if room.width() > _SIZE[0] + 32 and room.height() > _SIZE[1] + 64:
                self.resize(*_SIZE)
            else:
                self.resize(room.width() - 32, room.height() - 64)
                self.setWindowState(Qt.WindowState.WindowMaximized)

    def toast(self, text: str, level: str = "info") -> None:
        """Say something without stopping anybody."""
        self.toasts.show(text, level)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.toasts.place()

    # Layout

    def bring(self, dock: QDockWidget, focus: QWidget) -> None:
        """Show a panel and give it the keyboard; hide it when it has it already."""
        if dock.isVisible() and focus.hasFocus():
            dock.hide()
            self.viewer.focus_canvas()
        else:
            dock.show()
            dock.raise_()
            focus.setFocus()

    def toggle_panels(self) -> None:
        """Fold all panels away, or bring back those that were."""
        every = (*self.docks, self.results_dock, *self._late)
        shown = [dock for dock in every if not dock.isHidden()]
        if shown:
            self._folded = shown
            for dock in shown:
                dock.hide()
        else:
            for dock in self._folded or self.docks:
                dock.show()
            self._folded = []

    def reset_layout(self) -> None:
        """The layout of the first start."""
        for dock in self.docks:
            dock.show()
        self._default_layout()


def spare_typing(event: QKeyEvent) -> None:
    """Keys without Ctrl belong to a field or button that has the keyboard, not to actions."""
    focus = QApplication.focusWidget()
    modifiers = Qt.KeyboardModifier
    plain = not event.modifiers() & (
        modifiers.ControlModifier | modifiers.AltModifier | modifiers.MetaModifier
    )
    key = Qt.Key(event.key())
    tab = key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab)
    if plain and tab and not isinstance(focus, Canvas):
        event.accept()  # goes through the widgets; in the picture through its objects
        return
    if not plain or Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35:
        return
    fields = QLineEdit | QAbstractSpinBox | QPlainTextEdit | QTextEdit
    if key == Qt.Key.Key_Escape and isinstance(focus, QLineEdit | QAbstractSpinBox):
        return  # leads back to the picture
    presses = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
    is_button = isinstance(focus, QAbstractButton | QComboBox) and key in presses
    if isinstance(focus, fields) or is_button:
        event.accept()
