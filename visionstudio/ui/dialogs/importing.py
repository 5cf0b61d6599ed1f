"""The import dialog: what a file holds, and what would come of it, before anything does."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QWidget

from visionstudio.formats.dataset import ReadOptions, Skipped
from visionstudio.formats.registry import FORMATS, READ_ONLY, get_format
from visionstudio.session.exchange import Reading, Source
from visionstudio.session.import_values import Choices, ImportPlan, ImportReport, Rule
from visionstudio.session.importing import AUTO
from visionstudio.session.jobs import Job
from visionstudio.session.workbench import Workbench
from visionstudio.ui.dialogs.class_mapping import ClassMapping
from visionstudio.ui.dialogs.exchange import Checks, ExchangeDialog, PathEdit, Table
from visionstudio.ui.i18n import tr

_CLASSES, _SUBSETS, _REPLACED, _PROBLEMS, _PICTURES = range(5)


class ImportDialog(ExchangeDialog):
    """Annotations from a file or folder into the open project."""

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(workbench, "importDialog", tr("Import annotations"), parent)
        self._reading: Reading | None = None
        self._plan: ImportPlan | None = None
        self._format.addItem(tr("Found by its contents"), AUTO)
        for one in (*FORMATS.values(), *READ_ONLY.values()):
            self._format.addItem(tr(one.title), one.name)
        self._build_choices()
        self._build_tabs()
        self._buttons.addStretch(1)
        close = self._button("importClose", tr("Close"), self.close_)
        close.setShortcut("Esc")
        self._do = self._button("importRun", tr("Import"), self.run)
        self._do.setProperty("role", "primary")
        self._images.set_path(workbench.session.store.media_root)
        self._settle.stop()
        self._forget()
        self._say(tr("Choose a file or folder. Nothing is changed before you press Import."))

    def close_(self) -> None:
        self.close()

    def _build_choices(self) -> None:
        self._source = PathEdit(
            *("importSource", tr("File or folder")),
            ("File", tr("File…"), self._ask_file),
            ("Folder", tr("Folder…"), self._ask_folder),
        )
        self._images = PathEdit(
            "importImages", tr("Pictures"), ("Choose", tr("Choose…"), self._ask_images)
        )
        self._one_based = QCheckBox(tr("Pixels count from 1 (official Pascal VOC)"))
        self._one_based.setObjectName("importOneBased")
        self._rule = QComboBox()
        self._rule.setObjectName("importRule")
        self._rule.setAccessibleName(tr("Rows that are there already"))
        for rule, title in (
            ("skip", tr("Skip them")),
            ("keep", tr("Keep both")),
            ("replace", tr("Replace those of the same number")),
        ):
            self._rule.addItem(title, rule)
        self._rows.addRow(tr("File or folder"), self._source)
        self._rows.addRow(tr("Format"), self._format)
        self._rows.addRow("", self._one_based)
        self._rows.addRow(tr("Pictures"), self._images)
        self._rows.addRow(tr("Rows that are there already"), self._rule)
        self._source.settled.connect(self._read_again)
        self._images.settled.connect(self._read_again)
        self._format.activated.connect(self._read_again)
        self._one_based.clicked.connect(self._read_again)
        self._rule.activated.connect(self._plan_again)

    def _build_tabs(self) -> None:
        self._classes = ClassMapping()
        self._classes.changed.connect(self._plan_again)
        self._splits = Checks("importSplits", [tr("Subset"), tr("Pictures")])
        self._splits.changed.connect(self._plan_again)
        self._merges = Table("importMerges", [tr("Picture"), tr("Place"), tr("What changes")])
        self._problems = Table("importProblems", [tr("File"), tr("Place"), tr("Reason")])
        self._missing = Table("importMissing", [tr("Picture"), tr("Reason")])
        for widget in (self._classes, self._splits, self._merges, self._problems, self._missing):
            self._tabs.addTab(widget, "")

    def fill(self, path: Path, format_name: str = AUTO) -> None:
        """Choose a file or folder, as if it had been by hand, and look at it."""
        self._format.setCurrentIndex(max(self._format.findData(format_name), 0))
        self._source.set_path(path)

    def _ask_file(self) -> str:
        return QFileDialog.getOpenFileName(self, tr("Annotation file"))[0]

    def _ask_folder(self) -> str:
        return QFileDialog.getExistingDirectory(self, tr("Folder of annotations"))

    def _ask_images(self) -> str:
        return QFileDialog.getExistingDirectory(self, tr("Folder of pictures"))

    # looking

    def _read_again(self) -> None:
        self._reading = None
        self._forget()
        if self._source.path() is not None:
            self._later()

    def _plan_again(self) -> None:
        if self._reading is not None:
            self._plan = None
            self._update()
            self._later()

    def _forget(self) -> None:
        self._plan = None
        is_voc = self._chosen_format() == "voc"
        is_voc |= self._reading is not None and self._reading.format == "voc"
        self._one_based.setVisible(is_voc)
        for table in (self._merges, self._problems, self._missing):
            table.clear()
        self._name_tabs()
        self._update()

    def _look(self) -> None:
        path = self._source.path()
        if self._reading is not None:
            reading = self._reading
            self._start(tr("Comparing with the project…"), lambda n: self._ask_plan(n, reading))
        elif path is not None:
            options = ReadOptions(one_based=self._one_based.isChecked())
            images = self._images.path()
            guessed = images == self._workbench.session.store.media_root
            source = Source(self._chosen_format(), path, images, guessed, options)
            self._start(tr("Reading…"), lambda n: self._ask_reading(n, source))

    def _ask_reading(self, number: int, source: Source) -> Job:
        def done(reading: Reading) -> None:
            if self._is_latest(number):
                self._reading = reading
                self._forget()
                known = [c.name for c in self._workbench.session.classes]
                self._classes.offer(reading.census.classes, known)
                splits = reading.census.splits
                self._splits.offer(
                    [(s, s or tr("(none)"), count) for s, count in sorted(splits.items())]
                )
                self._look()

        return self._workbench.exchange.read(source, done, lambda e: self._broke(number, e))

    def _choices(self) -> Choices:
        rule = cast("Rule", self._rule.currentData())
        return Choices(rule, self._classes.mapping(), self._splits.chosen())

    def _ask_plan(self, number: int, reading: Reading) -> Job:
        def done(plan: ImportPlan) -> None:
            if self._is_latest(number):
                self._plan = plan
                self._show(plan.report, reading)
                self._update()

        return self._workbench.exchange.plan(
            reading, self._choices(), done, lambda e: self._broke(number, e)
        )

    def _update(self) -> None:
        ready = self._plan is not None and self._plan.edit is not None
        self._do.setEnabled(ready and not self.busy)

    # showing

    def _show(self, report: ImportReport, reading: Reading, *, done: bool = False) -> None:
        added = report.annotations - report.replaced
        parts = [
            tr(
                "{count} annotations are added on {media} pictures",
                count=f"{added:,}",
                media=f"{report.media:,}",
            )
        ]
        if report.added_media:
            parts.append(tr("{count} pictures are new", count=f"{report.added_media:,}"))
        if report.replaced:
            parts.append(tr("{count} are replaced", count=f"{report.replaced:,}"))
        if report.there:
            parts.append(tr("{count} are there already", count=f"{report.there:,}"))
        other = len(report.skipped) - report.there
        if other:
            parts.append(tr("{count} rows are skipped", count=f"{other:,}"))
        if report.unresolved:
            parts.append(tr("{count} pictures not found", count=f"{len(report.unresolved):,}"))
        head = tr("Imported:") if done else f"{tr(get_format(reading.format).title)}:"
        lines = [f"{head} {'; '.join(parts)}.", *report.notes]
        if not done and self._plan is not None and self._plan.edit is None:
            lines = [tr("Everything in this file is in the project already.")]
        self._say("\n".join(lines))
        corrected = tr("changed by a person since")
        self._merges.fill(
            [
                (m.path, m.where, f"{m.what} ({corrected})" if m.corrected else m.what)
                for m in report.merges
            ]
        )
        self._problems.fill([_row(s) for s in report.skipped])
        self._missing.fill([(s.where, s.reason) for s in report.unresolved])
        self._name_tabs(report)

    def _name_tabs(self, report: ImportReport | None = None) -> None:
        census = self._reading.census if self._reading is not None else None
        titles = (
            (tr("Classes"), len(census.classes) if census else 0, True),
            (tr("Subsets"), len(census.splits) if census else 0, census and len(census.splits) > 1),
            (tr("Replaced"), report.replaced if report else 0, report and report.replaced),
            (tr("Skipped rows"), len(report.skipped) if report else 0, True),
            (tr("Pictures not found"), len(report.unresolved) if report else 0, True),
        )
        for place, (title, count, visible) in enumerate(titles):
            self._tabs.setTabText(place, f"{title} ({count:,})" if count else title)
            self._tabs.setTabVisible(place, bool(visible))

    # doing

    def run(self) -> None:
        """Import what was looked at."""
        reading = self._reading
        if reading is not None and self._plan is not None and not self.busy:
            self._start(tr("Importing…"), lambda n: self._ask_import(n, reading))

    def _ask_import(self, number: int, reading: Reading) -> Job:
        def done(report: ImportReport) -> None:
            text = tr("{count} annotations imported", count=report.annotations)
            self._tell_window(text, "info")
            if self._is_latest(number):
                self._plan = None
                self._show(report, reading, done=True)
                self._update()
                if not report.skipped and not report.unresolved:
                    self.close()

        return self._workbench.exchange.run(
            reading, self._choices(), done, lambda e: self._broke(number, e)
        )


def _row(skipped: Skipped) -> tuple[str, str, str]:
    return Path(skipped.file).name or skipped.file, skipped.where, skipped.reason
