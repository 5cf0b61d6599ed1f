"""Deciding on proposals: the live threshold, accept and reject."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from visionstudio.session import proposals
from visionstudio.session.project import ProjectSession
from visionstudio.session.tracks import accept_track
from visionstudio.ui.i18n import tr


class ProposalControls(QWidget):
    """Threshold and count. The two buttons are its own; the panel around it places them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("proposalControls")
        self._session: ProjectSession | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        row = QHBoxLayout()
        row.setSpacing(8)
        self._threshold = QSlider(Qt.Orientation.Horizontal)
        self._threshold.setObjectName("thresholdSlider")
        self._threshold.setAccessibleName(tr("Threshold"))
        self._threshold.setRange(0, 100)
        self._threshold_box = QDoubleSpinBox()
        self._threshold_box.setObjectName("thresholdValue")
        self._threshold_box.setAccessibleName(tr("Threshold"))
        self._threshold_box.setRange(0, 1)
        self._threshold_box.setSingleStep(0.05)
        self._threshold.valueChanged.connect(lambda v: self._set_threshold(v / 100))
        self._threshold_box.valueChanged.connect(self._set_threshold)
        label = QLabel(tr("Threshold"))
        label.setBuddy(self._threshold_box)
        row.addWidget(label)
        row.addWidget(self._threshold, 1)
        row.addWidget(self._threshold_box)
        layout.addLayout(row)
        self._count = QLabel()
        self._count.setObjectName("proposalCount")
        self._count.setProperty("role", "muted")
        # The same room for every text: neither the panel nor the picture beside it moves.
        self._count.setWordWrap(True)
        self._count.setMinimumHeight(2 * self._count.fontMetrics().lineSpacing())
        self._count.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._count)
        self.accept_button = self._button("acceptButton", tr("Accept all"), self.accept_all)
        self.accept_button.setToolTip(tr("Accept every visible proposal (Shift+Enter)"))
        self.reject_button = self._button("rejectButton", tr("Reject all"), self.reject_all)
        self.reject_button.setToolTip(
            tr("Refuse every visible proposal; they are not offered again")
        )

    def _button(self, name: str, text: str, action: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.clicked.connect(lambda: action())
        return button

    def set_session(self, session: ProjectSession | None) -> None:
        """Work on another project, or on none."""
        if self._session is not None:
            self._session.annotations_changed.disconnect(self.refresh)
            self._session.threshold_changed.disconnect(self._show_threshold)
        self._session = session
        if session is not None:
            session.annotations_changed.connect(self.refresh)
            session.threshold_changed.connect(self._show_threshold)
            self._show_threshold(session.threshold)

    def _set_threshold(self, value: float) -> None:
        if self._session is not None:
            self._session.set_threshold(value)

    def _show_threshold(self, value: float) -> None:
        for widget in (self._threshold, self._threshold_box):
            widget.blockSignals(True)
        self._threshold.setValue(round(value * 100))
        if abs(self._threshold_box.value() - value) > 0.005:  # else it may be being typed into
            self._threshold_box.setValue(value)
        for widget in (self._threshold, self._threshold_box):
            widget.blockSignals(False)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Count what is to be decided."""
        shown = self._session.visible_proposals() if self._session is not None else []
        self._count.setText(
            tr("Proposals shown: {count} · Enter accepts one, Delete rejects", count=len(shown))
            if shown
            else tr("No proposals here")
        )
        self.accept_button.setEnabled(bool(shown))
        self.reject_button.setEnabled(bool(shown))

    def accept(self) -> None:
        """Accept the selected proposals, or the best visible one, and go to the next."""
        session = self._session
        if session is None:
            return
        shown = session.visible_proposals()
        chosen = [a for a in shown if a.id in session.selection]
        if not chosen:
            chosen = sorted(shown, key=lambda a: -(a.score or 0))[:1]
        if not chosen:
            return
        session.apply(proposals.accept(chosen))
        rest = sorted((a for a in shown if a not in chosen), key=lambda a: -(a.score or 0))
        session.select({rest[0].id} if rest else set())

    def accept_all(self) -> None:
        """Accept every visible proposal of the picture or frame."""
        self._decide(proposals.accept)

    def reject_all(self) -> None:
        """Reject every visible proposal of the picture or frame."""
        self._decide(proposals.reject)

    def _decide(self, how: Callable[..., object]) -> None:
        if self._session is None:
            return
        shown = self._session.visible_proposals()
        if shown:
            self._session.apply(how(shown))  # type: ignore[arg-type]

    def accept_track(self) -> None:
        """Accept the whole track of the selected proposal."""
        session = self._session
        if session is None:
            return
        tracks = {
            a.track_id
            for a in session.annotations
            if a.id in session.selection and a.track_id is not None
        }
        for track_id in tracks:
            accept_track(session, track_id)
