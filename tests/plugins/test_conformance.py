"""The bundled plugins pass the conformance kit; the kit finds what is wrong with others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plugins.doubles import WORK
from visionstudio.engine import conformance
from visionstudio.engine.conformance import check_plugin
from visionstudio.engine.discovery import discover


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    "name",
    [
        "tracker",
        pytest.param("classifier", marks=pytest.mark.slow),
        pytest.param("detector", marks=pytest.mark.slow),
        pytest.param("generator", marks=pytest.mark.slow),
        pytest.param("segmenter", marks=pytest.mark.slow),
    ],
)
def test_bundled_plugins_pass(name: str) -> None:
    results = check_plugin(discover().plugin(name))
    assert len(results) >= 8
    assert not [r for r in results if not r.ok]


def failed(make_plugin: Callable[..., Path], mode: str) -> dict[str, str]:
    work = WORK.replace("mode = params.mode", f"mode = {mode!r}")
    make_plugin("plug_check", '(spec("detector/check", "Blob", ready=True),)', work)
    results = check_plugin(discover().plugin("plug_check"))
    return {r.check.removeprefix("detector/check: "): r.detail for r in results if not r.ok}


@pytest.mark.parametrize(
    ("mode", "check", "words"),
    [
        ("outside", "predicts any size", "outside"),
        ("count", "predicts any size", "0 results"),
        ("type", "predicts any size", "str"),
        ("exit", "runs to the end", "exit code 7"),
    ],
)
def test_the_kit_finds_faults(
    make_plugin: Callable[..., Path], mode: str, check: str, words: str
) -> None:
    found = failed(make_plugin, mode)
    assert words in found[check]


def test_a_plugin_that_works_passes(make_plugin: Callable[..., Path]) -> None:
    assert failed(make_plugin, "fine") == {}


def test_a_kit_that_hangs_is_ended(
    make_plugin: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance, "CHECK_SECONDS", 2.0)
    assert failed(make_plugin, "hang")["runs to the end"] == "no answer within 2 s"
