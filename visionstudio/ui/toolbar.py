"""The bar of tools at the left edge. Tools that belong together share a button."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QAction, QActionGroup, QContextMenuEvent, QPainter, QPaintEvent, QPolygon
from PySide6.QtWidgets import QMenu, QToolBar, QToolButton, QWidget

from visionstudio.ui import theme
from visionstudio.ui.actions import BY_ID, ActionSet
from visionstudio.ui.i18n import tr

TOOLS: tuple[tuple[str, ...], ...] = (
    ("tool.select", "tool.vertices"),
    ("tool.box", "tool.rotated_box", "tool.ellipse"),
    ("tool.polygon", "tool.livewire", "tool.polyline"),
    ("tool.points", "tool.skeleton"),
    ("tool.brush",),
    ("tool.eraser",),
    ("tool.prompt", "tool.wand", "tool.fill"),
    ("tool.knife", "tool.hole"),
    ("tool.region",),
    (
        "tool.measure",
        "tool.angle",
        "tool.measure_area",
        "tool.count",
        "tool.profile",
        "tool.scale",
        "tool.levels",
    ),
)
"""Drawing tools by button, top to bottom; of several the first is shown until one is used."""

OTHERS = (
    ("label.tag", "label.verify"),
    ("model.predict", "edit.undo", "edit.redo"),
    ("view.fit", "inspect.contrast"),
)
_ICON = 22
_CORNER = 5


class ToolBar(QToolBar):
    """Buttons for tools, one of them checked, and for what is used again and again."""

    def __init__(self, parent: QWidget, actions: ActionSet) -> None:
        super().__init__(tr("Tools"), parent)
        self.setObjectName("toolBar")
        self.setOrientation(Qt.Orientation.Vertical)
        self.setIconSize(QSize(_ICON, _ICON))
        self.setMovable(False)
        one_of = QActionGroup(self)
        for names in TOOLS:
            for name in names:
                one_of.addAction(actions[name])
            if len(names) == 1:
                self._add(actions, names[0])
            else:
                self.addWidget(GroupButton([actions[name] for name in names]))
        for names in OTHERS:
            self.addSeparator()
            for name in names:
                self._add(actions, name)

    def _add(self, actions: ActionSet, name: str) -> None:
        self.addAction(actions[name])
        button = self.widgetForAction(actions[name])
        button.setObjectName(f"tool_{name}")
        button.setAccessibleName(tr(BY_ID[name].title))


class GroupButton(QToolButton):
    """Several tools in one place: a click takes the one used last, holding it or the
    right button shows them all."""

    def __init__(self, tools: Sequence[QAction]) -> None:
        super().__init__()
        self.setObjectName(f"tool_{tools[0].objectName()}")
        self.setAccessibleName(", ".join(tool.text() for tool in tools))
        self.setPopupMode(QToolButton.ToolButtonPopupMode.DelayedPopup)
        menu = QMenu(self)
        menu.setObjectName(f"{self.objectName()}_menu")
        for tool in tools:
            menu.addAction(tool)
            tool.toggled.connect(lambda on, chosen=tool: self._show(chosen) if on else None)
        self.setMenu(menu)
        self._show(tools[0])

    def _show(self, tool: QAction) -> None:
        self.setDefaultAction(tool)
        self.setToolTip(tr("{tool}; hold for more", tool=tool.toolTip()))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.showMenu()

    def paintEvent(self, event: QPaintEvent) -> None:
        """With a mark in the corner that there is more behind it."""
        super().paintEvent(event)
        right, bottom = self.width() - 4, self.height() - 4
        painter = QPainter(self)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("muted"))
        painter.drawPolygon(
            QPolygon(
                [
                    QPoint(right, bottom - _CORNER),
                    QPoint(right, bottom),
                    QPoint(right - _CORNER, bottom),
                ]
            )
        )
        painter.end()
