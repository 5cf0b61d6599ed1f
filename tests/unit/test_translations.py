"""Every text of the window has a translation, and the translations fit the texts."""

from __future__ import annotations

import ast
import json
import string
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from visionstudio.api import TrainingError, describe
from visionstudio.model import errors as model_errors
from visionstudio.model.errors import VisionStudioError
from visionstudio.settings.schema import GROUPS
from visionstudio.ui import i18n
from visionstudio.ui.actions import ACTIONS, MENUS
from visionstudio.ui.grid.panel import ORDERS
from visionstudio.ui.panels.media_model import STATES
from visionstudio.ui.tools import TOOLS

SAME_EVERYWHERE = frozenset(("fp32", "bf16", "fp16", "ImageNet", "rgb", "bgr", "alexnet"))
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
            for title in spec.choice_titles or spec.choices:
                if title not in i18n.LANGUAGES.values():
                    yield title, f"setting {spec.name}"


def bundled() -> Iterator[tuple[str, str]]:
    """What the plugins that come with the program say of their models and parameters."""
    manifests = (
        import_module(f"{folder.name}.manifest").MANIFEST
        for folder in sorted((ROOT / "plugins").glob("visionstudio_*"))
        if (folder / "manifest.py").exists()
    )
    for model in (model for manifest in manifests for model in manifest.models):
        yield model.title, model.id
        yield model.description, model.id
        trained = describe(model.train_params) if model.train_params is not None else ()
        for spec in (*describe(model.params), *trained):
            for text in (spec.title, spec.help, spec.group, spec.zero, spec.unit):
                if text:
                    yield text, f"{spec.name} of {model.id}"
            for choice in spec.choice_titles or spec.choices:
                if choice not in SAME_EVERYWHERE and not choice.isdigit():
                    yield choice, f"choice of {spec.name} of {model.id}"


def messages() -> Iterator[tuple[str, str]]:
    """What plugins and the engine report while they work, with something in place of numbers."""
    folders = [*(ROOT / "plugins").glob("visionstudio_*"), ROOT / "visionstudio" / "engine"]
    for file in (f for folder in folders for f in sorted(folder.rglob("*.py"))):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", "") or getattr(node.func, "id", "")
            if name not in ("report", "Progress"):
                continue
            named = [k.value for k in node.keywords if k.arg == "message"]
            for value in (*node.args[1:2], *named):
                text = _example(value)
                if text:
                    yield text, f"{file.name}:{node.lineno}"


# Mistakes of a plugin's author and of the command line, and what only processes say to each other.
_NOT_SHOWN = frozenset(
    ("checking.py", "mot_text.py", "sharing.py", "trackers.py", "tracking.py", "wire.py")
)


def errors() -> Iterator[tuple[str, str]]:
    """What went wrong and what to do next, in the words of plugins and the engine."""
    folders = [*(ROOT / "plugins").glob("visionstudio_*"), ROOT / "visionstudio" / "engine"]
    for file in (f for folder in folders for f in sorted(folder.rglob("*.py"))):
        if file.name in _NOT_SHOWN:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            kind = getattr(model_errors, node.func.id, None)
            if isinstance(kind, type) and issubclass(kind, VisionStudioError):
                steps = [k.value for k in node.keywords if k.arg == "next_step"]
                for value in (*node.args[:1], *steps):
                    text = _example(value)
                    if text:
                        yield text, f"{file.name}:{node.lineno}"


def _example(node: ast.expr) -> str:
    """A text as it may be shown, '' for what is put together elsewhere."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "7" for v in node.values)
    return ""


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", [c for c in i18n.LANGUAGES if c != "en"])
def test_everything_is_translated(code: str) -> None:
    texts = i18n.catalogue(code)
    missing = sorted({f"{text!r} ({where})" for text, where in (*literals(), *tables(), *bundled())
                      if text not in texts})  # fmt: skip
    assert not missing, "\n".join(missing)


@pytest.mark.parametrize("code", [c for c in i18n.LANGUAGES if c != "en"])
def test_placeholders_are_kept(code: str) -> None:
    wrong = [t for t, translated in i18n.catalogue(code).items() if names(t) != names(translated)]
    assert not wrong


@pytest.mark.parametrize("code", [c for c in i18n.LANGUAGES if c != "en"])
def test_a_text_has_one_translation(code: str) -> None:
    """The files of a language are merged: two of them with different words would be chance."""
    found: dict[str, dict[str, str]] = {}
    for file in sorted((ROOT / "resources" / "translations" / code).glob("*.json")):
        pairs = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=list)
        for text, translated in pairs:
            found.setdefault(text, {}).setdefault(translated, file.name)
    two = {text: places for text, places in found.items() if len(places) > 1}
    assert len(found) > 1000
    assert not two


def test_errors_are_told_in_the_language_of_the_window() -> None:
    found = sorted(set(errors()))
    assert len(found) > 250
    error = TrainingError(
        "the val/loss is no number any more at step 12",
        where="/runs/a, b",
        next_step="train again with a lower learning rate (a tenth), or check labels",
    )
    broken = "plugin 'x' failed while training: boom; try other parameters or another model; "
    try:
        i18n.use_language("zh_CN")
        missing = [f"{text!r} ({where})" for text, where in found if i18n.told(text) == text]
        assert not missing, "\n".join(missing)
        assert i18n.told(str(error)) == (
            "val/loss 在第 12 步不再是数字，/runs/a, b；"
            "请用更低的学习率（十分之一）重新训练，或检查标注"
        )
        assert i18n.told(broken + "details are in train.log") == (
            "插件“x”训练时出错：boom；请尝试其他参数或其他模型；详情见 train.log"
        )
        assert i18n.told("no room; make room there") == "no room；请在该处腾出空间"
    finally:
        i18n.use_language("en")
    assert i18n.told(str(error)) == str(error)


def test_messages_of_models_are_translated() -> None:
    """Also what is put together of numbers and names, where some pattern has it."""
    found = sorted(set(messages()))
    assert len(found) > 15
    try:
        i18n.use_language("zh_CN")
        missing = [f"{text!r} ({where})" for text, where in found if i18n.told(text) == text]
        assert not missing, "\n".join(missing)
        assert i18n.told("epoch 3 of 12") == "第 3 轮，共 12 轮"
        assert i18n.told("Train Kalman filter") == "训练 卡尔曼滤波"
        assert i18n.told("Kalman filter · 12.mp4") == "卡尔曼滤波 · 12.mp4"
        assert i18n.told("Kalman filter · 3 of 4.mp4") == "卡尔曼滤波 · 3 of 4.mp4"
        assert i18n.told("something unheard of {0}") == "something unheard of {0}"
    finally:
        i18n.use_language("en")
    assert i18n.told("epoch 3 of 12") == "epoch 3 of 12"


def test_choosing_a_language() -> None:
    try:
        i18n.use_language("zh_CN")
        assert i18n.tr("Undo") != "Undo"
        i18n.use_language("xx")
        assert i18n.language() == "en"
        assert i18n.tr("Undo: {what}", what="box") == "Undo: box"
    finally:
        i18n.use_language("en")
