"""What runs: a strip for the status bar, and a list with progress, time left and cancel."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.session.jobs import Job, Jobs, JobState
from visionstudio.ui.i18n import told, tr
from visionstudio.ui.texts import duration

_REFRESH_MS = 33  # progress is shown at most thirty times a second
_SHOWN = 30


def state_text(job: Job) -> str:
    """How a job stands, in a few words."""
    words = {
        JobState.WAITING: tr("waiting"),
        JobState.RUNNING: told(job.message),
        JobState.DONE: tr("done"),
        JobState.FAILED: tr("failed"),
        JobState.STOPPED: tr("stopped"),
    }
    parts = [words[job.state]]
    if job.state.is_final:
        parts += [told(job.message), duration(job.seconds())]
    elif (left := job.seconds_left()) is not None:
        parts.append(tr("{time} left", time=duration(left)))
    return " · ".join(p for p in parts if p)


class JobStrip(QWidget):
    """The newest running job with its progress; a click opens the list of all."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("jobStrip")
        self._jobs = jobs
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._title = QToolButton()
        self._title.setObjectName("jobTitle")
        self._title.setAccessibleName(tr("Jobs"))
        self._title.setAutoRaise(True)
        self._title.setToolTip(tr("Show all jobs"))
        self._title.clicked.connect(self.open_list)
        self._bar = QProgressBar()
        self._bar.setObjectName("jobProgress")
        self._bar.setAccessibleName(tr("Progress"))
        self._bar.setFixedWidth(120)
        self._bar.setTextVisible(False)
        self._cancel = QToolButton()
        self._cancel.setObjectName("jobCancel")
        self._cancel.setText("✕")
        self._cancel.setAutoRaise(True)
        self._cancel.setAccessibleName(tr("Cancel"))
        self._cancel.setToolTip(tr("Cancel"))
        self._cancel.clicked.connect(self._cancel_newest)
        for widget in (self._title, self._bar, self._cancel):
            layout.addWidget(widget)
        # The room is kept while nothing runs: the status bar does not grow with the first job.
        self.setMinimumHeight(self.sizeHint().height())
        self._list: JobList | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._refresh)
        jobs.changed.connect(self._changed)
        self._refresh()

    def _changed(self, _job: Job | None) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _refresh(self) -> None:
        running = self._jobs.running
        newest = running[-1] if running else None
        self._bar.setVisible(newest is not None)
        self._cancel.setVisible(newest is not None)
        self._title.setVisible(bool(self._jobs.all))
        if newest is not None:
            more = f" (+{len(running) - 1})" if len(running) > 1 else ""
            self._title.setText(f"{told(newest.title)}{more}  {state_text(newest)}"[:90])
            self._bar.setRange(0, 0 if newest.fraction is None else 1000)
            self._bar.setValue(round((newest.fraction or 0) * 1000))
        elif self._jobs.all:
            last = self._jobs.all[-1]
            self._title.setText(f"{told(last.title)}  {state_text(last)}"[:90])
        if self._list is not None and self._list.isVisible():
            self._list.refresh()

    def _cancel_newest(self) -> None:
        running = self._jobs.running
        if running:
            running[-1].cancel()

    def open_list(self) -> None:
        """Show the list of all jobs above the strip."""
        if self._list is None:
            self._list = JobList(self._jobs, self)
        self._list.refresh()
        self._list.adjustSize()
        corner = self.mapToGlobal(QPoint(self.width(), 0))
        self._list.move(corner.x() - self._list.width(), corner.y() - self._list.height() - 8)
        self._list.show()


class JobList(QFrame):
    """All jobs, newest first."""

    def __init__(self, jobs: Jobs, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("jobList")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setFixedWidth(520)
        self._jobs = jobs
        self._rows: dict[int, _JobRow] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        head = QHBoxLayout()
        title = QLabel(tr("Jobs"))
        title.setProperty("role", "title")
        clear = QPushButton(tr("Clear finished"))
        clear.setObjectName("jobsClear")
        clear.clicked.connect(self._clear)
        head.addWidget(title, 1)
        head.addWidget(clear)
        layout.addLayout(head)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setMinimumHeight(240)
        body = QWidget()
        self._body = QVBoxLayout(body)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._body.setSpacing(8)
        self._body.addStretch(1)
        area.setWidget(body)
        layout.addWidget(area)

    def refresh(self) -> None:
        """Show the jobs as they stand."""
        shown = self._jobs.all[-_SHOWN:]
        gone = set(self._rows) - {id(j) for j in shown}
        for key in gone:
            self._rows.pop(key).deleteLater()
        for job in shown:
            if id(job) not in self._rows:
                row = _JobRow(job)
                self._rows[id(job)] = row
                self._body.insertWidget(0, row)
            self._rows[id(job)].refresh()

    def _clear(self) -> None:
        self._jobs.clear_ended()
        self.refresh()


class _JobRow(QWidget):
    def __init__(self, job: Job) -> None:
        super().__init__()
        self._job = job
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        self._title = QLabel(told(job.title))
        self._state = QLabel()
        self._state.setWordWrap(True)
        self._state.setProperty("role", "muted")
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._cancel = QToolButton()
        self._cancel.setObjectName("jobRowCancel")
        self._cancel.setText("✕")
        self._cancel.setAutoRaise(True)
        self._cancel.setAccessibleName(tr("Cancel {title}", title=told(job.title)))
        self._cancel.clicked.connect(lambda: job.cancel())
        grid.addWidget(self._title, 0, 0)
        grid.addWidget(self._cancel, 0, 1)
        grid.addWidget(self._bar, 1, 0, 1, 2)
        grid.addWidget(self._state, 2, 0, 1, 2)
        grid.setColumnStretch(0, 1)

    def refresh(self) -> None:
        job = self._job
        self._state.setText(state_text(job))
        self._bar.setVisible(not job.state.is_final)
        self._cancel.setVisible(not job.state.is_final)
        self._bar.setRange(0, 0 if job.fraction is None else 1000)
        self._bar.setValue(round((job.fraction or 0) * 1000))
