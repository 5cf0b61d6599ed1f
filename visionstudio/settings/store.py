"""The settings file: checked values of the schema, and what the window remembers by itself."""

from __future__ import annotations

import getpass
import json
import os
import threading
from pathlib import Path
from typing import Any

from visionstudio.api.params import Value, check
from visionstudio.model.errors import InvalidValue
from visionstudio.settings.folders import config_folder
from visionstudio.settings.schema import SPECS

_FILE = "settings.json"


class Settings:
    """Settings in memory; changes are written in a thread of their own, whole files only.

    `get`/`set` are for rows of the schema. `note`/`remember` keep small JSON
    values that no dialog shows: recent projects, window layouts, changed keys.
    A damaged or unreadable file gives the defaults, never an error.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or config_folder() / _FILE
        self._values: dict[str, Value] = {}
        self._notes: dict[str, Any] = {}
        self._read()
        self._lock = threading.Lock()
        self._pending: str | None = None
        self._writer: threading.Thread | None = None

    def _read(self) -> None:
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if not isinstance(stored, dict):
            return
        values, notes = stored.get("settings", {}), stored.get("remembered", {})
        if isinstance(values, dict):
            for name, value in values.items():
                if name in SPECS:
                    try:
                        self._values[name] = check(SPECS[name], value)
                    except InvalidValue:
                        continue
        if isinstance(notes, dict):
            self._notes = notes

    def get(self, name: str) -> Value:
        """A setting's value or its default. Raises InvalidValue for a name not in the schema."""
        if name not in SPECS:
            raise InvalidValue(f"unknown setting '{name}'")
        return self._values.get(name, SPECS[name].default)

    def set(self, name: str, value: Value) -> None:
        """Change a setting. Raises InvalidValue when the value does not fit."""
        if name not in SPECS:
            raise InvalidValue(f"unknown setting '{name}'")
        self._values[name] = check(SPECS[name], value)
        self._save()

    @property
    def author(self) -> str:
        """The person's name: the one in the preferences, else that of the account."""
        name = str(self.get("author") or "").strip()
        if name:
            return name
        try:
            return getpass.getuser()
        except (OSError, KeyError):  # an account without a name
            return ""

    def note(self, key: str, default: Any = None) -> Any:
        """What was remembered under a key."""
        return self._notes.get(key, default)

    def remember(self, key: str, value: Any) -> None:
        """Keep a JSON value under a key; None forgets it."""
        if value is None:
            self._notes.pop(key, None)
        else:
            self._notes[key] = value
        self._save()

    def _save(self) -> None:
        text = json.dumps(
            {"settings": self._values, "remembered": self._notes}, ensure_ascii=False, indent=1
        )
        with self._lock:
            self._pending = text
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="settings", daemon=False)
                self._writer.start()

    def _write(self) -> None:
        while True:
            with self._lock:
                text, self._pending = self._pending, None
                if text is None:
                    self._writer = None
                    return
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                part = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
                part.write_text(text, encoding="utf-8")
                part.replace(self.path)
            except OSError:
                # A home that cannot be written: settings last as long as the program.
                continue

    def flush(self) -> None:
        """Wait until everything is written; for the end of the program and tests."""
        writer = self._writer
        if writer is not None:
            writer.join(timeout=5)
