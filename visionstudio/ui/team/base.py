"""What the dialogs share that compare this project with another one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.errors import Cancelled, VisionStudioError
from visionstudio.session.beside import Failed
from visionstudio.session.jobs import Job
from visionstudio.session.workbench import Workbench
from visionstudio.ui.dialogs.exchange import PathEdit
from visionstudio.ui.i18n import told, tr

T = TypeVar("T")


class CompareDialog(QDialog):
    """The other project's folder above, what was found in the middle, progress below."""

    message = Signal(str, str)
    place_wanted = Signal(object, object)
    """MediaItem, Annotation: where somebody wants to look."""

    def __init__(self, name: str, title: str, workbench: Workbench, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setWindowTitle(title)
        self.resize(QSize(1040, 660))
        self._workbench = workbench
        self._job: Job | None = None
        self._asked = 0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        row = QHBoxLayout()
        row.setSpacing(8)
        label = QLabel(tr("The other project"))
        self.path = PathEdit("otherProject", tr("The other project"),
                             ("Choose", tr("Folder…"), self._choose))  # fmt: skip
        self.path.settled.connect(self.look)
        row.addWidget(label)
        row.addWidget(self.path, 1)
        layout.addLayout(row)
        self.summary = QLabel()
        self.summary.setObjectName("compareSummary")
        self.summary.setWordWrap(True)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.summary)
        room = QWidget()  # keeps its height while there is nothing to show in it
        self.body = QVBoxLayout(room)
        self.body.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(room, 1)
        self.bottom = QHBoxLayout()
        self.bottom.setSpacing(8)
        self._bar = QProgressBar()
        self._bar.setAccessibleName(tr("Progress"))
        self._bar.setTextVisible(False)
        self._bar.setRange(0, 1000)
        self._bar.setFixedWidth(200)
        self._stop = self._button("compareStop", tr("Stop"), self._cancel)
        self.bottom.addWidget(self._bar)
        self.bottom.addWidget(self._stop)
        self.bottom.addStretch(1)
        layout.addLayout(self.bottom)
        workbench.jobs.changed.connect(self._job_changed)
        self.finished.connect(lambda _: self._let_go())
        self._show_progress()

    def _button(self, name: str, text: str, call: Callable[[], object]) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(False)
        button.clicked.connect(lambda _=False: call())
        return button

    def _choose(self) -> str:
        return QFileDialog.getExistingDirectory(self, tr("The other project"))

    def look(self) -> None:
        """Compare with the project that the path names."""
        raise NotImplementedError

    def let_go(self) -> None:
        """Stop threads before the dialog goes."""

    # work

    def run(
        self,
        text: str,
        begin: Callable[[Callable[[T], None], Failed], Job],
        done: Callable[[T], None],
    ) -> None:
        """Begin a job with its two callbacks; answers that come too late are dropped."""
        self._cancel()
        self._asked += 1
        number = self._asked

        def wanted() -> bool:
            if number != self._asked:
                return False
            self._job = None
            self._show_progress()
            return True

        self.say(text)
        self._job = begin(
            lambda result: done(result) if wanted() else None,
            lambda error: self.broke(error) if wanted() else None,
        )
        self._show_progress()

    def broke(self, error: VisionStudioError) -> None:
        """Say why there is no answer."""
        stopped = isinstance(error, Cancelled)
        self.say(
            tr("Stopped. Nothing was changed.") if stopped else told(str(error)), error=not stopped
        )

    def say(self, text: str, *, error: bool = False) -> None:
        """One sentence above the results."""
        self.summary.setText(text)
        self.summary.setProperty("role", "error" if error else "")
        self.summary.style().unpolish(self.summary)
        self.summary.style().polish(self.summary)

    @property
    def busy(self) -> bool:
        """Whether something is being compared or stored."""
        return self._job is not None

    def _cancel(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _job_changed(self, job: Job | None) -> None:
        if job is not None and job is self._job:
            self._show_progress()

    def _show_progress(self) -> None:
        job = self._job
        self._bar.setVisible(job is not None)
        self._stop.setVisible(job is not None)
        if job is not None:
            self._bar.setValue(int((job.fraction or 0) * 1000))

    def _let_go(self) -> None:
        self._cancel()
        self._asked += 1
        self._workbench.jobs.changed.disconnect(self._job_changed)
        self.let_go()


def folder_of(path: PathEdit) -> Path | None:
    """What was typed, when it names something."""
    found = path.path()
    return found if found is not None and str(found) else None
