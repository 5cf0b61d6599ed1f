"""Order, alignment and copies against what they promise, on random pictures."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pytest

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Box, Ellipse, Mask, Polygon, RotatedBox
from visionstudio.session import arranging
from visionstudio.session.copying import Copied, from_text, to_text


def rows(generator: random.Random, count: int) -> list[Annotation]:
    """Boxes with some equal heights, in drawing order."""
    made = []
    for n in generator.sample(range(1, 100), count):
        x, y = generator.uniform(0, 80), generator.uniform(0, 80)
        shape = Box(x, y, x + generator.uniform(1, 30), y + generator.uniform(1, 30))
        z = generator.choice([-1, 0, 0, 0, 2])
        made.append(Annotation(id=n, media_id=1, class_id=1, shape=shape, z=z))
    return ordered(made)


def ordered(made: list[Annotation]) -> list[Annotation]:
    return sorted(made, key=lambda a: (a.z, a.id))


def applied(made: list[Annotation], edit: Edit | None) -> list[Annotation]:
    after = {c.row.id: c.after for c in edit} if edit is not None else {}
    return ordered([after.get(a.id, a) for a in made])  # type: ignore[misc]


@pytest.mark.parametrize("seed", range(40))
def test_steps_in_the_drawing_order(seed: int) -> None:
    generator = random.Random(seed)
    made = rows(generator, 12)
    chosen = {a.id for a in generator.sample(made, generator.randint(1, 4))}
    kept = [a.id for a in made if a.id in chosen]
    rest = [a.id for a in made if a.id not in chosen]
    for step in ("raise", "lower", "top", "bottom"):
        order = [a.id for a in applied(made, arranging.restack(made, chosen, step))]
        assert [i for i in order if i in chosen] == kept
        assert [i for i in order if i not in chosen] == rest
    top = [a.id for a in applied(made, arranging.restack(made, chosen, "top"))]
    assert top == rest + kept
    bottom = [a.id for a in applied(made, arranging.restack(made, chosen, "bottom"))]
    assert bottom == kept + rest
    # One step up is what passes exactly one overlapping object; enough of them reach the end.
    one = made[0].id
    for _ in made:
        edit = arranging.restack(made, {one}, "raise")
        if edit is None:
            break
        passed = {a.id for a in made[: place(applied(made, edit), one) + 1]} - {one}
        before = {a.id for a in made[: place(made, one)]}
        bounds = made[place(made, one)].shape.bounds()
        new = [a for a in made if a.id in passed - before]
        assert sum(meets(a.shape.bounds(), bounds) for a in new) == 1
        made = applied(made, edit)
    above = made[place(made, one) + 1 :]
    bounds = made[place(made, one)].shape.bounds()
    assert not any(meets(a.shape.bounds(), bounds) for a in above)


def place(made: list[Annotation], one: int) -> int:
    return [a.id for a in made].index(one)


def meets(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


@pytest.mark.parametrize("seed", range(10))
def test_alignment_and_gaps(seed: int) -> None:
    made = rows(random.Random(seed), 6)
    columns = {"left": 0, "top": 1, "right": 2, "bottom": 3}
    for side, column in columns.items():
        after = applied(made, arranging.align(made, side))  # type: ignore[arg-type]
        wanted = (min if column < 2 else max)(a.shape.bounds()[column] for a in made)
        assert [a.shape.bounds()[column] for a in after] == pytest.approx([wanted] * 6)
        for a in made:
            b = next(x for x in after if x.id == a.id)
            assert b.shape.area() == pytest.approx(a.shape.area())
    after = applied(made, arranging.align(made, "centre"))
    middles = [sum(a.shape.bounds()[::2]) / 2 for a in after]
    assert middles == pytest.approx([middles[0]] * 6)
    for axis, low in (("across", 0), ("down", 1)):
        after = applied(made, arranging.distribute(made, axis))  # type: ignore[arg-type]
        order = sorted(made, key=lambda a, low=low: sum(a.shape.bounds()[low::2]))  # type: ignore[misc]
        spans = [after[place(after, a.id)].shape.bounds()[low::2] for a in order]
        gaps = [b[0] - a[1] for a, b in itertools.pairwise(spans)]
        assert gaps == pytest.approx([gaps[0]] * 5, abs=1e-6)


def test_sizes() -> None:
    model = Annotation(id=1, media_id=1, class_id=1, shape=Box(0, 0, 20, 10))
    shapes = [
        Box(90, 70, 95, 75),
        Polygon((np.array([[10, 10], [14, 10], [12, 18.0]]),)),
        RotatedBox(50, 40, 3, 4, math.pi / 6),
        Ellipse(50, 40, 3, 4),
        Mask.from_array(np.ones((3, 3), bool)),
    ]
    others = [replace(model, id=n, shape=s) for n, s in enumerate(shapes, 2)]
    edit = arranging.same_size([model, *others], model, "size", (100.0, 80.0))
    after = {a.id: a.shape for a in applied([model, *others], edit)}
    assert after[2].bounds() == pytest.approx((80, 67.5, 100, 77.5))
    x1, y1, x2, y2 = after[3].bounds()
    assert (x2 - x1, y2 - y1) == pytest.approx((20, 10))
    rotated, ellipse = after[4], after[5]
    assert isinstance(rotated, RotatedBox)
    assert (rotated.width, rotated.height, rotated.angle) == (20, 10, math.pi / 6)
    assert isinstance(ellipse, Ellipse)
    assert (ellipse.rx, ellipse.ry) == (10, 5)
    assert after[6] == shapes[4]


def test_copies_as_text() -> None:
    one = LabelClass(id=7, name="cell “A”", colour="#e69f00")
    objects = tuple(
        Annotation(id=n, media_id=3, class_id=7, shape=s, attributes={"age": 3}, group_id=5)
        for n, s in enumerate((Box(1, 2, 3, 4), Mask.from_array(np.eye(5, dtype=bool))))
    )
    back = from_text(to_text(Copied("here", (one,), objects)))
    assert [a.shape for a in back.objects] == [a.shape for a in objects]
    assert back.objects[0].attributes == {"age": 3}
    assert back.classes[0].name == one.name
    for damaged in (b"", b"{}", b'{"type":"visionstudio annotations"}', b"\xff"):
        with pytest.raises(InvalidValue, match="copied"):
            from_text(damaged)
    text = to_text(Copied("here", (one,), objects))
    for i in range(0, len(text), 7):  # a byte lost anywhere is an error or another copy
        try:
            from_text(text[:i] + text[i + 1 :])
        except InvalidValue:
            continue
