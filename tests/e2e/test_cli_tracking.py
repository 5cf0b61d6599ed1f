"""``track`` and ``evaluate --task sot``: bad regions, frames and videos; trackers compared."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests.plugins.test_tracker_regions import leaving_clip
from visionstudio.app.cli import run

Call = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command: its exit code, its JSON document and its lines on stderr."""

    def invoke(*args: object) -> tuple[int, dict[str, Any], str]:
        code = run([*map(str, args), "--json"])
        shown = capsys.readouterr()
        return code, json.loads(shown.out), shown.err

    return invoke


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of a moving square, with ground truth beside them."""
    folder = tmp_path_factory.mktemp("clip")
    frames, truth = leaving_clip(leave=1000, count=12)
    (folder / "img").mkdir()
    for i, frame in enumerate(frames):
        cv2.imwrite(str(folder / "img" / f"{i:03}.png"), frame[..., ::-1])
    boxes = np.concatenate([truth[:, :2], truth[:, 2:] - truth[:, :2]], axis=1)
    np.savetxt(folder / "gt.txt", boxes, fmt="%g", delimiter=",")
    return folder


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("0,0,0,0", "empty or not finite"),
        ("5,5,-3,4", "empty or not finite"),
        ("nan,0,5,5", "empty or not finite"),
        ("10,10,1,1", "1x1 px in the frame, at least 4x4 are needed, frame 0; draw a box"),
        ("900,900,20,20", "outside the 320x240 frame, frame 0; draw a box"),
        ("10,10,1e9,1e9", "only 0% of the region lies in the 320x240 frame"),
        ("12,a", "a region is X,Y,W,H"),
    ],
)
def test_a_bad_region_is_refused_by_name(
    clip: Path, tmp_path: Path, call: Call, region: str, words: str
) -> None:
    out = tmp_path / "t.txt"
    code, document, line = call(
        "track", clip / "img", "--model", "tracker/csrt", f"--roi={region}", "--out", out
    )
    assert code == 1
    assert words in line
    assert words in document["error"]
    assert not out.exists()


def test_a_frame_of_another_size_is_named(clip: Path, tmp_path: Path, call: Call) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    for i, file in enumerate(sorted((clip / "img").iterdir())):
        picture = cv2.imread(str(file))
        cv2.imwrite(str(folder / file.name), picture[::2, ::2] if i == 5 else picture)
    for model in ("csrt", "kalman"):
        code, _, line = call(
            "track", folder, "--model", f"tracker/{model}", "--roi", "40,90,40,40",
            "--out", tmp_path / "t.txt",
        )  # fmt: skip
        assert code == 1
        assert "the frame is 160x120, tracking started on 320x240, frame 5" in line


def test_missing_and_damaged_videos_say_what_is_wrong(tmp_path: Path, call: Call) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "noise.mp4").write_bytes(b"no video " * 100)
    args = ("--model", "tracker/csrt", "--roi", "1,1,20,20", "--out", tmp_path / "t.txt")
    for name, words in (
        ("none.mp4", "no such file"),
        ("empty.mp4", "the file is empty"),
        ("noise.mp4", "cannot be opened"),
    ):
        code, _, line = call("track", tmp_path / name, *args)
        assert code == 1
        assert words in line
        assert name in line
        assert line.count("\n") == 1


@pytest.mark.shared_data
def test_a_truncated_video_is_followed_as_far_as_it_goes(
    shared_data: Path, tmp_path: Path, call: Call
) -> None:
    whole = (shared_data / "videos/pysot/bag.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 5])
    code, document, _ = call(
        "track", tmp_path / "cut.avi", "--model", "tracker/mosse", "--roi", "300,100,50,50",
        "--out", tmp_path / "t.txt",
    )  # fmt: skip
    assert code == 0
    assert 10 < document["frames"] < 196


def test_trackers_are_compared_with_table_curves_and_report(
    clip: Path, tmp_path: Path, call: Call
) -> None:
    report, curves = tmp_path / "r.html", tmp_path / "c.csv"
    code, document, _ = call(
        "evaluate", clip / "img", "--trackers", "kalman,tracker/mosse", "--gt", clip / "gt.txt",
        "--task", "sot", "--report", report, "--csv", curves,
    )  # fmt: skip
    assert code == 0
    assert document["task"] == "sot"
    by_model = {t["model"]: t for t in document["trackers"]}
    assert set(by_model) == {"tracker/kalman", "tracker/mosse"}
    for found in by_model.values():
        assert set(found["metrics"]) == {
            "mean_iou", "auc", "success_50", "precision_20", "norm_precision_auc",
        }  # fmt: skip
        assert found["frames"] == 12
        assert found["fps"] > 0
    best = max(by_model.values(), key=lambda t: t["metrics"]["auc"])
    assert document["best"] == best["model"]
    assert document["metrics"] == best["metrics"]
    assert best["metrics"]["mean_iou"] > 0.7
    assert "Comparison of trackers" in report.read_text()
    assert {r["curve"] for r in csv.DictReader(curves.open())} == {
        "success", "precision", "normalised precision",
    }  # fmt: skip
    code, document, _ = call(
        "evaluate", clip / "img", "--trackers", "mosse", "--gt", clip / "gt.txt", "--task", "sot",
        "--protocol", "sre",
    )  # fmt: skip
    assert (code, document["trackers"][0]["runs"]) == (0, 12)


def test_what_cannot_be_compared_is_told(clip: Path, tmp_path: Path, call: Call) -> None:
    args = ("evaluate", clip / "img", "--task", "sot", "--gt")
    code, _, line = call(*args, clip / "gt.txt", "--trackers", "csrt,sort")
    assert code == 1
    assert "'tracker/sort' does not follow one object" in line
    code, _, line = call(*args, tmp_path / "none.txt", "--trackers", "csrt")
    assert code == 1
    assert "the ground truth cannot be read" in line
    code, _, line = call(*args, clip / "gt.txt", "--trackers", "nano")
    assert code == 1
    assert "needs a file with its network" in line
    assert run([*map(str, args), str(clip / "gt.txt")]) == 2
