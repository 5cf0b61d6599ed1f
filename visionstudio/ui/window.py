"""The main window: puts the parts together and keeps them on the same project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QTimer
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeyEvent,
    QShowEvent,
)

from visionstudio.model.errors import VisionStudioError, one_line
from visionstudio.model.media import MediaItem
from visionstudio.session.models import Models
from visionstudio.settings.store import Settings
from visionstudio.ui.actions import BY_ID
from visionstudio.ui.aids import apply_aids
from visionstudio.ui.commands import Commands
from visionstudio.ui.conditions import conditions
from visionstudio.ui.console.opener import Console
from visionstudio.ui.dialog_opener import Dialogs
from visionstudio.ui.dropping import Dropping
from visionstudio.ui.finding import Finding
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.inspector import Inspector
from visionstudio.ui.notices import Notices
from visionstudio.ui.object_menu import ObjectMenu, show_track_menu
from visionstudio.ui.project_window import ProjectWindow, SampleMaker
from visionstudio.ui.prompting import PromptControl
from visionstudio.ui.tool_strip import remember_options
from visionstudio.ui.tour import Tour
from visionstudio.ui.window_parts import spare_typing

if TYPE_CHECKING:
    from visionstudio.ui.grid.panel import MediaGrid
    from visionstudio.ui.panels.model import ModelPanel


class MainWindow(ProjectWindow):
    """The parts connected with each other, with the actions and with Qt's events."""

    def __init__(
        self,
        settings: Settings,
        make_sample: SampleMaker | None = None,
        models: Models | None = None,
    ) -> None:
        super().__init__(settings, make_sample, models, self._run)
        self._commands = Commands(self)
        self.dialogs = Dialogs(self)
        self.notices = Notices(self)
        self.dropping = Dropping(self)
        self._refresh = self._single_shot(0, self._refresh_actions)
        self.tour = Tour(self)
        self.finding = Finding(self)
        self.console = Console(self)
        self.prompting = PromptControl(self)
        self._connect()
        apply_aids(self)
        self.setAcceptDrops(True)
        self._show_nothing()

    def _connect(self) -> None:
        self.welcome.folder_wanted.connect(self._commands.open_folder)
        self.welcome.files_wanted.connect(self._commands.open_files)
        self.welcome.sample_wanted.connect(self.open_sample)
        self.welcome.recent_wanted.connect(lambda folder: self.open([Path(folder)]))
        viewer, canvas = self.viewer, self.viewer.canvas
        viewer.near = self._neighbours
        viewer.gestures.stay_in_tool = lambda: bool(self.settings.get("stay_in_tool"))
        viewer.message.connect(self.toast)
        viewer.verify_wanted.connect(lambda: self._run("label.verify"))
        viewer.shown.connect(self._item_shown)
        # Also one that is drawn before the panel is there.
        viewer.region_drawn.connect(lambda box: self.model_panel.track_region(box))
        viewer.key_moved.connect(self._commands.move_key)
        viewer.video_made.connect(self._video_made)
        viewer.unfinished.resumed.connect(self.toast)
        viewer.unfinished.waiting.connect(self.notices.drawing_waits)
        canvas.hovered.connect(self.object_panel.light)
        canvas.pixel_hovered.connect(self._show_pixel)
        canvas.hint_changed.connect(self.status.hint.setText)
        canvas.tool_changed.connect(self.show_tool)
        remember_options(canvas, self.settings)
        canvas.drawing_changed.connect(self.refresh_actions)
        canvas.view_changed.connect(self._show_zoom)
        self.object_panel.hovered.connect(canvas.set_highlight)
        self.object_panel.focus_wanted.connect(canvas.focus_on)
        ObjectMenu(self, self.object_panel.view, canvas)
        self.media_panel.opened.connect(self._open_item)
        self.class_panel.message.connect(self.toast)
        self.class_panel.removed.connect(self.notices.class_removed)
        self.class_panel.attributes_wanted.connect(self.dialogs.open_attributes)
        self.class_panel.skeleton_wanted.connect(self.dialogs.open_skeleton)
        attributes = self.object_panel.attributes
        attributes.specs_wanted.connect(self.dialogs.open_attributes)
        attributes.message.connect(self.toast)
        attributes.left.connect(viewer.focus_canvas)
        self.class_panel.new_class_wanted.connect(self._commands.new_class)
        self.inspector = Inspector(self)
        self.models.failed.connect(lambda error: self.toast(str(error), "error"))

    def _connect_models(self, panel: ModelPanel) -> None:
        panel.set_workbench(self.project.workbench if self.project is not None else None)
        panel.message.connect(self.toast)
        panel.training_wanted.connect(self.dialogs.open_training)
        panel.generator_wanted.connect(self.dialogs.open_generator)
        panel.region_wanted.connect(lambda: self._run("tool.region"))
        panel.class_wanted.connect(self._class_wanted)

    def _connect_grid(self, grid: MediaGrid) -> None:
        grid.opened.connect(self._open_from_grid)
        grid.left.connect(lambda: self.show_grid(False))
        grid.message.connect(self.toast)
        grid.set_session(self.session)

    def show_grid(self, on: bool) -> None:
        """Show all pictures in a grid, or the current one."""
        if self.project is None:
            return
        if on:
            self.viewer.canvas.cancel()
            self.grid.set_session(self.session)
            self.grid.show_current()
            self._centre.setCurrentWidget(self.grid)
            self.grid.setFocus()
            self.status.hint.setText(
                tr("1–9 tags, Space verifies, Enter opens, Ctrl+wheel changes the size")
            )
        else:
            self._centre.setCurrentWidget(self.viewer)
            self.viewer.focus_canvas()
            self.status.hint.setText(self.viewer.canvas.current_hint)
        self.came_from_grid = False
        self.actions_["view.grid"].setChecked(on)

    def _open_from_grid(self, media_id: int) -> None:
        self.show_grid(False)
        self.came_from_grid = True
        self._open_item(media_id)

    # Following the session

    def _open_item(self, media_id: int) -> None:
        if self.session is not None:
            if self.shown_grid is not None:
                self.show_grid(False)
            self.session.open_media(media_id)

    def _neighbours(self, item: MediaItem) -> list[MediaItem]:
        """What to decode ahead: the next two and the previous one."""
        model = self.media_panel.model
        following = model.neighbour(item.id, 1)
        after = model.neighbour(following.id, 1) if following is not None else None
        before = model.neighbour(item.id, -1)
        return [i for i in (following, before, after) if i is not None]

    def _class_wanted(self) -> None:
        session = self.session
        if session is not None:
            self.choose_class(session.set_active_class)

    def choose_class(self, use: Callable[[int], Any], *, only_new: bool = False) -> None:
        """Ask for a class, old or new, near the selection; `use` gets its id."""
        high = only_new or bool(self._folded)
        self.viewer.gestures.ask_class(use, only_new=only_new, high=high)

    def _video_made(self) -> None:
        """The timeline is as high as it was left."""
        bar = self.viewer.bar
        lines = self.settings.note("timeline_lines")
        if bar is None:
            return
        if isinstance(lines, int) and lines > 0:
            bar.timeline.set_wanted_lines(lines)
        elif lines == 0:
            bar.fold_timeline(True)
        bar.timeline.menu_wanted.connect(lambda at: show_track_menu(self, at))
        bar.height_chosen.connect(lambda lines: self.settings.remember("timeline_lines", lines))

    # Actions

    def _run(self, action_id: str) -> None:
        try:
            self._commands.run(BY_ID[action_id].call)
        except VisionStudioError as error:
            self.toast(str(error), "warning")

    def refresh_actions(self, *_: object) -> None:
        """Enable what makes sense now, once the events at hand are through."""
        self._refresh.start()

    def _refresh_actions(self) -> None:
        session = self.session
        canvas = self.viewer.canvas
        held = conditions(
            session,
            is_video=self.viewer.is_video,
            has_copied=self._commands.has_copied,
            is_drawing=canvas.has_steps,
        )
        self.actions_.allow(held)
        undo = session.undo_title if session is not None else None
        redo = session.redo_title if session is not None else None
        self.actions_["edit.undo"].setText(tr("Undo: {what}", what=undo) if undo else tr("Undo"))
        self.actions_["edit.redo"].setText(tr("Redo: {what}", what=redo) if redo else tr("Redo"))
        current = session.current if session is not None else None
        self.actions_["label.verify"].setChecked(current is not None and current.verified)
        self.show_tool(canvas.tool_name)

    def show_tool(self, name: str) -> None:
        """Check the button of the tool in use; what works on the selection belongs to Select."""
        action = self.actions_.actions.get(f"tool.{name}")
        if action is None or not action.isCheckable():
            action = self.actions_["tool.select"]
        action.setChecked(True)

    def _show_pixel(self, x: int, y: int, values: str) -> None:
        place = self.inspector.measuring.place_text(x, y) if x >= 0 else ""
        tail = f"   {place}" if place else ""
        self.status.pixel.setText(f"{x}, {y}   {values}{tail}" if x >= 0 else "")

    def _show_zoom(self) -> None:
        canvas = self.viewer.canvas
        self.status.zoom.setText(f"{canvas.zoom * 100:.0f} %" if canvas.picture else "")

    # Qt

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            if self._refresh.isActive():
                self._refresh_actions()  # the key must find what is so now
            spare_typing(event)
        return super().event(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            self.expect_opening()
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if not paths:
            return
        event.acceptProposedAction()
        if not self.worker.busy:
            self.dropping.take(paths)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # Plugins are looked for when the window is there, in another process.
        QTimer.singleShot(0, self.models.discover)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.appearing.finish()
        layout = bytes(self.saveState().toBase64().data()).decode() if self.project else None
        if not self.close_project():
            event.ignore()
            return
        if layout:
            self.settings.remember("layout", layout)
        self.settings.remember("geometry", bytes(self.saveGeometry().toBase64().data()).decode())
        self.hide()
        self._commands.clipboard.close()
        self.worker.wait()
        self.stop_expecting()
        self.models_later.wait()
        self.viewer.close_threads()
        self.media_panel.close_threads()
        self.finding.close_threads()
        if "grid" in self.__dict__:
            self.grid.close_threads()
        self.inspector.close()
        if "model_files" in self.__dict__:
            self.model_files.close()
        self.models.close()
        self.settings.flush()
        event.accept()


def show_error(window: MainWindow, error: BaseException) -> None:
    """An error that nobody caught, as a message instead of a silent death."""
    window.toasts.show(
        tr("Something went wrong: {error}. The log has the details.", error=one_line(error)),
        "error",
        (tr("Show the log"), lambda: window._run("help.log")),
    )
