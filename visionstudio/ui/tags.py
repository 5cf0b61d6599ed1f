"""The tags of the picture or frame as a strip of chips in a corner of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton, QWidget

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Tag
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

_GAP = 6
_MARGIN = 8
_DOT = 10
_MOST = 30


class TagChip(QFrame):
    """One tag: its class, its score while it is proposed, and a sign to take it away."""

    def __init__(self, session: ProjectSession, tag: Annotation, one: LabelClass | None) -> None:
        super().__init__()
        self.setObjectName("tagChip")
        self.tag_id = tag.id
        name = one.name if one is not None else "?"
        proposed = tag.state is State.PROPOSED
        self.setProperty("proposed", proposed)
        self.setProperty("chosen", tag.id in session.selection)
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 0, 2, 0)
        row.setSpacing(0)
        text = f"{name}  {tag.score:.2f}" if proposed and tag.score is not None else name
        self.body = self._button("tagName", text, _dot(one.colour if one else "#808080"))
        self.body.setText(text)
        self.body.setToolTip(
            tr("Proposed tag: click to select, G accepts the active class's")
            if proposed
            else tr("Tag of the whole picture or frame: click to select")
        )
        self.body.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.body.clicked.connect(lambda: session.select([tag.id]))
        row.addWidget(self.body)
        if proposed:
            what = tr("Accept the tag {name}", name=name)
            accept = self._button("tagAccept", what, icon("check"))
            accept.clicked.connect(lambda: session.toggle_tag(tag.class_id))
            row.addWidget(accept)
        if not session.is_locked(tag):
            away = self._button("tagRemove", tr("Remove the tag {name}", name=name), icon("close"))
            away.clicked.connect(lambda: session.delete([tag.id]))
            row.addWidget(away)

    def _button(self, name: str, what: str, sign: QIcon) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setAccessibleName(what)
        button.setToolTip(what)
        button.setIcon(sign)
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the keys stay with the picture
        return button


def _dot(colour: str) -> QIcon:
    pixmap = QPixmap(2 * _DOT, 2 * _DOT)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(1, 1, 2 * _DOT - 2, 2 * _DOT - 2)
    painter.end()
    pixmap.setDevicePixelRatio(2)
    return QIcon(pixmap)


class TagStrip(QWidget):
    """Floats in the upper left corner of `over`, its sibling, while the picture has tags."""

    def __init__(self, parent: QWidget, over: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("tagStrip")
        self.setAccessibleName(tr("Tags of the picture"))
        self._over = over
        self._session: ProjectSession | None = None
        self._shown: tuple[object, ...] = ()
        self._chips: list[TagChip] = []
        self._edge = 0
        over.installEventFilter(self)
        self.hide()

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project's tags, or none."""
        for old, connect in ((self._session, False), (session, True)):
            if old is None:
                continue
            for signal in (
                old.annotations_changed,
                old.selection_changed,
                old.classes_changed,
                old.threshold_changed,
            ):
                (signal.connect if connect else signal.disconnect)(self.refresh)
        self._session = session
        self.refresh()

    @property
    def texts(self) -> list[str]:
        """What the chips say."""
        return [chip.body.text() for chip in self._chips]

    def refresh(self, *_: object) -> None:
        """Take the tags of the picture again."""
        session = self._session
        tags = _tags(session) if session is not None else []
        classes = {c.id: c for c in session.classes} if session is not None else {}
        used = [classes.get(t.class_id) for t in tags]
        chosen = session.selection if session is not None else frozenset()
        locked = [session.is_locked(t) for t in tags] if session is not None else []
        shown = (tuple(tags), tuple(used), tuple(t.id in chosen for t in tags), tuple(locked))
        if shown == self._shown:
            return
        self._shown = shown
        for chip in self._chips:
            chip.hide()
            chip.deleteLater()
        self._chips = []
        if session is not None:
            self._chips = [TagChip(session, t, c) for t, c in zip(tags, used, strict=True)]
        for chip in self._chips:
            chip.setParent(self)
            chip.show()
        self._place()

    def keep_off(self, edge: int) -> None:
        """Leave as many widget units free at the canvas's upper and left edge."""
        self._edge = edge
        self._place()

    def _place(self) -> None:
        """Rows of chips from the upper left corner, as many as fit side by side."""
        room = max(self._over.width() - self._edge - 2 * _MARGIN, 80)
        x = y = height = width = 0
        for chip in self._chips:
            size = chip.sizeHint()
            if x and x + size.width() > room:
                x, y = 0, y + height + _GAP
            chip.setGeometry(x, y, min(size.width(), room), size.height())
            x += size.width() + _GAP
            width, height = max(width, min(x - _GAP, room)), size.height()
        at = self._over.pos()
        edge = self._edge + _MARGIN
        self.setGeometry(at.x() + edge, at.y() + edge, width, y + height)
        self.setVisible(bool(self._chips))
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move):
            self._place()
        return False


def _tags(session: ProjectSession) -> list[Annotation]:
    seen = [a for a in session.annotations if isinstance(a.shape, Tag)]
    proposed = {a.id for a in session.visible_proposals()} if seen else set()
    return [a for a in seen if a.id in proposed or (a.state.is_label and not session.is_hidden(a))][
        :_MOST
    ]
