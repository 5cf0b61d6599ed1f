"""Find objects across the project, go to them, and change many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QItemSelectionRange, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QStackedWidget,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.model.annotations import Annotation
from visionstudio.session.finding import Batch, Search
from visionstudio.session.signal import Signal as SessionSignal
from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon
from visionstudio.ui.panels.find_crops import CropGrid
from visionstudio.ui.panels.find_form import FindForm
from visionstudio.ui.panels.find_model import FindModel

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession

_GO_MS = 120
_ROW = 24
_NARROW = 56  # widget units: the panel must not widen the window


class _Table(QTableView):
    def keyboardSearch(self, search: str) -> None:
        return


class FindPanel(QWidget):
    """Searches as conditions change. Buttons act on the selected results, or on all of them."""

    opened = Signal(object)  # Annotation: go there
    changed_many = Signal(str)  # what has been done to how many; it can be undone
    message = Signal(str, str)  # text, level
    class_wanted = Signal(object)  # a function that takes the class's id
    crops_chosen = Signal(bool)  # a person wants to see cut-outs, or the table
    attribute_wanted = Signal(object)  # a function that takes a name and a value

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("findPanel")
        self._session: ProjectSession | None = None
        self._search: Search | None = None
        self.model = FindModel(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 8)
        layout.setSpacing(4)
        self.form = FindForm(self)
        self.form.changed.connect(self.search)
        layout.addWidget(self.form)
        self._results = QStackedWidget()
        self._results.addWidget(self._build_table())
        self._results.addWidget(self._build_crops())
        layout.addWidget(self._results, 1)
        layout.addLayout(self._build_actions())
        self._going = QTimer(self)
        self._going.setSingleShot(True)
        self._going.setInterval(_GO_MS)
        self._going.timeout.connect(self._go)
        self._show_count()

    def _build_table(self) -> QTableView:
        self.table = table = _Table()
        table.setObjectName("findResults")
        table.setAccessibleName(tr("Objects that were found"))
        table.setModel(self.model)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.verticalHeader().setVisible(False)
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in enumerate((160, 240, 56, 160, 56, 88, 200)):
            table.setColumnWidth(column, width)
        selection = table.selectionModel()
        selection.currentRowChanged.connect(lambda *_: self._going.start())
        selection.selectionChanged.connect(lambda *_: self._show_count())
        table.doubleClicked.connect(lambda _: self._go())
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        table.customContextMenuRequested.connect(self._open_menu)
        self.model.grew.connect(self._show_count)
        return table

    def _build_crops(self) -> CropGrid:
        self.crops = crops = CropGrid(self.model)
        crops.opened.connect(lambda _: self._go())
        crops.selection_changed.connect(self._crop_chosen)
        crops.delete_wanted.connect(self._delete)
        crops.verify_wanted.connect(self._verify)
        crops.class_wanted.connect(self._relabel_by_number)
        return crops

    def show_crops(self, on: bool) -> None:
        """Show the results as cut-outs, or as a table."""
        self.as_crops.setChecked(on)
        self._results.setCurrentWidget(self.crops if on else self.table)
        self._show_count()

    @property
    def _cropping(self) -> bool:
        return self._results.currentWidget() is self.crops

    def _crop_chosen(self) -> None:
        if len(self.crops.chosen) == 1:
            self._going.start()
        self._show_count()

    def _build_actions(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.as_crops = QToolButton()
        self.as_crops.setObjectName("findAsCrops")
        self.as_crops.setIcon(icon("view-grid-outline"))
        self.as_crops.setCheckable(True)
        self.as_crops.setToolTip(tr("Show cut-outs: 1–9 class, Space verify, Delete"))
        self.as_crops.setAccessibleName(tr("Show cut-outs"))
        self.as_crops.toggled.connect(self.show_crops)
        self.as_crops.toggled.connect(self.crops_chosen)
        row.addWidget(self.as_crops)
        self.count = QLabel()
        self.count.setObjectName("findCount")
        self.count.setProperty("role", "muted")
        self.count.setMinimumWidth(_NARROW)
        row.addWidget(self.count, 1)
        self.buttons: dict[str, QPushButton] = {}
        for name, sign, text, call in (
            ("findRelabel", "tag-edit-outline", tr("Class…"), self._relabel),
            ("findAttributeSet", "form-select", tr("Attribute…"), self._set_attribute),
            ("findVerify", "check-all", tr("Verify"), self._verify),
            ("findDelete", "delete-outline", tr("Delete"), self._delete),
        ):
            button = QPushButton(icon(sign), text)
            button.setObjectName(name)
            button.setAccessibleName(text)
            button.setToolTip(tr("Of what is selected, or of everything that was found"))
            button.setMinimumWidth(_NARROW)
            button.clicked.connect(lambda _=False, c=call: c())
            row.addWidget(button)
            self.buttons[text] = button
        return row

    def press(self, name: str) -> bool:
        """Act as the button of this name does. Returns whether there is anything to act on."""
        for button in self.buttons.values():
            if button.objectName() == name and button.isEnabled():
                button.click()
                return True
        return False

    # The project

    def set_session(self, session: ProjectSession | None) -> None:
        """Search another project, or none."""
        old = self._session
        if old is not None:
            for signal, slot in self._connections(old):
                signal.disconnect(slot)
        if self._search is not None:
            self._search.cancel()
        self._session, self._search = session, None
        self.model.set_search(session, None)
        self.crops.found.set_session(session)
        if session is not None:
            for signal, slot in self._connections(session):
                signal.connect(slot)
            self.form.show_classes(session.classes)
            self.form.show_sources(())
        self._show_count()

    def _connections(
        self, session: ProjectSession
    ) -> list[tuple[SessionSignal, Callable[..., object]]]:
        return [
            (session.tally_changed, self.model.refresh),
            (session.annotations_changed, self.model.refresh),
            (session.classes_changed, self._classes_changed),
            (session.current_changed, self._current_changed),
        ]

    def _classes_changed(self) -> None:
        if self._session is not None:
            self.form.show_classes(self._session.classes)
            self.model.refresh()

    def _current_changed(self) -> None:
        if self.form.only_here and self.isVisible():
            self.search()

    # Searching

    def start(self) -> None:
        """Give the words the keyboard; what was found last is still there."""
        self.form.text.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.form.text.selectAll()
        if self._search is None:
            self.search()
        if self._session is not None:
            self._session.in_store(lambda store: store.sources(), self.form.show_sources)

    def search(self) -> None:
        """Look for what the conditions say, anew."""
        session = self._session
        if self._search is not None:
            self._search.cancel()
        self._search = None
        if session is not None:
            here = None
            if self.form.only_here:
                here = [session.current.id] if session.current is not None else []
            self._search = Search(session, self.form.query(), here)
            self._search.finished.connect(self._show_count)
        self.model.set_search(session, self._search)
        if self._search is not None:
            self._search.start()
        self._show_count()

    def _show_count(self) -> None:
        found = self.model.rowCount()
        chosen = self._selected_count()
        busy = self._search is not None and self._search.done < 1
        text = ""
        if chosen:
            text = tr("{count} of {total}:", count=f"{chosen:,}", total=f"{found:,}")
        elif busy and self._search is not None:
            text = f"{found:,}  {self._search.done:.0%}"
        elif self._search is not None:
            text = tr("All {count}:", count=f"{found:,}") if found else tr("Nothing found")
        self.count.setText(text)
        writable = self._session is not None and not self._session.store.read_only
        acting = chosen or (0 if busy else found)
        for button in self.buttons.values():
            button.setEnabled(writable and acting > 0)

    # Results

    def _row(self) -> int:
        """Where the result in hand stands, -1 for none."""
        if not self._cropping:
            return self.table.currentIndex().row()
        current = self.crops.current
        row = None if current is None else self.model.row_of(current)
        return -1 if row is None else row

    def _go(self) -> None:
        row = self._row()
        annotation = self.model.annotation(row)
        if annotation is not None:
            self.opened.emit(annotation)
        elif row >= 0 and not self.model.is_gone(row):
            self._going.start()  # its page is still being read

    def current(self) -> Annotation | None:
        """The result in hand."""
        return self.model.annotation(self._row())

    def step(self, by: int) -> None:
        """Go to the next result (1) or the one before (−1)."""
        if self._cropping:
            self.crops.move_current(by)
            return
        row = self.table.currentIndex().row() + by
        if 0 <= row < self.model.rowCount():
            self.table.setCurrentIndex(self.model.index(row, 0))

    def _ranges(self) -> Iterable[QItemSelectionRange]:
        # It can be gone through, which the stubs do not say.
        return cast("Iterable[QItemSelectionRange]", self.table.selectionModel().selection())

    def _selected_count(self) -> int:
        if self._cropping:
            return len(self.crops.chosen)
        count = sum(r.height() for r in self._ranges())
        return count if count > 1 else 0  # one row is just where one is

    def _chosen(self) -> list[int]:
        """The ids that the buttons act on."""
        if self._cropping and self.crops.chosen:
            return self.crops.chosen
        if self._selected_count():
            spans = [range(r.top(), r.bottom() + 1) for r in self._ranges()]
            return self.model.ids(sorted(spans, key=lambda r: r.start))
        return self.model.ids([range(self.model.rowCount())])

    def _open_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setObjectName("findMenu")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for button in self.buttons.values():
            action = menu.addAction(button.icon(), button.text(), button.click)
            action.setEnabled(button.isEnabled())
        menu.addSeparator()
        menu.addAction(tr("Select all"), self.table.selectAll)
        menu.popup(self.table.viewport().mapToGlobal(at))

    # All at once

    def _batch(self, text: str) -> Batch | None:
        session = self._session
        if session is None:
            return None

        def done(changed: int, locked: int) -> None:
            said = tr("{what}: {count} objects", what=text, count=f"{changed:,}")
            if locked:
                said += tr(", {count} locked ones were left", count=f"{locked:,}")
            self.changed_many.emit(said)
            self._keep_place()

        return Batch(session, self._chosen(), done)

    def _keep_place(self) -> None:
        """Search again, and stay about where one was."""
        bar = (self.crops if self._cropping else self.table).verticalScrollBar()
        chosen = self.crops.chosen if self._cropping else []
        rows = [r for key in chosen[:1000] if (r := self.model.row_of(key)) is not None]
        top, row = bar.value(), min(rows, default=self._row())
        self.search()
        search = self._search
        if search is None:
            return

        def back() -> None:
            bar.setValue(top)
            if self._cropping and row >= 0 and self.model.rowCount():
                key = self.model.id_at(min(row, self.model.rowCount() - 1))
                self.crops.go_to(key, select=False)

        search.finished.connect(back)

    def _relabel(self) -> None:
        batch = self._batch(tr("Class changed"))

        def take(class_id: int) -> None:
            one = self._session.class_by_id(class_id) if self._session is not None else None
            if batch is not None and one is not None:
                batch.relabel(one)

        self.class_wanted.emit(take)

    def _relabel_by_number(self, number: int) -> None:
        session = self._session
        classes = session.classes if session is not None else ()
        batch = self._batch(tr("Class changed")) if number <= len(classes) else None
        if batch is not None:
            batch.relabel(classes[number - 1])

    def _set_attribute(self) -> None:
        batch = self._batch(tr("Attribute set"))
        if batch is not None:
            self.attribute_wanted.emit(batch.set_attribute)

    def _verify(self) -> None:
        batch = self._batch(tr("Verified"))
        if batch is not None:
            batch.verify()

    def _delete(self) -> None:
        batch = self._batch(tr("Deleted or rejected"))
        if batch is not None:
            batch.delete()
