"""The plugins dialog: what is installed, what it offers, and why something is off."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from visionstudio.engine.registry import PluginInfo
from visionstudio.session.models import Models
from visionstudio.ui.i18n import tr


class PluginsDialog(QDialog):
    """One card per plugin with its models; a switch turns it off and on."""

    def __init__(self, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pluginsDialog")
        self.setWindowTitle(tr("Plugins"))
        self.resize(QSize(640, 560))
        self._models = models
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(16)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        self._area = area
        layout.addWidget(area, 1)
        row = QHBoxLayout()
        again = QPushButton(tr("Look again"))
        again.setObjectName("pluginsRefresh")
        again.setToolTip(tr("Find plugins that were installed or removed meanwhile"))
        again.clicked.connect(lambda: models.discover(refresh=True))
        close = QPushButton(tr("Close"))
        close.setObjectName("pluginsClose")
        close.clicked.connect(self.close)
        row.addWidget(again)
        row.addStretch(1)
        row.addWidget(close)
        layout.addLayout(row)
        models.changed.connect(self._show)
        self.finished.connect(lambda _: models.changed.disconnect(self._show))
        self._show()

    def _show(self) -> None:
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        plugins = self._models.registry.plugins
        for plugin in plugins:
            column.addWidget(self._card(plugin))
        if not plugins:
            column.addWidget(QLabel(tr("No plugin was found")))
        column.addStretch(1)
        self._area.setWidget(body)

    def _card(self, plugin: PluginInfo) -> QWidget:
        card = QFrame()
        card.setFrameShape(QFrame.Shape.StyledPanel)
        card.setObjectName(f"plugin_{plugin.name}")
        column = QVBoxLayout(card)
        column.setSpacing(4)
        head = QHBoxLayout()
        title = QLabel(f"{plugin.name}  {plugin.version}")
        title.setProperty("role", "title")
        switch = QCheckBox(tr("Enabled"))
        switch.setObjectName(f"pluginEnabled_{plugin.name}")
        switch.setAccessibleName(tr("Enable {name}", name=plugin.name))
        switch.setChecked(plugin.enabled)
        switch.clicked.connect(lambda on, name=plugin.name: self._models.set_enabled(name, on))
        head.addWidget(title, 1)
        head.addWidget(switch)
        column.addLayout(head)
        if plugin.description:
            column.addWidget(_text(plugin.description, "secondary"))
        if plugin.error:
            column.addWidget(_text(plugin.error, "error"))
        if plugin.models:
            column.addWidget(_text(", ".join(plugin.models), ""))
        return card


def _text(text: str, role: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setProperty("role", role)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
