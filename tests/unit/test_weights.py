"""Weights files: headers without torch, damage refused, pickles converted and never run."""

from __future__ import annotations

import collections
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from visionstudio.engine import model_store
from visionstudio.engine.weights import (
    check_weights,
    file_hash,
    models_folder,
    read_header,
    tensor_shapes,
    usable_weights,
)
from visionstudio.model.errors import WeightsError

FACTS = {
    "format": 1,
    "model": "detector/blob",
    "classes": ["a", "b"],
    "class_ids": [4, 9],
    "params": {"epochs": 3},
    "input": {"short_side": 320},
    "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3},
    "data_hash": "abc",
    "new_key": 1,
}


def weights_file(path: Path, value: float = 1.0, facts: dict[str, Any] | None = None) -> Path:
    tensors = {"w": np.full((3, 4), value, np.float32), "n": np.arange(5)}
    save_file(tensors, path, {"visionstudio": json.dumps(facts or FACTS)})
    return path


def test_a_header_is_read_without_torch(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "w.safetensors")
    header = read_header(path)
    assert header.model == "detector/blob"
    assert header.classes == ("a", "b")
    assert header.class_ids == (4, 9)
    assert header.input == {"short_side": 320}
    assert tensor_shapes(path) == {"w": (3, 4), "n": (5,)}
    code = f"""
import sys
from pathlib import Path
from visionstudio.engine.weights import check_weights
check_weights(Path({str(path)!r}), "detector/blob")
print("torch" in sys.modules)
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"


@pytest.mark.parametrize("keep", [0, 4, 8, 60, -1, -40])
def test_truncated_files_are_refused(tmp_path: Path, keep: int) -> None:
    path = weights_file(tmp_path / "w.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WeightsError, match="damaged"):
        check_weights(path, "detector/blob")


@pytest.mark.parametrize(
    "header",
    [
        b"not json",
        b"[1, 2]",
        b'{"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 1000000]}}',
        b'{"w": {"dtype": "F32", "shape": [-3], "data_offsets": [0, 12]}}',
        b'{"w": {"dtype": "F32", "shape": [9999999999], "data_offsets": [0, 12]}}',
        b'{"w": {"dtype": "F32", "shape": [3], "data_offsets": [12, 0]}}',
        b'{"__metadata__": {"visionstudio": "{\\"classes\\": 7}"}}',
        b"[" * 100_000,
    ],
)
def test_hostile_headers_are_refused(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(12))
    with pytest.raises(WeightsError, match="damaged"):
        read_header(path)


def test_missing_wrong_and_not_finite_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="missing"):
        usable_weights(tmp_path / "none.safetensors", "detector/blob")
    path = weights_file(tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="for 'detector/blob', not for 'detector/other'"):
        check_weights(path, "detector/other")
    for value in (np.nan, np.inf):
        weights_file(path, value)
        with pytest.raises(WeightsError, match="no numbers"):
            check_weights(path, "detector/blob")


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))  # what an attacker would run, made harmless


def hostile_files(tmp_path: Path, mark: Path) -> dict[str, Path]:
    import torch

    state = {"w": torch.ones(2), "extra": Payload(mark)}
    zipped, legacy = tmp_path / "zipped.pt", tmp_path / "legacy.pth"
    torch.save(state, zipped)
    torch.save(state, legacy, _use_new_zipfile_serialization=False)
    plain, named, objects = tmp_path / "plain.bin", tmp_path / "odd.weird", tmp_path / "np.ckpt"
    plain.write_bytes(pickle.dumps(Payload(mark)))
    named.write_bytes(pickle.dumps(Payload(mark), protocol=4))
    objects.write_bytes(pickle.dumps(np.array([Payload(mark)], dtype=object)))
    script = tmp_path / "script.pt"
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(script))
    empty = tmp_path / "empty.pt"
    torch.save({"note": "nothing"}, empty)
    cut = tmp_path / "cut.pt"
    cut.write_bytes(zipped.read_bytes()[:200])
    bomb = tmp_path / "bomb.pt"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", bytes(50_000_000))
    return {p.stem: p for p in (zipped, legacy, plain, named, objects, script, empty, cut, bomb)}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_checkpoints_that_would_run_code_never_do(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    for name, path in hostile_files(tmp_path, mark).items():
        with pytest.raises(WeightsError) as caught:
            usable_weights(path, "detector/blob")
        assert not mark.exists(), name
        assert path.name in str(caught.value)
    assert not list(models_folder().glob("*.safetensors"))


def test_honest_checkpoints_are_converted_once(tmp_path: Path) -> None:
    import torch
    from torch import nn

    state = tmp_path / "state.pth"
    torch.save(collections.OrderedDict(w=torch.ones(2, 3)), state)
    converted = usable_weights(state, "detector/blob")
    assert converted == models_folder() / f"{file_hash(state)}.safetensors"
    assert load_file(converted)["w"].shape == (2, 3)
    stamp = converted.stat().st_mtime_ns
    assert usable_weights(state, "detector/blob").stat().st_mtime_ns == stamp
    whole = tmp_path / "whole.pt"
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    torch.save({"model": module, "epoch": 3}, whole)
    imported = model_store.import_weights(whole)
    found = load_file(imported.weights)
    assert set(found) == set(module.state_dict())
    assert np.array_equal(found["0.weight"], module[0].weight.detach().numpy())
    nans = tmp_path / "nans.pt"
    torch.save({"w": torch.full((2,), torch.nan)}, nans)
    with pytest.raises(WeightsError, match="no numbers"):
        usable_weights(nans, "detector/blob")
