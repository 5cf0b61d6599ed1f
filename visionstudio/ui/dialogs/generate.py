"""Generated pictures: ask for some, look at them, save them or add them to the project."""

from __future__ import annotations

import random
from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from visionstudio.api import GeneratedImage
from visionstudio.model.errors import Cancelled, VisionStudioError
from visionstudio.session.generations import Generation, save_images
from visionstudio.session.jobs import Job, JobState
from visionstudio.session.library import add_media, probe_media
from visionstudio.session.models import ModelChoice
from visionstudio.session.workbench import Workbench
from visionstudio.storage import ProjectStore
from visionstudio.ui.grid.item import GridItem, ListModel, PictureSource
from visionstudio.ui.grid.view import GridView
from visionstudio.ui.i18n import told, tr

_SIDE = 96


class GenerateDialog(QDialog):
    """Pictures from one generator. Saving happens in the storage thread."""

    message = Signal(str, str)

    def __init__(
        self, workbench: Workbench, choice: ModelChoice, classes: tuple[str, ...], parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("generateDialog")
        self.setWindowTitle(tr("Generate pictures"))
        self.resize(QSize(840, 640))
        self._workbench = workbench
        self._choice = choice
        self._generation: Generation | None = None
        self._comparing: Job | None = None
        self._figures = ""
        self._shown = 0
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(16)
        layout.addLayout(self._build_request(classes))
        self._cells = ListModel()
        self._grid = GridView(self._cells)
        self._grid.setObjectName("generatedGrid")
        self._grid.setAccessibleName(tr("Generated pictures"))
        self._grid.set_side(_SIDE)
        self._grid.empty_text = "Press Generate for pictures."
        layout.addWidget(self._grid, 1)
        layout.addLayout(self._build_bottom())
        workbench.jobs.changed.connect(self._job_changed)
        self.finished.connect(lambda _: self._let_go())
        self._update()

    def _build_request(self, classes: tuple[str, ...]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._count = QSpinBox()
        self._count.setObjectName("generateCount")
        self._count.setAccessibleName(tr("How many"))
        self._count.setRange(1, 10_000)
        self._count.setValue(64)
        self._seed = QSpinBox()
        self._seed.setObjectName("generateSeed")
        self._seed.setAccessibleName(tr("Seed"))
        self._seed.setRange(0, 1_000_000_000)
        dice = QPushButton(tr("Another seed"))
        dice.setObjectName("generateDice")
        dice.setAutoDefault(False)
        dice.clicked.connect(lambda: self._seed.setValue(random.randrange(1_000_000)))
        self._label = QComboBox()
        self._label.setObjectName("generateClass")
        self._label.setAccessibleName(tr("Class"))
        self._label.addItem(tr("Any class"), None)
        for name in classes:
            self._label.addItem(name, name)
        self._label.setVisible(bool(classes))
        start = QPushButton(tr("Generate"))
        start.setObjectName("generateStart")
        start.setProperty("role", "primary")
        start.setDefault(True)
        start.clicked.connect(self.start)
        for text, widget in ((tr("How many"), self._count), (tr("Seed"), self._seed)):
            label = QLabel(text)
            label.setBuddy(widget)
            row.addWidget(label)
            row.addWidget(widget)
        row.addWidget(dice)
        row.addWidget(self._label)
        row.addStretch(1)
        row.addWidget(start)
        return row

    def _build_bottom(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._status = QLabel()
        self._status.setObjectName("generateStatus")
        self._status.setWordWrap(True)
        self._progress = QProgressBar()
        self._progress.setFixedWidth(160)
        self._progress.setTextVisible(False)
        self._save = QPushButton(tr("Save as PNG…"))
        self._save.setObjectName("generateSave")
        self._save.setAutoDefault(False)
        self._save.clicked.connect(self._save_as)
        self._add = QPushButton(tr("Add to the project"))
        self._add.setObjectName("generateAdd")
        self._add.setAutoDefault(False)
        self._add.clicked.connect(self._add_to_project)
        self._compare = QPushButton(tr("Compare"))
        self._compare.setObjectName("generateCompare")
        self._compare.setToolTip(
            tr(
                "Compare with as many pictures of the project. Density: how realistic, 1 is like "
                "real ones. Coverage: the share of real ones that is met. Diversity: the spread "
                "beside that of real ones."
            )
        )
        self._compare.setAutoDefault(False)
        self._compare.clicked.connect(self._compare_drawn)
        close = QPushButton(tr("Close"))
        close.setObjectName("generateClose")
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        row.addWidget(self._progress)
        row.addWidget(self._status, 1)
        for button in (self._compare, self._save, self._add, close):
            row.addWidget(button)
        return row

    def start(self) -> None:
        """Ask the generator for pictures."""
        if self._generation is not None and not self._generation.job.state.is_final:
            self._generation.job.cancel()
        self._stop_comparing()
        self._figures = ""
        self._cells.set_items(())
        self._grid.reset()
        self._shown = 0
        self._generation = self._workbench.generations.generate(
            self._choice, self._count.value(), self._seed.value(), self._label.currentData()
        )
        self._generation.changed.connect(self._update)
        self._update()

    def _job_changed(self, job: object) -> None:
        drawing = self._generation.job if self._generation is not None else None
        if job is not None and job in (drawing, self._comparing):
            self._update()

    def _update(self) -> None:
        generation = self._generation
        images = generation.images if generation else []
        if len(images) != self._shown:
            self._cells.set_items([_grid_item(n, image) for n, image in enumerate(images)])
            self._shown = len(images)
        running = generation is not None and not generation.job.state.is_final
        self._progress.setVisible(running)
        if generation is not None:
            self._progress.setRange(0, generation.count)
            self._progress.setValue(len(images))
            failed = generation.job.state is JobState.FAILED
            counted = tr("{count} pictures", count=len(images))
            text = told(generation.job.message) if failed else counted + self._figures
            self._status.setText(text)
        done = bool(images) and not running
        comparing = self._comparing is not None and not self._comparing.state.is_final
        if comparing and self._comparing is not None:
            self._progress.setVisible(True)
            self._progress.setRange(0, 100)
            self._progress.setValue(round(100 * (self._comparing.fraction or 0)))
        self._compare.setEnabled(done and not comparing)
        self._save.setEnabled(done)
        self._add.setEnabled(done)

    def _compare_drawn(self) -> None:
        """Say how like the project's pictures they are."""
        generation = self._generation
        if generation is None:
            return

        def found(figures: dict[str, float]) -> None:
            if isValid(self) and self._generation is generation:
                names = {
                    "density": tr("density"),
                    "coverage": tr("coverage"),
                    "diversity": tr("diversity"),
                }
                parts = (f" · {names[n]} {value:.2f}" for n, value in figures.items())
                self._figures = "".join(parts)
                self._update()

        def failed(error: VisionStudioError) -> None:
            if isValid(self) and not isinstance(error, Cancelled):
                self._update()
                self._status.setText(told(str(error)))

        self._comparing = self._workbench.generations.compare(generation.images, found, failed)
        self._update()

    def _stop_comparing(self) -> None:
        if self._comparing is not None and not self._comparing.state.is_final:
            self._comparing.cancel()

    def _chosen(self) -> list[GeneratedImage]:
        """The selected pictures, or all when none is selected."""
        if self._generation is None:
            return []
        rows = sorted(self._grid.selection)
        images = self._generation.images
        return [images[r] for r in rows] if rows else list(images)

    def _save_as(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, tr("Save pictures in"))
        if folder:
            images = self._chosen()

            def saved(paths: list[Path]) -> None:
                text = tr("{count} pictures saved in {folder}", count=len(paths), folder=folder)
                self.message.emit(text, "info")

            self._workbench.session.in_store(lambda _: save_images(images, Path(folder)), saved)

    def _add_to_project(self) -> None:
        session = self._workbench.session
        images = self._chosen()
        folder = session.store.folder / "generated"

        def add(store: ProjectStore) -> int:
            new, _ = add_media(store, save_images(images, folder))
            for _ in probe_media(store, new):
                pass  # headers are stored as they are read
            return len(new)

        def added(count: int) -> None:
            session.reload()
            text = tr("{count} pictures added to the project", count=count)
            self.message.emit(text, "info")

        session.in_store(add, added)

    def _let_go(self) -> None:
        self._stop_comparing()
        self._workbench.jobs.changed.disconnect(self._job_changed)
        self._grid.close_threads()


def _grid_item(number: int, image: GeneratedImage) -> GridItem:
    height, width = image.image.shape[:2]
    return GridItem(
        key=number,
        title=image.label,
        picture=PictureSource(pixels=image.image),
        size=(width, height),
        tip=f"{width} × {height} · {image.seed}",
    )
