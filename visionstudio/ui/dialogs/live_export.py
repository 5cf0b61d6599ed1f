"""Which export is kept up to date while one labels."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from visionstudio.formats.registry import FORMATS
from visionstudio.session.live_export import PER_PICTURE, LiveTarget
from visionstudio.session.workbench import Workbench
from visionstudio.ui.dialogs.exchange import PathEdit
from visionstudio.ui.i18n import tr


class LiveExportDialog(QDialog):
    """Choose a format and a place, or end what is kept up to date."""

    message = Signal(str, str)

    def __init__(self, workbench: Workbench, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("liveExportDialog")
        self.setWindowTitle(tr("Keep an export up to date"))
        self.resize(QSize(620, 240))
        self._workbench = workbench
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(12)
        note = QLabel(
            tr(
                "For tools that watch a folder: whenever labels are saved, these files are too."
                " Files of the same names are replaced."
            )
        )
        note.setWordWrap(True)
        layout.addWidget(note)
        layout.addLayout(self._build_rows())
        self._each = QLabel()
        self._each.setObjectName("liveExportNote")
        self._each.setProperty("role", "muted")
        self._each.setWordWrap(True)
        layout.addWidget(self._each)
        layout.addStretch(1)
        layout.addLayout(self._build_buttons())
        self._show(workbench.live_export.target)

    def _build_rows(self) -> QFormLayout:
        rows = QFormLayout()
        rows.setSpacing(8)
        self._format = QComboBox()
        self._format.setObjectName("liveExportFormat")
        self._format.setAccessibleName(tr("Format"))
        for one in FORMATS.values():
            self._format.addItem(tr(one.title), one.name)
        self._format.activated.connect(self._suggest)
        self._out = PathEdit(
            "liveExportOut", tr("Write to"), ("Choose", tr("Choose…"), self._choose)
        )
        rows.addRow(tr("Format"), self._format)
        rows.addRow(tr("Write to"), self._out)
        return rows

    def _build_buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._off = QPushButton(tr("Turn off"))
        self._off.setObjectName("liveExportOff")
        self._off.setAutoDefault(False)
        self._off.clicked.connect(lambda: self._set(None))
        close = QPushButton(tr("Close"))
        close.setObjectName("liveExportClose")
        close.setAutoDefault(False)
        close.setShortcut("Esc")
        close.clicked.connect(self.close)
        do = QPushButton(tr("Keep up to date"))
        do.setObjectName("liveExportOn")
        do.setProperty("role", "primary")
        do.clicked.connect(self._turn_on)
        row.addWidget(self._off)
        row.addStretch(1)
        row.addWidget(close)
        row.addWidget(do)
        return row

    def _show(self, target: LiveTarget | None) -> None:
        self._off.setEnabled(target is not None)
        name = target.format if target is not None else "labelme"
        self._format.setCurrentIndex(self._format.findData(name))
        self._suggest(target)

    def _suggest(self, target: LiveTarget | int | None = None) -> None:
        root = self._workbench.session.store.media_root
        chosen = FORMATS[str(self._format.currentData())]
        if isinstance(target, LiveTarget):
            out = Path(target.out)
        elif chosen.single_file:
            out = root / f"{chosen.name}{chosen.suffixes[0]}"
        else:
            out = root if chosen.name == "labelme" else root / f"export_{chosen.name}"
        self._out.set_path(out)
        self._each.setText(
            tr("Each picture has files of its own: only those that changed are written.")
            if chosen.name in PER_PICTURE
            else tr("All files are written anew each time.")
        )

    def _choose(self) -> str:
        if FORMATS[str(self._format.currentData())].single_file:
            return QFileDialog.getSaveFileName(self, tr("Write to"))[0]
        return QFileDialog.getExistingDirectory(self, tr("Write to"))

    def _turn_on(self) -> None:
        out = self._out.path()
        if out is not None:
            self._set(LiveTarget(str(self._format.currentData()), str(out.absolute())))

    def _set(self, target: LiveTarget | None) -> None:
        self._workbench.live_export.set(target)
        if target is None:
            text = tr("No export is kept up to date any more.")
        else:
            text = tr("{out} is kept up to date.", out=target.out)
        self.message.emit(text, "info")
        self.close()
