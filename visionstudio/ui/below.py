"""The panels below the picture: as tabs they need no titles, but a way to be closed."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QDockWidget, QMainWindow, QTabBar, QWidget


class Below(QObject):
    """A panel alone has its title; several are tabs that say it already and can be closed."""

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._docks: list[QDockWidget] = []
        self._wait = QTimer(self)  # several change with one layout
        self._wait.setSingleShot(True)
        self._wait.setInterval(0)
        self._wait.timeout.connect(self._arrange)

    def add(self, dock: QDockWidget) -> None:
        """Look after a panel."""
        self._docks.append(dock)
        dock.visibilityChanged.connect(lambda _: self._wait.start())
        dock.topLevelChanged.connect(lambda _: self._wait.start())
        dock.dockLocationChanged.connect(lambda _: self._wait.start())

    def _arrange(self) -> None:
        for dock in self._docks:
            beside = self._window.tabifiedDockWidgets(dock)
            is_tab = not dock.isFloating() and any(not other.isHidden() for other in beside)
            plain = dock.titleBarWidget() is not None
            if is_tab and not plain:
                dock.setTitleBarWidget(QWidget(dock))
            elif not is_tab and plain:
                empty = dock.titleBarWidget()
                dock.setTitleBarWidget(None)  # type: ignore[arg-type]  # Qt's own again
                empty.deleteLater()
        titles = {dock.windowTitle() for dock in self._docks}
        for bar in self._bars():
            ours = {bar.tabText(n) for n in range(bar.count())} <= titles
            if bar.tabsClosable() != ours:
                bar.setTabsClosable(ours)
                if ours:  # Qt keeps its bars for other tabs: connected once
                    bar.tabCloseRequested.connect(
                        self._close_tab, Qt.ConnectionType.UniqueConnection
                    )

    def _bars(self) -> list[QTabBar]:
        direct = Qt.FindChildOption.FindDirectChildrenOnly
        return [bar for bar in self._window.findChildren(QTabBar, options=direct) if bar.count()]

    def _close_tab(self, place: int) -> None:
        bar = self.sender()
        title = bar.tabText(place) if isinstance(bar, QTabBar) else ""
        for dock in self._docks:
            if dock.windowTitle() == title:
                dock.close()
