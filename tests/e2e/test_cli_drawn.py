"""From the command line: a GAN learns digits, draws them, and its pictures train a classifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.e2e.digits import digits_project
from visionstudio.app.cli import run

EACH = 60  # pictures of a digit


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return digits_project(tmp_path, EACH)


@pytest.mark.slow
@pytest.mark.figures
def test_a_gan_draws_digits_that_a_classifier_learns_from(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: object) -> dict[str, Any]:
        capsys.readouterr()
        assert run([*map(str, arguments), "--json"]) == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    gan = ("--param", "epochs=200", "--param", "width=64", "--param", "lr=0.001")
    drawer = call("train", project, "--model", "generator/gan", *gan, "--out", tmp_path / "gan")
    weights = drawer["weights"]
    teach = ("train", project, "--model", "classifier/simplecnn", "--param", "epochs=20")
    plain = call(*teach, "--out", tmp_path / "plain")
    assert plain["metrics"]["accuracy"] >= 0.9

    for digit in range(3):
        out = tmp_path / "drawn" / str(digit)
        options = ("--weights", weights, "--count", 20, "--seed", 1, "--label", digit)
        made = call("generate", "--model", "generator/gan", *options, "--out", out)
        assert len(made["files"]) == 20
    judged = ("--model", "classifier/simplecnn", "--weights", plain["weights"])
    call("predict", tmp_path / "drawn", *judged, "--out", tmp_path / "judged.json")
    rows = json.loads((tmp_path / "judged.json").read_text())["results"]
    right = [row["labels"][0]["label"] == row["file"].split("/")[0] for row in rows]
    assert np.mean(right) >= 0.7  # chance is a third

    more = call(*teach, "--drawn", weights, "--drawn-count", 10, "--out", tmp_path / "more")
    assert more["metrics"]["accuracy"] >= 0.8
    before, after = (json.loads((tmp_path / n / "run.json").read_text()) for n in ("plain", "more"))
    assert before["split"] == after["split"]  # drawn pictures are never among those held out
    assert before["data_hash"] != after["data_hash"]
