"""Benchmarks name commands and tools of the window: what they name is there."""

from __future__ import annotations

import ast
from pathlib import Path

from visionstudio.ui.actions import ACTIONS
from visionstudio.ui.tools import TOOLS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
KINDS = {action.id.split(".")[0] for action in ACTIONS}


def words() -> set[str]:
    """Every text of the benchmarks that stands alone."""
    found = set()
    for path in BENCHMARKS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return found


def looks_like_a_command(word: str) -> bool:
    kind, dot, name = word.partition(".")
    return bool(dot) and kind in KINDS and name.isidentifier()


def tools_used() -> set[str]:
    """The tools that benchmarks take up."""
    found = set()
    for path in BENCHMARKS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            place = {"set_tool": 0, "adjust": 1, "draw": 1}.get(node.func.attr)
            if place is not None and place < len(node.args):
                name = node.args[place]
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    found.add(name.value)
    return found


def test_the_commands_that_benchmarks_give_exist() -> None:
    named = {word for word in words() if looks_like_a_command(word)}
    assert "shape.join" in named
    assert named <= {action.id for action in ACTIONS}


def test_the_tools_that_benchmarks_take_up_exist() -> None:
    used = tools_used()
    assert {"select", "eraser", "wand"} <= used
    assert used <= TOOLS.keys()
