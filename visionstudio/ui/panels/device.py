"""Which device models run on: shown at the top right, chosen from what the host finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from visionstudio.session.models import Models
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.engine.events import Event

_MIB, _GIB = 1024**2, 1024**3


class DeviceButton(QToolButton):
    """Shows the device; its menu asks the host which there are and can free their memory."""

    def __init__(self, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("deviceButton")
        self.setAccessibleName(tr("Device"))
        self.setToolTip(tr("The device that models run on"))
        self.setAutoRaise(True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._models = models
        self._devices: list[dict[str, Any]] = []
        self._loaded: list[dict[str, Any]] = []
        menu = QMenu(self)
        menu.aboutToShow.connect(self._ask)
        self.setMenu(menu)
        self._show_device()
        self._fill()

    def _ask(self) -> None:
        # The host is started for this answer: only when somebody wants to know.
        from visionstudio.engine.requests import Devices  # once the menu is looked at

        self._models.submit(Devices(interactive=True), self._on_event)

    def _on_event(self, event: Event) -> None:
        from visionstudio.engine.events import Failed, Finished

        if isinstance(event, Finished):
            self._devices = list(event.summary.get("devices", []))
            self._loaded = list(event.summary.get("loaded", []))
        elif isinstance(event, Failed):
            self._models.failed.emit(event.error())
        else:
            return
        self._show_device()
        self._fill()

    def _fill(self) -> None:
        menu = self.menu()
        menu.clear()
        group = QActionGroup(menu)
        best = tr("Best there is")
        choices = [("auto", f"{best}"), *((d["id"], _title(d)) for d in self._devices)]
        for device, title in choices:
            action = QAction(title, menu)
            action.setCheckable(True)
            action.setChecked(device == self._models.device)
            action.triggered.connect(lambda _=False, device=device: self._choose(device))
            group.addAction(action)
            menu.addAction(action)
        if not self._devices:
            looking = menu.addAction(tr("Looking for devices…"))
            looking.setEnabled(False)
        menu.addSection(tr("Models in memory"))
        for row in self._loaded or [{}]:
            entry = menu.addAction(_held(row) if row else tr("none"))
            entry.setEnabled(False)
        menu.addAction(tr("Free memory"), self._models.free_memory)

    def _choose(self, device: str) -> None:
        self._models.device = device
        self._show_device()
        self._fill()

    def _show_device(self) -> None:
        device = self._models.device
        if device == "auto" and self._devices:
            device = self._devices[0]["id"]
        name = tr("automatic") if device == "auto" else device.upper()
        self.setText(tr("Device: {name}", name=name))


def _held(row: dict[str, Any]) -> str:
    """A loaded model, where it is and what it takes."""
    size = f"{max(row['bytes'], 0) / _MIB:,.0f} MiB"
    return f"{tr(row['title'])}  {row['device']}  {size}"


def _title(device: dict[str, Any]) -> str:
    memory = device.get("memory") or 0
    size = f"  {memory / _GIB:.1f} GiB" if memory else ""
    return f"{device['id']}  {device.get('name', '')}{size}"
