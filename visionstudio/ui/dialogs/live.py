"""A camera or stream: a model on what comes, pictures and videos of it for the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.media.live import cameras
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.live import Live
from visionstudio.session.models import ModelChoice
from visionstudio.ui import theme
from visionstudio.ui.i18n import tr

_FIGURES_MS = 250


class Preview(QWidget):
    """The newest frame, as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("livePreview")
        self.setAccessibleName(tr("Live picture"))
        self.setMinimumSize(320, 200)
        self.image: QImage | None = None
        self._rgb: NDArray[np.uint8] | None = None  # the image's memory

    def show_frame(self, rgb: NDArray[np.uint8] | None) -> None:
        if rgb is None:
            self.image = None
        else:
            height, width = rgb.shape[:2]
            self._rgb = rgb
            self.image = QImage(rgb.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme.colour("canvas"))
        if self.image is None:
            painter.setPen(theme.colour("muted"))
            text = tr("Choose a camera, or type the address of a stream, and press Start.")
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, text)
        else:
            size = self.image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(QRectF(left, top, size.width(), size.height()), self.image)
        painter.end()


class LiveDialog(QDialog):
    """`model()` is what the Model panel has chosen. Files go into `folder`, then to `keep`."""

    message = Signal(str, str)

    def __init__(
        self,
        live: Live,
        model: Callable[[], ModelChoice | None],
        folder: Path,
        keep: Callable[[Path], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("live")
        self.setWindowTitle(tr("Camera or stream"))
        self.resize(900, 640)
        self._live, self._model, self._folder, self._keep = live, model, folder, keep
        self._build()
        live.frame_ready.connect(self.preview.show_frame)
        live.ended.connect(self._ended)
        live.kept.connect(self._kept)
        live.failed.connect(self._failed)
        self._timer = QTimer(self)
        self._timer.setInterval(_FIGURES_MS)
        self._timer.timeout.connect(self._show_figures)
        self._update()

    def _build(self) -> None:
        self.address = QComboBox()
        self.address.setObjectName("liveAddress")
        self.address.setAccessibleName(tr("Camera, address of a stream, or file"))
        self.address.setToolTip(self.address.accessibleName())
        self.address.setEditable(True)
        self.address.addItems(cameras())
        line = self.address.lineEdit()
        if line is not None:
            line.setPlaceholderText("/dev/video0 · rtsp://… · http://… · film.mp4")
            line.returnPressed.connect(self._toggle)
        self.file = self._button("liveFile", tr("File…"), self._choose_file)
        self.start = self._button("liveStart", tr("Start"), self._toggle)
        self.start.setProperty("role", "primary")
        self.model = QCheckBox(tr("Run the model of the Model panel"))
        self.model.setObjectName("liveModel")
        self.model.toggled.connect(self._choose_model)
        self.snapshot = self._button("liveSnapshot", tr("Take a picture"), self._snapshot)
        self.record = self._button("liveRecord", tr("Record"), self._record)
        self.preview = Preview()
        self.figures = QLabel()
        self.figures.setObjectName("liveFigures")
        self.figures.setProperty("role", "muted")
        self.problem = QLabel()
        self.problem.setObjectName("liveProblem")
        self.problem.setProperty("role", "error")
        self.problem.setWordWrap(True)
        self.problem.hide()
        top, below = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.address, 1)
        top.addWidget(self.file)
        top.addWidget(self.start)
        below.addWidget(self.model)
        below.addStretch(1)
        below.addWidget(self.snapshot)
        below.addWidget(self.record)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.problem)
        layout.addWidget(self.preview, 1)
        layout.addWidget(self.figures)
        layout.addLayout(below)

    def _button(self, name: str, text: str, call: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(False)
        button.clicked.connect(lambda: call())
        return button

    # What is asked

    def _choose_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, tr("A video to play as if it were live"))
        if chosen:
            self.address.setEditText(chosen)

    def _toggle(self) -> None:
        self.problem.hide()
        if self._live.running:
            self._live.stop()
            self.preview.show_frame(None)
        elif self.address.currentText().strip():
            self._live.start(self.address.currentText().strip())
            self._choose_model()
        self._update()

    def _choose_model(self, *_: object) -> None:
        choice = self._model() if self.model.isChecked() else None
        if self.model.isChecked() and choice is None:
            self._say(tr("Choose a classifier, detector or segmenter that is ready"))
            self.model.setChecked(False)
            return
        self._live.set_model(choice)
        title = choice.model.title if choice is not None else ""
        self.model.setText(
            tr("Run {model}", model=title) if title else tr("Run the model of the Model panel")
        )

    def _snapshot(self) -> None:
        self._live.snapshot(self._folder)

    def _record(self) -> None:
        if self._live.recording:
            self._live.stop_recording()
        else:
            self._live.record(self._folder)
        self._update()

    # What happens

    def _update(self) -> None:
        running = self._live.running
        self.start.setText(tr("Stop") if running else tr("Start"))
        self.address.setEnabled(not running)
        self.file.setEnabled(not running)
        self.snapshot.setEnabled(running)
        self.record.setEnabled(running)
        self.record.setText(tr("End recording") if self._live.recording else tr("Record"))
        if running:
            self._timer.start()
        else:
            self._timer.stop()

    def _show_figures(self) -> None:
        seen = self._live.figures()
        parts = [
            tr("{fps} frames/s", fps=f"{seen.fps:.1f}"),
            tr("{count} dropped", count=seen.dropped),
        ]
        if seen.latency is not None:
            parts.append(
                tr(
                    "model {ms} ms behind, {fps}/s",
                    ms=round(seen.latency * 1000),
                    fps=f"{seen.model_fps:.1f}",
                )
            )
        if self._live.recording:
            text = tr("recording: {frames} frames", frames=seen.recorded)
            parts.append(text + (f" (−{seen.unrecorded})" if seen.unrecorded else ""))
        self.figures.setText("   ·   ".join(parts))

    def _ended(self, error: VisionStudioError | None) -> None:
        self.preview.show_frame(None)
        if error is not None:
            self._say(str(error))
        self._update()

    def _kept(self, path: Path) -> None:
        self._keep(path)
        self.message.emit(tr("{name} is in the project", name=path.name), "info")
        self._update()

    def _failed(self, error: VisionStudioError) -> None:
        self._say(str(error))
        self._update()

    def _say(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._timer.stop()
        for signal, slot in (
            (self._live.frame_ready, self.preview.show_frame),
            (self._live.ended, self._ended),
            (self._live.kept, self._kept),
            (self._live.failed, self._failed),
        ):
            signal.disconnect(slot)
        self._live.kept.connect(self._keep)  # a recording that is being finished
        self._live.close()
