"""Attributes of classes: what fits, what is kept when questions change, what many objects share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import AttributeSpec, LabelClass
from visionstudio.model.shapes import Box
from visionstudio.session import attributes
from visionstudio.session.attributes import MIXED
from visionstudio.storage.rows import class_from, class_values

AGE = AttributeSpec("age", "number", low=0, high=120)
SIDE = AttributeSpec("side", "choice", ("left", "right"), "left")
NOTE = AttributeSpec("note")
SICK = AttributeSpec("sick", "flag")
CELL = LabelClass(id=1, name="cell", colour="#e69f00", attributes=(AGE, SIDE, NOTE, SICK))


def objects(*values: dict[str, object], class_id: int = 1) -> list[Annotation]:
    return [
        Annotation(id=n, media_id=1, class_id=class_id, shape=Box(0, 0, 1, 1), attributes=v)
        for n, v in enumerate(values, 1)
    ]


@pytest.mark.parametrize(
    ("spec", "value", "wanted"),
    [
        (AGE, 3, 3),
        (AGE, True, None),
        (AGE, "41.5", 41.5),
        (AGE, "121", None),
        (AGE, "nan", None),
        (AGE, "old", None),
        (SIDE, "left", "left"),
        (SIDE, "up", None),
        (NOTE, 2.0, "2"),
        (NOTE, False, "false"),
        (SICK, "Yes", True),
        (SICK, 0, False),
        (SICK, "perhaps", None),
        (AttributeSpec("n", "choice", ("1", "2")), 2.0, "2"),
    ],
)
def test_conversions(spec: AttributeSpec, value: object, wanted: object) -> None:
    made = spec.converted(value)
    assert made == wanted
    assert type(made) is type(wanted)
    if made is not None:
        assert spec.fits(made)


@pytest.mark.parametrize(
    "spec",
    [
        AttributeSpec(" "),
        AttributeSpec("a", "choice"),
        AttributeSpec("a", "choice", ("x", "x")),
        AttributeSpec("a", "choice", ("x",), "y"),
        AttributeSpec("a", "number", low=2, high=1),
        AttributeSpec("a", "number", default=True),
        AttributeSpec("a", "number", default=5, high=4),
        AttributeSpec("a", "flag", default="yes"),
    ],
)
def test_impossible_questions(spec: AttributeSpec) -> None:
    with pytest.raises(InvalidValue):
        attributes.check([spec])


def test_a_class_keeps_its_bounds_on_disk() -> None:
    assert class_from(class_values(CELL)) == CELL
    old = (1, "cell", "#e69f00", 0, '[["age","number",[],3]]', None)
    assert class_from(old).attributes == (AttributeSpec("age", "number", (), 3),)


def test_values_follow_their_attribute() -> None:
    specs = (
        replace(AGE, name="years", high=50),
        replace(SIDE, choices=("right", "middle"), default=None),
        replace(SICK, kind="text"),
        AttributeSpec("grade", "number"),  # imported files had it as text
    )
    rows = objects(
        {"age": 30, "side": "left", "note": "x", "sick": True, "other": 1},
        {"age": 70, "side": "right", "grade": "2"},
        {"grade": "bad"},
        {"other": 5},
    )
    change = attributes.change_specs(
        CELL, specs, {"years": "age", "side": "side", "sick": "sick"}, rows
    )
    assert change.edit is not None
    after = {c.row.id: c.after for c in change.edit if isinstance(c.after, Annotation)}
    assert after[1].attributes == {"years": 30, "sick": "true", "other": 1}
    assert after[2].attributes == {"side": "right", "grade": 2.0}
    assert after[3].attributes == {}
    assert 4 not in after
    assert change.dropped == {"side": 1, "note": 1, "age": 1, "grade": 1}
    assert change.kept == 4
    swapped = (replace(NOTE, name="sick"), replace(SICK, name="note"))
    change = attributes.change_specs(CELL, swapped, {"sick": "note", "note": "sick"}, rows[:1])
    assert change.edit is not None
    row = change.edit.changes[-1].after
    assert isinstance(row, Annotation)
    assert row.attributes == {"sick": "x", "note": True, "other": 1}
    with pytest.raises(InvalidValue, match="two attributes"):
        attributes.change_specs(CELL, (AGE, AGE), {}, [])


def test_what_is_asked_about_several_objects() -> None:
    other = LabelClass(
        id=2, name="nucleus", colour="#56b4e9", attributes=(SIDE, replace(AGE, low=1))
    )
    classes = {1: CELL, 2: other}
    rows = objects({"age": 3, "side": "left"}, {"age": 4, "side": "left", "free": 1})
    asked = {q.spec.name: q.value for q in attributes.questions(rows, classes)}
    assert asked == {"age": MIXED, "side": "left", "note": None, "sick": None}
    both = [*rows, *objects({"side": "right"}, class_id=2)]
    asked = {q.spec.name: q.value for q in attributes.questions(both, classes)}
    assert asked == {"age": MIXED, "side": MIXED}
    asked = {q.spec.name: q.spec.kind for q in attributes.questions(rows[1:], classes)}
    assert asked["free"] == "number"
    assert attributes.defaults(CELL) == {"side": "left"}
