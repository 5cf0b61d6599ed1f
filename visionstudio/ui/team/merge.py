"""Merge another project: what is new comes in, what differs is decided one by one or by a rule."""

from __future__ import annotations

from functools import partial
from typing import cast

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from visionstudio.model.edits import Edit
from visionstudio.session.team.merging import Difference, MergePlan, Rule
from visionstudio.session.workbench import Workbench
from visionstudio.ui.i18n import tr
from visionstudio.ui.team.base import CompareDialog, folder_of
from visionstudio.ui.team.differences import DifferenceGrid, Shown

_CONFLICTS, _NEW = "conflicts", "new"


class _Grid(DifferenceGrid):
    """M keeps mine, T takes theirs."""

    def __init__(self, dialog: MergeDialog) -> None:
        super().__init__("mergeGrid", dialog)
        self._dialog = dialog

    def keyPressEvent(self, event: QKeyEvent) -> None:
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if event.key() == Qt.Key.Key_M:
            self._dialog.decide(False)
        elif event.key() == Qt.Key.Key_T:
            self._dialog.decide(True)
        elif event.key() == Qt.Key.Key_A and control:
            self.select_all()
        else:
            super().keyPressEvent(event)


class MergeDialog(CompareDialog):
    """Shows what a merge would do, takes decisions, and does it as one step to undo."""

    def __init__(self, workbench: Workbench, parent: QWidget) -> None:
        super().__init__("mergeDialog", tr("Merge project"), workbench, parent)
        self._plan: MergePlan | None = None
        self._taken: set[int] = set()
        self._places: list[int] = []  # of what is shown, in the plan
        self.body.addWidget(self._build_choices())
        self.grid = _Grid(self)
        self.grid.selection_changed.connect(self._go)
        self.body.addWidget(self.grid, 1)
        self._merge = self._button("mergeStart", tr("Merge"), self.merge)
        self._merge.setProperty("role", "primary")
        self.bottom.addWidget(self._button("mergeClose", tr("Close"), self.close))
        self.bottom.addWidget(self._merge)
        self.say(tr("Choose a project of the same pictures that somebody else has labelled."))
        self._update()

    def _build_choices(self) -> QWidget:
        self._which = QComboBox()
        self._which.setObjectName("mergeWhich")
        self._which.setAccessibleName(tr("Which differences"))
        self._which.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._which.activated.connect(lambda _: self._show())
        self._rule = QComboBox()
        self._rule.setObjectName("mergeRule")
        self._rule.setAccessibleName(tr("Where both differ"))
        for rule, text in (
            ("mine", tr("Keep mine")),
            ("theirs", tr("Take theirs")),
            ("further", tr("What was checked further")),
        ):
            self._rule.addItem(text, rule)
        self._rule.activated.connect(lambda _: self._use_rule())
        label = QLabel(tr("Where both differ"))
        label.setBuddy(self._rule)
        self._about = QLabel(tr("Green is mine, orange theirs. M keeps mine, T takes theirs."))
        self._about.setProperty("role", "muted")
        self._about.setWordWrap(True)
        self._choices = QWidget()
        self._choices.setVisible(False)
        row = QHBoxLayout(self._choices)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._which)
        row.addWidget(label)
        row.addWidget(self._rule)
        row.addWidget(self._about, 1)
        for name, text, taken in (
            ("mergeKeep", tr("Keep mine"), False),
            ("mergeTake", tr("Take theirs"), True),
        ):
            row.addWidget(self._button(name, text, partial(self.decide, taken)))
        return self._choices

    # what would be done

    def look(self) -> None:
        folder = folder_of(self.path)
        if folder is None:
            return
        self._plan = None
        self._show()

        team = self._workbench.team
        self.run(
            tr("Comparing…"),
            lambda done, failed: team.plan_merge(folder, done, failed),
            self._planned,
        )

    def _planned(self, plan: MergePlan) -> None:
        self._plan = plan
        self._which.clear()
        conflicts = tr("Conflicts ({count})", count=f"{len(plan.conflicts):,}")
        self._which.addItem(conflicts, _CONFLICTS)
        self._which.addItem(tr("New ({count})", count=f"{len(plan.added):,}"), _NEW)
        self._which.setCurrentIndex(0 if plan.conflicts else 1)
        text = tr(
            "{media} pictures in both. {equal} objects are equal, {kept} are only here.",
            media=f"{plan.media:,}",
            equal=f"{plan.equal:,}",
            kept=f"{plan.kept:,}",
        )
        self.say(" ".join([text, *plan.notes]))
        self._use_rule()

    def _use_rule(self) -> None:
        if self._plan is not None:
            self._taken = set(self._plan.taken(cast("Rule", self._rule.currentData())))
        self._show()

    def _show(self) -> None:
        """The differences of the chosen kind."""
        plan = self._plan
        self._places = []
        if plan is not None:
            new = self._which.currentData() == _NEW
            self._places = [
                n
                for n, d in enumerate(plan.differences)
                if (d.mine is None if new else d.is_conflict)
            ]
        self.grid.show_rows(self._workbench.session, self._rows())
        self._update()

    def _rows(self) -> list[Shown]:
        plan = self._plan
        if plan is None:
            return []
        return [self._shown(plan.differences[n], n in self._taken) for n in self._places]

    def _shown(self, one: Difference, taken: bool) -> Shown:
        words = {
            "shape": tr("shape"),
            "class": tr("class"),
            "attributes": tr("attributes"),
            "state": tr("state"),
            "new": tr("new"),
        }
        title = ", ".join(words[a] for a in one.about)
        badge = f"IoU {one.overlap:.2f}" if "shape" in one.about else ""
        if "class" in one.about and one.mine is not None:
            badge = f"{self._name(one.mine.class_id)} → {self._name(one.theirs.class_id)}"
        elif one.mine is None:
            badge = self._name(one.theirs.class_id)
        return Shown(one.media, one.mine, one.theirs, title, badge, taken)

    def _name(self, class_id: int) -> str:
        found = self._workbench.session.class_by_id(class_id)
        if found is not None:
            return found.name
        for change in self._plan.preparations if self._plan is not None else ():
            made = change.after
            if made is not None and made.id == class_id and hasattr(made, "name"):
                return str(made.name)
        return "?"

    # deciding

    def decide(self, theirs: bool) -> None:
        """Take theirs, or keep mine, of what is selected; then go to the next one."""
        keys = self.grid.selection
        if self._plan is None or not keys:
            return
        places = {self._places[k] for k in keys}
        self._taken = self._taken | places if theirs else self._taken - places
        self.grid.differences.update(self._rows(), frozenset(keys))
        if len(keys) == 1:
            self.grid.move_current(1)
        self._update()

    def _update(self) -> None:
        plan = self._plan
        some = len(self._taken) if plan is not None else 0
        text = tr("Merge {count} objects", count=f"{some:,}") if some else tr("Merge")
        self._merge.setText(text)
        writable = not self._workbench.session.store.read_only
        self._choices.setVisible(plan is not None)
        self.grid.setVisible(plan is not None)
        self.grid.empty_text = "" if plan is None else "No differences."
        ready = plan is not None and bool(some or plan.preparations)
        self._merge.setEnabled(ready and writable and not self.busy)

    def _go(self) -> None:
        if len(self.grid.selection) == 1:
            one = self.grid.differences.shown(next(iter(self.grid.selection)))
            self.place_wanted.emit(one.media, one.mine or one.theirs)

    def merge(self) -> None:
        """Do it."""
        plan = self._plan
        if plan is None:
            return

        team, taken = self._workbench.team, sorted(self._taken)
        self.run(
            tr("Merging…"),
            lambda done, failed: team.merge(plan, taken, done, failed),
            self._merged,
        )

    def _merged(self, edit: Edit | None) -> None:
        count = len(self._taken)
        self._plan = None
        self._taken = set()
        self._show()
        if edit is None:
            self.say(tr("There was nothing to merge."))
        else:
            self.say(tr("{count} objects were merged. Undo takes it back.", count=f"{count:,}"))

    def let_go(self) -> None:
        self.grid.close_threads()
