"""The bar above the picture while two are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from visionstudio.ui import icons
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.ui.inspect.compare_control import CompareControl

SOURCES = ("next", "previous", "pinned", "proposals")


class CompareBar(QWidget):
    """Chooses what is compared and how; tells the values under the pointer in both."""

    def __init__(self, control: CompareControl, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compareBar")
        self.setAccessibleName(tr("Compare"))
        self._control = control
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(6)
        self.source = QComboBox()  # without a label: in a narrow window the values need the room
        self.source.setObjectName("compareSource")
        self.source.setAccessibleName(tr("Compare with"))
        self.source.setToolTip(tr("Compare with"))
        titles = (
            tr("Next picture or frame"),
            tr("Previous picture or frame"),
            tr("Pinned picture"),
            tr("Proposals against labels"),
        )
        for name, title in zip(SOURCES, titles, strict=True):
            self.source.addItem(title, name)
        row.addWidget(self.source)
        self.pin = QToolButton()
        self.pin.setObjectName("comparePin")
        self.pin.setIcon(icons.icon("pin-outline"))
        self.pin.setToolTip(tr("Pin this picture to compare others with it"))
        self.pin.setAccessibleName(tr("Pin this picture to compare others with it"))
        row.addWidget(self.pin)
        self._modes = QButtonGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        for name, title, glyph in (
            ("side", tr("Side by side"), "compare"),
            ("swipe", tr("Swipe"), "arrow-split-vertical"),
            ("blink", tr("Blink"), "eye-outline"),
            ("difference", tr("Difference"), "select-compare"),
        ):
            button = QToolButton()
            button.setObjectName(f"compare_{name}")
            button.setIcon(icons.icon(glyph))
            button.setToolTip(title)
            button.setAccessibleName(title)
            button.setCheckable(True)
            button.clicked.connect(lambda _=False, mode=name: control.start(mode))
            self._modes.addButton(button)
            self.buttons[name] = button
            row.addWidget(button)
        self.name = QLabel()
        self.name.setObjectName("compareName")
        self.name.setProperty("role", "muted")
        row.addWidget(self.name)
        self.reading = QLabel()
        self.reading.setObjectName("compareReading")
        self.reading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        row.addWidget(self.reading, 1)
        self.leave = QToolButton()
        self.leave.setObjectName("compareLeave")
        self.leave.setIcon(icons.icon("close"))
        self.leave.setToolTip(tr("Stop comparing"))
        self.leave.setAccessibleName(tr("Stop comparing"))
        row.addWidget(self.leave)
        self.source.activated.connect(lambda _: control.set_source(self.source.currentData()))
        self.pin.clicked.connect(control.pin)
        self.leave.clicked.connect(control.stop)
        control.changed.connect(self.follow)
        self.hide()

    def follow(self) -> None:
        """Show the control's state."""
        control = self._control
        self.setVisible(bool(control.mode))
        if not control.mode:
            return
        self.buttons[control.mode].setChecked(True)
        self.buttons["difference"].setEnabled(control.source != "proposals")
        with QSignalBlocker(self.source):
            self.source.setCurrentIndex(SOURCES.index(control.source))
        self.name.setText(control.other.title if control.other else tr("nothing"))
        self.reading.setText(control.reading)
        self.reading.setToolTip(control.reading)
        self.name.setVisible(not control.reading)  # at the pointer the values are more than a name
