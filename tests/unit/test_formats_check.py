"""The check after an export finds what was tampered with, and the smallest rotated boxes are so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    WriteOptions,
)
from visionstudio.formats.expressing import smallest_box
from visionstudio.formats.registry import get_format
from visionstudio.model.annotations import Flags
from visionstudio.model.shapes import Box, Polygon
from visionstudio.session.verifying import Check, check_export

RING = np.array([[4.0, 5.0], [30.0, 6.0], [28.0, 30.0], [15.0, 22.0], [6.0, 26.0]])
ROWS = (
    DatasetAnnotation(label="cell", shape=Polygon((RING,)), attributes={"wet": True, "n": 3}),
    DatasetAnnotation(label="cell", shape=Box(3, 4, 20, 18.5), score=0.5),
    DatasetAnnotation(label="ball", shape=Box(30, 4, 40, 18.5), flags=Flags.CROWD),
)


def checked(tmp_path: Path, tamper: Callable[[list[dict[str, Any]]], object]) -> Check:
    """Export as COCO, change the rows of the file, and compare."""
    item = DatasetItem(path="a.png", annotations=ROWS, width=64, height=48)
    dataset = Dataset((DatasetClass(name="cell"), DatasetClass(name="ball")), (item,))
    writer, out = get_format("coco"), tmp_path / "out.json"
    written = writer.write(dataset, out, WriteOptions())
    content = json.loads(out.read_text())
    tamper(content["annotations"])
    out.write_text(json.dumps(content))
    return check_export(writer, dataset, written, out, tmp_path)


def test_an_export_as_it_was_meant_is_equal(tmp_path: Path) -> None:
    found = checked(tmp_path, len)
    assert found.ok, found.missing
    assert found.text == "re-imported and compared: 3 of 3 equal"


def _vertex(rows: list[dict[str, Any]]) -> None:
    ring = rows[0]["segmentation"][0]
    ring[6], ring[7] = ring[6] + 4, ring[7] - 4  # inside the bounds


@pytest.mark.parametrize(
    ("tamper", "reason"),
    [
        (_vertex, "'cell' has other outline"),
        (lambda rows: rows[0]["attributes"].pop("wet"), "'cell' has other attributes"),
        (lambda rows: rows[1].update(score=0.7), "'cell' has other score"),
        (lambda rows: rows[2].update(iscrowd=0), "'ball' has other marks"),
        (lambda rows: rows[1].update(bbox=[20, 20, 5, 5]), "'cell' is elsewhere"),
        (lambda rows: rows.pop(), "1 annotations were written and not read"),
    ],
)
def test_what_is_not_as_it_was_meant_is_found(
    tmp_path: Path, tamper: Callable[[list[dict[str, Any]]], object], reason: str
) -> None:
    found = checked(tmp_path, tamper)
    assert not found.ok
    assert (found.wrong, found.equal) == (1, 2)
    assert reason in found.missing[0]


coordinates = st.floats(-100, 100).map(lambda v: round(v, 2))


@given(st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=20, unique=True))
@settings(max_examples=150, deadline=None)
def test_the_smallest_rotated_box_is_that_of_opencv(points: list[tuple[float, float]]) -> None:
    array = np.array(points)
    box = smallest_box(array)
    (_, (width, height), _) = cv2.minAreaRect(array.astype(np.float32))
    if box is None:
        assert width * height < 0.1
        return
    assert box.area() <= width * height + 0.05 + 1e-4 * width * height
    turn = np.array(
        [[np.cos(box.angle), np.sin(box.angle)], [-np.sin(box.angle), np.cos(box.angle)]]
    )
    local = (array - (box.cx, box.cy)) @ turn.T
    assert np.abs(local[:, 0]).max() <= box.width / 2 + 1e-6
    assert np.abs(local[:, 1]).max() <= box.height / 2 + 1e-6


def test_a_polygon_becomes_its_smallest_rotated_box_in_yolo(tmp_path: Path) -> None:
    corner = np.array([[20.0, 5.0], [40.0, 25.0], [30.0, 35.0], [10.0, 15.0], [20.0, 24.0]])
    rows = (DatasetAnnotation(label="cell", shape=Polygon((corner,))),)
    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    item = DatasetItem(path="a.png", annotations=rows, width=64, height=64)
    writer = get_format("yolo")
    dataset = Dataset((DatasetClass(name="cell"),), (item,))
    written = writer.write(dataset, tmp_path, WriteOptions(variant="obb"))
    line = next(tmp_path.rglob("labels/**/*.txt")).read_text().split()
    found = np.array(line[1:], dtype=float).reshape(-1, 2) * 64
    wanted = {(20, 5), (40, 25), (30, 35), (10, 15)}
    assert {tuple(p) for p in found.round(2).tolist()} == wanted
    assert [loss.what for loss in written.losses] == ["polygons became rotated boxes"]
    assert check_export(writer, dataset, written, tmp_path, tmp_path).ok
