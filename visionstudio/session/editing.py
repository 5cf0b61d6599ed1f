"""What people do to annotations, classes and media, as edits.

Pure functions from rows to an `Edit`; None where there would be nothing to
undo. Titles name what the undo menu offers to take back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit, Row
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass
from visionstudio.model.measurements import Measurement
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Shape
from visionstudio.session.attributes import defaults
from visionstudio.session.proposals import corrected


def _edit(title: str, pairs: Iterable[tuple[Row, Row]]) -> Edit | None:
    changes = tuple(Change(old, new) for old, new in pairs if old != new)
    return Edit(title, changes) if changes else None


def _named(verb: str, rows: Sequence[Row], noun: str) -> str:
    return f"{verb} {noun}" if len(rows) == 1 else f"{verb} {len(rows)} {noun}s"


def reshape(pairs: Sequence[tuple[Annotation, Shape]]) -> Edit | None:
    """Give annotations new shapes: moved, resized, a vertex dragged."""
    changed = [(a, corrected(a, replace(a, shape=s), "shape")) for a, s in pairs if a.shape != s]
    kinds = {a.shape.kind.replace("_", " ") for a, _ in changed}
    noun = kinds.pop() if len(kinds) == 1 else "shape"
    return _edit(_named("Change", [a for a, _ in changed], noun), changed)


def relabel(annotations: Sequence[Annotation], target: LabelClass) -> Edit | None:
    """Change the class."""
    changed = [
        (a, corrected(a, _of_class(a, target), f"class {a.class_id}→{target.id}"))
        for a in annotations
        if a.class_id != target.id
    ]
    return _edit(f"Change class to {target.name}", changed)


def _of_class(annotation: Annotation, target: LabelClass) -> Annotation:
    """Of another class, with the defaults of what that asks and nobody has answered."""
    values = {**defaults(target), **annotation.attributes}
    return replace(annotation, class_id=target.id, attributes=values)


def set_attributes(annotations: Sequence[Annotation], values: Mapping[str, Any]) -> Edit | None:
    """Answer questions about annotations; None as a value removes the answer."""
    changed = []
    for a in annotations:
        merged = {k: v for k, v in {**a.attributes, **values}.items() if v is not None}
        if merged != dict(a.attributes):
            changed.append((a, corrected(a, replace(a, attributes=merged), "attributes")))
    return _edit("Change attributes", changed)


def set_flags(annotations: Sequence[Annotation], flag: Flags, on: bool) -> Edit | None:
    """Set or clear a mark such as LOCKED or DIFFICULT."""
    name = (flag.name or "flags").lower()
    changed = [
        (a, replace(a, flags=a.flags | flag if on else a.flags & ~flag)) for a in annotations
    ]
    return _edit(f"{'Mark' if on else 'Unmark'} {name}", changed)


def set_group(annotations: Sequence[Annotation], group_id: int | None) -> Edit | None:
    """Put annotations into a group, or out of theirs."""
    changed = [(a, replace(a, group_id=group_id)) for a in annotations]
    return _edit("Group" if group_id is not None else "Ungroup", changed)


def delete(annotations: Sequence[Annotation]) -> Edit | None:
    """Delete labels; refuse proposals, which are kept so that no run offers them again."""
    if not annotations:
        return None
    changes = tuple(
        Change(a, replace(a, state=State.REJECTED, history=(*a.history, State.REJECTED.value)))
        if a.state is State.PROPOSED
        else Change(a, None)
        for a in annotations
    )
    return Edit(_named("Delete", annotations, "object"), changes)


def verify(annotations: Sequence[Annotation]) -> Edit | None:
    """Say that annotations are right as they are; proposals become labels by it."""
    changed = [
        (a, replace(a, state=State.VERIFIED, history=(*a.history, State.VERIFIED.value)))
        for a in annotations
        if a.state is not State.VERIFIED
    ]
    return _edit(_named("Verify", [a for a, _ in changed], "object"), changed)


def set_verified(items: Sequence[MediaItem], verified: bool) -> Edit | None:
    """Say that pictures are completely labelled, or no longer."""
    changed = [(i, replace(i, verified=verified)) for i in items]
    return _edit(_named("Verify" if verified else "Unverify", items, "picture"), changed)


def add_classes(classes: Sequence[LabelClass], new: Sequence[LabelClass]) -> Edit:
    """Add classes. Raises InvalidValue for a name that is taken."""
    for one in new:
        _check_name(classes, one.name)
    names = ", ".join(c.name for c in new)
    return Edit(f"Add class {names}", tuple(Change(None, c) for c in new))


def change_class(
    classes: Sequence[LabelClass], before: LabelClass, after: LabelClass
) -> Edit | None:
    """Rename or recolour a class, or change what is asked about its objects."""
    if after.name != before.name:
        _check_name(classes, after.name)
        return _edit(f"Rename class {before.name} to {after.name}", [(before, after)])
    return _edit(f"Change class {before.name}", [(before, after)])


def move_class(classes: Sequence[LabelClass], moved: LabelClass, place: int) -> Edit | None:
    """Put a class at another place of the list, 0-based."""
    rest = [c for c in classes if c.id != moved.id]
    rest.insert(min(max(place, 0), len(rest)), moved)
    return _edit(f"Move class {moved.name}", [(c, replace(c, order=i)) for i, c in enumerate(rest)])


def delete_class(target: LabelClass, annotations: Sequence[Annotation]) -> Edit:
    """Delete a class with all its annotations, in every state."""
    changes = (*(Change(a, None) for a in annotations), Change(target, None))
    return Edit(f"Delete class {target.name}", changes)


def delete_media(
    items: Sequence[MediaItem],
    annotations: Sequence[Annotation],
    measurements: Sequence[Measurement] = (),
) -> Edit:
    """Take pictures and videos out of the project, with all that is in them. Files stay."""
    rows: tuple[Row, ...] = (*annotations, *measurements, *items)
    return Edit(_named("Remove", items, "item"), tuple(Change(row, None) for row in rows))


def _check_name(classes: Sequence[LabelClass], name: str) -> None:
    if any(c.name == name for c in classes):
        raise InvalidValue(
            f"there is a class called '{name}' already", next_step="choose another name"
        )
