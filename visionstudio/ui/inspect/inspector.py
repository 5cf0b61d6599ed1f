"""Everything in the window that looks closely at pictures, put together and kept on the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.ui.i18n import tr
from visionstudio.ui.panels.inspection.panel import Subject

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.project import OpenProject
    from visionstudio.ui.window import MainWindow


class Inspector(QObject):
    """Binds the window's inspection parts to the project that is open."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session: ProjectSession | None = None
        self.display = window.viewer.display
        self.display.use_settings(window.settings)
        self.display.changed.connect(self._show_contrast)
        self.display.shown_changed.connect(self._show_facts)

    # -- the project

    def show_project(self, project: OpenProject | None) -> None:
        """Another project, or none."""
        self._session = project.session if project is not None else None
        if self._session is None:
            self._window.inspection_panel.show_subject(Subject())
            return
        self._session.selection_changed.connect(self._selection_changed)
        self._session.annotations_changed.connect(self._selection_changed)

    def show_item(self, item: MediaItem) -> None:
        """This is on screen, or the reason why it cannot be."""
        self._show_facts()

    def close(self) -> None:
        """Before the window goes."""
        self.display.remember()
        self._window.inspection_panel.close_threads()

    # -- what the panel says

    def _show_contrast(self) -> None:
        self._window.actions_["inspect.contrast"].setChecked(self.display.auto)

    def _show_facts(self) -> None:
        session = self._session
        if session is None or session.current is None:
            return
        item, picture = session.current, self.display.picture
        facts = [f"{item.width} × {item.height}"] if item.width else []
        if picture is not None and picture.has_values:
            pixels = picture.pixels
            facts = [
                f"{picture.width} × {picture.height}, {tr(pixels.mode)}, {pixels.bits} bit"
                + (" float" if pixels.values.dtype.kind == "f" else "")
            ]
        if item.kind is not MediaKind.IMAGE and item.frames > 1:
            facts.append(tr("frame {n} of {count}", n=session.frame, count=item.frames))
        shapes = tuple(a.shape for a in session.selected())
        self._window.inspection_panel.show_subject(Subject(item.name, "\n".join(facts), shapes))

    def _selection_changed(self) -> None:
        if self._session is not None:
            shapes = [a.shape for a in self._session.selected()]
            self._window.inspection_panel.show_selection(shapes)
