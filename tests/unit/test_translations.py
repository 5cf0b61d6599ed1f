"""Every text of the window has a translation, and the translations fit the texts."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from visionstudio.settings.schema import GROUPS
from visionstudio.ui import i18n
from visionstudio.ui.actions import ACTIONS, MENUS
from visionstudio.ui.grid.panel import ORDERS
from visionstudio.ui.panels.media_model import STATES
from visionstudio.ui.tools import TOOLS

ROOT = Path(__file__).resolve().parents[2]


def literals() -> Iterator[tuple[str, str]]:
    """Every literal text given to tr(), with the place it stands at."""
    for file in sorted((ROOT / "visionstudio" / "ui").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "tr"
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(node.args[0].value), f"{file.name}:{node.lineno}"


def tables() -> Iterator[tuple[str, str]]:
    """Texts that stand in tables and are translated where they are shown."""
    for action in ACTIONS:
        yield action.title, f"action {action.id}"
    for menu in MENUS:
        yield menu, "menu"
    for _, title in STATES:
        yield title, "media state"
    for _, title in ORDERS:
        yield title, "order of the grid"
    for tool in TOOLS.values():
        for option in tool.options:
            for text in (option.title, option.help, *option.choices):
                if text:
                    yield text, f"option {option.name} of {tool.name}"
    for group in GROUPS:
        yield group.title, "settings"
        for spec in group.specs:
            yield spec.title, f"setting {spec.name}"
            if spec.help:
                yield spec.help, f"setting {spec.name}"
            for choice in spec.choices:
                if choice not in i18n.LANGUAGES:
                    yield choice, f"setting {spec.name}"


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", [c for c in i18n.LANGUAGES if c != "en"])
def test_everything_is_translated(code: str) -> None:
    texts = i18n.catalogue(code)
    missing = sorted({f"{text!r} ({where})" for text, where in (*literals(), *tables())
                      if text not in texts})  # fmt: skip
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("code", [c for c in i18n.LANGUAGES if c != "en"])
def test_placeholders_are_kept(code: str) -> None:
    wrong = [t for t, translated in i18n.catalogue(code).items() if names(t) != names(translated)]
    assert not wrong


def test_choosing_a_language() -> None:
    try:
        i18n.use_language("zh_CN")
        assert i18n.tr("Undo") != "Undo"
        i18n.use_language("xx")
        assert i18n.language() == "en"
        assert i18n.tr("Undo: {what}", what="box") == "Undo: box"
    finally:
        i18n.use_language("en")
