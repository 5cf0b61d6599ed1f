"""Every format by the same rules: what it writes it reads, what it cannot hold it counts,
what is broken it reports, and nothing else."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    ReadOptions,
    WriteOptions,
    Written,
)
from visionstudio.formats.detection import detect
from visionstudio.formats.registry import FORMATS, Format
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)
from visionstudio.session.importing import size_of
from visionstudio.session.verifying import check_export

WIDTH, HEIGHT = 64, 48
DOCS = Path(__file__).parents[2] / "docs" / "formats.md"
_RING = np.array([[4.0, 5.0], [30.0, 6.0], [28.0, 30.0], [6.0, 26.0]])
_BITS = np.zeros((12, 9), dtype=bool)
_BITS[1:9, 2:7] = True
_BITS[4:6, 3:5] = False
SHAPES: dict[str, Shape] = {
    "box": Box(3, 4, 20, 18.5),
    "rotated box": RotatedBox(30, 20, 16, 8, 0.4),
    "polygon": Polygon((_RING,)),
    "hole": Polygon((_RING, _RING * 0.4 + 9)),
    "mask": Mask.from_array(_BITS, 20, 10),
    "ellipse": Ellipse(30, 24, 12, 7, 0.0),
    "circle": Ellipse(30, 24, 9, 9),
    "points": Points(np.array([[5.0, 6.0], [9.0, 11.0]])),
    "point": Points(np.array([[7.0, 8.0]])),
    "line": Polyline(np.array([[2.0, 3.0], [20.0, 22.0], [40.0, 9.0]])),
    "skeleton": Skeleton(np.array([[5.0, 6.0], [20.0, 12.0], [9.0, 30.0]]), (2, 1, 2)),
    "tag": Tag(),
}
VARIANTS = [(f, v) for f in FORMATS.values() for v in f.variants]
IDS = [f"{f.name}-{v}" if v else f.name for f, v in VARIANTS]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("a.png", "sub/b.jpg"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(path)
    return tmp_path / "pictures"


def dataset_of(
    pictures: Path, rows: list[DatasetAnnotation], *, name: str = "a.png", **fields: Any
) -> Dataset:
    kinds = dict.fromkeys(r.label for r in rows)
    spec = SkeletonSpec(("nose", "hand", "foot"), ((0, 1), (1, 2)))
    has_skeleton = {r.label for r in rows if isinstance(r.shape, Skeleton)}
    classes = (
        DatasetClass(name=k, id=n, skeleton=spec if k in has_skeleton else None)
        for n, k in enumerate(kinds, start=1)
    )
    size = {"width": WIDTH, "height": HEIGHT}
    item = DatasetItem(path=name, annotations=tuple(rows), file=pictures / name, **size, **fields)
    return Dataset(tuple(classes), (item,))


def there_and_back(
    one: Format, variant: str, dataset: Dataset, out: Path
) -> tuple[Written, Imported]:
    target = out / f"x{one.suffixes[0]}" if one.single_file else out
    written = one.write(dataset, target, WriteOptions(copy_media=True, variant=variant))
    if not written.annotations:
        return written, Imported(Dataset())
    return written, one.read(target, None, ReadOptions(size_of=size_of))


def rows_of(imported: Imported) -> list[DatasetAnnotation]:
    return [a for item in imported.dataset.items for a in item.annotations]


def survival(one: Format, variant: str, pictures: Path, out: Path) -> Iterator[str]:
    """What comes back of each shape: ✓ itself, its new kind, or – nothing."""
    for name, shape in SHAPES.items():
        dataset = dataset_of(pictures, [DatasetAnnotation(label="cell", shape=shape)])
        written, again = there_and_back(one, variant, dataset, out / name)
        rows = rows_of(again)
        assert len(rows) == written.annotations, (name, again.skipped)
        assert not again.skipped, (name, again.skipped)
        if not rows:
            assert written.losses, f"{name} is left out without a word"
            yield "–"
            continue
        (row,) = rows
        assert row.label == "cell"
        if isinstance(shape, Tag):
            yield "✓"
            continue
        ours, theirs = np.array(row.shape.bounds()), np.array(shape.bounds())
        near = np.abs(ours - theirs).max() <= 0.51
        if isinstance(row.shape, RotatedBox):  # the smallest one around the shape
            outer, inner = theirs - ours, ours - theirs
            near |= bool(min(outer[:2].min(), inner[2:].min()) >= -0.51)
            assert row.shape.area() <= Box(*shape.bounds()).area() + 0.1
        assert near, (name, row.shape.bounds(), shape.bounds())
        same = row.shape.kind == shape.kind and _same(row.shape, shape)
        if not same:
            assert written.losses, f"{name} changes without a word"
        yield "✓" if same else row.shape.kind.replace("_", " ")


def _same(one: Shape, other: Shape) -> bool:
    if isinstance(one, Mask) or isinstance(other, Mask):
        return one == other
    if isinstance(one, Polygon) and isinstance(other, Polygon) and one.holes != other.holes:
        return False
    a, b = one.points(), other.points()
    return a.shape == b.shape and bool(np.abs(a - b).max() < 0.06)


def test_the_table_of_what_survives_is_true(pictures: Path, tmp_path: Path) -> None:
    """The table in docs/formats.md; it is written anew when it is not true."""
    lines = [f"| | {' | '.join(SHAPES)} |", "|---" * (len(SHAPES) + 1) + "|"]
    for (one, variant), name in zip(VARIANTS, IDS, strict=True):
        if one.name == "mot":
            continue  # videos only; see below
        cells = survival(one, variant, pictures, tmp_path / name)
        lines.append(f"| `{name.replace('-', ' ', 1)}` | {' | '.join(cells)} |")
    content = DOCS.read_text(encoding="utf-8")
    head, start, rest = content.partition("<!-- survival -->\n")
    _, end, tail = rest.partition("<!-- end -->")
    table = "\n".join(lines) + "\n"
    if start and rest.partition("<!-- end -->")[0] != table:
        DOCS.write_text(head + start + table + end + tail, encoding="utf-8")
        pytest.fail("docs/formats.md was not true and has been written anew: look at the change")


@pytest.mark.parametrize(("one", "variant"), VARIANTS, ids=IDS)
def test_fields_come_back_or_are_counted(
    one: Format, variant: str, pictures: Path, tmp_path: Path
) -> None:
    fields: dict[str, dict[str, Any]] = {
        "score": {"score": 0.25},
        "group": {"group": 3},
        "attributes": {"attributes": {"colour": "red"}},
        "difficult": {"flags": Flags.DIFFICULT},
        "occluded": {"flags": Flags.OCCLUDED},
        "crowd": {"flags": Flags.CROWD},
    }
    for name, value in fields.items():
        shape: Shape = Tag() if one.name == "imagefolder" else SHAPES["box"]
        row = DatasetAnnotation(label="cell", shape=shape, **value)
        written, again = there_and_back(one, variant, dataset_of(pictures, [row]), tmp_path / name)
        back = [getattr(r, key) for r in rows_of(again) for key in value]
        losses = " ".join(loss.what for loss in written.losses)
        assert back == list(value.values()) or losses, f"{name} is lost without a word"


@pytest.mark.parametrize("kind", [MediaKind.VIDEO, MediaKind.FRAMES])
@pytest.mark.parametrize("name", FORMATS)
def test_video_frames_come_back_or_are_counted(name: str, kind: MediaKind, tmp_path: Path) -> None:
    one = FORMATS[name]
    rows = [
        DatasetAnnotation(label="car", shape=Box(2 + f, 3, 20 + f, 18), frame=f, track=t)
        for t, f in ((5, 0), (5, 4), (9, 2))
    ]
    item = DatasetItem(
        path="clip.mp4", annotations=tuple(rows), kind=kind, width=64, height=48, frames=12
    )
    target = tmp_path / (f"x{one.suffixes[0]}" if one.single_file else "out")
    written = one.write(Dataset((DatasetClass(name="car"),), (item,)), target, WriteOptions())
    if not written.annotations:
        assert [x.what for x in written.losses] == ["annotations in video frames are left out"]
        return
    source = target if target.exists() else tmp_path / "out"
    if name == "cvat":
        source = source / "clip.mp4.xml"
    again = one.read(source, None, ReadOptions())
    (video,) = again.dataset.items
    assert video.kind is not MediaKind.IMAGE
    back = {(r.frame, r.shape, r.label) for r in video.annotations if not r.flags & Flags.OUTSIDE}
    assert back == {(r.frame, r.shape, r.label) for r in rows}
    tracks = {r.track for r in video.annotations}
    assert len(tracks) == 2


@pytest.mark.parametrize("name", FORMATS)
def test_a_written_folder_is_detected_again(name: str, pictures: Path, tmp_path: Path) -> None:
    one = FORMATS[name]
    shape: Shape = Tag() if name == "imagefolder" else Box(3, 4, 20, 18)
    if name == "geojson":
        shape = SHAPES["polygon"]
    rows = [DatasetAnnotation(label=label, shape=shape, track=1) for label in ("a", "b")]
    data = dataset_of(pictures, rows[:1])
    more = dataset_of(pictures, rows[1:], name="sub/b.jpg")
    kinds = {MediaKind.VIDEO} if name == "mot" else {MediaKind.IMAGE}
    items = tuple(
        DatasetItem(**{f: getattr(i, f) for f in i.__slots__} | {"kind": kind, "id": None})
        for i in (*data.items, *more.items)
        for kind in kinds
    )
    both = Dataset((*data.classes, *more.classes), items)
    target = tmp_path / (f"x{one.suffixes[0]}" if one.single_file else "out")
    written = one.write(both, target, WriteOptions(copy_media=name == "imagefolder"))
    assert written.annotations == 2
    assert detect(target) == name


@pytest.mark.parametrize(("one", "variant"), VARIANTS, ids=IDS)
@pytest.mark.parametrize("split", ["../out", "/out", "a/../../out", "C:\\out", "con"])
def test_a_hostile_subset_stays_in_the_folder(
    one: Format, variant: str, split: str, pictures: Path, tmp_path: Path
) -> None:
    kinds = ("box", "polygon", "mask", "tag")
    rows = [DatasetAnnotation(label="a", shape=SHAPES[k], track=n) for n, k in enumerate(kinds)]
    target = tmp_path / "chosen" / (f"x{one.suffixes[0]}" if one.single_file else "folder")
    target.parent.mkdir()
    data = dataset_of(pictures, rows, split=split)
    written = one.write(data, target, WriteOptions(copy_media=True, variant=variant))
    assert all(f.resolve().is_relative_to(target.parent) for f in written.files)
    assert {p.name for p in tmp_path.iterdir()} == {"pictures", "chosen"}


numbers = st.floats(1, 40).map(lambda v: round(v, 3))
sides = st.floats(1, 20).map(lambda v: round(v, 3))
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), numbers, numbers, sides, sides)
rotated = st.builds(RotatedBox, numbers, numbers, sides, sides, st.floats(-3, 3))
ellipses = st.builds(Ellipse, numbers, numbers, sides, sides, st.sampled_from([0.0, 0.5]))
lines = st.lists(st.tuples(numbers, numbers), min_size=2, max_size=5).map(
    lambda p: Polyline(np.array(p))
)
points = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3).map(
    lambda p: Points(np.array(p))
)
stars = st.lists(sides, min_size=3, max_size=9).map(
    lambda radii: Polygon(
        (
            np.array(
                [
                    [24 + r * np.cos(6.28 * i / len(radii)), 24 + r * np.sin(6.28 * i / len(radii))]
                    for i, r in enumerate(radii)
                ]
            ),
        )
    )
)
bitmaps = st.integers(1, 2**24 - 1).map(
    lambda n: Mask.from_array(
        np.array([n >> b & 1 for b in range(24)], dtype=bool).reshape(4, 6), 10, 12
    )
)
shapes = st.one_of(boxes, rotated, ellipses, lines, points, stars, bitmaps, st.just(Tag()))
labels = st.sampled_from(["cell", "other thing", "ключ"])
annotations = st.builds(
    lambda label, shape, group: DatasetAnnotation(label=label, shape=shape, group=group),
    labels,
    shapes,
    st.one_of(st.none(), st.integers(1, 5)),
)


@pytest.mark.slow
@pytest.mark.parametrize(("one", "variant"), VARIANTS, ids=IDS)
@given(rows=st.lists(annotations, min_size=1, max_size=6))
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_data_set_comes_back_or_is_counted(
    one: Format,
    variant: str,
    pictures: Path,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[DatasetAnnotation],
) -> None:
    dataset = dataset_of(pictures, rows)
    out = tmp_path_factory.mktemp("out")
    written, again = there_and_back(one, variant, dataset, out)
    assert len(rows_of(again)) + len(again.skipped) >= written.annotations
    if one.name not in ("masks", "mots"):
        assert written.annotations <= len(rows)
        lost = sum(loss.count for loss in written.losses if "left out" in loss.what)
        assert written.annotations + lost >= len(rows)
    target = out / f"x{one.suffixes[0]}" if one.single_file else out
    checked = check_export(one, dataset, written, target, pictures)
    assert not [m for m in checked.missing if "elsewhere" in m or "nothing" in m], checked


@pytest.mark.parametrize(("one", "variant"), VARIANTS, ids=IDS)
def test_broken_files_are_reported_and_nothing_else(
    one: Format, variant: str, pictures: Path, tmp_path: Path
) -> None:
    """Cut, overwritten, doubled: a FormatError or rows and reports, never another exception."""
    rows = [
        DatasetAnnotation(label="cell", shape=s, track=n) for n, s in enumerate(SHAPES.values())
    ]
    kind = MediaKind.VIDEO if one.name == "mot" else MediaKind.IMAGE
    dataset = dataset_of(pictures, rows, kind=kind)
    target = tmp_path / (f"x{one.suffixes[0]}" if one.single_file else "out")
    written = one.write(dataset, target, WriteOptions(variant=variant))
    source = target if target.exists() else target.parent
    rng = random.Random(7)
    hostile = [b"NaN", b"1e999", b"9" * 5000, b"[" * 2000, b"\xff\xfe", b"\x00", b'"\\ud800"', b"-"]
    hostile += [b"{", b"]", b"<x>", b"&a;", b"null", b"\n\n", b"../../x", b"," * 50]
    files = [f for f in written.files if f.stat().st_size]
    for turn in range(60):
        file = rng.choice(files)
        original = file.read_bytes()
        at = rng.randrange(len(original))
        bad = rng.choice(hostile)
        if turn % 3 == 0:
            broken = original[:at]
        elif turn % 3 == 1:
            broken = original[:at] + bad + original[at:]
        else:
            broken = original[:at] + bad + original[at + len(bad) :]
        file.write_bytes(broken)
        try:
            found = one.read(source, pictures, ReadOptions(size_of=size_of))
            json.dumps([s.reason for s in found.skipped])
            for row in rows_of(found):
                assert np.isfinite(row.shape.bounds()).all()
        except FormatError:
            pass
        finally:
            file.write_bytes(original)
