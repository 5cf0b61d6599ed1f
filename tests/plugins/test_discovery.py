"""Plugins are found without importing them here; bad ones are disabled with their reason."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from visionstudio.engine import discovery
from visionstudio.engine.discovery import discover
from visionstudio.engine.registry import PluginInfo
from visionstudio.engine.switches import set_enabled
from visionstudio.model.errors import UnknownModel

Make = Callable[..., Path]
DETECTOR = '(spec("detector/blob", "Blob"),)'


def found(name: str) -> PluginInfo | None:
    return next((p for p in discover().plugins if p.name == name), None)


def test_a_plugin_appears_and_vanishes(make_plugin: Make) -> None:
    site = make_plugin("plug_drop", DETECTOR)
    registry = discover()
    model = registry.model("detector/blob")
    assert model.plugin == "plug_drop"
    assert [p.name for p in model.params] == ["threshold", "mode"]
    assert not model.trainable
    assert "plug_drop" not in sys.modules
    shutil.rmtree(site / "plug_drop")
    shutil.rmtree(site / "plug_drop-1.0.dist-info")
    assert "detector/blob" not in discover().models


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("raise ValueError('no luck')", "no luck"),
        ("import does_not_exist_anywhere", "does_not_exist_anywhere"),
        ("import sys; sys.exit(3)", "exits"),
        ("import os; os._exit(3)", "exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed"),
        ("MANIFEST = 'nothing'", "no visionstudio.api.Manifest"),
        ("from visionstudio.api import Manifest; MANIFEST = Manifest('', '', ())", "needs a name"),
    ],
)
def test_a_bad_manifest_is_disabled_with_its_reason(
    make_plugin: Make, manifest: str, reason: str
) -> None:
    make_plugin("plug_bad", manifest=manifest)
    make_plugin("plug_good", DETECTOR)
    bad = found("plug_bad")
    assert bad is not None
    assert not bad.enabled
    assert reason in bad.error
    assert "detector/blob" in discover().models


def test_a_manifest_that_hangs_or_floods_stdout(
    make_plugin: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "PROBE_SECONDS", 2.0)
    make_plugin("plug_hangs", manifest="import time; time.sleep(1000)")
    make_plugin("plug_floods", manifest="while True: print('x' * 100_000)")
    start = time.monotonic()
    for name in ("plug_hangs", "plug_floods"):
        plugin = found(name)
        assert plugin is not None
        assert "hangs" in plugin.error
    assert time.monotonic() - start < 8


def test_printing_while_the_manifest_is_read_does_no_harm(make_plugin: Make) -> None:
    site = make_plugin("plug_drop", DETECTOR)
    source = site / "plug_drop" / "__init__.py"
    source.write_text("print('{}' * 100_000)\n" + source.read_text(encoding="utf-8"), "utf-8")
    assert "detector/blob" in discover().models


def test_nothing_new_means_no_probe(make_plugin: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make_plugin("plug_drop", DETECTOR)
    first = discover()

    def never(*_: object) -> None:
        raise AssertionError("probed again")

    monkeypatch.setattr(discovery, "_probe", never)
    assert discover() == first


def test_an_edited_manifest_is_read_again(make_plugin: Make) -> None:
    site = make_plugin("plug_drop", DETECTOR)
    assert "detector/blob" in discover().models
    source = site / "plug_drop" / "__init__.py"
    source.write_text(
        source.read_text(encoding="utf-8").replace("detector/blob", "detector/drop"), "utf-8"
    )
    assert "detector/drop" in discover().models


def test_a_clash_names_both_and_the_first_stays(make_plugin: Make) -> None:
    make_plugin("plug_first", DETECTOR)
    time.sleep(0.05)  # the time of installation decides
    make_plugin("plug_second", DETECTOR)
    assert discover().models["detector/blob"].plugin == "plug_first"
    second = found("plug_second")
    assert second is not None
    assert not second.enabled
    assert "plug_first" in second.error
    assert "plug_second" in second.error


def test_switching_off_and_on(make_plugin: Make) -> None:
    make_plugin("plug_drop", DETECTOR)
    set_enabled("plug_drop", False)
    plugin = found("plug_drop")
    assert plugin is not None
    assert not plugin.enabled
    with pytest.raises(UnknownModel, match="plugins enable plug_drop"):
        discover().model("detector/blob")
    set_enabled("plug_drop", True)
    assert discover().model("detector/blob").plugin == "plug_drop"


def test_an_unknown_model_says_which_there_are(make_plugin: Make) -> None:
    make_plugin("plug_drop", DETECTOR)
    with pytest.raises(UnknownModel, match="detector/blob"):
        discover().model("detector/nothing")
