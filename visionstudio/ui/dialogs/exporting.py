"""The export dialog: what is written, what is lost, before it is; and whether it came out right."""

from __future__ import annotations

from collections import Counter

from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLineEdit, QWidget

from visionstudio.formats.dataset import WriteOptions
from visionstudio.formats.files import safe_parts
from visionstudio.formats.registry import FORMATS
from visionstudio.session.exchange import Order
from visionstudio.session.exporting import Exported, Selection
from visionstudio.session.import_plan import SPLIT
from visionstudio.session.jobs import Job
from visionstudio.session.workbench import Workbench
from visionstudio.ui.dialogs.exchange import Checks, ExchangeDialog, PathEdit, Table
from visionstudio.ui.i18n import tr

_LOSSES, _CLASSES, _SUBSETS, _CHECK = range(4)


class ExportDialog(ExchangeDialog):
    """The project's labels into a file or folder of another program."""

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(workbench, "exportDialog", tr("Export annotations"), parent)
        self._previewed = False
        for one in FORMATS.values():
            self._format.addItem(tr(one.title), one.name)
        self._build_choices()
        self._build_tabs()
        self._buttons.addStretch(1)
        close = self._button("exportClose", tr("Close"), self.close_)
        close.setShortcut("Esc")
        self._do = self._button("exportRun", tr("Export"), self.run)
        self._do.setProperty("role", "primary")
        self._suggest()

    def close_(self) -> None:
        self.close()

    def _build_choices(self) -> None:
        self._out = PathEdit(
            "exportOut", tr("Write to"), ("Choose", tr("Choose…"), self._choose_out)
        )
        self._variant = QComboBox()
        self._variant.setObjectName("exportVariant")
        self._variant.setAccessibleName(tr("Dialect"))
        self._copy = QCheckBox(tr("Copy the pictures as well"))
        self._copy.setObjectName("exportCopyMedia")
        self._split = QLineEdit()
        self._split.setObjectName("exportSplit")
        self._split.setAccessibleName(tr("Subset name"))
        self._split.setPlaceholderText(tr("each picture keeps its own"))
        self._rows.addRow(tr("Format"), self._format)
        self._rows.addRow(tr("Dialect"), self._variant)
        self._rows.addRow(tr("Write to"), self._out)
        self._rows.addRow(tr("Subset name"), self._split)
        self._rows.addRow("", self._copy)
        self._format.activated.connect(self._suggest)
        self._variant.activated.connect(self._again)
        self._out.settled.connect(self._again)
        self._split.editingFinished.connect(self._again)
        self._copy.clicked.connect(self._again)

    def _build_tabs(self) -> None:
        session = self._workbench.session
        self._losses = Table("exportLosses", [tr("What the format cannot hold"), tr("How often")])
        self._classes = Checks("exportClasses", [tr("Class"), tr("Annotations")])
        per_class = session.tally.classes
        self._classes.offer([(c.name, c.name, per_class.get(c.id, 0)) for c in session.classes])
        self._classes.changed.connect(self._again)
        self._splits = Checks("exportSplits", [tr("Subset"), tr("Pictures")])
        splits = Counter(str(item.extra.get(SPLIT, "")) for item in session.media)
        self._splits.offer([(s, s or tr("(none)"), n) for s, n in sorted(splits.items())])
        self._splits.changed.connect(self._again)
        self._found = Table("exportCheck", [tr("Not as written")])
        for widget, title in (
            (self._losses, tr("What is lost")),
            (self._classes, tr("Classes")),
            (self._splits, tr("Subsets")),
            (self._found, tr("Check")),
        ):
            self._tabs.addTab(widget, title)
        self._tabs.setTabVisible(_SUBSETS, len(splits) > 1)
        self._tabs.setTabVisible(_CHECK, False)

    def _suggest(self) -> None:
        root = self._workbench.session.store.media_root
        chosen = FORMATS[self._chosen_format()]
        self._variant.clear()
        for variant in chosen.variants:
            self._variant.addItem(variant or tr("usual"), variant)
        self._rows.setRowVisible(self._variant, len(chosen.variants) > 1)
        name = f"export_{chosen.name}"
        if chosen.single_file:
            name = f"{chosen.name}{chosen.suffixes[0]}"
        self._out.set_path(root / name)
        self._again()

    def _choose_out(self) -> str:
        if FORMATS[self._chosen_format()].single_file:
            return QFileDialog.getSaveFileName(self, tr("Write to"))[0]
        return QFileDialog.getExistingDirectory(self, tr("Write to"))

    # looking

    def _again(self) -> None:
        self._previewed = False
        self._update()
        self._later()

    def _order(self) -> Order | None:
        out = self._out.path()
        split = self._split.text().strip() or None
        if out is None:
            return None
        if split is not None and safe_parts(split) != (split,):
            self._say(tr("“{name}” can name no folder.", name=split), True)
            return None
        options = WriteOptions(
            copy_media=self._copy.isChecked(),
            split=split,
            variant=str(self._variant.currentData() or ""),
        )
        selection = Selection(self._classes.chosen(), self._splits.chosen())
        return Order(self._chosen_format(), out, options, selection)

    def _look(self) -> None:
        order = self._order()
        if order is None:
            return

        def begin(number: int) -> Job:
            def done(exported: Exported) -> None:
                if self._is_latest(number):
                    self._previewed = True
                    self._show(exported, order, dry=True)
                    self._update()

            return self._workbench.exchange.preview_export(
                order, done, lambda e: self._broke(number, e)
            )

        self._start(tr("Seeing what would be written…"), begin)

    def _update(self) -> None:
        self._do.setEnabled(self._previewed and not self.busy)

    # doing

    def run(self) -> None:
        """Write the files, read them again, and say how that compares."""
        order = self._order()
        if order is None or self.busy:
            return

        def begin(number: int) -> Job:
            def done(exported: Exported) -> None:
                level = "info" if _is_ok(exported) else "warning"
                self._tell_window(_done_text(exported, order), level)
                if self._is_latest(number):
                    self._show(exported, order, dry=False)
                    self._update()

            return self._workbench.exchange.export(order, done, lambda e: self._broke(number, e))

        self._start(tr("Writing…"), begin)

    def _show(self, exported: Exported, order: Order, *, dry: bool) -> None:
        written, check = exported.written, exported.check
        if dry:
            text = tr(
                "{annotations} annotations would be written to {out}. Files: {files}.",
                annotations=f"{written.annotations:,}",
                out=order.out,
                files=f"{len(written.files):,}",
            )
        else:
            text = _done_text(exported, order)
        self._say(text, is_error=check is not None and not check.ok)
        self._losses.fill([(loss.what, f"{loss.count:,}") for loss in written.losses])
        count = len(written.losses)
        self._tabs.setTabText(_LOSSES, tr("What is lost") + (f" ({count})" if count else ""))
        wrong = check.missing if check is not None else ()
        self._found.fill([(row,) for row in wrong])
        self._tabs.setTabVisible(_CHECK, bool(wrong))
        if wrong:
            self._tabs.setCurrentIndex(_CHECK)


def _is_ok(exported: Exported) -> bool:
    return exported.check is None or exported.check.ok


def _done_text(exported: Exported, order: Order) -> str:
    text = tr(
        "{annotations} annotations written to {out}.",
        annotations=f"{exported.written.annotations:,}",
        out=order.out,
    )
    check = exported.check
    if check is None:
        return text
    outcome = tr(
        "Re-imported and compared: {equal} of {written} equal.",
        equal=f"{check.equal:,}",
        written=f"{check.written:,}",
    )
    return f"{text}\n{outcome}"
