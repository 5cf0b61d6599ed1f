"""Texts in the user's language.

English texts are the keys: ``tr("Open folder…")``. A translation is a folder of
JSON objects under ``resources/translations/<language>/``, English to translated,
one file per part of the window, merged when the language is chosen. A text that
is missing shows in English; a test lists those.
"""

from __future__ import annotations

import json
import locale
import os
import re
from collections.abc import Iterator
from pathlib import Path

from visionstudio.settings.folders import resource

LANGUAGES: dict[str, str] = {"en": "English", "zh_CN": "简体中文"}

_catalogue: dict[str, str] = {}
_messages: list[tuple[re.Pattern[str], str]] = []
_language = "en"
MESSAGES = ("messages.json", "errors.json")


def tr(text: str, **values: object) -> str:
    """The text in the chosen language, with ``{name}`` replaced where values are given."""
    translated = _catalogue.get(text, text)
    return translated.format(**values) if values else translated


def told(text: str) -> str:
    """A message, title or error that a model, a plugin or the session made, in the chosen language.

    Errors are made of what went wrong, where, and what to do: "what, where; next step". What a
    pattern leaves open is looked up in the same way; what is unknown stays as it is.
    """
    if not _messages:
        return text
    for head, next_step in _splits(text, "; "):
        advice = _known(next_step)
        if advice is not None:
            return f"{_clause(head)}；{advice}"
    clause = _clause(text)
    if clause == text:
        for head, next_step in _splits(text, "; "):
            clause = _clause(head)
            if clause != head:
                return f"{clause}；{next_step}"
        return text
    return clause


def _clause(text: str) -> str:
    """What went wrong and where, or a whole message."""
    whole = _known(text)
    for what, where in _splits(text, ", ") if whole is None else ():
        found = _known(what)
        if found is not None:
            return f"{found}，{where}"
    return text if whole is None else whole


def _known(text: str) -> str | None:
    """A text that the catalogue or a pattern has, translated."""
    if text in _catalogue:
        return _catalogue[text]
    for pattern, translated in _messages:
        match = pattern.fullmatch(text)
        if match:
            return translated.format(**{k: told(v) for k, v in match.groupdict().items()})
    return None


def _splits(text: str, mark: str) -> Iterator[tuple[str, str]]:
    """What stands before and after the mark, at each place where it is."""
    at = text.find(mark)
    while at >= 0:
        yield text[:at], text[at + len(mark) :]
        at = text.find(mark, at + 1)


def language() -> str:
    """The language in use, a key of `LANGUAGES`."""
    return _language


def use_language(choice: str) -> None:
    """Choose a key of `LANGUAGES`, or 'system' for the desktop's. Unknown ones mean English."""
    global _language, _catalogue, _messages
    wanted = system_language() if choice == "system" else choice
    _language = wanted if wanted in LANGUAGES else "en"
    _catalogue = catalogue(_language)
    _messages = list(_patterns(_language))


def system_language() -> str:
    """The desktop's language as a key of `LANGUAGES`; English where we have no other."""
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    code = named or locale.getlocale()[0] or "en"
    return "zh_CN" if code.startswith(("zh", "Chinese")) else "en"


def catalogue(code: str) -> dict[str, str]:
    """Every translated text of a language; empty for English, which needs none."""
    folder: Path = resource("translations", code)
    texts: dict[str, str] = {}
    if folder.is_dir():
        for file in sorted(folder.glob("*.json")):
            texts.update(json.loads(file.read_text(encoding="utf-8")))
    return texts


def _patterns(code: str) -> Iterator[tuple[re.Pattern[str], str]]:
    """The messages of a language that have something open, as patterns.

    ``{n}`` and other single letters stand for numbers, longer names for any words.
    """
    files = (resource("translations", code) / name for name in MESSAGES)
    texts = (json.loads(f.read_text(encoding="utf-8")) for f in files if f.is_file())
    for text, translated in (pair for one in texts for pair in one.items()):
        parts = re.split(r"\{(\w+)\}", text)
        if len(parts) > 1:
            for i in range(1, len(parts), 2):
                parts[i] = f"(?P<{parts[i]}>{'[0-9.,]+' if len(parts[i]) == 1 else '.+'})"
            parts[::2] = map(re.escape, parts[::2])
            yield re.compile("".join(parts), re.DOTALL), translated
