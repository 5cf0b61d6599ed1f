"""Settings: checked, written whole, and harmless when the file is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from visionstudio.model.errors import InvalidValue
from visionstudio.settings.schema import SPECS
from visionstudio.settings.store import Settings


def test_values_come_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.json"
    settings = Settings(path)
    assert settings.get("theme") == SPECS["theme"].default
    settings.set("theme", "light")
    settings.remember("recent", ["/a", "/b"])
    settings.flush()
    again = Settings(path)
    assert again.get("theme") == "light"
    assert again.note("recent") == ["/a", "/b"]
    again.remember("recent", None)
    again.flush()
    assert Settings(path).note("recent") is None
    assert [p.name for p in path.parent.iterdir()] == ["settings.json"]


@pytest.mark.parametrize("content", ["", "[1]", '{"settings": 3}', "{", "\x00"])
def test_a_damaged_file_gives_defaults(tmp_path: Path, content: str) -> None:
    path = tmp_path / "settings.json"
    path.write_text(content, encoding="utf-8")
    assert Settings(path).get("theme") == "system"


def test_values_that_do_not_fit_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    stored = {"settings": {"theme": "purple", "thumbnail_size": 64, "unknown": 1}}
    path.write_text(json.dumps(stored), encoding="utf-8")
    settings = Settings(path)
    assert settings.get("theme") == "system"
    assert settings.get("thumbnail_size") == 64
    with pytest.raises(InvalidValue):
        settings.set("thumbnail_size", 10_000)
    with pytest.raises(InvalidValue):
        settings.get("unknown")


def test_a_home_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    settings = Settings(blocked / "settings.json")
    settings.set("theme", "dark")
    settings.flush()
    assert settings.get("theme") == "dark"
