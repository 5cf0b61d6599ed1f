"""Keys as other programs have them: files in `resources/keys`, applied to the action table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from PySide6.QtGui import QKeySequence

from visionstudio.settings.folders import resource
from visionstudio.ui.actions import ACTIONS, keys_of


@dataclass(frozen=True, slots=True)
class KeyPreset:
    """The habits of another program: keys by action id, as far as it has such an action."""

    name: str
    title: str
    keys: Mapping[str, str]


@cache
def presets() -> tuple[KeyPreset, ...]:
    """All presets there are, by their titles."""
    found = []
    for file in sorted(resource("keys").glob("*.json")):
        stored = json.loads(file.read_text(encoding="utf-8"))
        found.append(KeyPreset(file.stem, stored["title"], stored["keys"]))
    return tuple(sorted(found, key=lambda p: p.title.casefold()))


def changed_by(preset: KeyPreset) -> dict[str, str]:
    """The keys by action id that differ from the table when a preset is used.

    An action whose own key the preset gives to another one falls back on its
    next key, or is left without.
    """
    wanted = {name: key for name, key in preset.keys.items() if name in {a.id for a in ACTIONS}}
    taken = {_name(key) for key in wanted.values()}
    changed = {}
    for action in ACTIONS:
        if action.id in wanted:
            if keys_of(action, {}) != (wanted[action.id],):
                changed[action.id] = wanted[action.id]
        elif any(_name(key) in taken for key in action.keys):
            left = [key for key in action.keys if _name(key) not in taken]
            changed[action.id] = left[0] if left else ""
    return changed


def without_key(changed: Mapping[str, str]) -> list[str]:
    """The titles of actions that had a key in the table and have none now."""
    return [a.title for a in ACTIONS if a.keys and not keys_of(a, changed)]


def _name(key: str) -> str:
    return QKeySequence(key).toString()
