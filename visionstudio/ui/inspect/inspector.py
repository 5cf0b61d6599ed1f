"""Everything in the window that looks closely at pictures, put together and kept on the session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication, QFileDialog

from visionstudio.model.errors import VisionStudioError
from visionstudio.model.measurements import Point, length
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.compare_bar import CompareBar
from visionstudio.ui.inspect.compare_control import CompareControl
from visionstudio.ui.inspect.measure_control import MeasureControl
from visionstudio.ui.inspect.view_aids import ViewAids
from visionstudio.ui.panels.inspection.panel import Subject

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.inspect.results_control import ResultsControl
    from visionstudio.ui.project import OpenProject
    from visionstudio.ui.window import MainWindow

_FLOAT_BITS = 32  # samples of fewer bits are whole numbers, or came to be fractions by rescaling


class Inspector(QObject):
    """Binds the window's inspection parts to the project that is open."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._session: ProjectSession | None = None
        self.display = window.viewer.display
        self.display.use_settings(window.settings)
        self.measuring = MeasureControl(window.viewer.canvas, window._poster.post)
        self.measuring.ask_scale = self._ask_scale
        self.measuring.failed.connect(lambda text: window.toast(text, "warning"))
        self.measuring.profile_drawn.connect(lambda: self.results.show_tab("profile"))
        window.viewer.canvas.window_shown = window.inspection_panel.display.window_shown
        window.viewer.canvas.levels_dragged.connect(window.inspection_panel.display.drag_window)
        self.aids = ViewAids(window, self.measuring)
        self.comparing = CompareControl(window.viewer, window._poster.post)
        self.comparing.neighbour = lambda item, step: window.media_panel.model.neighbour(
            item.id, step
        )
        self.comparing.failed.connect(lambda text: window.toast(text, "warning"))
        window.viewer.put_above(CompareBar(self.comparing))
        self.comparing.changed.connect(
            lambda: window.actions_["inspect.compare"].setChecked(bool(self.comparing.mode))
        )
        self._results: ResultsControl | None = None
        window.results_dock.visibilityChanged.connect(self._dock_shown)
        self.display.changed.connect(self._show_contrast)
        self.display.shown_changed.connect(self._show_facts)

    @property
    def results(self) -> ResultsControl:
        """The panel of results, made when it is first wanted: its plots take long to import."""
        if self._results is None:
            from visionstudio.ui.inspect.results_control import ResultsControl
            from visionstudio.ui.panels.results import ResultsPanel

            panel = ResultsPanel()
            self._window.results_dock.setWidget(panel)
            self._results = ResultsControl(self._window, panel, self.measuring)
            self._results.set_session(self._session)
        return self._results

    def _dock_shown(self, visible: bool) -> None:
        if visible:
            self.results.refresh()

    def _ask_scale(self, points: Sequence[Point]) -> tuple[float, str, bool] | None:
        from visionstudio.ui.dialogs.scale import ScaleDialog

        dialog = ScaleDialog(length(points), self.measuring.calibration.unit, self._window)
        accepted = dialog.exec() == ScaleDialog.DialogCode.Accepted
        dialog.deleteLater()
        return dialog.answer if accepted else None

    # -- the project

    def show_project(self, project: OpenProject | None) -> None:
        """Another project, or none."""
        self._session = project.session if project is not None else None
        self.measuring.set_session(self._session)
        self.comparing.set_session(self._session)
        if self._results is not None:
            self._results.set_session(self._session)
        if self._session is None:
            self._window.results_dock.hide()
        if self._session is None:
            self._window.inspection_panel.show_subject(Subject())
            return
        self._session.selection_changed.connect(self._selection_changed)
        self._session.annotations_changed.connect(self._selection_changed)

    def show_item(self, item: MediaItem) -> None:
        """This is on screen, or the reason why it cannot be."""
        self._show_facts()
        self.measuring.show_item()
        if self._results is not None:
            self._results.refresh()

    def close(self) -> None:
        """Before the window goes."""
        self.display.remember()
        self._window.inspection_panel.close_threads()
        self.measuring.close()
        self.comparing.close()
        if self._results is not None:
            self._results.close()

    # -- the view as a picture

    def save_view(self) -> None:
        """Ask for a file and write what is seen into it."""
        session = self._session
        stem = session.current.name.rsplit(".", 1)[0] if session and session.current else "view"
        name, _ = QFileDialog.getSaveFileName(
            self._window, tr("Save the view"), f"{stem}.png", "PNG (*.png);;SVG (*.svg)"
        )
        if name:
            self.write_view(Path(name))

    def write_view(self, path: Path) -> None:
        """Write what is seen, as SVG or PNG by the file's name, and say so."""
        from visionstudio.formats.output import write_bytes
        from visionstudio.ui.inspect.snapshot import view_png, view_svg

        canvas = self._window.viewer.canvas
        is_svg = path.suffix.lower() == ".svg"
        path = path if is_svg else path.with_suffix(".png")
        try:
            write_bytes(path, view_svg(canvas, path) if is_svg else view_png(canvas))
        except VisionStudioError as error:
            self._window.toast(str(error), "error")
        else:
            self._window.toast(tr("Written: {path}", path=str(path)))

    def copy_view(self) -> None:
        """Put what is seen in the clipboard."""
        from visionstudio.ui.inspect.snapshot import view_image

        QApplication.clipboard().setImage(view_image(self._window.viewer.canvas))
        self._window.toast(tr("The view is in the clipboard."))

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
                + (" float" if pixels.bits >= _FLOAT_BITS else "")
            ]
        if item.kind is not MediaKind.IMAGE and item.frames > 1:
            facts.append(tr("frame {n} of {count}", n=session.frame, count=item.frames))
        shapes = tuple(a.shape for a in session.selected())
        self._window.inspection_panel.show_subject(Subject(item.name, "\n".join(facts), shapes))

    def _selection_changed(self) -> None:
        if self._session is not None:
            shapes = [a.shape for a in self._session.selected()]
            self._window.inspection_panel.show_selection(shapes)
