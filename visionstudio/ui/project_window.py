"""The main window's project: opened, shown, followed and closed."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QTimer, Signal
from PySide6.QtWidgets import QMessageBox

from visionstudio.model.errors import ProjectDamaged, VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.session.jobs import Jobs
from visionstudio.session.models import Models
from visionstudio.settings.store import Settings
from visionstudio.ui.appearing import Appearing
from visionstudio.ui.halted import Halted
from visionstudio.ui.i18n import tr
from visionstudio.ui.models_later import ModelsLater
from visionstudio.ui.opening import Opened, Worker, bring, open_paths, recover
from visionstudio.ui.posting import Poster
from visionstudio.ui.recent import RecentProjects
from visionstudio.ui.window_parts import WindowParts

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.session.workbench import Workbench
    from visionstudio.ui.console.opener import Console
    from visionstudio.ui.dialog_opener import Dialogs
    from visionstudio.ui.finding import Finding
    from visionstudio.ui.inspect.inspector import Inspector
    from visionstudio.ui.notices import Notices
    from visionstudio.ui.project import OpenProject
    from visionstudio.ui.prompting import PromptControl

_REMEMBER_MS = 1500
SampleMaker = Callable[[], Path]


class ProjectWindow(WindowParts):
    """A window with at most one project. `make_sample` builds the sample project; it may block.

    The controls named here are made by the window that is derived from it.
    """

    project_opened = Signal()
    project_closed = Signal()
    open_failed = Signal(object)  # VisionStudioError

    dialogs: Dialogs
    notices: Notices
    finding: Finding
    console: Console
    prompting: PromptControl
    inspector: Inspector

    def __init__(
        self,
        settings: Settings,
        make_sample: SampleMaker | None,
        models: Models | None,
        run: Callable[[str], None],
    ) -> None:
        poster = Poster()
        super().__init__(settings, models or Models(poster.post), Jobs(), poster, run)
        poster.setParent(self)
        self.project: OpenProject | None = None
        self.came_from_grid = False  # Esc goes back there
        self._make_sample = make_sample
        self.worker = Worker(poster.post)
        self._bringing: threading.Thread | None = None
        self.appearing = Appearing(self)
        self.appearing.done.connect(self._settle)
        self._remember = self._single_shot(_REMEMBER_MS, self._remember_place)
        self.models_later = ModelsLater(self, poster.post)
        self._recent = RecentProjects(settings, self.recent_menu, self.open)

    def _single_shot(self, milliseconds: int, call: Callable[[], object]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(call)
        return timer

    @property
    def session(self) -> ProjectSession | None:
        return self.project.session if self.project is not None else None

    def expect_opening(self) -> None:
        """A person is choosing what to open: load meanwhile what that needs, in a thread."""
        if self._bringing is None:
            self._bringing = threading.Thread(target=bring, name="bringing", daemon=True)
            self._bringing.start()

    def stop_expecting(self) -> None:
        """Wait for that thread; for the end of the program."""
        if self._bringing is not None:
            self._bringing.join()

    def open(self, paths: Sequence[Path], *, as_video: bool = False) -> None:
        """Open the project of these paths in the background; `project_opened` follows."""
        if self.worker.busy or not paths or not self.close_project():
            return
        self.welcome.show_busy(tr("Opening {name}…", name=Path(paths[0]).name))
        self.worker.start(
            lambda: open_paths(paths, as_video=as_video), self._opened, self._not_opened
        )

    @property
    def offers_sample(self) -> bool:
        """Whether it can make the sample project."""
        return self._make_sample is not None

    def open_sample(self) -> None:
        """Make the sample project, if need be, and open it."""
        if self._make_sample is None or self.worker.busy or not self.close_project():
            return
        make = self._make_sample
        self.welcome.show_busy(tr("Making the sample project…"))
        self.worker.start(lambda: open_paths([make()]), self._opened, self._not_opened)

    def _opened(self, opened: Opened) -> None:
        # Loaded in the thread that opened the store.
        from visionstudio.ui.project import OpenProject

        self.welcome.show_busy("")
        opened.store.author = self.settings.author
        self.project = project = OpenProject(
            opened, self.models, self.jobs, self._poster.post, self._use_workbench
        )
        self._recent.note(project.folder)
        self.viewer.hold()  # the picture is read while all else is arranged
        steps = (
            lambda: self._arrange(project),
            lambda: self._follow(project),
            self.viewer.release,
        )
        self.appearing.begin((self, *self.docks), *steps)
        self._use_session(project.session)
        project.go_to_first_place()

    def _not_opened(self, error: VisionStudioError) -> None:
        self.welcome.show_busy("")
        action = None
        if isinstance(error, ProjectDamaged) and error.where:
            folder = Path(error.where)
            folder = folder if folder.is_dir() else folder.parent
            action = (tr("Recover"), lambda: self._recover(folder))
        self.toasts.show(str(error), "error", action)
        self.open_failed.emit(error)

    def _recover(self, folder: Path) -> None:
        def done(what: str) -> None:
            self.toast(tr("Recovered: {what}. The damaged file was kept.", what=what))
            self.open([folder])

        self.worker.start(lambda: recover(folder), done, self._not_opened)

    def _use_session(self, session: ProjectSession | None) -> None:
        self.media_panel.set_session(session)
        self.class_panel.set_session(session)
        self.object_panel.set_session(session)
        self.finding.set_session(session)
        self.console.set_session(session)
        self._use_workbench(None)
        self.viewer.set_session(session)
        if "grid" in self.__dict__:
            self.grid.set_session(session)
        self.came_from_grid = False
        self.actions_["view.grid"].setChecked(False)
        self.viewer.banners.clear()

    def _show_parts(self, on: bool) -> None:
        """The picture with its panels and tools, or the page that offers to open something."""
        self._centre.setCurrentWidget(self.viewer if on else self.welcome)
        self.tools.setVisible(on)
        for dock in self.docks:
            dock.setVisible(on)
        self._folded = []

    def _show_nothing(self) -> None:
        """No project is open."""
        self._use_session(None)
        self._show_parts(False)
        self.welcome.show_recent(self._recent.folders)
        self.setWindowTitle("VisionStudio")
        self.status.show_saved(None)
        self.status.show_verified(0, 0)
        for label in (self.status.hint, self.status.pixel, self.status.zoom):
            label.clear()
        self.inspector.show_project(None)
        self._refresh_actions()

    def _arrange(self, project: OpenProject) -> None:
        """Give the project the window, as it was left."""
        self._show_parts(True)
        self.setWindowTitle(f"{project.title} – VisionStudio")
        layout = project.remembered.get("layout") or self.settings.note("layout")
        if layout:
            self.restoreState(QByteArray.fromBase64(layout.encode()))
            self._keep_corners()
        else:
            self._default_layout()

    def _follow(self, project: OpenProject) -> None:
        """Say and do from now on what follows from the project."""
        session = project.session
        session.saved_changed.connect(self.status.show_saved)
        session.saved_changed.connect(self.refresh_actions)
        session.history_changed.connect(lambda *_: self.refresh_actions())
        session.failed.connect(lambda error: self.toast(str(error), "error"))
        self._halted = Halted(self, session)
        session.media_changed.connect(lambda _: self._media_changed())
        session.current_changed.connect(self._current_changed)
        for signal in (session.selection_changed, session.annotations_changed,
                       session.threshold_changed):  # fmt: skip
            signal.connect(self.refresh_actions)
        project.library.failed.connect(lambda error: self.toast(str(error), "warning"))
        self.inspector.show_project(project)
        self.status.show_saved(session.saved)
        self._media_changed()
        if project.read_only:
            self.notices.read_only(project)
        self.viewer.focus_canvas()
        project.look_for_files()
        self.project_opened.emit()

    def _use_workbench(self, workbench: Workbench | None) -> None:
        if "model_panel" in self.__dict__:
            self.model_panel.set_workbench(workbench)
        self.prompting.set_prompts(workbench.prompts if workbench is not None else None)
        if workbench is not None:
            workbench.tracks.progressed.connect(self.viewer.tracker_view.show)
            workbench.tracks.finished.connect(self.viewer.tracker_view.end)

    def add_media(self, paths: Sequence[Path]) -> None:
        """List more files in the open project, or open them when there is none."""
        if self.project is None:
            self.open(paths)
        elif not self.project.read_only:
            self.project.library.add(paths)

    def close_project(self) -> bool:
        """Store everything and close; False when that cannot be and was not given up."""
        project = self.project
        if project is None:
            return True
        self.appearing.finish()
        self._remember_place()
        self.models_later.stop()
        self.console.stop()
        self.viewer.set_session(None)
        try:
            project.close()
        except VisionStudioError as error:
            if not self._give_up(error):
                self.viewer.set_session(project.session)
                return False
            project.close(discard=True)
        self.dialogs.close_all()
        self.project = None
        self._show_nothing()
        gc.unfreeze()  # what `open_paths` kept from the collector
        self.project_closed.emit()
        return True

    def _give_up(self, error: VisionStudioError) -> bool:
        """The one modal question: closing now would lose edits."""
        answer = QMessageBox.question(
            self,
            tr("Not everything is stored"),
            tr("{error}\n\nClose and lose the changes that are not stored?", error=str(error)),
            QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel,
            QMessageBox.StandardButton.Cancel,
        )
        return answer == QMessageBox.StandardButton.Discard

    def project_moved(self, folder: Path) -> None:
        """The open project lies in another folder from now on."""
        if self.project is not None:
            self._recent.note(folder)
            self.setWindowTitle(f"{self.project.title} – VisionStudio")
            text = tr("The project is now in {folder}; the old one stays as it was.", folder=folder)
            self.toast(text)

    # Following the session

    def _current_changed(self) -> None:
        self._remember.start()
        self.refresh_actions()

    def _item_shown(self, item: MediaItem) -> None:
        if self.project is not None:
            self.inspector.show_item(item)
            self._show_zoom()
            self._settle()

    def _settle(self) -> None:
        """What would hold up the first picture and the panels is done once both are there."""
        project, session = self.project, self.session
        if project is None or session is None or self.appearing.active:
            return
        if session.current is None or self.viewer.is_ready:
            project.first_shown()
            self.models_later.start()

    def _media_changed(self) -> None:
        session = self.session
        if session is None:
            return
        self.status.show_verified(session.media.verified, len(session.media))
        if session.current is None and self.project is not None and len(session.media):
            self.project.go_to_first_place()
        self.refresh_actions()

    def _remember_place(self) -> None:
        if self.project is None:
            return
        values = {}
        if not self._folded:
            values["layout"] = bytes(self.saveState().toBase64().data()).decode()
        self.project.remember(**values)

    # Of the window that is derived from it

    def refresh_actions(self, *_: object) -> None:
        raise NotImplementedError

    def _refresh_actions(self) -> None:
        raise NotImplementedError

    def _show_zoom(self) -> None:
        raise NotImplementedError
