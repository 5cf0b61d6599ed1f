"""Copies of annotations: within a project, between projects, and as text for the clipboard.

A copy names its classes instead of numbering them, so that another project finds
its own by name or makes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass
from visionstudio.model.shape_codec import decode, encode
from visionstudio.model.shapes import Shape
from visionstudio.session.arranging import moved_inside

if TYPE_CHECKING:
    from visionstudio.session.core import SessionCore

MIME = "application/x-visionstudio-annotations+json"
_KEPT = Flags.CROWD | Flags.DIFFICULT | Flags.OCCLUDED | Flags.TRUNCATED
"""Marks that say something about the thing; whether a copy is locked or hidden is its own."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Annotations with their classes, and the place that they were copied from."""

    place: str
    classes: tuple[LabelClass, ...]
    objects: tuple[Annotation, ...]


def place_of(session: SessionCore) -> str:
    """A name for the picture or frame on screen that no other project's picture has."""
    media_id = session.current.id if session.current is not None else 0
    place = f"{session.store.folder}\n{media_id}\n{session.frame}"
    return hashlib.blake2b(place.encode(errors="surrogateescape"), digest_size=12).hexdigest()


def copied(session: SessionCore, objects: Sequence[Annotation]) -> Copied:
    """Annotations of a session, to be pasted later."""
    used = {a.class_id for a in objects}
    classes = tuple(c for c in session.classes if c.id in used)
    return Copied(place_of(session), classes, tuple(objects))


# Pasting


def paste(
    session: SessionCore,
    what: Copied,
    title: str,
    *,
    offset: float = 0.0,
    pts: int | None = None,
    keep_tracks: bool = False,
) -> Edit | None:
    """The edit that puts copies on the current picture or frame, with the classes they need.

    They are moved by `offset` in both directions, and into the picture where they
    stand out of it. Groups stay together as new groups.
    """
    here = session.current
    if here is None or not what.objects:
        return None
    changes, class_ids = _classes(session, what.classes)
    objects = [a for a in what.objects if a.class_id in class_ids]
    if not objects:
        return None
    groups = {g: 0 for a in objects if (g := a.group_id) is not None}
    if groups:
        first = session.reserve_ids("group", len(groups))
        groups = {g: first + i for i, g in enumerate(groups)}
    first = session.reserve_ids("annotation", len(objects))
    picture = (float(here.width), float(here.height))
    for i, a in enumerate(objects):
        fresh = Annotation(
            id=first + i,
            media_id=here.id,
            frame=session.frame,
            pts=pts,
            class_id=class_ids[a.class_id],
            shape=_placed(a.shape, offset, picture),
            track_id=a.track_id if keep_tracks else None,
            group_id=groups[a.group_id] if a.group_id is not None else None,
            z=a.z,
            flags=a.flags & _KEPT,
            attributes=a.attributes,
        )
        changes.append(Change(None, fresh))
    return Edit(title, tuple(changes))


def missing(there: Sequence[Annotation], here: Sequence[Annotation]) -> list[Annotation]:
    """The labels of another picture or frame that this one does not have yet."""
    known = {(a.class_id, a.shape) for a in here if a.state is not State.REJECTED}
    tracks = {a.track_id for a in here if a.track_id is not None and a.state.is_label}
    return [
        a
        for a in there
        if a.state.is_label and (a.class_id, a.shape) not in known and a.track_id not in tracks
    ]


def _placed(shape: Shape, offset: float, picture: tuple[float, float]) -> Shape:
    moved = shape.translated(offset, offset) if offset else shape
    return moved_inside(moved, picture) if picture[0] else moved


def _classes(
    session: SessionCore, classes: Sequence[LabelClass]
) -> tuple[list[Change], dict[int, int]]:
    """The changes that make classes which the project lacks, and the ids to use for all."""
    changes, ids = [], {}
    order = max((c.order for c in session.classes), default=-1) + 1
    for one in classes:
        known = session.class_named(one.name)
        if known is not None:
            ids[one.id] = known.id
            continue
        ids[one.id] = session.reserve_ids("class")
        changes.append(Change(None, replace(one, id=ids[one.id], order=order)))
        order += 1
    return changes, ids


# As text


class _Class(msgspec.Struct):
    name: str
    colour: str
    attributes: str
    skeleton: str | None


class _Object(msgspec.Struct):
    label: int
    kind: str
    geometry: bytes
    z: int
    flags: int
    group: int | None
    track: int | None
    attributes: dict[str, Any]


class _Document(msgspec.Struct, tag="visionstudio annotations"):
    place: str
    classes: list[_Class]
    objects: list[_Object]


def to_text(what: Copied) -> bytes:
    """The copy as one JSON document."""
    numbers = {c.id: n for n, c in enumerate(what.classes)}
    document = _Document(
        place=what.place,
        classes=[_class_text(c) for c in what.classes],
        objects=[
            _Object(
                label=numbers[a.class_id],
                kind=encode(a.shape)[0],
                geometry=encode(a.shape)[1],
                z=a.z,
                flags=int(a.flags & _KEPT),
                group=a.group_id,
                track=a.track_id,
                attributes=dict(a.attributes),
            )
            for a in what.objects
            if a.class_id in numbers
        ],
    )
    return msgspec.json.encode(document)


def _class_text(one: LabelClass) -> _Class:
    from visionstudio.storage.rows import class_values  # the store is not there at the start

    _, _, _, _, attributes, skeleton = class_values(one)
    return _Class(one.name, one.colour, str(attributes), str(skeleton) if skeleton else None)


def from_text(data: bytes) -> Copied:
    """The copy in a JSON document. Raises InvalidValue for what is none."""
    from visionstudio.storage.rows import class_from

    try:
        document = msgspec.json.decode(data, type=_Document)
        classes = tuple(
            class_from((n, c.name, c.colour, n, c.attributes, c.skeleton))
            for n, c in enumerate(document.classes)
        )
        objects = tuple(
            Annotation(
                id=n,
                media_id=0,
                class_id=classes[o.label].id,
                shape=decode(o.kind, o.geometry),
                z=o.z,
                flags=Flags(o.flags) & _KEPT,
                group_id=o.group,
                track_id=o.track,
                attributes=o.attributes,
            )
            for n, o in enumerate(document.objects)
        )
    except (msgspec.MsgspecError, ValueError, TypeError, IndexError, KeyError) as error:
        raise InvalidValue(
            f"what was copied cannot be read ({error})", next_step="copy the objects again"
        ) from error
    return Copied(document.place, classes, objects)
