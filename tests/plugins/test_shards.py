"""Predictions in shards: here, on a Ray cluster of one machine, stopped and killed on the way."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.e2e.person import until
from visionstudio.api import Detections, SemanticMap
from visionstudio.app.cli import run
from visionstudio.engine.discovery import discover
from visionstudio.formats.progress import Progress
from visionstudio.formats.results import ResultWriter, write_collected
from visionstudio.model.errors import Cancelled, InvalidValue, MediaError
from visionstudio.session.batch import Batch, Outcome, file_targets
from visionstudio.session.shards import (
    Shard,
    ShardJob,
    predict_here,
    predict_shards,
    shards_folder,
)

BLOB = ("--model", "detector/blob", "--device", "cpu")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Ten pictures with a bright box each, and one that is none."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(10):
        values = np.zeros((40, 60), np.uint8)
        values[5 : 20 + i, 10 : 30 + i] = 255
        Image.fromarray(values).save(folder / f"{i:02d}.png")
    (folder / "05b.png").write_bytes(b"no picture")
    return folder


def _rows(path: Path) -> list[dict[str, Any]]:
    """Result rows; the tests' model calls its class by the process and thread it ran in."""
    rows: list[dict[str, Any]] = json.loads(path.read_text())
    return [{k: v for k, v in row.items() if k != "category_name"} for row in rows]


def _job(out: Path, weights: Path | None = None, **params: Any) -> ShardJob:
    return ShardJob(
        info=discover().model("detector/blob"),
        weights=str(weights) if weights else None,
        params=params,
        device="cpu",
        class_ids={},
        out=str(out),
    )


def _whole(folder: Path, out: Path) -> Outcome:
    batch = Batch(discover().model("detector/blob"), None, {}, "cpu")
    return batch.to_files(file_targets(folder), {}, out)


def test_shards_here_equal_one_run(
    pictures: Path, tmp_path: Path, blob_plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = _whole(pictures, tmp_path / "one.json")
    out = tmp_path / "many.json"
    assert run(["predict", str(pictures), *BLOB, "--shards", "4", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert _rows(out) == _rows(tmp_path / "one.json")
    assert (told["media"], told["results"], told["device"]) == (11, 10, "cpu")
    assert told["failed"] == one.failed
    assert [f["file"] for f in one.failed] == ["05b.png"]
    assert not shards_folder(out).exists()


def test_a_run_that_stops_goes_on_with_what_is_missing(
    pictures: Path, tmp_path: Path, blob_plugin: Path
) -> None:
    out, targets, did = tmp_path / "out.json", file_targets(pictures), []

    def work(job: ShardJob, shards: Sequence[Shard], progress: Progress | None) -> None:
        did.append([s.number for s in shards])
        predict_here(job, shards, progress)

    def stop(fraction: float | None, _message: str) -> None:
        if fraction is not None and fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict_shards(_job(out), targets, 4, work, stop)
    kept = sorted(p.name for p in shards_folder(out).glob("0*.json"))
    assert kept == ["000000.json", "000001.json"]
    assert not out.exists()
    with pytest.raises(InvalidValue, match=r"shards of another run.*params"):
        predict_shards(_job(out, threshold=0.7), targets, 4, work)
    with pytest.raises(InvalidValue, match="files, names, shards"):
        predict_shards(_job(out), targets[1:], 3, work)
    predict_shards(_job(out), targets, 4, work)
    assert did == [[0, 1, 2, 3], [2, 3]]
    _whole(pictures, tmp_path / "one.json")
    assert _rows(out) == _rows(tmp_path / "one.json")


def test_a_part_that_is_killed_goes_on(
    tmp_path: Path, blob_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out.json"
    folder.mkdir()
    values = np.zeros((8, 8), np.uint8)
    values[2:6, 3:7] = 255
    for i in range(200):
        Image.fromarray(values).save(folder / f"{i:03d}.png")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
    arguments = ["predict", str(folder), *BLOB, "--shard", "2/2", "--out", str(out)]
    slow = [*arguments, "--param", "mode=tick"]
    child = subprocess.Popen(
        [sys.executable, "-m", "visionstudio", *slow], stderr=subprocess.DEVNULL
    )
    try:
        assert until(lambda: (shards_folder(out) / "000000.json").exists())
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert not out.exists()
    assert run(slow) == 0
    rows = json.loads(out.read_text())
    assert [row["image_id"] for row in rows] == list(range(2, 201, 2))
    names = {row["category_name"].split()[0] for row in rows}
    assert f"pid={child.pid}" in names
    assert len(names) == 2
    assert not shards_folder(out).exists()


def test_a_damaged_shard_and_nothing_that_can_be_read(
    pictures: Path, tmp_path: Path, blob_plugin: Path
) -> None:
    out, targets = tmp_path / "out.json", file_targets(pictures)

    def damage(job: ShardJob, shards: Sequence[Shard], progress: Progress | None) -> None:
        predict_here(job, shards, progress)
        (shards_folder(out) / "000001.json").write_text('{"collected"')

    with pytest.raises(InvalidValue, match=r"damaged.*000001\.json"):
        predict_shards(_job(out), targets, 3, damage)
    assert not out.exists()
    (shards_folder(out) / "000001.json").unlink()
    predict_shards(_job(out), targets, 3, predict_here)
    assert len(_rows(out)) == 10

    for target in targets:
        target.path.write_bytes(b"gone")
    other = tmp_path / "other.json"
    with pytest.raises(MediaError, match="none of 11 files"):
        predict_shards(_job(other), targets, 3, predict_here)
    assert not other.exists()
    assert not shards_folder(other).exists()  # repaired files are looked at again


def test_maps_of_shards_have_the_names_of_one_run(tmp_path: Path) -> None:
    names = ["a.jpg", "a.png", "b.png", "c.jpg", "c.png"]

    def write(writer: ResultWriter, chosen: Sequence[str]) -> ResultWriter:
        for name in chosen:
            values = np.full((3, 4), names.index(name) % 2, np.uint8)
            writer.add(SemanticMap(values, ("ground", "thing"), 0), names.index(name), name)
        return writer

    write(ResultWriter(tmp_path / "one", {}), names).finish("semantic")
    out = tmp_path / "many"
    first = write(ResultWriter(out, {}), names[:1])
    second = write(ResultWriter(out, {}, {"a.png"}), names[1:4])
    third = write(ResultWriter(out, {}, {"c.png"}), names[4:])
    nothing = ResultWriter(out, {})
    parts = [w.collected for w in (nothing, first, second, nothing, third)]
    assert write_collected(out, iter(parts), "semantic") == out / "labels.json"
    listed = json.loads((out / "labels.json").read_text())
    assert listed == json.loads((tmp_path / "one" / "labels.json").read_text())
    assert [f["map"] for f in listed["files"]] == [
        "a.png",
        "a.png.png",
        "b.png",
        "c.png",
        "c.png.png",
    ]
    for file in listed["files"]:
        assert (out / file["map"]).read_bytes() == (tmp_path / "one" / file["map"]).read_bytes()


def test_nothing_found_is_an_empty_list(tmp_path: Path) -> None:
    writer = ResultWriter(tmp_path / "out.json", {})
    writer.add(Detections(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int), ("x",)), 1, "a.png")
    assert json.loads(writer.finish("boxes").read_text()) == []
    assert json.loads(write_collected(tmp_path / "l.json", [], "classes").read_text()) == {
        "results": []
    }


def test_shards_only_into_files(pictures: Path, tmp_path: Path) -> None:
    arguments = ["predict", str(pictures), *BLOB, "--shards", "2"]
    assert run([*arguments, "--into-project"]) == 2
    assert run([*arguments, "--out", str(tmp_path / "o.json"), "--shard", "1/2"]) == 2


def test_without_ray_the_error_says_what_to_install(
    pictures: Path,
    tmp_path: Path,
    blob_plugin: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    out = str(tmp_path / "o.json")
    assert run(["predict", str(pictures), *BLOB, "--cluster", "local", "--out", out]) == 1
    assert "pip install 'visionstudio[cluster]'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra 'cluster' is not installed"
)
def test_a_cluster_of_one_machine_goes_on_after_a_kill(
    pictures: Path,
    tmp_path: Path,
    blob_plugin: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The test's plugin is not installed, so that other processes have to be told where it is.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
    out = tmp_path / "out.json"
    arguments = ["predict", str(pictures), *BLOB, "--shards", "5", "--out", str(out)]
    # A first try, here, dies in the middle of its work.
    slow = [sys.executable, "-m", "visionstudio", *arguments, "--param", "mode=tick"]
    child = subprocess.Popen(slow, stderr=subprocess.DEVNULL)
    try:
        assert until(lambda: (shards_folder(out) / "000000.json").exists())
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert not out.exists()

    went_on = [*arguments, "--param", "mode=tick", "--cluster", "local", "--json"]
    assert run(went_on) == 0
    captured = capfd.readouterr()
    told = json.loads(captured.out)
    assert (told["media"], told["results"], len(told["failed"])) == (11, 10, 1)
    _whole(pictures, tmp_path / "one.json")
    assert _rows(out) == _rows(tmp_path / "one.json")
    names = {row["category_name"].split()[0] for row in json.loads(out.read_text())}
    assert f"pid={os.getpid()}" not in names  # the workers are other processes
    assert f"pid={child.pid}" in names  # what the first try had done was kept
    assert len(names) >= 2
