"""The find panel in the window: made when it is first wanted, and what its results lead to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QDockWidget

from visionstudio.model.annotations import Annotation
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.panels.find import FindPanel
    from visionstudio.ui.window import MainWindow

_HEIGHT = 260
_TINY = 16.0  # widget units: a result smaller than this is brought near


class Finding(QObject):
    """Stands below the picture while it is needed."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session: ProjectSession | None = None
        self.dock: QDockWidget | None = None
        self._panel: FindPanel | None = None
        self._wanted: Annotation | None = None
        window.viewer.shown.connect(lambda _: self._reveal())

    @property
    def panel(self) -> FindPanel:
        """The panel; made with the first use."""
        if self._panel is None:
            from visionstudio.ui.panels.find import FindPanel

            window = self._window
            self._panel = panel = FindPanel()
            self.dock = QDockWidget(tr("Find"), window)
            self.dock.setObjectName("findDock")
            self.dock.setWidget(panel)
            window.stand_below(self.dock, _HEIGHT)
            panel.opened.connect(self._open)
            panel.changed_many.connect(window.notices.say)
            panel.message.connect(window.toast)
            panel.class_wanted.connect(window.choose_class)
            panel.attribute_wanted.connect(self._ask_attribute)
            panel.show_crops(window.settings.note("find_crops") is True)
            panel.crops_chosen.connect(lambda on: window.settings.remember("find_crops", on))
            panel.set_session(self._session)
        return self._panel

    def set_session(self, session: ProjectSession | None) -> None:
        """Search another project, or none."""
        if self._session is not None:
            self._session.selection_changed.disconnect(self._reveal)
        self._session, self._wanted = session, None
        if session is not None:
            session.selection_changed.connect(self._reveal)
        if self._panel is not None:
            self._panel.set_session(session)
        if self.dock is not None and session is None:
            self.dock.hide()

    def close_threads(self) -> None:
        """Before the window goes."""
        if self._panel is not None:
            self._panel.crops.close_threads()

    def start(self) -> None:
        """Show the panel and give it the keyboard; hide it when it has it already."""
        panel = self.panel
        if self.dock is None:
            return
        if self.dock.isVisible() and panel.form.text.hasFocus():
            self.dock.hide()
            self._window.viewer.focus_canvas()
            return
        self.dock.show()
        self.dock.raise_()
        panel.start()

    def step(self, by: int) -> None:
        """Go to the next (1) or previous (−1) result."""
        if self._panel is not None:
            self._panel.step(by)

    def act(self, button: str) -> None:
        """Press a button of the panel by its name, on what is selected in it or found."""
        shown = self._panel is not None and self.dock is not None and self.dock.isVisible()
        if self._panel is None or not shown or not self._panel.press(button):
            self._window.toast(tr("Nothing has been found: search for objects first (F)."), "info")

    def _open(self, annotation: Annotation) -> None:
        if self._session is not None:
            self._wanted = annotation
            self._session.go_to(annotation)
            self._reveal()

    def _reveal(self) -> None:
        """Bring a result into view when it is not, or too small to be seen."""
        session, wanted = self._session, self._wanted
        if session is None or wanted is None or session.selection != {wanted.id}:
            return
        canvas = self._window.viewer.canvas
        if canvas.picture is None or canvas.annotation(wanted.id) is None:
            return
        self._wanted = None
        x1, y1, x2, y2 = wanted.shape.bounds()
        left, top = canvas.view.to_widget(x1, y1)
        right, bottom = canvas.view.to_widget(x2, y2)
        room = canvas.viewport().rect()
        seen = left >= 0 and top >= 0 and right <= room.width() and bottom <= room.height()
        if not seen or max(right - left, bottom - top) < _TINY:
            canvas.focus_on(wanted.id)

    def _ask_attribute(self, take: Callable[[str, Any], object]) -> None:
        from visionstudio.ui.dialogs.answer import AnswerDialog, all_specs

        session = self._session
        specs = all_specs(session.classes) if session is not None else []
        if not specs:
            text = tr("No class has attributes yet: define some in the class panel.")
            self._window.toast(text, "warning")
            return
        dialog = AnswerDialog(specs, take, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()
