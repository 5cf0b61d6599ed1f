"""ImageNet as its sources hand it out: names of WordNet ids, labels of loose pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from visionstudio.formats import imagefolder
from visionstudio.formats.dataset import Imported, ReadOptions
from visionstudio.formats.detection import detect

TENCH, CRANE, OTHER_CRANE = "n01440764", "n02012849", "n03126707"
WORDS = {TENCH: "tench, Tinca tinca", CRANE: "crane", OTHER_CRANE: "crane"}
NAMES = {TENCH: "tench", CRANE: f"crane ({CRANE})", OTHER_CRANE: f"crane ({OTHER_CRANE})"}


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6)).save(path)


def _labels(imported: Imported) -> dict[str, str]:
    return {i.path: i.annotations[0].label for i in imported.dataset.items}


def _read(folder: Path) -> Imported:
    assert detect(folder) == "imagefolder"
    return imagefolder.read(folder, None, ReadOptions())


def test_kaggles_copy(tmp_path: Path) -> None:
    data = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
    for wnid in WORDS:
        _picture(data / "train" / wnid / f"{wnid}_1.JPEG")
    _picture(data / "val" / "ILSVRC2012_val_00000001.JPEG")
    _picture(data / "val" / "ILSVRC2012_val_00000002.JPEG")
    _picture(data / "test" / "ILSVRC2012_test_00000001.JPEG")
    mapping = "".join(f"{w} {words}\n" for w, words in WORDS.items())
    (tmp_path / "LOC_synset_mapping.txt").write_text(mapping)
    (tmp_path / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\n"
        f"ILSVRC2012_val_00000001,{OTHER_CRANE} 85 1 499 272 {OTHER_CRANE} 1 1 9 9 \n"
        "ILSVRC2012_val_00000002,nonsense\n"
    )
    imported = _read(tmp_path)
    base = "ILSVRC/Data/CLS-LOC"
    found = _labels(imported)
    assert found.pop(f"{base}/val/ILSVRC2012_val_00000001.JPEG") == NAMES[OTHER_CRANE]
    for wnid, name in NAMES.items():
        assert found.pop(f"{base}/train/{wnid}/{wnid}_1.JPEG") == name
    # What no list knows is no object of a class "ILSVRC" either.
    assert found == {}
    places = {s.where: s.reason for s in imported.skipped}
    assert places["line 3"] == "there is no WordNet id"
    assert sum(s.reason == "no list says its class" for s in imported.skipped) == 2
    assert {c.extra["wnid"]: c.name for c in imported.dataset.classes} == NAMES


def test_the_official_archives_with_the_development_kit(tmp_path: Path) -> None:
    _picture(tmp_path / "train" / CRANE / "a.JPEG")
    for number in (1, 2, 3):
        _picture(tmp_path / "val" / f"ILSVRC2012_val_{number:08d}.JPEG")
    kit = tmp_path / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    kind = [(n, object) for n in ("ILSVRC2012_ID", "WNID", "words", "num_children")]
    rows = [(i, w, words, 0) for i, (w, words) in enumerate(WORDS.items(), start=1)]
    rows.append((1001, "n00004475", "organism, being", 2))
    savemat(kit / "meta.mat", {"synsets": np.array(rows, dtype=kind)})
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("3\n1\n1001\n")
    imported = _read(tmp_path)
    assert _labels(imported) == {
        f"train/{CRANE}/a.JPEG": NAMES[CRANE],
        "val/ILSVRC2012_val_00000001.JPEG": NAMES[OTHER_CRANE],
        "val/ILSVRC2012_val_00000002.JPEG": NAMES[TENCH],
    }
    assert [s.where for s in imported.skipped] == ["picture"]  # 1001 is no class


def test_tiny_imagenet(tmp_path: Path) -> None:
    _picture(tmp_path / "train" / TENCH / "images" / f"{TENCH}_0.JPEG")
    _picture(tmp_path / "val" / "images" / "val_0.JPEG")
    (tmp_path / "words.txt").write_text("".join(f"{w}\t{t}\n" for w, t in WORDS.items()))
    (tmp_path / "val" / "val_annotations.txt").write_text(f"val_0.JPEG\t{CRANE}\t0\t32\t44\t62\n")
    assert _labels(_read(tmp_path)) == {
        f"train/{TENCH}/images/{TENCH}_0.JPEG": "tench",
        "val/images/val_0.JPEG": "crane",
    }


def test_word_lists_of_other_programs_and_none(tmp_path: Path) -> None:
    for wnid in (TENCH, CRANE):
        _picture(tmp_path / wnid / "a.png")
    assert set(_labels(_read(tmp_path)).values()) == {TENCH, CRANE}
    index = {"0": [TENCH, "tench"], "1": [CRANE, "white_crane"], "2": 5}
    (tmp_path / "imagenet_class_index.json").write_text(json.dumps(index))
    imported = _read(tmp_path)
    assert set(_labels(imported).values()) == {"tench", "white crane"}
    assert [s.where for s in imported.skipped] == ["key 2"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("meta.mat", b"MATLAB 5.0 MAT-file, or so they say", "cannot be read"),
        ("meta.mat", b"0" * (9 << 20), "larger than 8 MB"),
        ("LOC_synset_mapping.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("ILSVRC2012_validation_ground_truth.txt", b"1\n-2\n", "no list of class numbers"),
        ("imagenet_class_index.json", b"{", "JSON"),
    ],
)
def test_broken_lists_cost_the_names_only(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    for wnid in (TENCH, CRANE):
        _picture(tmp_path / wnid / "a.png")
    (tmp_path / name).write_bytes(content)
    imported = _read(tmp_path)
    assert set(_labels(imported).values()) == {TENCH, CRANE}
    (skipped,) = imported.skipped
    assert Path(skipped.file).name == name
    assert reason in skipped.reason
