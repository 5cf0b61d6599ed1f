"""The bar below a video: play, step, scrub, go to a frame, speed, and the timeline."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QHideEvent, QMouseEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QSpinBox,
    QStyle,
    QStyleOptionSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.errors import VisionStudioError
from visionstudio.ui import icons, theme
from visionstudio.ui.i18n import tr
from visionstudio.ui.video.clock import clock
from visionstudio.ui.video.grip import Grip
from visionstudio.ui.video.lines import Lines
from visionstudio.ui.video.peek import Peek
from visionstudio.ui.video.playback import VideoInfo
from visionstudio.ui.video.player import SPEEDS, VideoPlayer
from visionstudio.ui.video.timeline import Timeline

_LONG_STEP = 10
_SPEED_TEXTS = ("¼×", "½×", "1×", "2×", "4×", "8×")


class ScrubSlider(QSlider):
    """A slider whose handle jumps to the pointer at once, and that tells what is under it."""

    hovered = Signal(int, QPoint)  # value, place on the screen above the pointer
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setTracking(True)
        self.setMouseTracking(True)
        self.setPageStep(_LONG_STEP)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self.setValue(self._value_at(event.position().x()))
            event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        value = self._value_at(event.position().x())
        if self.isSliderDown():
            self.setValue(value)
        self.hovered.emit(value, self.mapToGlobal(QPoint(round(event.position().x()), 0)))

    def leaveEvent(self, event: QEvent) -> None:
        self.left.emit()
        super().leaveEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self.left.emit()
        super().hideEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.setSliderDown(False)
        event.accept()

    def _value_at(self, x: float) -> int:
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength, option, self)
        return QStyle.sliderValueFromPosition(
            self.minimum(), self.maximum(), round(x - handle / 2), max(1, self.width() - handle)
        )


class VideoBar(QWidget):
    """Controls of a `VideoPlayer`. It asks and shows; all decoding is the player's."""

    height_chosen = Signal(int)  # lines of the timeline, 0: folded away

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("videoBar")
        self.setAccessibleName(tr("Video controls"))
        self._player: VideoPlayer | None = None
        self._info: VideoInfo | None = None
        self._long = False
        self._build()
        self._enable(False)

    def _build(self) -> None:
        self.back_ten = self._button("videoBackTen", "rewind-10", tr("10 frames back"))
        self.back = self._button("videoStepBack", "skip-previous", tr("Previous frame"))
        self.play = self._button("videoPlay", "play", tr("Play"))
        self.forward = self._button("videoStepForward", "skip-next", tr("Next frame"))
        self.forward_ten = self._button("videoForwardTen", "fast-forward-10", tr("10 frames on"))
        self.slider = ScrubSlider()
        self._name(self.slider, "videoSlider", tr("Place in the video"))
        self.time = QLabel()
        self._name(self.time, "videoTime", tr("Time of this frame and of the whole video"))
        self.frame = QSpinBox()
        self._name(self.frame, "videoFrame", tr("Frame: type a number to go there"))
        self.frame.setKeyboardTracking(False)
        self.frame.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.speed = QComboBox()
        self._name(self.speed, "videoSpeed", tr("Speed"))
        for text, value in zip(_SPEED_TEXTS, SPEEDS, strict=True):
            self.speed.addItem(text, value)
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.dropped = QLabel()
        self._name(self.dropped, "videoDropped", tr("Frames left out while playing"))
        self.dropped.hide()
        self.loop_start = self._button(
            "videoLoopStart", "alpha-a-box-outline", tr("Loop from here")
        )
        self.loop_end = self._button("videoLoopEnd", "alpha-b-box-outline", tr("Loop up to here"))
        self.loop_off = self._button("videoLoopOff", "repeat-off", tr("End the loop"))
        self.loop_off.hide()
        self.peek = Peek(self)
        self.note = QLabel()
        self._name(self.note, "videoNote", tr("What is wrong with this frame"))
        self.note.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.note.hide()
        self.timeline = Timeline()
        self.grip = Grip(self.timeline)
        self.fold = self._button("videoTimelineFold", "chevron-down", tr("Hide the timeline"))
        self._folded = False

        row = QHBoxLayout()
        row.setContentsMargins(theme.GRID, 4, theme.GRID, 4)
        row.setSpacing(4)
        for button in (self.back_ten, self.back, self.play, self.forward, self.forward_ten):
            row.addWidget(button)
        row.addWidget(self.slider, 1)
        for button in (self.loop_start, self.loop_end, self.loop_off):
            row.addWidget(button)
        for widget in (self.note, self.dropped, self.time, self.frame, self.speed, self.fold):
            row.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self.grip)
        column.addWidget(self.timeline)

        self.play.clicked.connect(self._toggle)
        for button, by in (
            (self.back_ten, -_LONG_STEP),
            (self.back, -1),
            (self.forward, 1),
            (self.forward_ten, _LONG_STEP),
        ):
            button.setAutoRepeat(True)
            button.clicked.connect(lambda _=False, by=by: self._step(by))
        self.slider.valueChanged.connect(self._seek)
        self.frame.valueChanged.connect(self._seek)
        self.timeline.seek.connect(self._seek)
        self.fold.clicked.connect(lambda: self.fold_timeline(not self._folded))
        self.grip.dragged.connect(self.height_chosen)
        self.loop_start.clicked.connect(self.start_loop)
        self.loop_end.clicked.connect(self.end_loop)
        self.loop_off.clicked.connect(self.clear_loop)
        self.slider.hovered.connect(self._peek)
        self.slider.left.connect(self.peek.leave)
        self.timeline.hovered.connect(self._peek)
        self.timeline.left.connect(self.peek.leave)
        self.speed.currentIndexChanged.connect(self._choose_speed)
        theme.watcher().changed.connect(self._colour_note)
        self._colour_note()
        self._show_timeline()

    def hideEvent(self, event: QHideEvent) -> None:
        self.peek.set_path(None)  # its thread has nobody to look for
        super().hideEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._info is not None:
            self.peek.set_path(self._info.path)

    def set_player(self, player: VideoPlayer) -> None:
        """Control this player from now on. To be called once."""
        self._player = player
        player.opened.connect(self._show_opened)
        player.failed.connect(self._show_failed)
        player.frame_ready.connect(lambda frame, _pts, _rgb: self._show_frame(frame))
        player.frame_failed.connect(self._show_damaged)
        player.playing_changed.connect(self._show_playing)
        player.speed_changed.connect(self._show_speed)
        player.loop_changed.connect(self._show_loop)
        if player.info is not None:
            self._show_opened(player.info)

    def show_lines(self, lines: Lines) -> None:
        """The tracks of the video. Without any there is no timeline to fold."""
        self.timeline.set_lines(lines)
        self._show_timeline()

    def fold_timeline(self, folded: bool) -> None:
        """Hide the timeline, or show it again."""
        self._folded = folded
        what = tr("Show the timeline") if folded else tr("Hide the timeline")
        self.fold.setIcon(icons.icon("chevron-up" if folded else "chevron-down"))
        self.fold.setToolTip(what)
        self.fold.setAccessibleName(what)
        self._show_timeline()
        self.height_chosen.emit(0 if folded else self.timeline.wanted_lines)

    @property
    def timeline_folded(self) -> bool:
        return self._folded

    def _show_timeline(self) -> None:
        some = len(self.timeline.lines) > 0
        self.timeline.setVisible(some and not self._folded)
        self.grip.setVisible(some and not self._folded)
        self.fold.setVisible(some)

    def _button(self, name: str, glyph: str, what: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icons.icon(glyph))
        button.setIconSize(QSize(20, 20))
        button.setAutoRaise(True)
        self._name(button, name, what)
        return button

    def _name(self, widget: QWidget, name: str, what: str) -> None:
        widget.setObjectName(name)
        widget.setAccessibleName(what)
        widget.setToolTip(what)

    def _enable(self, on: bool) -> None:
        for widget in (
            self.back_ten, self.back, self.play, self.forward, self.forward_ten, self.slider,
            self.frame, self.speed, self.loop_start, self.loop_end,
        ):  # fmt: skip
            widget.setEnabled(on)

    def _toggle(self) -> None:
        if self._player is not None:
            self._player.toggle()

    def _step(self, by: int) -> None:
        if self._player is not None:
            self._player.step(by)

    def _seek(self, frame: int) -> None:
        if self._player is not None and self._info is not None:
            self._player.seek(frame)

    # The loop

    def start_loop(self) -> None:
        """Play over and over from this frame: to the loop's end, or the video's."""
        if self._player is not None and self._info is not None:
            here, loop = max(self._player.frame, 0), self._player.loop
            last = loop[1] if loop is not None and loop[1] > here else self._info.frames - 1
            self._player.set_loop((here, last))

    def end_loop(self) -> None:
        """Play over and over up to this frame: from the loop's start, or the video's."""
        if self._player is not None and self._info is not None:
            here, loop = max(self._player.frame, 0), self._player.loop
            self._player.set_loop((loop[0] if loop is not None and loop[0] < here else 0, here))

    def clear_loop(self) -> None:
        """Play to the end again."""
        if self._player is not None:
            self._player.set_loop(None)

    def _show_loop(self, loop: tuple[int, int] | None) -> None:
        self.loop_off.setVisible(loop is not None)
        self.timeline.set_loop(loop)
        if loop is None:
            self.loop_off.setToolTip(tr("End the loop"))
        else:
            text = tr("End the loop of frames {first} to {last}", first=loop[0], last=loop[1])
            self.loop_off.setToolTip(text)

    def _peek(self, frame: int, anchor: QPoint) -> None:
        if self._info is not None:
            seconds = float(self._info.seconds[min(max(frame, 0), self._info.frames - 1)])
            self.peek.show_at(frame, f"{frame} · {clock(seconds, self._long)}", anchor)

    def _choose_speed(self, index: int) -> None:
        if self._player is not None:
            self._player.set_speed(float(self.speed.itemData(index)))

    def _show_opened(self, info: VideoInfo) -> None:
        self._info = info
        self._long = float(info.seconds[-1]) >= 3600
        last = info.frames - 1
        with QSignalBlocker(self.slider), QSignalBlocker(self.frame):
            self.slider.setRange(0, last)
            self.frame.setRange(0, last)
            self.frame.setSuffix(f" / {last}")
        self.timeline.set_frames(info.frames, info.fps)
        self.peek.set_path(info.path)
        self.dropped.hide()
        self.time.setText(self._times(float(info.seconds[-1])))
        self.time.setMinimumWidth(self.time.sizeHint().width())
        self._enable(True)
        self._show_note("")
        self._show_frame(max(0, self._player.frame if self._player else 0))

    def _show_failed(self, error: VisionStudioError) -> None:
        self._info = None
        self._enable(False)
        self.time.clear()
        self._show_note(error.what)

    def _show_frame(self, frame: int) -> None:
        if self._info is None:
            return
        self._show_note("")
        with QSignalBlocker(self.slider), QSignalBlocker(self.frame):
            if not self.slider.isSliderDown():
                self.slider.setValue(frame)
            if not (self.frame.hasFocus() and self.frame.lineEdit().isModified()):
                self.frame.setValue(frame)
        self.timeline.set_frame(frame)
        count = self._player.dropped if self._player is not None else 0
        if self.dropped.isHidden() == bool(count):
            self.dropped.setVisible(bool(count))
        if count:
            self.dropped.setText(tr("{count} dropped", count=count))
        self.time.setText(self._times(float(self._info.seconds[frame])))

    def _show_damaged(self, frame: int, reason: str) -> None:
        self._show_frame(frame)
        self.timeline.mark_damaged(frame)
        self._show_note(tr("Frame {frame} is damaged", frame=frame))
        self.note.setToolTip(reason)

    def _show_playing(self, playing: bool) -> None:
        what = tr("Pause") if playing else tr("Play")
        self.play.setIcon(icons.icon("pause" if playing else "play"))
        self.play.setToolTip(what)
        self.play.setAccessibleName(what)

    def _show_speed(self, speed: float) -> None:
        with QSignalBlocker(self.speed):
            self.speed.setCurrentIndex(SPEEDS.index(speed) if speed in SPEEDS else -1)

    def _show_note(self, text: str) -> None:
        self.note.setText(text)
        self.note.setToolTip("")
        self.note.setVisible(bool(text))

    def _colour_note(self) -> None:
        self.dropped.setStyleSheet(f"color: {theme.colour('warning').name()}; padding: 0 8px;")
        self.note.setStyleSheet(f"color: {theme.colour('danger').name()}; padding: 0 8px;")
        self.time.setStyleSheet(f"color: {theme.colour('muted').name()}; padding: 0 8px;")

    def _times(self, seconds: float) -> str:
        whole = float(self._info.seconds[-1]) if self._info else 0.0
        return f"{clock(seconds, self._long)} / {clock(whole, self._long)}"
