"""A camera or stream: a model on what comes, pictures and videos of it for the project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
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
from visionstudio.session.live_findings import Findings
from visionstudio.session.models import ModelChoice
from visionstudio.ui.dialogs.live_preview import Preview
from visionstudio.ui.i18n import told, tr

_FIGURES_MS = 250


class LiveDialog(QDialog):
    """Files go into `folder`, then to `keep(path, findings, places)`; see `Live.kept`.

    `model()` is what the Model panel has chosen, with the detector of a tracker of many objects;
    it raises VisionStudioError when that cannot run. `label()` is the class of what is drawn.
    """

    message = Signal(str, str)

    def __init__(
        self,
        live: Live,
        model: Callable[[], tuple[ModelChoice, ModelChoice | None]],
        label: Callable[[], str],
        folder: Path,
        keep: Callable[[Path, Findings | None, dict[int, int]], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("live")
        self.setWindowTitle(tr("Camera or stream"))
        self.resize(900, 640)
        self._live, self._folder, self._keep = live, folder, keep
        self._model, self._label = model, label
        self._build()
        self._waits = False  # for a stream that has stopped
        live.frame_ready.connect(self._show_frame)
        live.waiting.connect(self._waiting)
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
        self.forget = self._button("liveForget", tr("Forget the objects"), self._forget)
        self.preview = Preview()
        self.preview.began.connect(self._live.hold)
        self.preview.drawn.connect(self._drawn)
        self.preview.given_up.connect(self._live.model.let_go)
        self.hint = QLabel(tr("Draw a box around the object: the tracker follows it live."))
        self.hint.setObjectName("liveHint")
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
        below.addWidget(self.forget)
        below.addStretch(1)
        below.addWidget(self.snapshot)
        below.addWidget(self.record)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.problem)
        layout.addWidget(self.hint)
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
        choice, detector = None, None
        if self.model.isChecked():
            try:
                choice, detector = self._model()
            except VisionStudioError as error:
                self._say(told(str(error)))
                self.model.setChecked(False)
                return
        self._live.model.choose(choice, detector)
        title = tr(choice.model.title) if choice is not None else ""
        if detector is not None:
            title += f" · {tr(detector.model.title)}"
        self.model.setText(
            tr("Run {model}", model=title) if title else tr("Run the model of the Model panel")
        )
        self._update()

    def _drawn(self, box: tuple[float, float, float, float]) -> None:
        self.problem.hide()
        self._live.model.follow(box, self._label())

    def _forget(self) -> None:
        self._live.model.forget_objects()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc leaves a box that is being drawn before it closes the dialog."""
        if event.key() == Qt.Key.Key_Escape and self.preview.drawing:
            self.preview.give_up()
        else:
            super().keyPressEvent(event)

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
        draws = running and self._live.model.draws
        self.preview.set_drawing(draws)
        self.hint.setVisible(draws)
        self.forget.setVisible(draws)
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
                    "model {ms} ms behind, {fps}/s, {skipped} frames skipped",
                    ms=round(seen.latency * 1000),
                    fps=f"{seen.model_fps:.1f}",
                    skipped=seen.skipped,
                )
            )
        if self._live.model.tracks:
            parts.append(tr("objects: {count}, lost: {lost}", count=seen.objects, lost=seen.lost))
        if self._live.recording:
            text = tr("recording: {frames} frames", frames=seen.recorded)
            parts.append(text + (f" (−{seen.unrecorded})" if seen.unrecorded else ""))
        self.figures.setText("   ·   ".join(parts))

    def _show_frame(self, rgb: NDArray[np.uint8]) -> None:
        if self._waits:
            self._waits = False
            self.problem.hide()
        self.preview.show_frame(rgb)

    def _waiting(self, number: int) -> None:
        self._waits = True
        self._say(tr("The stream has stopped. Connecting again (try {number})…", number=number))

    def _ended(self, error: VisionStudioError | None) -> None:
        self.preview.show_frame(None)
        if error is not None:
            self._say(told(str(error)))
        self._update()

    def _kept(self, path: Path, findings: Findings | None, places: dict[int, int]) -> None:
        self._keep(path, findings, places)
        self.message.emit(tr("{name} is in the project", name=path.name), "info")
        self._update()

    def _failed(self, error: VisionStudioError) -> None:
        self._say(told(str(error)))
        self._update()

    def _say(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._timer.stop()
        for signal, slot in (
            (self._live.frame_ready, self._show_frame),
            (self._live.waiting, self._waiting),
            (self._live.ended, self._ended),
            (self._live.kept, self._kept),
            (self._live.failed, self._failed),
        ):
            signal.disconnect(slot)
        self._live.kept.connect(self._keep)  # a recording that is being finished
        self._live.close()
