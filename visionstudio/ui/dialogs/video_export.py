"""Write a clip of the video that is shown, its frames, or it with its annotations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from visionstudio.media.video_write import CONTAINERS
from visionstudio.model.errors import Cancelled, VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.session.jobs import Job
from visionstudio.session.video_export import Product, VideoOrder, VideoWritten
from visionstudio.session.workbench import Workbench
from visionstudio.ui.dialogs.exchange import PathEdit
from visionstudio.ui.i18n import told, tr


class VideoExportDialog(QDialog):
    """The job goes on when the dialog is closed, and says by a toast when it is done."""

    def __init__(
        self,
        workbench: Workbench,
        item: MediaItem,
        frames: int,
        chosen: tuple[int, int] | None,
        say: Callable[[str, str], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("videoExport")
        self.setWindowTitle(tr("Export video"))
        self.setMinimumWidth(560)
        self._workbench, self._item = workbench, item
        self._job: Job | None = None
        self._say_outside, self._closed = say, False
        self._build(frames, chosen or (0, frames - 1))
        self._suggest()
        workbench.jobs.changed.connect(self._job_changed)

    def _build(self, frames: int, chosen: tuple[int, int]) -> None:
        self.product = QComboBox()
        self._name(self.product, "videoExportProduct", tr("What to write"))
        for text, product in (
            (tr("Video with its annotations"), Product.ANNOTATED),
            (tr("Clip without annotations"), Product.CLIP),
            (tr("Frames as pictures"), Product.FRAMES),
        ):
            self.product.addItem(text, product)
        self.first, self.last = QSpinBox(), QSpinBox()
        for box, name, title, value in (
            (self.first, "videoExportFirst", tr("First frame"), chosen[0]),
            (self.last, "videoExportLast", tr("Last frame"), chosen[1]),
        ):
            self._name(box, name, title)
            box.setRange(0, max(frames - 1, 0))
            box.setValue(value)
        self.step = QSpinBox()
        self._name(self.step, "videoExportStep", tr("Every how many frames"))
        self.step.setRange(1, max(frames, 1))
        self.picture = QComboBox()
        self._name(self.picture, "videoExportPicture", tr("Kind of picture"))
        self.picture.addItems(["png", "jpg"])
        self.overlays = QCheckBox(tr("Draw the annotations"))
        self.proposals = QCheckBox(tr("Proposals too, from the threshold on"))
        self.names = QCheckBox(tr("With names and scores"))
        for check, name, on in (
            (self.overlays, "videoExportOverlays", True),
            (self.proposals, "videoExportProposals", True),
            (self.names, "videoExportNames", True),
        ):
            self._name(check, name, check.text())
            check.setChecked(on)
        self.out = PathEdit("videoExportOut", tr("Write to"), ("Choose", tr("Choose…"), self._ask))
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.bar = QProgressBar()
        self._name(self.bar, "videoExportProgress", tr("Progress"))
        self.bar.setTextVisible(False)
        self.bar.hide()
        self.start = QPushButton(tr("Export"))
        self.start.setProperty("role", "primary")
        self.stop = QPushButton(tr("Cancel"))
        for button, name in ((self.start, "videoExportStart"), (self.stop, "videoExportCancel")):
            self._name(button, name, button.text())
        self.start.setDefault(True)

        self._form = QFormLayout()
        self._form.setSpacing(8)
        self._form.addRow(QLabel(tr("What to write")), self.product)
        self._form.addRow(QLabel(tr("First frame")), self.first)
        self._form.addRow(QLabel(tr("Last frame")), self.last)
        self._form.addRow(QLabel(tr("Every how many frames")), self.step)
        self._form.addRow(QLabel(tr("Kind of picture")), self.picture)
        for check in (self.overlays, self.proposals, self.names):
            self._form.addRow("", check)
        self._form.addRow(QLabel(tr("Write to")), self.out)
        buttons = QHBoxLayout()
        buttons.addWidget(self.bar, 1)
        buttons.addStretch(1)
        buttons.addWidget(self.stop)
        buttons.addWidget(self.start)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        layout.addLayout(self._form)
        layout.addWidget(self.summary)
        layout.addLayout(buttons)
        self.product.currentIndexChanged.connect(self._suggest)
        self.overlays.toggled.connect(self._show_rows)
        self.start.clicked.connect(self._export)
        self.stop.clicked.connect(self._cancel)

    def _name(self, widget: QWidget, name: str, title: str) -> None:
        widget.setObjectName(name)
        widget.setAccessibleName(title)

    # What is asked

    @property
    def _product(self) -> Product:
        return Product(self.product.currentData())

    def _show_rows(self) -> None:
        frames = self._product is Product.FRAMES
        drawn = self._product is Product.ANNOTATED or (frames and self.overlays.isChecked())
        for widget, shown in (
            (self.step, frames),
            (self.picture, frames),
            (self.overlays, frames),
            (self.proposals, drawn),
            (self.names, drawn),
        ):
            self._form.setRowVisible(widget, shown)
        self.adjustSize()

    def _suggest(self) -> None:
        source = self._workbench.session.path_of(self._item)
        name = {
            Product.CLIP: f"{source.stem}_clip.mp4",
            Product.ANNOTATED: f"{source.stem}_annotated.mp4",
            Product.FRAMES: f"{source.stem}_frames",
        }[self._product]
        self.out.set_path(source.with_name(name))
        self._show_rows()

    def _ask(self) -> str:
        now = str(self.out.path() or "")
        if self._product is Product.FRAMES:
            return QFileDialog.getExistingDirectory(self, tr("Write to"), now)
        kinds = " ".join(f"*{suffix}" for suffix in CONTAINERS)
        return QFileDialog.getSaveFileName(self, tr("Write to"), now, f"{tr('Videos')} ({kinds})")[
            0
        ]

    def _order(self) -> VideoOrder | None:
        out = self.out.path()
        if out is None:
            self._say(tr("Say where to write it."), "error")
            return None
        session = self._workbench.session
        return VideoOrder(
            self._product,
            out,
            first=self.first.value(),
            last=self.last.value(),
            step=self.step.value() if self._product is Product.FRAMES else 1,
            picture=self.picture.currentText(),
            overlays=self.overlays.isChecked(),
            labels=self.names.isChecked(),
            threshold=session.threshold if self.proposals.isChecked() else None,
        )

    # Work

    def _export(self) -> None:
        order = self._order()
        if order is None or self._job is not None:
            return
        self._say("", "")
        self._job = self._workbench.exchange.export_video(
            self._item, order, lambda made: self._done(order.out, made), self._failed
        )
        self._show_job()

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()
        else:
            self.close()

    def _done(self, out: Path, made: VideoWritten) -> None:
        self._job = None
        text = tr("{frames} frames are in {path}", frames=made.frames, path=out.name)
        if made.damaged:
            text += tr("; {count} damaged ones were left out", count=len(made.damaged))
        self._say_outside(text, "warning" if made.damaged else "info")
        if not self._closed:
            self.close()

    def _failed(self, error: VisionStudioError) -> None:
        self._job = None
        stopped = isinstance(error, Cancelled)
        if self._closed:
            if not stopped:
                self._say_outside(told(str(error)), "error")
            return
        self._say(
            tr("Stopped. Nothing was written.") if stopped else told(str(error)),
            "" if stopped else "error",
        )
        self._show_job()

    def _job_changed(self, job: Job | None) -> None:
        if job is not None and job is self._job:
            self._show_job()

    def _show_job(self) -> None:
        job = self._job
        self.bar.setVisible(job is not None)
        self.start.setEnabled(job is None)
        if job is not None:
            self.bar.setRange(0, 0 if job.fraction is None else 1000)
            self.bar.setValue(round((job.fraction or 0) * 1000))

    def _say(self, text: str, role: str) -> None:
        self.summary.setText(text)
        self.summary.setProperty("role", role)
        self.summary.style().unpolish(self.summary)
        self.summary.style().polish(self.summary)

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._closed = True
        self._workbench.jobs.changed.disconnect(self._job_changed)
