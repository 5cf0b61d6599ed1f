"""The command line's own rules: exit codes, one JSON document, one error line, quick help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from visionstudio.app.cli import run
from visionstudio.app.cli.commands import build
from visionstudio.app.cli.names import COMMANDS
from visionstudio.app.main import is_command, main
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.batch import listed_targets

PROGRAM = [sys.executable, "-m", "visionstudio"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "sub/b.png", ".hidden/c.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30)).save(path)
    (tmp_path / "pictures" / "notes.txt").write_text("x")
    return tmp_path / "pictures"


def test_every_command_of_the_contract_is_there() -> None:
    import typer

    names = set(typer.main.get_command(build()).commands)  # type: ignore[attr-defined]
    assert names == COMMANDS


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], False),
        (["init"], True),
        (["./init"], False),
        (["--help"], True),
        (["--version"], True),
        (["pictures", "info"], False),
        (["--as-video", "x"], False),
        (["--", "--help"], False),
    ],
)
def test_a_command_wins_over_a_path_of_its_name(args: list[str], expected: bool) -> None:
    assert is_command(args) is expected


def test_help_is_quick_and_loads_neither_torch_nor_qt() -> None:
    code = (
        "import sys\nfrom visionstudio.app.main import main\nassert main(['--help']) == 0\n"
        "heavy = {'torch', 'PySide6', 'numpy', 'cv2', 'apsw'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "predict" in done.stdout


def test_init_counts_lists_and_adds_once(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = str(tmp_path / "p")
    for _ in range(2):
        assert run(["init", project, "--media", str(folder), "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document == {
            "media": 2,
            "annotations": 0,
            "proposals": 0,
            "classes": [],
            "failed": [],
        }
    args = ["init", project, "--media", str(folder / "a.png"), "--media", str(folder / "sub")]
    assert run(args) == 0
    assert "0 items added" in capsys.readouterr().out
    assert run(["info", project]) == 0
    assert "2 items, 0 annotations, 0 proposals" in capsys.readouterr().out


def test_a_folder_of_frames_can_be_one_video(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["init", str(tmp_path / "p"), "--media", str(folder / "sub"), "--as-video", "--json"]
    assert run(args) == 0
    assert json.loads(capsys.readouterr().out)["media"] == 1


def test_files_that_cannot_be_read_are_listed_with_the_reason(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "text.jpg").write_text("this is no picture")
    (folder / "empty.png").write_bytes(b"")
    good = (folder / "a.png").read_bytes()
    (folder / "cut.png").write_bytes(good[:20])
    assert run(["init", str(tmp_path / "p"), "--media", str(folder), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["media"] == 5
    assert {f["file"] for f in document["failed"]} == {"text.jpg", "empty.png", "cut.png"}
    assert all(f["reason"] for f in document["failed"])


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["info", "{tmp}/none"], "error: there is no project, {tmp}/none; make one with"),
        (["init", "{tmp}/p", "--media", "{tmp}/none"], "{tmp}/none"),
        (["init", "{tmp}/p", "--media", "{tmp}/empty"], "there are no pictures or videos"),
        (["export", "{tmp}/none", "coco", "{tmp}/x.json"], "there is no project"),
        (["import", "{tmp}/p", "nonsense", "{tmp}"], "unknown format 'nonsense'"),
        (["import", "{tmp}/p", "coco", "{tmp}/none.json"], "cannot read the file"),
        (["convert", "coco", "{tmp}/none.json", "voc", "{tmp}/x"], "cannot read the file"),
        (["models", "import", "{tmp}/none.pt"], "the weights file is missing"),
        (["models", "remove", "nothing"], "nothing"),
        (["models", "download", "detector/nothing"], "unknown model 'detector/nothing'"),
        (["plugins", "disable", "nothing"], "no plugin is named 'nothing'"),
        (["plugins", "check", "nothing"], "no plugin is named 'nothing'"),
    ],
)
def test_a_failure_is_one_line_and_changes_nothing(
    tmp_path: Path, args: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    args = [a.format(tmp=tmp_path) for a in args]
    assert run(args) == 1
    plain = capsys.readouterr()
    assert plain.out == ""
    assert plain.err.count("\n") == 1
    assert plain.err.startswith("error: ")
    assert line.format(tmp=tmp_path) in plain.err
    assert run([*args, "--json"]) == 1
    with_json = capsys.readouterr()
    assert json.loads(with_json.out) == {"error": plain.err.removeprefix("error: ").strip()}
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]


@pytest.mark.parametrize(
    "args",
    [
        ["info"],
        ["nonsense"],
        ["init", "x"],
        ["info", "x", "--nonsense"],
        ["predict", "x", "--model", "m"],
        ["predict", "x", "--model", "m", "--out", "o", "--into-project"],
        ["predict", "x", "--model", "m", "--out", "o", "--shard", "0/3"],
        ["predict", "x", "--model", "m", "--out", "o", "--param", "novalue"],
        ["train", "x", "--model", "m", "--limit", "many"],
        ["evaluate"],
        ["evaluate", "x"],
        ["evaluate", "x", "--model", "m", "--run", "r"],
        ["evaluate", "x", "--model", "m", "--split", "half"],
        ["evaluate", "--gt", "x"],
        ["evaluate", "--gt", "x", "--dt", "y", "--task", "nonsense"],
        ["track", "x", "--model", "m", "--out", "o"],
    ],
)
def test_wrong_usage_is_code_two(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Usage: visionstudio" in shown.err


def test_what_is_neither_command_nor_path_is_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-thing"]) == 2
    assert "no such command, file or folder" in capsys.readouterr().err


def test_stdout_is_one_document_whatever_others_print(tmp_path: Path, folder: Path) -> None:
    code = (
        "import os, sys\n"
        "from visionstudio.media import probe\n"
        "real = probe.probe\n"
        "def noisy(*a, **k):\n"
        "    print('python noise'); os.write(1, b'native noise\\n'); return real(*a, **k)\n"
        "import visionstudio.session.library as library\n"
        "library.probe = noisy\n"
        "from visionstudio.app.main import main\n"
        f"sys.exit(main(['init', {str(tmp_path / 'p')!r}, '--media', {str(folder)!r}, '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["media"] == 2
    assert "python noise" in done.stderr
    assert "native noise" in done.stderr


def test_a_fault_of_the_program_is_one_line_and_in_the_log(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_folder: Path) -> bool:
        raise RuntimeError("boom\nboom")

    monkeypatch.setattr("visionstudio.storage.paths.is_project", broken)
    assert run(["info", "x"]) == 1
    line = capsys.readouterr().err
    assert line.startswith("error: RuntimeError: boom boom; details are in ")
    assert line.count("\n") == 1


def test_names_of_any_letters_come_through(tmp_path: Path) -> None:
    folder = tmp_path / "Bilder – 图片"
    folder.mkdir()
    Image.new("RGB", (9, 9)).save(folder / "ä 猫.png")
    strange = os.fsencode(folder) + b"/\xff\xfe.png"
    try:
        Path(os.fsdecode(strange)).write_bytes((folder / "ä 猫.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes no such names")
    args = [*PROGRAM, "init", str(tmp_path / "p"), "--media", str(folder), "--json"]
    done = subprocess.run(args, capture_output=True, env=os.environ | {"LC_ALL": "C"}, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["media"] == 2


def proposed(shell: str, line: str) -> list[str]:
    """What a shell runs when <TAB> is pressed behind a line, once completion is installed."""
    words = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    done = subprocess.run(
        [sys.executable, "-m", "visionstudio"],
        env={**os.environ, **words, "_VISIONSTUDIO_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_shell_is_told_what_could_come_next() -> None:
    assert proposed("bash", "visionstudio exp") == ["export"]
    assert proposed("bash", "visionstudio import p ci") == ["cityscapes", "cifar"]
    assert proposed("bash", "visionstudio export p yolo out --variant se") == ["segment"]
    assert proposed("bash", "visionstudio predict - --model detector/onn") == ["detector/onnx"]
    described = proposed("fish", "visionstudio ")
    assert {row.split("\t")[0] for row in described} == COMMANDS


def test_quiet_says_nothing_but_errors_and_json(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-q", "init", str(tmp_path / "p"), "--media", str(folder)]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["info", str(tmp_path / "p"), "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["media"] > 0
    assert main(["info", str(tmp_path / "none"), "--quiet"]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_predict_takes_paths_from_standard_input(folder: Path) -> None:
    found = listed_targets(f"{folder / 'sub/b.png'}\n\n{folder}\r\n")
    assert [t.id for t in found] == [1, 2, 3]
    assert found[0].name == (folder / "sub/b.png").as_posix()
    assert [t.path.name for t in found] == ["b.png", "a.png", "b.png"]
    with pytest.raises(VisionStudioError, match="standard input"):
        listed_targets("\n")
    with pytest.raises(VisionStudioError, match=r"nothing\.png"):
        listed_targets(f"{folder / 'nothing.png'}\n")
    ended_by_nul = listed_targets(f"{folder / 'sub/b.png'}\0{folder / 'a.png'}\0")
    assert [t.path.name for t in ended_by_nul] == ["b.png", "a.png"]
    for picture in ((folder / "a.png").read_bytes(), b"\xff\xd8\xff\xe0 JFIF"):
        with pytest.raises(VisionStudioError, match="no list of paths"):
            listed_targets(os.fsdecode(picture))
