"""The look: colours of light and dark in one place, and the style sheet made from them.

`apply` colours the whole application; it can be called again at any time and
follows the desktop when the choice is 'system'. Sizes keep to an 8 px grid.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from visionstudio.settings.folders import resource

GRID = 8


@dataclass(frozen=True, slots=True)
class Tokens:
    """The colours of one theme as '#rrggbb'."""

    name: str
    window: str  # behind panels
    surface: str  # lists, fields
    raised: str  # menus, buttons, toasts
    line: str  # borders
    hover: str
    pressed: str
    text: str
    muted: str  # secondary text, at least 4.5:1 on `surface`
    disabled: str
    accent: str
    accent_text: str  # on `accent`
    selection: str  # selected rows
    success: str
    warning: str
    danger: str
    canvas: str  # around the picture


DARK = Tokens(
    name="dark",
    window="#1c1e22",
    surface="#23262b",
    raised="#2c3037",
    line="#3a3f48",
    hover="#343942",
    pressed="#3f4550",
    text="#e6e8eb",
    muted="#a3a9b3",
    disabled="#6b717c",
    accent="#4c9ffe",
    accent_text="#08131f",
    selection="#27456b",
    success="#4cc38a",
    warning="#f0b429",
    danger="#ff7b72",
    canvas="#131417",
)
LIGHT = Tokens(
    name="light",
    window="#f1f2f4",
    surface="#ffffff",
    raised="#ffffff",
    line="#d3d7dd",
    hover="#e6e9ed",
    pressed="#d8dde3",
    text="#1c2128",
    muted="#59616d",
    disabled="#9aa1ab",
    accent="#0b66d6",
    accent_text="#ffffff",
    selection="#cfe3ff",
    success="#13794b",
    warning="#8f5b00",
    danger="#c2281d",
    canvas="#dfe2e6",
)


class _Watcher(QObject):
    changed = Signal()


_watcher: _Watcher | None = None
_tokens = DARK
_choice = "system"


def tokens() -> Tokens:
    """The colours in use."""
    return _tokens


def colour(name: str) -> QColor:
    """A token's colour by its field name."""
    return QColor(getattr(_tokens, name))


def watcher() -> _Watcher:
    """Its `changed` fires after the colours have changed."""
    global _watcher
    if _watcher is None:
        _watcher = _Watcher()
    return _watcher


def apply(app: QApplication, choice: str = "system") -> None:
    """Use 'dark', 'light' or 'system' from now on."""
    global _choice
    first = app.property("themed") is None
    _choice = choice
    if first:
        app.setProperty("themed", True)
        app.setStyle(QStyleFactory.create("Fusion"))
        app.styleHints().colorSchemeChanged.connect(partial(_follow, app))
    _use(app, _chosen())


def _chosen() -> Tokens:
    if _choice == "system":
        scheme = QGuiApplication.styleHints().colorScheme()
        return LIGHT if scheme == Qt.ColorScheme.Light else DARK
    return LIGHT if _choice == "light" else DARK


def _follow(app: QApplication, _scheme: Qt.ColorScheme) -> None:
    if _choice == "system" and _chosen() is not _tokens:
        _use(app, _chosen())


def _use(app: QApplication, chosen: Tokens) -> None:
    global _tokens
    _tokens = chosen
    app.setPalette(palette(chosen))
    app.setStyleSheet(style_sheet(chosen))
    watcher().changed.emit()


def palette(t: Tokens) -> QPalette:
    """Qt's palette of a theme, for what the style sheet does not reach."""
    role = QPalette.ColorRole
    made = QPalette()
    for where, value in (
        (role.Window, t.window),
        (role.WindowText, t.text),
        (role.Base, t.surface),
        (role.AlternateBase, t.window),
        (role.ToolTipBase, t.raised),
        (role.ToolTipText, t.text),
        (role.PlaceholderText, t.muted),
        (role.Text, t.text),
        (role.Button, t.raised),
        (role.ButtonText, t.text),
        (role.BrightText, t.danger),
        (role.Light, t.hover),
        (role.Midlight, t.hover),
        (role.Mid, t.line),
        (role.Dark, t.line),
        (role.Shadow, t.canvas),
        (role.Link, t.accent),
        (role.Highlight, t.selection),
        (role.HighlightedText, t.text),
    ):
        made.setColor(where, QColor(value))
    for where in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, where, QColor(t.disabled))
    return made


def style_sheet(t: Tokens) -> str:
    """The application's style sheet with the theme's colours filled in."""
    text = _SHEET
    for item in fields(t):
        text = text.replace(f"@{item.name};", f"{getattr(t, item.name)};")
    folder = resource("themes").as_posix()
    for name in ("up", "down", "check", "close"):
        text = text.replace(f"@{name};", f'url("{folder}/{name}-{t.name}.svg");')
    return text


_SHEET = """
QMainWindow, QDialog { background: @window; }
QMainWindow::separator { background: @window; width: 5px; height: 5px; }
QMainWindow::separator:hover { background: @accent; }
QMenuBar { background: @window; padding: 2px 4px; }
QMenuBar::item { padding: 4px 8px; border-radius: 4px; background: transparent; }
QMenuBar::item:selected { background: @hover; }
QMenu { background: @raised; border: 1px solid @line; padding: 4px; }
QMenu::item { padding: 5px 24px 5px 12px; border-radius: 4px; }
QMenu::item:selected { background: @selection; }
QMenu::item:disabled { color: @disabled; }
QMenu::separator { height: 1px; background: @line; margin: 4px 8px; }
QMenu::icon { padding-left: 8px; }
QToolTip { background: @raised; color: @text; border: 1px solid @line; padding: 4px; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QDockWidget { font-weight: 600; }
QDockWidget::title { background: @window; padding: 6px 8px; }
QTabBar { background: @window; }
QTabBar::tab { padding: 6px 12px; color: @muted; border: 0;
    border-bottom: 2px solid transparent; background: transparent; }
QTabBar::tab:selected { color: @text; border-bottom: 2px solid @accent; }
QTabBar::tab:hover { color: @text; }
QTabBar::tab:focus { color: @text; border-bottom: 2px solid @text; }
QTabBar::close-button { image: @close; subcontrol-position: right; width: 12px; height: 12px;
    margin: 2px; }
QTabBar::close-button:hover { background: @hover; }
QTabWidget::pane { border: 0; }
QToolBar { background: @window; border: 0; padding: 4px; spacing: 4px; }
QToolBar::separator { background: @line; height: 1px; width: 1px; margin: 4px; }
QToolButton { border: 1px solid transparent; border-radius: 4px; padding: 4px;
    background: transparent; }
QToolButton:hover { background: @hover; }
QToolButton:pressed { background: @pressed; }
QToolButton:checked { background: @selection; border-color: @accent; }
QToolButton:focus { border-color: @accent; }
QToolButton:disabled { color: @disabled; }
QToolButton::menu-indicator { image: none; }
QToolButton[role="primary"] { background: @accent; color: @accent_text; border-color: @accent; }
QToolButton[role="primary"]:focus { border-color: @text; }
QToolButton[role="primary"]:disabled { background: @window; color: @disabled;
    border-color: @line; }
QToolButton::menu-button { border: 0; width: 18px; }
QToolButton::menu-arrow { image: @down; width: 12px; height: 12px; }
QPushButton { background: @raised; border: 1px solid @line; border-radius: 4px;
    padding: 5px 12px; min-height: 18px; }
QPushButton:hover { background: @hover; }
QPushButton:pressed { background: @pressed; }
QPushButton:focus { border-color: @accent; }
QPushButton:disabled { color: @disabled; background: @window; }
QPushButton:default, QPushButton[role="primary"] { background: @accent; color: @accent_text;
    border-color: @accent; }
QPushButton[role="primary"]:focus, QPushButton:default:focus { border-color: @text; }
QPushButton[role="primary"]:disabled, QPushButton:default:disabled { background: @window;
    color: @disabled; border-color: @line; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QPlainTextEdit, QTextEdit {
    background: @surface; border: 1px solid @line; border-radius: 4px; padding: 3px 6px;
    selection-background-color: @selection; selection-color: @text; }
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus,
QPlainTextEdit:focus, QTextEdit:focus { border-color: @accent; }
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {
    color: @disabled; background: @window; }
QComboBox::drop-down { border: 0; width: 20px; }
QComboBox::down-arrow { image: @down; width: 12px; height: 12px; }
QSpinBox::up-button, QDoubleSpinBox::up-button { subcontrol-origin: border;
    subcontrol-position: top right; border: 0; width: 18px; background: transparent; }
QSpinBox::down-button, QDoubleSpinBox::down-button { subcontrol-origin: border;
    subcontrol-position: bottom right; border: 0; width: 18px; background: transparent; }
QSpinBox::up-button:hover, QDoubleSpinBox::up-button:hover, QSpinBox::down-button:hover,
QDoubleSpinBox::down-button:hover { background: @hover; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: @up; width: 10px; height: 10px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: @down; width: 10px; height: 10px; }
QCheckBox::indicator { width: 14px; height: 14px; border: 1px solid @muted;
    border-radius: 3px; background: @surface; }
QCheckBox::indicator:hover, QCheckBox::indicator:focus { border-color: @accent; }
QCheckBox::indicator:checked { background: @accent; border-color: @accent; image: @check; }
QCheckBox::indicator:disabled { border-color: @line; background: @window; }
QCheckBox::indicator:checked:disabled { background: @disabled; }
QComboBox QAbstractItemView { background: @raised; border: 1px solid @line;
    selection-background-color: @selection; selection-color: @text; }
QAbstractItemView { background: @surface; border: 0; outline: 0;
    selection-background-color: @selection; selection-color: @text; }
QListView::item:hover, QTreeView::item:hover { background: @hover; }
QListView::item:selected, QTreeView::item:selected { background: @selection; color: @text; }
QAbstractScrollArea::corner { background: transparent; border: 0; }
QTableCornerButton::section { background: @window; border: 0; }
QHeaderView::section { background: @window; color: @muted; border: 0; padding: 4px 8px; }
QScrollArea { border: 0; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 0; }
QScrollBar::handle { background: @line; border-radius: 5px; min-height: 24px; min-width: 24px; }
QScrollBar::handle:hover { background: @disabled; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QProgressBar { background: @line; border: 0; border-radius: 3px; max-height: 6px; color: @text; }
QProgressBar::chunk { background: @accent; border-radius: 3px; }
QSlider::groove:horizontal { background: @line; height: 4px; border-radius: 2px; }
QSlider::sub-page:horizontal { background: @accent; height: 4px; border-radius: 2px; }
QSlider::handle:horizontal { background: @text; width: 14px; height: 14px; margin: -5px 0;
    border-radius: 7px; }
QSlider::handle:horizontal:hover, QSlider::handle:horizontal:focus { background: @accent; }
QSlider::handle:horizontal:disabled { background: @disabled; }
QStatusBar { background: @window; color: @muted; border-top: 1px solid @line; }
QStatusBar::item { border: 0; }
QFrame#tour { background: @raised; border: 1px solid @accent; border-radius: 8px; }
QFrame#jobList { background: @raised; border: 1px solid @line; }
QFrame#toast { background: @raised; border: 1px solid @line; border-radius: 8px; }
QFrame#toast[level="error"] { border-color: @danger; }
QFrame#toast[level="warning"] { border-color: @warning; }
QFrame#banner { background: @raised; border: 0; border-bottom: 2px solid @warning; }
QFrame#banner[level="error"] { border-bottom: 2px solid @danger; }
QFrame#banner[level="info"] { border-bottom: 2px solid @accent; }
QLabel[role="muted"] { color: @muted; }
QLabel[role="error"] { color: @danger; }
QLabel[role="warning"] { color: @warning; }
QLabel[role="title"] { font-size: 18px; font-weight: 600; }
QLabel[role="heading"] { font-weight: 600; }
QFrame#toolStrip { background: @raised; border: 1px solid @line; border-radius: 6px; }
QFrame#tagChip { background: @raised; border: 1px solid @line; border-radius: 13px; }
QFrame#tagChip[proposed="true"] { border: 1px dashed @accent; }
QFrame#tagChip[chosen="true"] { border: 1px solid @accent; background: @selection; }
QFrame#tagChip QToolButton { border: 0; padding: 2px; background: transparent; }
QFrame#tagChip QToolButton:hover { color: @accent; }
QFrame#palette { background: @raised; border: 1px solid @line; border-radius: 8px; }
QFrame#palette QListView { background: @raised; }
QFrame#classChooser { background: @raised; border: 1px solid @line; border-radius: 8px; }
QFrame#classChooser QListView { background: @raised; }
"""
