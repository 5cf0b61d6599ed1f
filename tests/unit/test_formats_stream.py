"""Large COCO files leave their rows in the file: what comes of it is what small files give."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from visionstudio.formats import coco, coco_alike, coco_stream, json_blocks
from visionstudio.formats.ahead import ahead
from visionstudio.formats.dataset import DatasetAnnotation, Imported, ReadOptions
from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import Cancelled, FormatError
from visionstudio.model.shapes import Box
from visionstudio.session.import_values import Choices, ImportReport
from visionstudio.session.importing import do_import, plan_import
from visionstudio.storage.store import ProjectStore

BAD = (
    '{"id":1,"image_id":1,"category_id":1,"bbox":[1,1,NaN,3]}',
    '{"id":2,"image_id":1,"category_id":1,"bbox":[1,1,1e999,3]}',
    '{"id":3,"image_id":1,"image_id":2,"category_id":1,"bbox":[1,1,2,3]}',
    '{"id":4,"image_id":99,"category_id":1,"bbox":[1,1,2,3]}',
    '{"id":5,"image_id":1,"category_id":77,"bbox":[1,1,2,3]}',
    '{"id":6,"image_id":1,"category_id":1,"bbox":[1,1,-2,3]}',
    '{"id":7,"image_id":1,"category_id":1,"bbox":[500,1,2,3]}',
    '{"id":8,"image_id":1,"category_id":1,"bbox":[1,1,2]}',
    '{"id":9,"image_id":1,"category_id":1,"segmentation":[[1,1,2,2,3,3]]}',
    '{"id":10,"image_id":1,"category_id":1,"segmentation":[[1,1,2,2]]}',
    '{"id":11,"image_id":1,"category_id":1,"bbox":"no"}',
    '{"id":12,"image_id":1,"category_id":1,"bbox":[1,1,2,3],"iscrowd":7}',
    '{"id":13,"image_id":1,"category_id":1,"segmentation":{"size":[48,64],"counts":"!"}}',
    '{"id":14,"image_id":1,"category_id":1,"score":3,"bbox":[1,1,2,3]}',
    "[1,2,3]",
    '"text, {[ and \\" more"',
    '{"id":' + "9" * 5000 + ',"image_id":1,"category_id":1,"bbox":[1,1,2,3]}',
    '{"id":17,"image_id":1,"category_id":1,"bbox":[1,1,2,3],"x":' + "[" * 3000 + "]" * 3000 + "}",
    '{"id":18,"image_id":1,"category_id":1}',
)
ODD = (
    '{"id":30,"image_id":2,"category_id":2,"bbox":[1,1,9,9],"mine":{"a":[1,{"b":2}]},"x":"}, {"}',
    '{"id":31,"image_id":2,"category_id":2,"attributes":{"wet":true},"bbox":[1,2,9,9]}',
    '{"id":32,"image_id":2,"category_id":2,"iscrowd":1,'
    '"segmentation":{"size":[48,64],"counts":[100,20,2952]}}',
    '{"id":33,"image_id":2,"category_id":2,"keypoints":[1,2,2,3,4,1],"bbox":[1,2,9,9]}',
    '{"id":34,"image_id":2,"category_id":2,"track_id":5,"bbox":[1,2,9,9]}',
    '{"image_id":2,"category_id":2,"bbox":[3,2,9,9],"score":0.5}',
    '{"id":36,"image_id":2,"category_id":1,"bbox":[3,2,9,9],"iscrowd":1,"score":null}',
    '{"id":38,"image_id":2,"category_id":2,"keypoints":[1,2,0,3,4,0],"bbox":[1,2,9,8],"a:b":":"}',
    '{"id":39,"image_id":2,"category_id":2,"keypoints":[1.5,2,2,3,4,1],"num_keypoints":2,"area":9,'
    '"segmentation":[[1,1,9,1,9,9],[20,20,30,20,30,30]],"attributes":{"wet":[1,{"b":"é"}]}}',
    '{"id":40,"image_id":2,"category_id":1,"bbox":[1.25,2,9,8],"huge":' + "9" * 30 + "}",
    '{"id":41,"image_id":2,"category_id":1,"bbox":null,"segmentation":[[-0.0,1,9,1,9,9]]}',
    '{"id":-42,"image_id":2,"category_id":1,"bbox":[1,2,3,8],"attributes":{}}',
    '{"id":43,"image_id":2,"category_id":2,"keypoints":[1,2,3,3,4,1],"bbox":[1,2,9,9]}',
    '{"id":44,"image_id":2,"category_id":2,"keypoints":[1,2],"bbox":[1,2,9,9]}',
    '{"id":37,"image_id":2,"category_id":1,"segmentation":[[1,1,9,1,9,9],[20,20,30,20,30,30]]}',
)


def written(path: Path, rows: list[str], *, first: bool = False) -> Path:
    """A file of these rows; with `first` in front of what they speak of."""
    images = [{"id": n, "file_name": f"{n}.png", "width": 64, "height": 48} for n in range(1, 9)]
    names = [{"id": 1, "name": "cell"}, {"id": 2, "name": "ball", "keypoints": ["a", "b"]}]
    around = f'"images": {json.dumps(images)}, "categories": {json.dumps(names)}'
    listed = f'"annotations": [{", ".join(rows)}]'
    parts = [listed, around] if first else ['"info": {"a": [1]}', around, listed]
    path.write_text("{" + ",\n".join(parts) + "}")
    return path


def plain(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    rows = []
    for n in range(count):
        x, y = rng.uniform(0, 40), rng.uniform(0, 30)
        row: dict[str, Any] = {"id": 100 + n, "image_id": rng.randint(1, 8), "iscrowd": 0}
        row |= {"category_id": rng.randint(1, 2), "bbox": [x, y, 9.25, 8], "area": 74}
        if n % 3 == 0:
            row["segmentation"] = [[x, y, x + 9.25, y, x + 9, y + 8, x, y + 4]]
        elif n % 3 == 1:
            row["segmentation"] = []
        rows.append(json.dumps(row))
    return rows


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_blocks, "BLOCK", 2000)


def read(file: Path, monkeypatch: pytest.MonkeyPatch, *, large: bool) -> Imported:
    monkeypatch.setattr("visionstudio.formats.coco.LARGE", 0 if large else 1 << 40)
    found = coco.read(file, None, ReadOptions(stream=True))
    assert (found.stream is not None) == large
    return found


def imported(store: ProjectStore, found: Imported, choices: Choices | None = None) -> ImportReport:
    dry = plan_import(store, found, "coco", choices=choices, dry=True).report
    done = do_import(store, plan_import(store, found, "coco", choices=choices))
    assert (dry.annotations, dry.per_class, dry.there, dry.replaced) == (
        done.annotations,
        done.per_class,
        done.there,
        done.replaced,
    )
    assert sorted(map(str, dry.skipped)) == sorted(map(str, done.skipped))
    return done


def rows_of(store: ProjectStore) -> list[Annotation]:
    """All annotations but for their ids, which follow the order of storing."""
    rows = [replace(a, id=1) for a in store.iter_annotations()]
    return sorted(rows, key=lambda a: (a.media_id, a.z, repr(a)))


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("choices", [None, Choices(classes={"ball": None, "cell": "zelle"})])
def test_streamed_equals_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool, choices: Choices | None
) -> None:
    rows = [*plain(60), *BAD, *plain(40, 1), *ODD, *plain(60, 2)]
    random.Random(4).shuffle(rows)
    file = written(tmp_path / "a.json", rows, first=first)
    results = []
    for large in (False, True):
        with ProjectStore.create(tmp_path / f"project{large}") as store:
            report = imported(store, read(file, monkeypatch, large=large), choices)
            assert report.annotations + len(report.skipped) == len(rows)
            results.append((rows_of(store), report))
            assert store.undo() is not None
            assert not list(store.iter_annotations())
            store.redo()
            assert len(list(store.iter_annotations())) == report.annotations
    (whole, report), (streamed, again) = results
    assert streamed == whole
    assert again.per_class == report.per_class
    assert sorted(map(str, again.skipped)) == sorted(map(str, report.skipped))


def told(row: DatasetAnnotation) -> str:
    """A row but for its drawing order, with whole numbers of fields of its own as such."""
    own = [json.dumps(v, sort_keys=True) for v in (row.extra, row.attributes)]
    return f"{replace(row, z=0, extra={}, attributes={})} {own}"


def test_one_odd_row_among_plain_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each odd or bad row on its own decides how its block is read: it must not matter."""
    for number, odd in enumerate((*ODD, *BAD)):
        rows = [*plain(12, number), odd, *plain(6, number + 100)]
        assert both_ways(written(tmp_path / f"{number}.json", rows), monkeypatch)


def both_ways(file: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Compare a file read in blocks with one read as a whole; returns how many rows are good."""
    whole, streamed = (read(file, monkeypatch, large=large) for large in (False, True))
    assert streamed.stream is not None
    found = []
    faults = []
    for block in streamed.stream.blocks():
        faults += block.faults
        found += [(p, i, a) for p, i, a in block.others]
        if block.plain is not None:
            names = [c.name for c in streamed.dataset.classes]
            images, labels = block.plain.images.tolist(), block.plain.labels.tolist()
            found += [
                (int(block.plain.places[n]), images[n], block.plain.annotation(n, names[label]))
                for n, label in enumerate(labels)
            ]
    flat = sorted((i, a.where, told(a)) for _, i, a in found)
    items = enumerate(whole.dataset.items)
    assert flat == sorted((i, a.where, told(a)) for i, m in items for a in m.annotations)
    assert sorted(map(str, faults)) == sorted(map(str, whole.skipped))
    return len(flat)


ALIKE = (
    '{"id":ID,"image_id":2,"category_id":1,"bbox":[1,2.5,9,9],"area":81,"iscrowd":0,"segmentation":[]}',
    '{"segmentation": [], "area": 81, "iscrowd": 0, "image_id": 3, "bbox": [1.25, 2, 9, 9.5],'
    ' "category_id": 2, "id": ID}',
    '{\n  "id": ID,\n  "bbox": [\n    1,\n    2,\n    9,\n    9\n  ],\n  "category_id": 1,'
    '\n  "segmentation": [],\n  "area": 81,\n  "iscrowd": 1,\n  "image_id": 2\n}',
)
CHANGES = (
    ("ID", "1.0"),
    ("ID", "9" * 19),
    ("ID", "-5"),
    ("ID", '"5"'),
    ("81", "81e2"),
    ("81", '81,"area":3'),
    ("81", "null"),
    ("9,", "-0.0,"),
    ("9,", "9" * 400 + ","),
    ("9,", "1e999,"),
    ("9,", ""),
    ("[1", "[1,1"),
    ("[]", "[[1,1,9,1,9,9]]"),
    ("[]", "[[]]"),
    ("[]", "null"),
    ('"image_id"', '"image"'),
    ('"iscrowd"', '"x:,{"'),
    ("{", '{"mine":{"a":[1,2]},'),
    ("ID", 'ID,"score":0.5'),
    (":", " : "),
)


@pytest.mark.parametrize("row", ALIKE)
@pytest.mark.parametrize("between", [", ", ",", ",\n\t"])
def test_one_other_row_among_rows_that_are_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, between: str
) -> None:
    """Rows of one pattern are read by it; whatever differs in one must not be lost on the way."""
    alike = [row.replace("ID", str(9 * n + 7)) for n in range(12)]
    taken: list[bool] = []
    fields = coco_alike.fields

    def counted(data: bytes) -> Any:
        found = fields(data)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(coco_stream, "_WAYS", (counted, *coco_stream._WAYS[1:]))
    for number, (old, new) in enumerate([("", ""), *CHANGES]):
        for place in (0, 5, 12):
            rows = list(alike)
            rows.insert(place, row.replace(old, new, 1).replace("ID", "3"))
            file = written(tmp_path / f"{number}.{place}.json", rows)
            file.write_text(file.read_text().replace("}, {", "}" + between + "{"))
            taken.clear()
            assert both_ways(file, monkeypatch)
            assert number or (taken and all(taken))


@pytest.mark.parametrize("rule", ["skip", "keep", "replace"])
def test_merging_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: Any) -> None:
    before = written(tmp_path / "a.json", plain(80))
    moved = [row.replace("9.25", "7.5") if n % 4 else row for n, row in enumerate(plain(120))]
    after = written(tmp_path / "b.json", [*moved, *ODD])
    results = []
    for large in (False, True):
        with ProjectStore.create(tmp_path / f"project{large}") as store:
            imported(store, read(before, monkeypatch, large=False))
            report = imported(store, read(after, monkeypatch, large=large), Choices(rule))
            results.append((rows_of(store), report.annotations, report.there, report.replaced))
            found = imported(store, read(after, monkeypatch, large=large))
            assert found.annotations == 0
    assert results[0][1:] == results[1][1:]
    shapes = [sorted(repr((a.media_id, a.class_id, a.shape)) for a in r[0]) for r in results]
    assert shapes[0] == shapes[1]


def test_giving_up_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "a.json", plain(400))
    found = read(file, monkeypatch, large=True)
    with ProjectStore.create(tmp_path / "project") as store:
        calls = 0

        def progress(_fraction: float | None, _message: str) -> None:
            nonlocal calls
            calls += 1
            if calls > 5:
                raise Cancelled

        plan = plan_import(store, found, "coco")
        with pytest.raises(Cancelled):
            do_import(store, plan, progress)
        assert not list(store.iter_annotations())
        assert not store.media()
        assert store.undo_title is None
        assert do_import(store, plan).annotations == 400


def test_reading_ahead_ends_with_whoever_takes_the_pieces() -> None:
    ended = []

    def pieces() -> Iterator[int]:
        try:
            yield from range(100)
            raise FormatError("broken")
        finally:
            ended.append(threading.current_thread().name)

    taken = ahead(pieces)
    assert [next(taken), next(taken)] == [0, 1]
    taken.close()
    assert len(ended) == 1
    taken = ahead(pieces)
    assert [next(taken) for _ in range(100)] == [*range(100)]
    with pytest.raises(FormatError, match="broken"):
        next(taken)
    assert set(ended) == {"read ahead"}
    assert not [t for t in threading.enumerate() if t.name == "read ahead"]


def test_ids_go_on_behind_a_large_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "a.json", plain(50))
    with ProjectStore.create(tmp_path / "project") as store:
        imported(store, read(file, monkeypatch, large=True))
    with ProjectStore.open(tmp_path / "project") as store:
        assert store.reserve_ids("annotation") > 50


@pytest.mark.parametrize("cut", [3, 200, 2500, -2, -30])
def test_a_file_that_is_cut_off_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    file = written(tmp_path / "a.json", plain(60))
    file.write_bytes(file.read_bytes()[:cut])
    monkeypatch.setattr("visionstudio.formats.coco.LARGE", 0)
    with pytest.raises(FormatError, match=r"a\.json"):
        coco.read(file, None, ReadOptions(stream=True))


def test_a_file_that_changes_after_the_preview_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path / "a.json", plain(60))
    found = read(file, monkeypatch, large=True)
    written(file, plain(61))
    with ProjectStore.create(tmp_path / "project") as store:
        plan = plan_import(store, found, "coco")
        with pytest.raises(FormatError, match="has changed"):
            do_import(store, plan)
        assert not store.media()
        assert store.undo_title is None


def test_boxes_are_what_the_file_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path / "a.json", ['{"id":1,"image_id":1,"category_id":2,"bbox":[1,2,3,4]}'])
    with ProjectStore.create(tmp_path / "project") as store:
        imported(store, read(file, monkeypatch, large=True))
        (found,) = store.iter_annotations()
        assert found.shape == Box(1, 2, 4, 6)
        assert dict(found.extra)["row"] == "1"
