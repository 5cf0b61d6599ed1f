"""``predict``, ``train``, ``evaluate``, ``track`` and what goes wrong with models and files."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from visionstudio.app.cli import run

Call = Callable[..., dict[str, Any]]
Fail = Callable[..., str]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command that must succeed; its JSON document."""

    def invoke(*args: object) -> dict[str, Any]:
        code = run([*map(str, args), "--json"])
        shown = capsys.readouterr()
        assert code == 0, shown.err
        document: dict[str, Any] = json.loads(shown.out)
        return document

    return invoke


@pytest.fixture
def fail(capsys: pytest.CaptureFixture[str]) -> Fail:
    """Run a command that must fail with one line; that line."""

    def invoke(*args: object) -> str:
        code = run([*map(str, args), "--json"])
        shown = capsys.readouterr()
        assert code == 1, shown.out
        assert shown.err.count("\n") == 1, shown.err
        assert json.loads(shown.out) == {"error": shown.err.removeprefix("error: ").strip()}
        return shown.err

    return invoke


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 pictures of the digits 0 to 2 in class folders."""
    folder = tmp_path_factory.mktemp("digits")
    found = load_digits(n_class=3)
    for digit in range(3):
        (folder / str(digit)).mkdir()
        for i in np.flatnonzero(found.target == digit)[:20]:
            values = (found.images[i] * 15).astype(np.uint8)
            Image.fromarray(values).save(folder / str(digit) / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A project of the digits and a run that learned them."""
    home = tmp_path_factory.mktemp("trained")
    project, result = home / "project", home / "run"
    assert run(["import", str(project), "imagefolder", str(digits)]) == 0
    args = ["train", str(project), "--model", "classifier/simplecnn", "--param", "epochs=8"]
    assert run([*args, "--seed", "3", "--holdout", "0.25", "--out", str(result)]) == 0
    return project, result


def test_training_leaves_a_run_that_evaluates_on_its_own_split(
    trained: tuple[Path, Path], call: Call
) -> None:
    project, result = trained
    split = json.loads((result / "run.json").read_text())["split"]
    assert len(split["val"]) == 15
    measured = call("evaluate", project, "--run", result)
    assert measured["task"] == "classify"
    assert set(measured["metrics"]) == {"accuracy", "top5"}
    assert measured["metrics"]["accuracy"] >= 0.8
    assert call("evaluate", project, "--run", result, "--split", "val") == measured
    weights = result / "best.safetensors"
    args = ("evaluate", project, "--model", "classifier/simplecnn", "--weights", weights)
    assert call(*args, "--split", "val") == measured  # the weights lie in their run's folder
    assert (
        call(*args)["metrics"]
        == call("evaluate", project, "--run", result, "--split", "all")["metrics"]
    )


def test_a_report_and_a_comparison_of_runs(
    trained: tuple[Path, Path], tmp_path: Path, call: Call, fail: Fail
) -> None:
    project, result = trained
    page = tmp_path / "report.html"
    found = call("evaluate", project, "--run", result, "--report", page)
    assert {c["name"] for c in found["classes"]} == {"0", "1", "2"}
    counts = np.array(found["confusion"]["counts"])
    assert counts.sum() == 15
    assert np.trace(counts) / 15 == pytest.approx(found["metrics"]["accuracy"])
    assert 0 <= found["ece"] <= 1
    text = page.read_text(encoding="utf-8")
    for expected in ("<svg", "class=matrix", "Data (SHA-256)", "torch", "epochs = 8"):
        assert expected in text
    assert 'src="http' not in text
    assert "class=matrix" in (result / "report.html").read_text(encoding="utf-8")
    again = tmp_path / "again"
    args = ("train", project, "--model", "classifier/simplecnn", "--param", "epochs=1")
    call(*args, "--seed", "3", "--holdout", "0.25", "--out", again)
    both = call("evaluate", project, "--run", result, "--run", again, "--report", page)
    assert both["pictures"] == 15
    accuracies = [r["metrics"]["accuracy"] for r in both["runs"]]
    assert both["metrics"]["accuracy"] == max(accuracies)
    assert "Comparison" in page.read_text(encoding="utf-8")
    assert "no picture of that split in common" in fail(
        "evaluate", project, "--run", result, "--run", _other_split(again, tmp_path)
    )


def _other_split(run_folder: Path, tmp_path: Path) -> Path:
    """A copy of a run whose held-out pictures are those that the original learned from."""
    copy = tmp_path / "other"
    shutil.copytree(run_folder, copy)
    content = json.loads((copy / "run.json").read_text())
    content["split"] = {"train": content["split"]["val"], "val": content["split"]["train"]}
    (copy / "run.json").write_text(json.dumps(content))
    return copy


def test_predictions_of_a_project_are_measured_by_file(
    trained: tuple[Path, Path], tmp_path: Path, call: Call
) -> None:
    project, result = trained
    weights, out = result / "best.safetensors", tmp_path / "out.json"
    args = ("--model", "classifier/simplecnn", "--weights", weights)
    document = call("predict", project, *args, "--out", out)
    assert (document["media"], document["results"], document["failed"]) == (60, 60, [])
    assert document["device"]
    rows = json.loads(out.read_text())["results"]
    scores = [n["score"] for n in rows[0]["labels"]]
    assert scores == sorted(scores, reverse=True)
    by_file = call("evaluate", project, "--predictions", out)
    assert by_file == call("evaluate", project, *args)


def test_shards_are_the_whole(
    trained: tuple[Path, Path], digits: Path, tmp_path: Path, call: Call
) -> None:
    args = ("--model", "classifier/simplecnn", "--weights", trained[1] / "best.safetensors")
    files: list[str] = []
    for part in (1, 2, 3):
        out = tmp_path / f"{part}.json"
        call("predict", digits, *args, "--shard", f"{part}/3", "--out", out)
        files += [row["file"] for row in json.loads(out.read_text())["results"]]
    expected = sorted(p.relative_to(digits).as_posix() for p in digits.rglob("*.png"))
    assert sorted(files) == expected
    assert not (digits / ".visionstudio").exists()  # predicting never makes a project


def test_paths_come_through_a_pipe(
    trained: tuple[Path, Path],
    digits: Path,
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [str(p) for p in sorted(digits.rglob("*.png"), reverse=True)[:4]]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(names)))
    args = ("--model", "classifier/simplecnn", "--weights", trained[1] / "best.safetensors")
    document = call("predict", "-", *args, "--out", tmp_path / "out.json")
    assert document["media"] == 4
    rows = json.loads((tmp_path / "out.json").read_text())["results"]
    assert [row["file"] for row in rows] == [Path(n).as_posix() for n in names]


def test_proposals_go_into_the_project_as_one_step(
    digits: Path, trained: tuple[Path, Path], tmp_path: Path, call: Call
) -> None:
    from visionstudio.storage.store import ProjectStore

    project = tmp_path / "p"
    call("init", project, "--media", digits)
    args = ("--model", "classifier/simplecnn", "--weights", trained[1] / "best.safetensors")
    document = call("predict", project, *args, "--into-project")
    info = call("info", project)
    assert (info["annotations"], info["proposals"]) == (0, document["results"])
    assert info["proposals"] == 60
    with ProjectStore.open(project) as store:
        (record,) = store.runs()
        assert (record.model, len(record.weights_hash)) == ("classifier/simplecnn", 64)
        store.undo()
        assert store.counts().proposals == 0


def test_a_stack_has_all_its_pages_and_a_bad_picture_does_not_stop_the_others(
    trained: tuple[Path, Path], tmp_path: Path, call: Call, fail: Fail
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    Image.new("RGB", (9, 9)).save(folder / "good.png")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:30])
    (folder / "text.jpg").write_text("this is no picture")
    pages = [Image.new("L", (9, 9), 80 * n) for n in range(3)]
    pages[0].save(folder / "pages.tif", save_all=True, append_images=pages[1:])
    args = ("--model", "classifier/simplecnn", "--weights", trained[1] / "best.safetensors")
    out = tmp_path / "out.json"
    document = call("predict", folder, *args, "--out", out)
    assert (document["media"], document["results"]) == (4, 4)
    rows = json.loads(out.read_text())["results"]
    assert [(r["file"], r.get("frame")) for r in rows] == [
        ("good.png", None),
        *(("pages.tif", page) for page in range(3)),
    ]
    assert {f["file"] for f in document["failed"]} == {"cut.png", "text.jpg"}
    assert "text.jpg" in fail("predict", folder / "text.jpg", *args, "--out", tmp_path / "no.json")
    assert not (tmp_path / "no.json").exists()


class _Payload:
    """What an attacker's checkpoint does when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.write_text, (self.target, "the checkpoint ran"))


def test_models_and_weights_that_cannot_be_used(
    trained: tuple[Path, Path], digits: Path, tmp_path: Path, fail: Fail
) -> None:
    out = ("--out", tmp_path / "out.json")
    line = fail("predict", digits, "--model", "classifier/nothing", *out)
    assert "unknown model 'classifier/nothing'" in line
    assert "classifier/simplecnn" in line
    line = fail(
        "predict", digits, "--model", "classifier/simplecnn", "--weights", tmp_path / "no", *out
    )
    assert "the weights file is missing" in line
    line = fail("predict", digits, "--model", "tracker/csrt", *out)
    assert "use: visionstudio track" in line
    line = fail("train", trained[0], "--model", "tracker/csrt")
    assert "cannot be trained" in line
    args = ("--model", "classifier/simplecnn", "--weights", trained[1] / "best.safetensors")
    assert "nonsense" in fail("predict", digits, *args, "--param", "nonsense=1", *out)
    assert "cuda:7" in fail("predict", digits, *args, "--device", "cuda:7", *out)
    (tmp_path / "half.safetensors").write_bytes(
        (trained[1] / "best.safetensors").read_bytes()[:2000]
    )
    line = fail(*("predict", digits, *args[:3], tmp_path / "half.safetensors", *out))
    assert "half.safetensors" in line
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("kind", ["pickle", "zip"])
def test_a_checkpoint_that_runs_code_never_runs(
    tmp_path: Path, digits: Path, fail: Fail, kind: str
) -> None:
    target, file = tmp_path / "ran.txt", tmp_path / "evil.pt"
    data = pickle.dumps({"state_dict": _Payload(target)})
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/version", "3\n")
    else:
        file.write_bytes(data)
    assert "evil.pt" in fail("models", "import", file)
    args = ("--model", "classifier/simplecnn", "--weights", file, "--out", tmp_path / "o.json")
    assert "evil.pt" in fail("predict", digits, *args)
    assert not target.exists()


def test_weights_are_imported_listed_and_removed(trained: tuple[Path, Path], call: Call) -> None:
    taken = call("models", "import", trained[1] / "best.safetensors")
    assert taken["architecture"] == "classifier/simplecnn"
    assert taken["classes"] == ["0", "1", "2"]
    listed = {m["id"]: m for m in call("models", "list")["models"]}
    row = listed["classifier/simplecnn"]
    assert (row["task"], row["trainable"]) == ("classifier", True)
    (weights,) = row["weights"]
    assert set(weights) >= {"name", "bytes", "sha256", "licence", "source", "present"}
    assert weights["present"] is True
    call("models", "remove", taken["id"])
    assert not Path(taken["weights"]).exists()


def test_a_run_that_is_not_there(trained: tuple[Path, Path], tmp_path: Path, fail: Fail) -> None:
    project = trained[0]
    assert "no training run" in fail("evaluate", project, "--run", tmp_path / "none")
    line = fail("train", project, "--model", "classifier/simplecnn", "--resume", tmp_path / "none")
    assert "no training run" in line
    assert "only a training run knows" in fail(
        "evaluate", project, "--model", "classifier/simplecnn", "--split", "val"
    )
    line = fail("train", project, "--model", "detector/faster-rcnn", "--resume", trained[1])
    assert "give --model classifier/simplecnn" in line


def test_a_run_can_go_on(trained: tuple[Path, Path], call: Call) -> None:
    project, result = trained
    document = call("train", project, "--model", "classifier/simplecnn", "--resume", result)
    assert document["run"] == str(result)
    assert Path(document["weights"]).is_file()


def test_too_little_to_learn_from(digits: Path, tmp_path: Path, call: Call, fail: Fail) -> None:
    call("init", tmp_path / "p", "--media", digits)
    assert "no picture has labels" in fail("train", tmp_path / "p", "--model", "segmenter/unet")
    assert "no labels to compare with" in fail(
        "evaluate", tmp_path / "p", "--model", "classifier/efficientnet_lite0"
    )


@pytest.mark.shared_data
def test_evaluation_of_files(shared_data: Path, call: Call, fail: Fail) -> None:
    folder = shared_data / "crosscheck/faster_coco_eval/dataset/cocoapi"
    truth = folder / "instances_val2014_100.json"
    boxes, masks = (folder / f"instances_val2014_fake{k}100_results.json" for k in ("bbox", "segm"))
    document = call("evaluate", "--gt", truth, "--dt", boxes, "--task", "detect")
    assert document["task"] == "detect"
    assert round(document["metrics"]["AP"], 3) == 0.505
    assert round(document["metrics"]["AP50"], 3) == 0.697
    document = call("evaluate", "--gt", truth, "--dt", masks, "--task", "segment")
    assert round(document["metrics"]["AP"], 3) == 0.320
    line = fail("evaluate", "--gt", truth, "--dt", boxes, "--task", "mot")
    assert "a row is frame,id,left,top,width,height,confidence" in line
    assert "no COCO file" in fail("evaluate", "--gt", boxes, "--dt", boxes, "--task", "detect")


@pytest.mark.shared_data
def test_boxes_of_a_project_are_measured_through_its_ids(
    shared_data: Path, tmp_path: Path, call: Call
) -> None:
    """Perfect results, written with the project's ids, must be found perfect."""
    project, exported = tmp_path / "p", tmp_path / "e.json"
    call("import", project, "voc", shared_data / "bccd")
    call("export", project, "coco", exported)
    rows = json.loads(exported.read_text())["annotations"]
    results = [
        {k: row[k] for k in ("image_id", "category_id", "bbox")} | {"score": 0.9} for row in rows
    ]
    (tmp_path / "r.json").write_text(json.dumps(results))
    document = call("evaluate", project, "--predictions", tmp_path / "r.json")
    assert document["task"] == "detect"
    assert document["metrics"]["AP50"] == pytest.approx(1.0, abs=0.01)
    line = run(["evaluate", str(project), "--predictions", str(tmp_path / "none.json")])
    assert line == 1


@pytest.mark.shared_data
def test_tracking_a_hand_drawn_region(shared_data: Path, tmp_path: Path, call: Call) -> None:
    folder = shared_data / "track_sot" / "otb_Crossing"
    out = tmp_path / "t.txt"
    args = ("--model", "tracker/csrt", "--roi", "205,151,17,50", "--end", "20", "--out", out)
    document = call("track", folder / "img", *args, "--gt", folder / "groundtruth_rect.txt")
    assert document["frames"] == 21
    assert document["metrics"]["mean_iou"] > 0.7
    first = out.read_text().splitlines()[0].split(",")
    assert [float(v) for v in first[:6]] == [1, 1, 206, 152, 17, 50]


def test_tracking_and_drawing_say_what_is_missing(tmp_path: Path, digits: Path, fail: Fail) -> None:
    out = ("--out", tmp_path / "o")
    args = ("track", digits / "0", "--model", "tracker/csrt", *out)
    assert "region" in fail(*args, "--roi", "1,2,0,0")
    assert "region" in fail(*args, "--roi", "nonsense")
    assert "takes no detections" in fail(*args, "--detections", tmp_path / "d.txt")
    assert "classifier" in fail(*args[:3], "classifier/simplecnn", *out, "--roi", "1,2,3,4")
    assert "has not been trained" in fail(
        "generate", "--model", "generator/dcgan", "--count", 2, *out
    )
    edited = ("edit", digits / "0" / "0.png", "--mask", "m.png", *out)
    assert "m.png" in fail(*edited, "--model", "generator/edit")
    assert "generator/dcgan" in fail(*edited, "--model", "generator/dcgan")


def test_plugins_are_listed_and_switched(call: Call, fail: Fail, digits: Path) -> None:
    rows = {p["name"]: p for p in call("plugins", "list")["plugins"]}
    assert set(rows["tracker"]) == {"name", "version", "models", "enabled", "error"}
    assert rows["tracker"]["enabled"]
    call("plugins", "disable", "classifier")
    line = fail("predict", digits, "--model", "classifier/simplecnn", "--out", digits / "x.json")
    assert "plugin 'classifier' is disabled" in line
    call("plugins", "enable", "classifier")
    assert {p["name"]: p["enabled"] for p in call("plugins", "list")["plugins"]}["classifier"]


@pytest.mark.slow
def test_doctor_and_conformance(call: Call) -> None:
    checks = {c["name"]: c for c in call("doctor")["checks"]}
    for name in ("python", "qt", "torch", "device", "opencv csrt", "ffmpeg", "disk space"):
        assert checks[name]["ok"], checks[name]
        assert checks[name]["detail"]
    assert "plugin tracker" in checks
    document = call("plugins", "check", "tracker")
    assert (document["plugin"], document["failed"]) == ("tracker", 0)
    assert document["passed"] == len(document["results"]) > 3
