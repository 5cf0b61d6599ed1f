"""Finding against a search through all annotations in Python, on random projects and queries."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.model.shape_codec import encode
from visionstudio.model.shapes import (
    KINDS,
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
from visionstudio.storage import ProjectStore
from visionstudio.storage.measuring import sizes
from visionstudio.storage.query import ANY, AttributeTest, Query, Range

NAMES = ("Cell", "Cell_wall", "100%", "细胞")
VALUES: tuple[Any, ...] = ("left", "Left-ish", "3", 3, 3.5, -1, True, False, "a%b")


def shape(generator: random.Random, kind: str) -> Shape:
    x, y = generator.uniform(0, 900), generator.uniform(0, 900)
    spread = np.array([[generator.uniform(0, 90), generator.uniform(0, 90)] for _ in "12345"])
    points = spread + (x, y)
    match kind:
        case "box":
            return Box(*points[0], *points[1])
        case "rotated_box":
            return RotatedBox(x, y, *points[0] / 10, generator.uniform(-7, 7))
        case "ellipse":
            return Ellipse(x, y, *points[0] / 10, generator.uniform(-7, 7))
        case "polygon":
            hole = np.array([[x, y], [x + 1, y], [x, y + 1]])
            return Polygon((points, hole), (False, True)) if x < 300 else Polygon((points,))
        case "polyline":
            return Polyline(points)
        case "points":
            return Points(points)
        case "skeleton":
            return Skeleton(points, (2, 0, 1, 2, 0))
        case "mask":
            return Mask.from_array(np.array(generator.choices((0, 1), k=600)).reshape(20, 30), 5, 7)
    return Tag()


def project(folder: Path, generator: random.Random, count: int) -> ProjectStore:
    store = ProjectStore.create(folder)
    first = store.reserve_ids("media", 5)
    store.add_media(MediaItem(id=first + i, path=f"Folder/{9 - i}_a.png") for i in range(5))
    class_id = store.reserve_ids("class", len(NAMES))
    classes = [
        LabelClass(id=class_id + n, name=name, colour="#e69f00", order=n)
        for n, name in enumerate(NAMES)
    ]
    made = []
    one = store.reserve_ids("annotation", count)
    for n in range(count):
        source = generator.choice(("manual", "import:coco", "model:detector/x", "model:tracker/y"))
        values = {
            name: generator.choice(VALUES) for name in ("side", "age") if generator.random() < 0.5
        }
        made.append(
            Annotation(
                id=one + n,
                media_id=first + generator.randrange(5),
                class_id=class_id + generator.randrange(len(NAMES)),
                frame=generator.randrange(3),
                shape=shape(generator, generator.choice(KINDS)),
                state=generator.choice(list(State)),
                score=generator.choice((None, 0.25, 0.5, 0.75)),
                track_id=generator.choice((None, 1, 2)),
                attributes=values,
                source=source,
            )
        )
    store.apply(edits.add("all", [*classes, *made]))
    return store


def within(value: float | None, wanted: Range) -> bool:
    if wanted == ANY:
        return True
    low, high = wanted
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def answers(values: Any, wanted: AttributeTest) -> bool:
    if wanted.test == "none":
        return wanted.name not in values
    if wanted.name not in values:
        return False
    value = values[wanted.name]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    same = value == wanted.value and isinstance(value, bool) == isinstance(wanted.value, bool)
    text = str(int(value)) if isinstance(value, bool) else str(value)
    return {
        "any": lambda: True,
        "is": lambda: same,
        "not": lambda: not same,
        "contains": lambda: str(wanted.value).lower() in text.lower(),
        "least": lambda: number and value >= wanted.value,
        "most": lambda: number and value <= wanted.value,
    }[wanted.test]()


def holds(a: Annotation, query: Query, names: Mapping[int, str], paths: Mapping[int, str]) -> bool:
    x1, y1, x2, y2 = a.shape.bounds()
    is_tag = isinstance(a.shape, Tag)
    hay = [names[a.class_id], paths[a.media_id], a.source]
    hay += [str(int(v)) if isinstance(v, bool) else str(v) for v in a.attributes.values()]
    return (
        all(
            any(word.lower() in text.lower() for text in hay) or word == f"#{a.id}"
            for word in query.text.split()
        )
        and (not query.classes or a.class_id in query.classes)
        and (a.state in query.states if query.states else a.state is not State.REJECTED)
        and (not query.kinds or a.shape.kind in query.kinds)
        and (not query.source or f"{a.source}:".startswith(f"{query.source}:"))
        and (query.track_id is None or a.track_id == query.track_id)
        and (query.attribute is None or answers(a.attributes, query.attribute))
        and within(a.score, query.score)
        and within(None if is_tag else x2 - x1, query.width)
        and within(None if is_tag else y2 - y1, query.height)
        and within(None if is_tag else a.shape.area(), query.area)
    )


def random_query(generator: random.Random, store: ProjectStore) -> Query:
    def some(values: Any) -> Any:
        return tuple(generator.sample(list(values), 2)) if generator.random() < 0.3 else ()

    def span(high: float) -> Range:
        if generator.random() < 0.75:
            return ANY
        ends: list[float | None] = sorted(generator.uniform(0, high) for _ in "12")
        ends[generator.randrange(2)] = None
        return ends[0], ends[1]

    attribute = None
    if generator.random() < 0.4:
        test = generator.choice(("any", "none", "is", "not", "contains", "least", "most"))
        value = generator.choice((3, 3.5) if test in ("least", "most") else VALUES)
        attribute = AttributeTest(generator.choice(("side", "age")), test, value)
    words = ("cell", "_", "100%", "胞", "FOLDER", "9_A", "left", "a%b", "model", "#17", "%", "\\")
    return Query(
        text=" ".join(generator.sample(words, 1)) if generator.random() < 0.4 else "",
        classes=some(c.id for c in store.classes()),
        states=some(State),
        kinds=some(KINDS),
        source=generator.choice(("", "", "manual", "import", "model", "model:detector/x")),
        track_id=generator.choice((None, None, None, 2)),
        attribute=attribute,
        score=span(1.0),
        width=span(60),
        height=span(60),
        area=span(1500),
    )


def test_finds_what_a_search_through_everything_finds(tmp_path: Path) -> None:
    generator = random.Random(3)
    with project(tmp_path / "p", generator, 400) as store:
        everything = list(store.iter_annotations())
        names = {c.id: c.name for c in store.classes()}
        paths = {m.id: m.path for m in store.media()}
        sizes_seen = set()
        for _ in range(150):
            query = random_query(generator, store)
            wanted = [a for a in everything if holds(a, query, names, paths)]
            wanted.sort(key=lambda a: (a.media_id, a.frame, a.id))
            found = store.find(query)
            assert found.ids.tolist() == [a.id for a in wanted], query
            assert found.media.tolist() == [a.media_id for a in wanted]
            assert found.frames.tolist() == [a.frame for a in wanted]
            sizes_seen.add(min(len(wanted), 3))
            some = {a.media_id for a in everything[:250]}
            part = store.find(query, some, (1, 3)).ids.tolist()
            assert part == [a.id for a in wanted if a.media_id in some and 1 <= a.frame < 3]
        assert sizes_seen == {0, 1, 2, 3}
        assert store.sources() == sorted({a.source for a in everything})


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_without_making_shapes(kind: str) -> None:
    generator = random.Random(1)
    shapes = [shape(generator, kind) for _ in range(50)]
    width, height, area, left, top = sizes([KINDS.index(kind)] * 50, [encode(s)[1] for s in shapes])
    for n, one in enumerate(shapes):
        x1, y1, x2, y2 = one.bounds()
        if kind == "tag":
            assert math.isnan(width[n])
        else:
            assert (width[n], height[n]) == pytest.approx((x2 - x1, y2 - y1))
            assert area[n] == pytest.approx(one.area())
            assert (left[n], top[n]) == pytest.approx((x1, y1))


def test_a_damaged_shape_has_no_size() -> None:
    good = encode(Box(0, 0, 3, 4))[1]
    width, _, area, _, _ = sizes([0, 0, 2, 2], [good, good[:7], b"\1\0\0\0\5\0\0\0", b""])
    assert width[0] == 3
    assert area[0] == 12
    assert np.isnan(width[1:]).all()
