"""Edits that make several objects one, one several, or take one out of another.

The result keeps the class, attributes, drawing order and origin of the first
object; that is the one selected first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.shapes import Shape
from visionstudio.session import booleans, editing
from visionstudio.session.booleans import Size
from visionstudio.session.proposals import corrected


def _needed(annotations: Sequence[Annotation]) -> tuple[Annotation, list[Annotation]]:
    from visionstudio.session import pixels

    usable = [a for a in annotations if pixels.covers(a.shape)]
    if len(usable) < 2:
        raise InvalidValue(
            "this takes two or more objects with an inside",
            next_step="select boxes, polygons, ellipses or masks; hold Shift to select more",
        )
    return usable[0], usable[1:]


def _become(first: Annotation, shape: Shape | None, what: str) -> Change:
    if shape is None:
        raise InvalidValue("nothing would be left of the object", next_step="delete it instead")
    return Change(first, corrected(first, replace(first, shape=shape), what))


def _gone(others: Sequence[Annotation]) -> tuple[Change, ...]:
    edit = editing.delete(others)
    return edit.changes if edit is not None else ()


def join(annotations: Sequence[Annotation], size: Size) -> Edit:
    """One object of all. Raises InvalidValue for fewer than two."""
    first, others = _needed(annotations)
    shape = booleans.joined([first.shape, *(a.shape for a in others)], size)
    return Edit(f"Join {len(others) + 1} objects", (_become(first, shape, "join"), *_gone(others)))


def subtract(annotations: Sequence[Annotation], size: Size) -> Edit | None:
    """Cut the others out of the first; they stay. Raises InvalidValue when nothing is left."""
    first, others = _needed(annotations)
    shape = booleans.subtracted(first.shape, [a.shape for a in others], size)
    return None if shape == first.shape else Edit("Subtract", (_become(first, shape, "subtract"),))


def intersect(annotations: Sequence[Annotation], size: Size) -> Edit:
    """One object where all overlap. Raises InvalidValue when they do not."""
    first, others = _needed(annotations)
    shape = booleans.intersected([first.shape, *(a.shape for a in others)], size)
    if shape is None:
        raise InvalidValue("the objects do not overlap", next_step="select others")
    return Edit("Intersect", (_become(first, shape, "intersect"), *_gone(others)))


def divide(
    title: str,
    pairs: Mapping[int, tuple[Annotation, Sequence[Shape]]],
    reserve: Callable[[int], int],
) -> tuple[Edit | None, list[int]]:
    """Annotations become several each: the first shape keeps the id, the others get new ones.

    Gives the edit, and the ids of all that came of it.
    """
    count = sum(len(shapes) - 1 for _, shapes in pairs.values())
    if count <= 0:
        return None, []
    fresh = reserve(count)
    changes, ids = [], []
    for before, shapes in pairs.values():
        if len(shapes) < 2:
            continue
        first = corrected(before, replace(before, shape=shapes[0]), "split")
        changes.append(Change(before, first))
        # One of a track's or group's objects can only be one of them.
        same = {f.name: getattr(first, f.name) for f in fields(first)} | {"track_id": None}
        # There may be thousands: `replace` would look up all fields for each.
        parts = [
            Annotation(**(same | {"id": fresh + n, "shape": s})) for n, s in enumerate(shapes[1:])
        ]
        fresh += len(parts)
        changes += [Change(None, part) for part in parts]
        ids += [before.id, *(part.id for part in parts)]
    return Edit(title, tuple(changes)), ids
