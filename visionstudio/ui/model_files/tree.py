"""Models with their weights files as a tree that can be searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from visionstudio.engine.model_store import ModelEntry, WeightsEntry
from visionstudio.session.jobs import Job
from visionstudio.session.model_files import Library
from visionstudio.ui import theme
from visionstudio.ui.i18n import told, tr

_ROW = Qt.ItemDataRole.UserRole
_SIZE, _STATE = 3, 5
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_ROW_HEIGHT = 24


@dataclass(frozen=True, slots=True)
class Row:
    """What a line stands for: a model, weights of it, or weights of no known model."""

    model: ModelEntry | None
    weights: WeightsEntry | None = None


class ModelTree(QTreeWidget):
    """One line per model, and one per weights file beneath it."""

    chosen = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wanted: str | None = None  # the imported file to choose once it is listed
        self.setObjectName("modelsTree")
        self.setAccessibleName(tr("Models"))
        self.setColumnCount(6)
        self.setHeaderLabels(
            [
                tr("Model"),
                tr("Id or source"),
                tr("Licence"),
                tr("Size"),
                f"   {tr('Figure')}",
                tr("State"),
            ]
        )
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setAlternatingRowColors(True)
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(_STATE, QHeaderView.ResizeMode.Stretch)
        for column, width in enumerate((280, 230, 110, 90, 170)):
            header.resizeSection(column, width)
        # The table's numbers stand to the right, and so does their heading.
        self.headerItem().setTextAlignment(_SIZE, _RIGHT)
        self.currentItemChanged.connect(lambda *_: self.chosen.emit())

    def show_library(self, library: Library, running: Mapping[str, Job]) -> None:
        """Fill it anew; what is chosen and unfolded stays."""
        kept = self._key(self.currentItem())
        folded = {self._key(i) for i in self._models() if i.childCount() and not i.isExpanded()}
        self.blockSignals(True)
        self.clear()
        for entry in library.models:
            self._add_model(entry, running.get(entry.info.id))
        if library.loose:
            head = QTreeWidgetItem([tr("Files of no model that is installed")])
            head.setData(0, _ROW, Row(None))
            self.addTopLevelItem(head)
            for one in library.loose:
                self._add_weights(head, Row(None, one.entry()), None)
        for item in self._items():
            if item.childCount():
                item.setExpanded(self._key(item) not in folded)
            if kept is not None and self._key(item) == kept:
                self.setCurrentItem(item)
        self.blockSignals(False)
        self.chosen.emit()
        if self._wanted is not None:
            self.choose(self._wanted)

    def choose(self, imported: str) -> None:
        """Choose the line of an imported file by its id, now or as soon as there is one."""
        self._wanted = imported
        for item in self._items():
            weights = self._row(item).weights
            if weights is not None and weights.id == imported:
                self._wanted = None
                self.setCurrentItem(item)
                self.scrollToItem(item)

    def show_progress(self, running: Mapping[str, Job]) -> None:
        """Only what changes while downloads run."""
        for item in self._items():
            row = self._row(item)
            if row.weights is not None and row.weights.remote and not row.weights.present:
                model = row.model.info.id if row.model is not None else ""
                item.setText(_STATE, _state(row.weights, running.get(model)))

    def _add_model(self, entry: ModelEntry, job: Job | None) -> None:
        info = entry.info
        item = QTreeWidgetItem([tr(info.title), info.id, info.licence])
        item.setData(0, _ROW, Row(entry))
        item.setText(_STATE, _use(entry))
        item.setToolTip(0, tr(info.description))
        item.setSizeHint(0, QSize(0, _ROW_HEIGHT))
        font = item.font(0)
        font.setBold(True)
        item.setFont(0, font)
        self.addTopLevelItem(item)
        for weights in entry.weights:
            self._add_weights(item, Row(entry, weights), job)

    def _add_weights(self, parent: QTreeWidgetItem, row: Row, job: Job | None) -> None:
        weights = row.weights
        assert weights is not None
        size = megabytes(weights.bytes) if weights.bytes else ""
        metric = f"   {weights.metric}" if weights.metric else ""  # apart from the size
        texts = [weights.name, _source(weights), weights.licence, size, metric]
        item = QTreeWidgetItem([*texts, _state(weights, job)])
        item.setData(0, _ROW, row)
        item.setTextAlignment(_SIZE, _RIGHT)
        item.setToolTip(1, weights.source)
        item.setToolTip(_STATE, str(weights.path or ""))
        if not weights.present:
            for column in range(6):
                item.setForeground(column, theme.colour("muted"))
        parent.addChild(item)

    def search(self, words: str, task: str, here: bool) -> None:
        """Show only what holds all words, is of a task ('' for any), and, with `here`, is here."""
        wanted = words.lower().split()
        for item in self._models():
            any_shown = False
            for child in _children(item):
                row = self._row(child)
                text = self._text(item) + self._text(child)
                shown = all(w in text for w in wanted)
                shown &= not here or (row.weights is not None and row.weights.present)
                child.setHidden(not shown)
                any_shown |= shown
            model = self._row(item).model
            of_task = not task or (model is not None and model.info.task == task)
            ready = model is not None and model.info.ready
            own = all(w in self._text(item) for w in wanted) and (not here or ready)
            item.setHidden(not (of_task and (own or any_shown)))

    def row(self) -> Row | None:
        """What is chosen; None for nothing, or what is hidden."""
        item = self.currentItem()
        if item is None or item.isHidden():
            return None
        parent = item.parent()
        return None if parent is not None and parent.isHidden() else self._row(item)

    def _items(self) -> list[QTreeWidgetItem]:
        return [item for top in self._models() for item in (top, *_children(top))]

    def _models(self) -> list[QTreeWidgetItem]:
        found = map(self.topLevelItem, range(self.topLevelItemCount()))
        return [item for item in found if item is not None]

    @staticmethod
    def _row(item: QTreeWidgetItem) -> Row:
        row = item.data(0, _ROW)
        assert isinstance(row, Row)
        return row

    def _key(self, item: QTreeWidgetItem | None) -> tuple[str, str] | None:
        if item is None:
            return None
        row = self._row(item)
        source = f"{row.weights.name} {row.weights.source}" if row.weights is not None else ""
        return row.model.info.id if row.model is not None else "", source

    @staticmethod
    def _text(item: QTreeWidgetItem) -> str:
        parts = (item.text(c) for c in range(_STATE))
        return " ".join([*parts, item.toolTip(0)]).lower()


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    found = map(item.child, range(item.childCount()))
    return [child for child in found if child is not None]


def megabytes(size: int) -> str:
    """A file's size for people."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


def _source(weights: WeightsEntry) -> str:
    if weights.source == "import":
        return tr("imported")
    if weights.source.startswith("package:"):
        return weights.source.removeprefix("package:")
    return urlsplit(weights.source).netloc or weights.source


def _use(entry: ModelEntry) -> str:
    """What a model needs before it can predict."""
    if entry.info.ready or any(w.present for w in entry.weights):
        return tr("ready")
    if any(w.remote for w in entry.weights):
        return tr("download, import or train")
    return tr("train it, or import a file") if entry.info.trainable else tr("import a file")


def _state(weights: WeightsEntry, job: Job | None) -> str:
    if weights.present:
        return tr("here")
    if job is not None and not job.state.is_final:
        share = "" if job.fraction is None else f"{job.fraction:.0%} · "
        return f"{share}{told(job.message) or tr('starting')}"
    if weights.begun:
        return tr("begun: {size}", size=megabytes(weights.begun))
    return tr("not here")
