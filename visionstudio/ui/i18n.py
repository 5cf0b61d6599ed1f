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
from pathlib import Path

from visionstudio.settings.folders import resource

LANGUAGES: dict[str, str] = {"en": "English", "zh_CN": "简体中文"}

_catalogue: dict[str, str] = {}
_language = "en"


def tr(text: str, **values: object) -> str:
    """The text in the chosen language, with ``{name}`` replaced where values are given."""
    translated = _catalogue.get(text, text)
    return translated.format(**values) if values else translated


def language() -> str:
    """The language in use, a key of `LANGUAGES`."""
    return _language


def use_language(choice: str) -> None:
    """Choose a key of `LANGUAGES`, or 'system' for the desktop's. Unknown ones mean English."""
    global _language, _catalogue
    wanted = system_language() if choice == "system" else choice
    _language = wanted if wanted in LANGUAGES else "en"
    _catalogue = catalogue(_language)


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
