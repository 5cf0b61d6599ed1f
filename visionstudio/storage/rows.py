"""Values as rows: how annotations, classes and media items lie in their tables.

A row is a tuple in the order of the table's columns, the id first. Empty
attributes, histories and extras are NULL, which keeps a million rows small.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Row
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import AttributeSpec, LabelClass, SkeletonSpec
from visionstudio.model.measurements import Measurement, MeasurementKind
from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.model.shape_codec import decode, encode
from visionstudio.model.shapes import KINDS

Value = int | float | str | bytes | None
Values = tuple[Value, ...]

# Stored numbers: add at the end, never reorder.
STATES: tuple[State, ...] = (
    State.PROPOSED,
    State.ACCEPTED,
    State.EDITED,
    State.VERIFIED,
    State.REJECTED,
)
STATE_CODE: Mapping[State, int] = {state: code for code, state in enumerate(STATES)}
LABEL_CODES: tuple[int, ...] = tuple(STATE_CODE[s] for s in STATES if s.is_label)
PROPOSED_CODE = STATE_CODE[State.PROPOSED]
KIND_CODE = {kind: code for code, kind in enumerate(KINDS)}
TAG_CODE = KIND_CODE["tag"]
_FLAGS = tuple(Flags(n) for n in range(256))
_NOTHING: Mapping[str, Any] = {}


def to_json(value: Any) -> str:
    """Compact JSON. Raises InvalidValue for what JSON cannot hold, NaN included."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        text.encode()
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"a value cannot be stored as JSON ({error})") from error
    return text


def _optional_json(value: Any) -> str | None:
    return to_json(value) if value else None


def annotation_values(a: Annotation) -> Values:
    """The row of an annotation."""
    kind, geometry = encode(a.shape)
    return (
        a.id,
        a.media_id,
        a.frame,
        a.class_id,
        STATE_CODE[a.state],
        KIND_CODE[kind],
        geometry,
        a.pts,
        a.track_id,
        a.group_id,
        a.score,
        a.z,
        int(a.flags),
        _optional_json(dict(a.attributes)) if a.attributes else None,
        a.source,
        a.run_id,
        _optional_json(a.history),
        _optional_json(dict(a.extra)) if a.extra else None,
    )


def annotation_from(row: tuple[Any, ...]) -> Annotation:
    """The annotation of a row."""
    flags = row[12]
    return Annotation(
        id=row[0],
        media_id=row[1],
        frame=row[2],
        class_id=row[3],
        state=STATES[row[4]],
        shape=decode(KINDS[row[5]], row[6]),
        pts=row[7],
        track_id=row[8],
        group_id=row[9],
        score=row[10],
        z=row[11],
        flags=_FLAGS[flags] if 0 <= flags < 256 else Flags(flags),
        attributes=json.loads(row[13]) if row[13] else _NOTHING,
        source=row[14],
        run_id=row[15],
        history=tuple(json.loads(row[16])) if row[16] else (),
        extra=json.loads(row[17]) if row[17] else _NOTHING,
    )


def class_values(c: LabelClass) -> Values:
    """The row of a class."""
    attributes = [[a.name, a.kind, list(a.choices), a.default, a.low, a.high] for a in c.attributes]
    skeleton: list[Any] | None = None
    if c.skeleton:
        skeleton = [list(c.skeleton.names), list(c.skeleton.edges)]
        if c.skeleton.flips:
            skeleton.append(list(c.skeleton.flips))
    return (c.id, c.name, c.colour, c.order, to_json(attributes), _optional_json(skeleton))


def class_from(row: tuple[Any, ...]) -> LabelClass:
    """The class of a row."""
    attributes = tuple(
        # Older projects have no bounds.
        AttributeSpec(name, kind, tuple(choices), default, *bounds)
        for name, kind, choices, default, *bounds in json.loads(row[4])
    )
    skeleton = None
    if row[5]:
        names, edges, *more = json.loads(row[5])
        pairs = [tuple((a, b) for a, b in part) for part in (edges, *more)]
        skeleton = SkeletonSpec(tuple(names), *pairs)
    return LabelClass(
        id=row[0],
        name=row[1],
        colour=row[2],
        order=row[3],
        attributes=attributes,
        skeleton=skeleton,
    )


def path_text(path: str) -> str:
    """A path as valid Unicode: a name whose bytes are no UTF-8 is quoted behind a NUL."""
    try:
        path.encode()
        return path
    except UnicodeEncodeError:
        return "\0" + quote(os.fsencode(path))


def path_from(text: str) -> str:
    """The path that `path_text` stored."""
    return os.fsdecode(unquote_to_bytes(text[1:])) if text.startswith("\0") else text


def media_values(m: MediaItem) -> Values:
    """The row of a media item."""
    return (
        m.id,
        path_text(m.path),
        m.kind.value,
        m.width,
        m.height,
        m.frames,
        m.size,
        m.head_hash,
        m.status.value,
        m.reason,
        int(m.verified),
        _optional_json(dict(m.extra)) if m.extra else None,
    )


def measurement_values(m: Measurement) -> Values:
    """The row of a measurement."""
    points = json.dumps([[float(x), float(y)] for x, y in m.points])
    return (
        m.id,
        m.media_id,
        m.frame,
        m.kind.value,
        points,
        m.label,
        float(m.value),
        m.unit,
        int(m.everywhere),
    )


def measurement_from(row: tuple[Any, ...]) -> Measurement:
    """The measurement of a row."""
    return Measurement(
        id=row[0],
        media_id=row[1],
        frame=row[2],
        kind=MeasurementKind(row[3]),
        points=tuple((x, y) for x, y in json.loads(row[4])),
        label=row[5],
        value=row[6],
        unit=row[7],
        everywhere=bool(row[8]),
    )


_MEDIA_KINDS = {kind.value: kind for kind in MediaKind}
_MEDIA_STATUS = {status.value: status for status in MediaStatus}


def media_from(row: tuple[Any, ...]) -> MediaItem:
    """The media item of a row."""
    return MediaItem(
        id=row[0],
        path=path_from(row[1]),
        kind=_MEDIA_KINDS[row[2]],
        width=row[3],
        height=row[4],
        frames=row[5],
        size=row[6],
        head_hash=row[7],
        status=_MEDIA_STATUS[row[8]],
        reason=row[9],
        verified=bool(row[10]),
        extra=json.loads(row[11]) if row[11] else _NOTHING,
    )


@dataclass(frozen=True, slots=True)
class Table:
    """A table of rows that edits change. `places` maps a value's field to its columns."""

    name: str
    columns: tuple[str, ...]
    values: Callable[[Any], Values]
    value: Callable[[tuple[Any, ...]], Row]
    places: Mapping[str, tuple[int, ...]]

    @property
    def select(self) -> str:
        """SELECT of all columns, in order."""
        return f"SELECT {', '.join(self.columns)} FROM {self.name}"

    @property
    def insert(self) -> str:
        """INSERT of one row."""
        marks = ", ".join("?" * len(self.columns))
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({marks})"

    def whole(self, row: Sequence[Value]) -> Sequence[Value]:
        """A row that was written down before the table had its last columns, with them."""
        return (*row, *[None] * (len(self.columns) - len(row)))


def _table(
    name: str,
    kind: type[Any],
    columns: str,
    values: Callable[[Any], Values],
    value: Callable[[tuple[Any, ...]], Row],
    **unlike: tuple[str, ...],
) -> Table:
    """A table whose columns have the names of the value's fields, but for `unlike`."""
    names = tuple(columns.split())
    places = {
        field.name: tuple(names.index(c) for c in unlike.get(field.name, (field.name,)))
        for field in fields(kind)
    }
    return Table(name, names, values, value, places)


ANNOTATION = _table(
    "annotation",
    Annotation,
    "id media_id frame class_id state kind geometry pts track_id group_id score z flags"
    " attributes source run_id history extra",
    annotation_values,
    annotation_from,
    shape=("kind", "geometry"),
)
CLASS = _table(
    "class",
    LabelClass,
    "id name colour place attributes skeleton",
    class_values,
    class_from,
    order=("place",),
)
MEDIA = _table(
    "media",
    MediaItem,
    "id path kind width height frames size head_hash status reason verified extra",
    media_values,
    media_from,
)
MEASUREMENT = _table(
    "measurement",
    Measurement,
    "id media_id frame kind points label value unit everywhere",
    measurement_values,
    measurement_from,
)

# Stored numbers in the journal: add at the end, never reorder.
TABLES: tuple[Table, ...] = (ANNOTATION, CLASS, MEDIA, MEASUREMENT)
_TABLE_OF: Mapping[type[Row], int] = {Annotation: 0, LabelClass: 1, MediaItem: 2, Measurement: 3}


def table_of(row: Row) -> int:
    """The number of the table that holds a value."""
    return _TABLE_OF[type(row)]
