"""The table of actions: no two share a key, each does something, each has an icon that exists."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QKeySequence

from tests.gui.conftest import Driver
from visionstudio.ui import icons
from visionstudio.ui.actions import ACTIONS, BY_ID, CONDITIONS, MENUS, conflicts, keys_table
from visionstudio.ui.commands import Commands
from visionstudio.ui.palette import score

DOCS = Path(__file__).resolve().parents[2] / "docs" / "keys.md"
# The keys that hands already know from other programs.
KNOWN = {
    "D": "view.next",
    "A": "view.previous",
    "W": "tool.box",
    "R": "tool.box",
    "P": "tool.polygon",
    "T": "track.run",
    "Space": "label.verify",
    "Ctrl+F": "view.fit",
    "Ctrl+Z": "edit.undo",
    "Ctrl+Shift+Z": "edit.redo",
    "Del": "edit.delete",
    "Esc": "edit.deselect",
    "Ctrl+D": "edit.duplicate",
    "Ctrl+C": "edit.copy",
    "Ctrl+V": "edit.paste",
    "Ctrl+K": "help.palette",
    "H": "inspect.histogram",
    "Return": "model.accept",
    "Shift+Return": "model.accept_all",
    **{str(n): f"label.class_{n}" for n in range(1, 10)},
}


def test_no_two_actions_share_a_key() -> None:
    assert conflicts(ACTIONS) == []
    assert conflicts(ACTIONS, {"view.fit": "Ctrl+Z"}) == ["Ctrl+Z: edit.undo, view.fit"]


def test_keys_that_hands_know() -> None:
    for key, action_id in KNOWN.items():
        assert key in BY_ID[action_id].keys
    for action in ACTIONS:
        for key in action.keys:
            assert not QKeySequence(key).isEmpty(), key


def test_rows_are_sound(driver: Driver) -> None:
    assert len(BY_ID) == len(ACTIONS)
    commands = Commands(driver.window)
    for action in ACTIONS:
        assert callable(getattr(commands, action.call, None)), action.call
        assert action.when in CONDITIONS
        assert not action.menu or action.menu in MENUS
        assert not action.icon or action.icon in icons.names(), action.icon


def test_menus_hold_the_table(driver: Driver) -> None:
    bar = driver.window.menuBar()
    shown = {a.objectName() for menu in bar.actions() for a in menu.menu().actions()}
    assert {a.id for a in ACTIONS if a.menu} <= shown


def test_without_a_project_nothing_that_needs_one(driver: Driver) -> None:
    for action in ACTIONS:
        enabled = driver.window.actions_[action.id].isEnabled()
        assert enabled == (action.when == "always"), action.id


def test_changed_keys_take_effect(driver: Driver) -> None:
    driver.window.actions_.set_keys({"view.fit": "F8", "view.next": ""})
    assert driver.window.actions_["view.fit"].shortcut() == QKeySequence("F8")
    assert driver.window.actions_["view.next"].shortcut().isEmpty()


def test_the_documented_table_is_the_table() -> None:
    assert keys_table() in DOCS.read_text(encoding="utf-8")


def test_palette_prefers_starts_of_words() -> None:
    near, far = score("pp", "Predict on this picture"), score("pp", "Show project folder, up")
    assert near is not None
    assert far is not None
    assert near < far
    assert score("xyz", "Predict") is None
