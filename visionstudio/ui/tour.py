"""The tour of the sample project: six small steps in which the person does real things.

It starts by itself the first time that the sample project is open, goes on when
what a step asks for has been done, and does not come again once it was ended or
skipped, unless it is asked for in the Help menu.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from visionstudio.model.annotations import State
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.session.workbench import Workbench
    from visionstudio.ui.window import MainWindow

NOTE = "tour"  # remembered in the settings: "ended" or "skipped"
SAMPLE = "sample"  # the project setting that a sample project has
_WIDTH = 340
_MARGIN = 16


class TourCard(QFrame):
    """One step, at the lower left of the picture. It takes neither clicks nor keys from it."""

    next_wanted = Signal()
    skipped = Signal()

    def __init__(self, parent: QWidget, over: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("tour")
        self._over = over
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(8)
        self.title = QLabel()
        self.title.setObjectName("tourTitle")
        self.title.setProperty("role", "heading")
        self.text = QLabel()
        self.text.setObjectName("tourText")
        self.text.setWordWrap(True)
        layout.addWidget(self.title)
        layout.addWidget(self.text)
        row = QHBoxLayout()
        row.setSpacing(8)
        skip = self._button("tourSkip", tr("Skip the tour"), self.skipped)
        onward = self._button("tourNext", tr("Next step"), self.next_wanted)
        row.addWidget(skip)
        row.addStretch(1)
        row.addWidget(onward)
        layout.addLayout(row)
        self.setFixedWidth(_WIDTH)
        self.hide()
        over.installEventFilter(self)

    def _button(self, name: str, text: str, signal: Any) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAccessibleName(text)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the picture
        button.clicked.connect(signal)
        return button

    def say(self, title: str, text: str) -> None:
        """Show a step."""
        self.title.setText(title)
        self.text.setText(text)
        self.setAccessibleName(f"{title}: {text}")
        self.show()
        self._place()

    def _place(self) -> None:
        layout = self.layout()
        if layout is not None:
            self.resize(_WIDTH, layout.totalHeightForWidth(_WIDTH))
        room = self._over.geometry()
        self.move(room.left() + _MARGIN, room.bottom() - self.height() - _MARGIN)
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Move) and self.isVisible():
            self._place()
        return False


class Tour(QObject):
    """Leads through a window's sample project, one step at a time."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._card: TourCard | None = None
        self._is_sample = False
        self._wanted = False
        self._listening: list[tuple[Any, Callable[..., None]]] = []
        self._number = -1
        # A step must not end within the signal that it listens to.
        self._advance = QTimer(self)
        self._advance.setSingleShot(True)
        self._advance.setInterval(0)
        self._advance.timeout.connect(lambda: self._go_to(self._number + 1))
        window.project_opened.connect(self._opened)
        window.project_closed.connect(self._closed)

    @property
    def step(self) -> int:
        """The step shown, from 0; -1 when the tour is not on."""
        return self._number

    def start(self) -> None:
        """Begin at the first step, in the sample project, which is opened if need be."""
        if self._is_sample and self._window.session is not None:
            self._go_to(0)
        elif self._window.offers_sample:
            self._wanted = True
            self._window.open_sample()

    def end(self, how: str = "ended") -> None:
        """Take the tour away, for good."""
        self._leave()
        self._window.settings.remember(NOTE, how)

    def _opened(self) -> None:
        session = self._window.session
        if session is None or session.store.read_only or not self._window.offers_sample:
            return

        def known(mark: object) -> None:
            self._is_sample = mark is not None
            if self._is_sample and (self._wanted or not self._window.settings.note(NOTE)):
                self._wanted = False
                self.start()

        session.in_store(lambda store: store.setting(SAMPLE), known)

    def _closed(self) -> None:
        self._is_sample = False
        self._leave()

    # Going through the steps

    def _go_to(self, number: int) -> None:
        self._leave()
        project = self._window.project
        if project is None:
            return
        steps = (self._draw, self._undo, self._propose, self._decide, self._train, self._track)
        if number >= len(steps):
            self.end()
            self._window.toast(tr("That was the tour. The Help menu starts it again."))
            return
        self._number = number
        title, text = steps[number](project.session, project.workbench)
        if self._card is None:
            self._card = TourCard(self._window.viewer, self._window.viewer.canvas)
            self._card.next_wanted.connect(self._skip_step)
            self._card.skipped.connect(lambda: self.end("skipped"))
        of = tr("Step {number} of {count}", number=number + 1, count=len(steps))
        self._card.say(f"{of} · {title}", text)

    def _skip_step(self) -> None:
        # Without something drawn there is nothing of the person's own to undo or to decide.
        self._go_to(self._number + (2 if self._number in (0, 2) else 1))

    def _leave(self) -> None:
        self._advance.stop()
        for signal, slot in self._listening:
            signal.disconnect(slot)
        self._listening = []
        self._number = -1
        if self._card is not None:
            self._card.hide()

    def _when(self, signal: Any, is_done: Callable[..., object]) -> None:
        """Go on when the signal comes and what the step asks for has been done."""

        def look(*values: object) -> None:
            if is_done(*values):
                self._advance.start()

        signal.connect(look)
        self._listening.append((signal, look))

    # The steps: what to look for, and what to say

    def _draw(self, session: ProjectSession, _: Workbench) -> tuple[str, str]:
        self._show_unlabelled("coins/")
        newest = session.reserve_ids("annotation")
        self._when(
            session.annotations_changed,
            lambda: any(a.id > newest and a.state.is_label for a in session.annotations),
        )
        key = self._key("tool.box")
        return tr("Draw"), tr("Press {key} and drag around a coin.", key=key)

    def _undo(self, session: ProjectSession, _: Workbench) -> tuple[str, str]:
        self._when(session.history_changed, lambda _undo, redo: redo is not None)
        text = tr(
            "Take it back with {key}: everything can be undone, even tomorrow.",
            key=self._key("edit.undo"),
        )
        return tr("Undo"), text

    def _propose(self, session: ProjectSession, workbench: Workbench) -> tuple[str, str]:
        ready = [m for m in workbench.models.of_task("classifier") if m.ready]
        if ready:
            self._window.model_panel.choose(ready[0].id)
        self._show_unlabelled("photographs/coffee", "photographs/photographer", "photographs/")
        newest = session.reserve_ids("annotation")
        self._when(
            session.annotations_changed,
            lambda: any(a.id > newest for a in session.visible_proposals()),
        )
        text = tr(
            "Press {key}: a model proposes what this photograph shows.",
            key=self._key("model.predict"),
        )
        return tr("Propose"), text

    def _decide(self, session: ProjectSession, _: Workbench) -> tuple[str, str]:
        open_ids = {a.id for a in session.visible_proposals()}

        def decided() -> bool:
            rows = (session.annotation(i) for i in open_ids)
            return any(a is not None and a.state is not State.PROPOSED for a in rows)

        self._when(session.annotations_changed, decided)
        text = tr(
            "The proposal is in the list of objects: accept it with {key}, or press {other} "
            "to reject it.",
            key=self._key("model.accept"),
            other=self._key("model.reject_all"),
        )
        return tr("Accept or reject"), text

    def _train(self, _: ProjectSession, workbench: Workbench) -> tuple[str, str]:
        trainable = [m for m in workbench.models.of_task("classifier") if m.trainable]
        if trainable:
            self._window.model_panel.choose(trainable[0].id)
        self._when(workbench.trainings.started, lambda _training: True)
        text = tr(
            "Press {key}, then Start: a model learns from the digits that are labelled here.",
            key=self._key("model.train"),
        )
        return tr("Train"), text

    def _track(self, session: ProjectSession, workbench: Workbench) -> tuple[str, str]:
        self._show_unlabelled("video/")
        self._when(workbench.tracks.finished, lambda *_: True)
        text = tr(
            "Press {key} and drag around the moving object: it is followed through the video.",
            key=self._key("tool.region"),
        )
        return tr("Track"), text

    def _show_unlabelled(self, *places: str) -> None:
        """Go to the first item at these places that nobody has labelled; else to the first."""
        session = self._window.session
        if session is None:
            return
        found = [i for place in places for i in session.media if i.path.startswith(place)]
        free = [i for i in found if not session.is_labelled(i.id)]
        for item in (free or found)[:1]:
            session.open_media(item.id)
        self._window.viewer.focus_canvas()

    def _key(self, action_id: str) -> str:
        """The key of an action as it is set now, else its name."""
        action = self._window.actions_[action_id]
        native = QKeySequence.SequenceFormat.NativeText
        return action.shortcut().toString(native) or action.text()
