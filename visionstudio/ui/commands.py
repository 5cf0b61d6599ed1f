"""What the actions do. `Commands` has one method for every `call` in the action table."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QFileDialog, QInputDialog

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import add
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box
from visionstudio.settings.folders import log_folder
from visionstudio.ui import theme
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.window import MainWindow

_OFFSET = 12.0  # pixels that a duplicate is moved by, so that it can be seen


class Commands:
    """Acts on the window and the project that is open in it."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._copied: tuple[Annotation, ...] = ()
        for number in range(1, 10):
            setattr(self, f"class_{number}", partial(self._class_key, number))

    @property
    def has_copied(self) -> bool:
        """Whether there is something to paste."""
        return bool(self._copied)

    def run(self, call: str) -> None:
        """Run the method that an action names."""
        getattr(self, call)()

    @property
    def _session(self) -> ProjectSession | None:
        return self._window.session

    # File

    def open_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self._window, tr("Open folder"))
        if folder:
            self._window.open([Path(folder)])

    def open_files(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self._window, tr("Open pictures or videos"))
        if files:
            self._window.open([Path(f) for f in files])

    def open_sample(self) -> None:
        self._window.open_sample()

    def add_media(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self._window, tr("Add pictures or videos"))
        if files:
            self._window.add_media([Path(f) for f in files])

    def import_annotations(self) -> None:
        self._window.dialogs.open_import()

    def export_annotations(self) -> None:
        self._window.dialogs.open_export()

    def show_folder(self) -> None:
        if self._window.project is not None:
            folder = str(self._window.project.folder)
            QDesktopServices.openUrl(QUrl.fromLocalFile(folder))

    def close_project(self) -> None:
        self._window.close_project()

    def quit(self) -> None:
        self._window.close()

    # Edit

    def undo(self) -> None:
        canvas = self._window.viewer.canvas
        if canvas.is_drawing and canvas.undo_point():
            return
        session = self._session
        if session is not None:
            if session.saved and session.undo_title is not None:
                self._window.status.hint.setText(tr("Undone: {what}", what=session.undo_title))
            self._pause()
            session.undo()

    def redo(self) -> None:
        session = self._session
        if session is not None and session.redo_title is not None:
            self._window.status.hint.setText(tr("Done again: {what}", what=session.redo_title))
            self._pause()
            session.redo()

    def _pause(self) -> None:
        """So that what comes back in a video is not passed by."""
        if self._window.viewer.player is not None:
            self._window.viewer.player.pause()

    def copy(self) -> None:
        if self._session is not None:
            self._copied = tuple(self._session.selected())
            self._window.refresh_actions()

    def paste(self) -> None:
        here = self._session.current if self._session is not None else None
        elsewhere = here is not None and all(a.media_id != here.id for a in self._copied)
        # On another picture a copy belongs where it was; on the same it must be seen.
        self._put(self._copied, 0.0 if elsewhere else _OFFSET, tr("Paste"))

    def duplicate(self) -> None:
        if self._session is not None:
            self._put(tuple(self._session.selected()), _OFFSET, tr("Duplicate"))

    def _put(self, annotations: tuple[Annotation, ...], offset: float, title: str) -> None:
        session = self._session
        if session is None or session.current is None:
            return
        known = {c.id for c in session.classes}
        copies = [a for a in annotations if a.class_id in known]
        if not copies:
            return
        first = session.reserve_ids("annotation", len(copies))
        fresh = [
            Annotation(
                id=first + i,
                media_id=session.current.id,
                frame=session.frame,
                class_id=a.class_id,
                shape=a.shape.translated(offset, offset),
                z=a.z,
                flags=a.flags,
                attributes=a.attributes,
            )
            for i, a in enumerate(copies)
        ]
        if session.apply(add(title, fresh)):
            session.select(a.id for a in fresh)

    def delete(self) -> None:
        if self._session is not None:
            self._session.delete(self._session.selection)

    def select_all(self) -> None:
        session = self._session
        if session is not None:
            proposed = {a.id for a in session.visible_proposals()}
            session.select(
                a.id
                for a in session.annotations
                if a.id in proposed
                or (a.state.is_label and a.class_id not in session.hidden_classes)
            )

    def escape(self) -> None:
        canvas = self._window.viewer.canvas
        if canvas.cancel():
            return
        if canvas.tool_name != "select":
            canvas.set_tool("select")
        elif self._session is not None:
            self._session.select(())

    def preferences(self) -> None:
        self._window.dialogs.open_preferences()

    # View

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

    # Label

    def tool_select(self) -> None:
        self._use_tool("select")

    def tool_box(self) -> None:
        self._use_tool("box")

    def tool_polygon(self) -> None:
        self._use_tool("polygon")

    def tool_region(self) -> None:
        self._use_tool("region")

    def _use_tool(self, name: str) -> None:
        viewer = self._window.viewer
        viewer.canvas.set_tool(name)
        viewer.focus_canvas()
        self._window.show_tool(viewer.canvas.tool_name)

    def tag(self) -> None:
        session = self._session
        if session is None or session.current is None:
            return
        if session.active_class is not None:
            session.toggle_tag(session.active_class.id)
        else:
            self._window.choose_class(session.toggle_tag)

    def verify(self) -> None:
        session = self._session
        if session is None or session.current is None:
            return
        verified = not session.current.verified
        session.set_verified([session.current.id], verified)
        self._window.refresh_actions()
        if verified and self._window.settings.get("verify_moves_on"):
            self.next_item()

    def new_class(self) -> None:
        self._window.choose_class(lambda _: None, only_new=True)

    def change_class(self) -> None:
        session = self._session
        if session is not None and session.selection:
            chosen = session.selection
            self._window.choose_class(lambda class_id: session.relabel(chosen, class_id))

    def _class_key(self, number: int) -> None:
        """A number key: the class of what is selected, and of what is drawn next."""
        session = self._session
        if session is None or number > len(session.classes):
            return
        one = session.classes[number - 1]
        session.set_active_class(one.id)
        if session.selection and not session.store.read_only:
            session.relabel(session.selection, one.id)

    # Model and track

    def predict_current(self) -> None:
        self._window.model_panel.predict_current()

    def predict_selected(self) -> None:
        self._window.model_panel.predict_selected()

    def predict_all(self) -> None:
        self._window.model_panel.predict_all()

    def accept(self) -> None:
        self._window.model_panel.accept()

    def accept_all(self) -> None:
        self._window.model_panel.accept_all()

    def reject_all(self) -> None:
        self._window.model_panel.reject_all()

    def accept_track(self) -> None:
        self._window.model_panel.accept_track()

    def train(self) -> None:
        self._window.model_panel.open_training()

    def generate(self) -> None:
        self._window.model_panel.open_generator()

    def plugins(self) -> None:
        self._window.dialogs.open_plugins()

    def free_memory(self) -> None:
        self._window.models.free_memory()

    def track_selected(self) -> None:
        session = self._session
        chosen = session.selected() if session is not None else []
        box = next((a for a in chosen if a.shape.kind != "tag"), None)
        if box is None:
            self._window.toast(tr("Select the object to track, or draw a region."), "info")
            self.tool_region()
            return
        if session is not None:
            session.set_active_class(box.class_id)
        self._window.model_panel.track_region(Box(*box.shape.bounds()))

    def play_pause(self) -> None:
        if self._window.viewer.player is not None:
            self._window.viewer.player.toggle()

    def next_frame(self) -> None:
        if self._window.viewer.player is not None:
            self._window.viewer.player.step(1)

    def previous_frame(self) -> None:
        if self._window.viewer.player is not None:
            self._window.viewer.player.step(-1)

    def go_to_frame(self) -> None:
        session, player = self._session, self._window.viewer.player
        if session is None or session.current is None or player is None:
            return
        last = max(player.frames - 1, 0)
        frame, chosen = QInputDialog.getInt(
            self._window, tr("Go to frame"), tr("Frame, counted from 0:"), session.frame, 0, last
        )
        if chosen:
            player.seek(frame)

    # Inspect

    def auto_contrast(self) -> None:
        on = self._window.actions_["inspect.contrast"].isChecked()
        self._window.viewer.set_auto_contrast(on)

    def histogram(self) -> None:
        self.show_inspection()

    # Window

    def show_media(self) -> None:
        self._window.bring(self._window.media_dock, self._window.media_panel.view)

    def show_classes(self) -> None:
        self._window.bring(self._window.class_dock, self._window.class_panel.view)

    def show_objects(self) -> None:
        self._window.bring(self._window.object_dock, self._window.object_panel.view)

    def show_model(self) -> None:
        self._window.bring(self._window.model_dock, self._window.model_panel)

    def show_inspection(self) -> None:
        self._window.bring(self._window.inspection_dock, self._window.inspection_panel)

    def show_jobs(self) -> None:
        self._window.job_strip.open_list()

    def reset_layout(self) -> None:
        self._window.reset_layout()

    # Help

    def command_palette(self) -> None:
        self._window.palette_.open()

    def keys(self) -> None:
        self._window.dialogs.open_keys()

    def tour(self) -> None:
        self._window.tour.start()

    def show_log(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(log_folder())))

    def about(self) -> None:
        self._window.dialogs.open_about()
