"""Opens the dialogs of the window; each is imported when it is first wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QComboBox, QDialog, QInputDialog

from visionstudio.model.media import ASSIGNED
from visionstudio.ui import theme
from visionstudio.ui.aids import apply_aids
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from pathlib import Path

    from visionstudio.engine.registry import ModelInfo
    from visionstudio.session.models import ModelChoice
    from visionstudio.ui.team.base import CompareDialog
    from visionstudio.ui.window import MainWindow


class Dialogs:
    """None of them blocks the window."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._training: Any = None

    def _show(self, dialog: QDialog) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        message = getattr(dialog, "message", None)
        if message is not None:
            message.connect(self._window.toast)
        dialog.show()
        dialog.raise_()

    def open_preferences(self) -> None:
        from visionstudio.ui.dialogs.preferences import PreferencesDialog

        dialog = PreferencesDialog(self._window.settings, self._window)
        dialog.changed.connect(self._setting_changed)
        self._show(dialog)

    def _setting_changed(self, name: str) -> None:
        settings = self._window.settings
        app = QApplication.instance()
        if name == "theme" and isinstance(app, QApplication):
            theme.apply(app, str(settings.get("theme")))
        elif name == "thumbnail_size":
            self._window.media_panel.set_row_height(int(settings.get("thumbnail_size") or 48))
        elif name == "wheel":
            self._window.viewer.canvas.wheel_pans = settings.get("wheel") == "pan"
        elif name in ("snapping", "shared_borders"):
            apply_aids(self._window)
        elif name == "author" and self._window.session is not None:
            self._window.session.store.author = settings.author
        elif name == "language":
            self._window.toast(tr("The language changes at the next start."))

    def open_keys(self) -> None:
        from visionstudio.ui.dialogs.shortcuts import ShortcutsDialog

        window = self._window
        dialog = ShortcutsDialog(window.settings.note("keys", {}), window)

        def take(keys: dict[str, str]) -> None:
            window.settings.remember("keys", keys or None)
            window.actions_.set_keys(keys)

        dialog.changed.connect(take)
        self._show(dialog)

    def open_attributes(self, class_id: int) -> None:
        """Define the attributes of a class; the message says what became of the values."""
        session = self._window.session
        one = session.class_by_id(class_id) if session is not None else None
        if session is None or one is None:
            return
        from visionstudio.ui.dialogs.attributes import AttributesDialog

        self._show(
            AttributesDialog(session, one, self._window.notices.attributes_changed, self._window)
        )

    def open_skeleton(self, class_id: int, accepted: Callable[[], object] | None = None) -> None:
        """Define the skeleton of a class; `accepted` is called when that was done."""
        session = self._window.session
        one = session.class_by_id(class_id) if session is not None else None
        if session is None or one is None:
            return
        from visionstudio.ui.dialogs.skeleton import SkeletonDialog

        dialog = SkeletonDialog(session, one, self._window)
        if accepted is not None:
            dialog.accepted.connect(accepted)
        self._show(dialog)

    def open_about(self) -> None:
        from visionstudio.ui.dialogs.about import AboutDialog

        self._show(AboutDialog(self._window))

    def open_import(self, path: Path | None = None, format_name: str = "auto") -> None:
        """Import annotations; with `path` filled in, as when it was dropped on the window."""
        if self._window.project is not None:
            from visionstudio.ui.dialogs.importing import ImportDialog

            dialog = ImportDialog(self._window.project.workbench, self._window)
            self._show(dialog)
            if path is not None:
                dialog.fill(path, format_name)

    def open_export(self) -> None:
        if self._window.project is not None:
            from visionstudio.ui.dialogs.exporting import ExportDialog

            self._show(ExportDialog(self._window.project.workbench, self._window))

    def open_video_export(self) -> None:
        """Write part of the video that is shown, at first what is played over and over."""
        project, viewer = self._window.project, self._window.viewer
        if project is None or viewer.player is None or viewer.player.info is None:
            return
        item = project.session.current
        if item is not None:
            from visionstudio.ui.dialogs.video_export import VideoExportDialog

            frames, loop = viewer.player.frames, viewer.bar.timeline.loop if viewer.bar else None
            say = self._window.toast
            self._show(VideoExportDialog(project.workbench, item, frames, loop, say, self._window))

    def open_live(self) -> None:
        """A camera or stream; what is taken of it goes into the open project."""
        project, window = self._window.project, self._window
        if project is None:
            return
        from visionstudio.session.live import Live
        from visionstudio.session.live_findings import Findings, when_listed
        from visionstudio.ui.dialogs.live import LiveDialog

        session = project.session

        def label() -> str:
            return session.active_class.name if session.active_class is not None else ""

        def keep(path: Path, findings: Findings | None, places: dict[int, int]) -> None:
            window.add_media([path])
            if findings is not None:
                when_listed(session, path, lambda item: findings.store(session, item, places))

        live = Live(window.models, session.classes, session.threshold)
        folder = project.folder / "live"
        self._show(LiveDialog(live, window.model_panel.live_choice, label, folder, keep, window))

    def open_counting(self) -> None:
        """Count the tracks of the video that is shown across lines and zones."""
        session, player = self._window.session, self._window.viewer.player
        if session is None or session.current is None or player is None or player.info is None:
            return
        from visionstudio.ui.dialogs.counting import CountingDialog

        seconds = player.info.seconds
        dialog = CountingDialog(session, session.current, seconds, self._window)
        run = self._window._run
        dialog.line_wanted.connect(lambda: run("tool.measure"))
        dialog.zone_wanted.connect(lambda: run("tool.measure_area"))
        self._show(dialog)

    def open_tracker_comparison(self) -> None:
        """Compare trackers of one object on the video that is shown."""
        project = self._window.project
        item = project.session.current if project is not None else None
        if project is not None and item is not None:
            from visionstudio.ui.evaluation.trackers import TrackersDialog

            self._show(TrackersDialog(project.workbench, item, self._window))

    def open_live_export(self) -> None:
        if self._window.project is not None:
            from visionstudio.ui.dialogs.live_export import LiveExportDialog

            self._show(LiveExportDialog(self._window.project.workbench, self._window))

    def open_plugins(self) -> None:
        from visionstudio.ui.dialogs.plugins import PluginsDialog

        self._show(PluginsDialog(self._window.models, self._window))

    def open_models(self) -> None:
        """The models and their weights files."""
        from visionstudio.ui.model_files.dialog import ModelsDialog

        self._show(ModelsDialog(self._window.model_files, self._window))

    def open_export_model(self, model: ModelInfo, weights: Path | None) -> None:
        """Write a model for other programs."""
        from visionstudio.ui.model_files.exporting import ExportModelDialog

        self._show(ExportModelDialog(self._window.model_files, model, weights, self._window))

    def open_training(self, model: ModelInfo) -> None:
        """One dialog for a project: it can be closed while the training goes on."""
        if self._window.project is None:
            return
        from visionstudio.ui.dialogs.training import TrainingDialog

        dialog = TrainingDialog(self._window.project.workbench, model, self._window)
        panel = self._window.model_panel

        def use(model_id: str) -> None:
            if panel.choose(model_id):
                panel.use()

        dialog.use_wanted.connect(use)
        dialog.evaluation_wanted.connect(self.open_evaluation)
        dialog.export_wanted.connect(self.open_export_model)
        self._show(dialog)

    def open_evaluation(self, run: Path | None = None) -> None:
        """Measure models on the project's labels; a run's folder is chosen at first."""
        if self._window.project is None:
            return
        from visionstudio.ui.evaluation.dialog import EvaluationDialog
        from visionstudio.ui.places import Places

        dialog = EvaluationDialog(self._window.project.workbench, run, self._window)
        dialog.place_wanted.connect(Places(self._window).go)
        self._show(dialog)

    def open_generator(self, choice: ModelChoice, classes: tuple[str, ...]) -> None:
        if self._window.project is None:
            return
        from visionstudio.ui.dialogs.generate import GenerateDialog

        self._show(GenerateDialog(self._window.project.workbench, choice, classes, self._window))

    def open_statistics(self) -> None:
        """Count and measure what is labelled."""
        if self._window.project is not None:
            from visionstudio.ui.team.statistics import StatisticsDialog

            self._show(StatisticsDialog(self._window.project.workbench, self._window))

    def open_merge(self) -> None:
        """Merge another project of the same pictures."""
        if self._window.project is not None:
            from visionstudio.ui.team.merge import MergeDialog

            self._compare(MergeDialog(self._window.project.workbench, self._window))

    def open_agreement(self) -> None:
        """Measure how far two people agree."""
        if self._window.project is not None:
            from visionstudio.ui.team.agreement import AgreementDialog

            self._compare(AgreementDialog(self._window.project.workbench, self._window))

    def _compare(self, dialog: CompareDialog) -> None:
        from visionstudio.ui.places import Places

        dialog.place_wanted.connect(Places(self._window).go_to)
        self._show(dialog)

    def open_assign(self, media_ids: list[int]) -> None:
        """Ask who is to label some pictures, and note it."""
        session = self._window.session
        if session is None:
            return

        def ask(known: list[str]) -> None:
            dialog = QInputDialog(self._window)
            dialog.setObjectName("assignDialog")
            dialog.setWindowTitle(tr("Assign pictures"))
            dialog.setLabelText(
                tr(
                    "Pictures: {count}. Who labels them? Empty: nobody.",
                    count=f"{len(media_ids):,}",
                )
            )
            dialog.setComboBoxEditable(True)
            people = list(dict.fromkeys([session.store.author, *known, ""]))
            dialog.setComboBoxItems(people)
            dialog.setTextValue(people[0])
            dialog.textValueSelected.connect(lambda who: session.assign_media(media_ids, who))
            self._show(dialog)
            for combo in dialog.findChildren(QComboBox):
                combo.setObjectName("assignTo")
                combo.setAccessibleName(dialog.labelText())

        session.in_store(lambda store: store.extras_of_media(ASSIGNED), ask)

    def open_second_pass(self) -> None:
        """Make a project for labelling some of the pictures again, blind."""
        if self._window.project is not None:
            from visionstudio.ui.team.second_pass import SecondPassDialog

            self._show(SecondPassDialog(self._window.project.workbench, self._window))

    def open_inpainting(self) -> None:
        """Change what the selected objects cover in the picture on screen."""
        project, window = self._window.project, self._window
        editors = [m for m in window.models.of_task("generator") if m.output == "edit"]
        if project is None or not editors:
            if project is not None:
                window.toast(tr("No model here edits pictures: Model menu, Plugins…"), "warning")
            return
        from visionstudio.session.retouching import Region
        from visionstudio.ui.dialogs.inpaint import InpaintDialog

        workbench = project.workbench

        def show(region: Region) -> None:
            if window.project is project:
                self._show(InpaintDialog(workbench, editors[0], region, window))

        objects = workbench.session.selected()
        workbench.retouches.read(objects, show, lambda error: window.toast(str(error), "warning"))

    def close_all(self) -> None:
        """Before the project they belong to is closed."""
        for dialog in self._window.findChildren(QDialog):
            dialog.close()
