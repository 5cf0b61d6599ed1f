"""The controls of how a picture is shown: window, gamma, colours, channel."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.display import COLOUR_MAPS, CT_WINDOWS, Display
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.display_control import DisplayControl

if TYPE_CHECKING:
    from visionstudio.media.image import Pixels

W = TypeVar("W", bound=QWidget)
_STEPS = 200  # of the gamma slider, from 1/5 to 5 on a logarithmic scale
_RANGE = 5.0


class DisplayBox(QWidget):
    """Shows, when told to, and changes the choice of a `DisplayControl`."""

    def __init__(self, control: DisplayControl, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("displayBox")
        self._control = control
        self._kind: tuple[object, ...] = ()
        self._build()

    def _build(self) -> None:
        self.window_choice = self._named(QComboBox(), "displayWindow", tr("Which values are shown"))
        self.low = self._spin("displayLow", tr("Value shown as black"))
        self.high = self._spin("displayHigh", tr("Value shown as white"))
        self.gamma_slider = self._named(
            QSlider(Qt.Orientation.Horizontal), "displayGammaSlider", tr("Gamma")
        )
        self.gamma_slider.setRange(-_STEPS, _STEPS)
        self.gamma = self._spin("displayGamma", tr("Gamma"))
        self.gamma.setRange(1 / _RANGE, _RANGE)
        self.gamma.setSingleStep(0.05)
        self.gamma.setDecimals(2)
        self.colours = self._named(QComboBox(), "displayColours", tr("Colour map"))
        self.colours.setIconSize(QSize(48, 12))
        self.channel = self._named(QComboBox(), "displayChannel", tr("Channel"))
        self.invert = self._named(QCheckBox(tr("Invert")), "displayInvert", tr("Invert"))
        self.keep = self._named(
            QCheckBox(tr("Keep for next pictures")), "displayKeep", tr("Keep for next pictures")
        )
        self.keep.setToolTip(tr("Show the next pictures of this kind in the same way"))
        self.reset = self._named(QPushButton(tr("Reset")), "displayReset", tr("Show as decoded"))
        self.reset.setToolTip(tr("Show as decoded"))

        grid = QGridLayout()
        grid.setSpacing(6)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[str, tuple[QWidget, ...]], ...] = (
            (tr("Values"), (self.window_choice,)),
            (tr("Window"), (self.low, self.high)),
            (tr("Gamma"), (self.gamma_slider, self.gamma)),
            (tr("Colours"), (self.colours,)),
            (tr("Channel"), (self.channel,)),
        )
        for row, (title, widgets) in enumerate(rows):
            label = QLabel(title)
            label.setProperty("role", "muted")
            line = QHBoxLayout()
            line.setSpacing(6)
            for widget in widgets:
                line.addWidget(widget, 1)
            grid.addWidget(label, row, 0)
            grid.addLayout(line, row, 1)
        last = QHBoxLayout()
        last.addWidget(self.invert)
        last.addStretch(1)
        last.addWidget(self.reset)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(grid)
        column.addLayout(last)
        column.addWidget(self.keep)

        self.window_choice.activated.connect(self._window_chosen)
        self.low.valueChanged.connect(self._typed)
        self.high.valueChanged.connect(self._typed)
        self.gamma.valueChanged.connect(lambda v: self._change(gamma=float(v)))
        self.gamma_slider.valueChanged.connect(
            lambda v: self._change(gamma=round(_RANGE ** (v / _STEPS), 2))
        )
        self.colours.activated.connect(
            lambda _: self._change(colours=str(self.colours.currentData()))
        )
        self.channel.activated.connect(lambda _: self._change(channel=self.channel.currentData()))
        self.invert.clicked.connect(lambda on: self._change(invert=bool(on)))
        self.keep.clicked.connect(self._control.set_keep)
        self.reset.clicked.connect(lambda _: self._control.set(Display()))

    def _named(self, widget: W, name: str, what: str) -> W:
        widget.setObjectName(name)
        widget.setAccessibleName(what)
        widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        if isinstance(widget, QCheckBox | QPushButton):
            widget.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        return widget

    def _spin(self, name: str, what: str) -> QDoubleSpinBox:
        spin = self._named(QDoubleSpinBox(), name, what)
        spin.setKeyboardTracking(False)
        spin.setRange(-1e12, 1e12)
        spin.setToolTip(what)
        return spin

    # -- what it shows

    def follow(self) -> None:
        """Show the choice that holds for what is on screen."""
        picture = self._control.picture
        self.setEnabled(picture is not None)
        if picture is None:
            return
        pixels, display = picture.pixels, self._control.display
        self._offer(pixels)
        low, high = self.window_shown()
        whole = pixels.values.dtype.kind == "u"
        span = max(high - low, 1e-9)
        for spin, value in ((self.low, low), (self.high, high)):
            with QSignalBlocker(spin):
                spin.setDecimals(0 if whole else 2 if span > 20 else 5)
                spin.setSingleStep(max(1.0, round(span / 100)) if whole else span / 100)
                spin.setValue(value)
        with QSignalBlocker(self.gamma), QSignalBlocker(self.gamma_slider):
            self.gamma.setValue(display.gamma)
            self.gamma_slider.setValue(round(np.log(display.gamma) / np.log(_RANGE) * _STEPS))
        self.window_choice.setCurrentIndex(self._window_index(display))
        self.colours.setCurrentIndex(max(0, self.colours.findData(display.colours)))
        self.channel.setCurrentIndex(max(0, self.channel.findData(display.channel)))
        self.colours.setEnabled(self._control.has_one_band)
        self.channel.setEnabled(self.channel.count() > 1)
        self.invert.setChecked(display.invert)
        self.keep.setChecked(self._control.keep)
        self.reset.setEnabled(not display.is_plain)

    def window_shown(self) -> tuple[float, float]:
        """The values that are black and white on screen."""
        picture = self._control.picture
        if picture is None:
            return 0.0, 1.0
        if picture.levels is not None:
            return picture.levels.low, picture.levels.high
        return picture.pixels.display_range()

    def _offer(self, pixels: Pixels) -> None:
        """The choices that a picture of this kind has."""
        kind = (pixels.format, pixels.mode, str(pixels.values.dtype), pixels.channel_names)
        if kind == self._kind:
            return
        self._kind = kind
        self.window_choice.clear()
        for name, title in (
            ("default", tr("As decoded")),
            ("full", tr("Full range")),
            ("auto", tr("Auto, 0.35 % saturated")),
            ("range", tr("Minimum to maximum")),
            ("percentile", tr("1 to 99 percentile")),
            ("fixed", tr("Fixed")),
        ):
            self.window_choice.addItem(title, name)
        if pixels.format == "DICOM" and pixels.values.ndim == 2:
            for title in CT_WINDOWS:
                self.window_choice.addItem(tr("CT: {name}", name=tr(title)), f"ct:{title}")
        if not self.colours.count():
            for name in COLOUR_MAPS:
                self.colours.addItem(_swatch(name), tr(name), name)
        self.channel.clear()
        together = tr("Composite") if pixels.mode == "channels" else tr("Colour")
        self.channel.addItem(together if pixels.values.ndim == 3 else tr("Grey"), None)
        if pixels.values.ndim == 3:
            for n, name in enumerate(pixels.channel_names):
                self.channel.addItem(name, n)

    def _window_index(self, display: Display) -> int:
        if display.window == "fixed":
            for title, window in CT_WINDOWS.items():
                found = self.window_choice.findData(f"ct:{title}")
                if found >= 0 and window == (display.low, display.high):
                    return found
        return max(0, self.window_choice.findData(display.window))

    # -- what it changes

    def drag_window(self, low: float, high: float) -> None:
        """A window dragged on the histogram."""
        self._control.set(self._control.display.fixed(low, high))

    def _typed(self) -> None:
        low, high = self.low.value(), self.high.value()
        if low < high:
            self._control.set(self._control.display.fixed(low, high))

    def _change(self, **values: object) -> None:
        self._control.set(replace(self._control.display, **values))  # type: ignore[arg-type]

    def _window_chosen(self, _index: int) -> None:
        name = str(self.window_choice.currentData())
        if name.startswith("ct:"):
            self._control.set(self._control.display.fixed(*CT_WINDOWS[name[3:]]))
        elif name == "fixed":
            self._control.set(self._control.display.fixed(*self.window_shown()))
        else:
            self._control.set(replace(self._control.display, window=name))


def _swatch(name: str) -> QIcon:
    """A strip of a colour map."""
    from visionstudio.media.display import colour_table, label_colours

    table = label_colours() if name == "labels" else colour_table(name)
    steps = np.linspace(0, 15 if name == "labels" else 255, 48).astype(np.int64)
    strip = np.ascontiguousarray(np.repeat(table[steps][None], 12, axis=0))
    image = QImage(strip.data, 48, 12, 4 * 48, QImage.Format.Format_RGB32)
    return QIcon(QPixmap.fromImage(image.copy()))
