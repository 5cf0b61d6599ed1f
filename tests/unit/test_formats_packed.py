"""MNIST's idx files and CIFAR's pickles: read to the byte, hostile ones refused, read only."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visionstudio.app.cli import run
from visionstudio.formats.dataset import Dataset, ReadOptions, WriteOptions
from visionstudio.formats.detection import detect
from visionstudio.formats.packed import read_cifar, read_mnist
from visionstudio.formats.registry import READ_ONLY, get_format
from visionstudio.model.errors import FormatError

OPTIONS = ReadOptions()


def idx(values: np.ndarray) -> bytes:
    head = bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.tobytes()


def mnist(folder: Path, count: int = 5) -> np.ndarray:
    """A folder as torchvision keeps it, packed and not."""
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = np.arange(count, dtype=np.uint8) % 3
    (raw / "train-images-idx3-ubyte").write_bytes(idx(pixels))
    (raw / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    (raw / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels[:2])))
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels[:2])))
    return pixels


def batch(data: Any, labels: list[int]) -> bytes:
    return pickle.dumps({b"data": data, b"labels": labels, b"batch_label": b"x"}, protocol=2)


def cifar(folder: Path) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.random.default_rng(1).integers(0, 256, (4, 3072), dtype=np.uint8)
    (folder / "data_batch_1").write_bytes(batch(rows[:3], [0, 1, 1]))
    (folder / "test_batch").write_bytes(batch(rows[3:], [0]))
    meta = {"label_names": ["airplane", "cat"], "num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    return rows


def test_mnist_is_read_to_the_byte(tmp_path: Path) -> None:
    pixels = mnist(tmp_path)
    assert detect(tmp_path) == "mnist"
    found = read_mnist(tmp_path, None, OPTIONS).dataset
    assert [c.name for c in found.classes] == ["0", "1", "2"]
    by_split = {s: [i for i in found.items if i.split == s] for s in ("train", "test")}
    assert [len(v) for v in by_split.values()] == [5, 2]
    for place, item in enumerate(by_split["train"]):
        assert item.file is not None
        assert np.array_equal(np.asarray(Image.open(item.file)), pixels[place])
        assert item.annotations[0].label == str(place % 3)
    stamps = {i.file: i.file.stat().st_mtime_ns for i in found.items if i.file}
    again = read_mnist(tmp_path, None, OPTIONS).dataset
    assert {i.file: i.file.stat().st_mtime_ns for i in again.items if i.file} == stamps


def test_cifar_is_read_without_its_code(tmp_path: Path) -> None:
    rows = cifar(tmp_path / "cifar-10-batches-py")
    assert detect(tmp_path) == "cifar"
    pictures = tmp_path / "elsewhere"
    found = read_cifar(tmp_path, pictures, OPTIONS).dataset
    assert [c.name for c in found.classes] == ["airplane", "cat"]
    assert [(i.split, i.annotations[0].label) for i in found.items] == [
        ("train", "airplane"), ("train", "cat"), ("train", "cat"), ("test", "airplane"),
    ]  # fmt: skip
    for row, item in zip(rows, found.items, strict=True):
        assert item.file is not None
        assert item.file.is_relative_to(pictures)
        expected = row.reshape(3, 32, 32).transpose(1, 2, 0)
        assert np.array_equal(np.asarray(Image.open(item.file)), expected)


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))  # what an attacker would run, made harmless


def test_hostile_and_damaged_files_are_skipped_with_the_reason(tmp_path: Path) -> None:
    cifar(tmp_path)
    mark = tmp_path / "ran"
    rows = np.zeros((1, 3072), np.uint8)
    objects = np.array([None], dtype=object)
    for number, (data, words) in enumerate(
        (
            (batch(Payload(mark), [0]), "would run code"),
            (pickle.dumps(Payload(mark)), "would run code"),
            (batch(objects, [0]), "no array of bytes"),
            (batch(rows, [0, 1]), "2 labels do not go with"),
            (batch(rows, [0])[:-40], "damaged"),
        ),
        start=2,
    ):
        file = tmp_path / f"data_batch_{min(number, 5)}"
        file.write_bytes(data)
        imported = read_cifar(tmp_path, tmp_path / "out", OPTIONS)
        assert len(imported.dataset.items) == 4
        reasons = {s.file: s.reason for s in imported.skipped}
        assert words in reasons[str(file)]
        assert not mark.exists()
        file.unlink()
    raw = tmp_path / "m"
    mnist(raw)
    images = raw / "MNIST" / "raw" / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:-1])
    (skipped,) = read_mnist(raw, None, OPTIONS).skipped
    assert "holds 3919 bytes" in skipped.reason
    with pytest.raises(FormatError, match="no idx files"):
        read_mnist(tmp_path / "out", None, OPTIONS)


def test_into_a_project_and_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mnist(tmp_path / "data")
    for _ in range(2):
        assert run(["import", str(tmp_path / "p"), "auto", str(tmp_path / "data")]) == 0
    capsys.readouterr()
    assert run(["info", str(tmp_path / "p"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["media"], told["annotations"]) == (7, 7)
    assert {c["name"]: c["count"] for c in told["classes"]} == {"0": 3, "1": 3, "2": 1}


def test_they_are_only_read(tmp_path: Path) -> None:
    for name in READ_ONLY:
        with pytest.raises(FormatError, match="only be read"):
            get_format(name).write(Dataset(), tmp_path, WriteOptions())
