"""Next picture, zoom, panels."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from visionstudio.model.media import MediaItem
from visionstudio.ui import theme
from visionstudio.ui.commands.base import Group
from visionstudio.ui.i18n import tr


class ViewCommands(Group):
    """Next picture, zoom, panels."""

    def next_item(self) -> None:
        self._step(1)

    def previous_item(self) -> None:
        self._step(-1)

    def next_unverified(self) -> None:
        self._step(1, only_unverified=True)

    def _step(self, step: int, *, only_unverified: bool = False) -> None:
        session = self._session
        if session is None:
            return

        def wanted(item: MediaItem) -> bool:
            return not item.verified

        current = session.current.id if session.current is not None else None
        found = self._window.media_panel.model.neighbour(
            current, step, wanted if only_unverified else None
        )
        if found is not None:
            session.open_media(found.id)
        else:
            end = tr("This is the last picture.") if step > 0 else tr("This is the first picture.")
            self._window.status.hint.setText(end)

    def show_grid(self) -> None:
        self._window.show_grid(self._window.shown_grid is None)

    def focus_filter(self) -> None:
        self._window.media_dock.show()
        self._window.media_panel.filter.setFocus()
        self._window.media_panel.filter.selectAll()

    def fit(self) -> None:
        self._window.viewer.canvas.fit()

    def actual_size(self) -> None:
        self._window.viewer.canvas.actual_size()

    def zoom_in(self) -> None:
        self._window.viewer.canvas.zoom_in()

    def zoom_out(self) -> None:
        self._window.viewer.canvas.zoom_out()

    def toggle_panels(self) -> None:
        self._window.toggle_panels()

    def full_screen(self) -> None:
        window = self._window
        if window.isFullScreen():
            window.showNormal()
        else:
            window.showFullScreen()
        window.actions_["view.full_screen"].setChecked(window.isFullScreen())

    def switch_theme(self) -> None:
        chosen = "light" if theme.tokens() is theme.DARK else "dark"
        self._window.settings.set("theme", chosen)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            theme.apply(app, chosen)
