"""What to look for among annotations, and the same as SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from visionstudio.model.annotations import State
from visionstudio.model.shapes import KINDS
from visionstudio.storage.rows import STATE_CODE

Test = Literal["any", "none", "is", "not", "contains", "least", "most"]
Range = tuple[float | None, float | None]
ANY: Range = (None, None)


@dataclass(frozen=True, slots=True)
class AttributeTest:
    """What an attribute must say: `any` value, `none`, be or not be a value, contain a text,
    be a number of at least or at most the value."""

    name: str
    test: Test = "any"
    value: str | float | bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Conditions that all must hold; what is left empty does not matter.

    `text` holds words, each of which must occur in the class's name, the file's
    path, an attribute's value or the source, or be the id with a `#` before it.
    `source` is 'manual', 'import', 'model' or a whole source such as
    'model:detector/x'. Ranges are inclusive; `width`, `height` are of the
    bounding box and `area` is inside the shape, in pixels. Without `states`
    everything but what was rejected is found.
    """

    text: str = ""
    classes: tuple[int, ...] = ()
    states: tuple[State, ...] = ()
    kinds: tuple[str, ...] = ()
    source: str = ""
    run_id: int | None = None
    track_id: int | None = None
    attribute: AttributeTest | None = None
    score: Range = ANY
    width: Range = ANY
    height: Range = ANY
    area: Range = ANY

    @property
    def measures(self) -> bool:
        """Whether sizes matter, for which the shapes have to be read."""
        return any(r != ANY for r in (self.width, self.height, self.area))


Condition = tuple[str, list[Any]]


def where(query: Query) -> Condition:
    """A query as an SQL condition on the table of annotations, but for sizes, with its values."""
    parts = [_states(query.states)]
    if query.classes:
        parts.append((_among("class_id", query.classes), []))
    if query.kinds:
        parts.append((_among("kind", [KINDS.index(k) for k in query.kinds]), []))
    parts += [_word(word) for word in query.text.split()]
    if query.source in ("import", "model"):
        parts.append(("source LIKE ?", [f"{query.source}:%"]))
    elif query.source:
        parts.append(("source = ?", [query.source]))
    if query.run_id is not None:
        parts.append(("run_id = ?", [query.run_id]))
    if query.track_id is not None:
        parts.append(("track_id = ?", [query.track_id]))
    low, high = query.score
    if low is not None:
        parts.append(("score >= ?", [low]))
    if high is not None:
        parts.append(("score <= ?", [high]))
    if query.attribute is not None:
        parts.append(_attribute(query.attribute))
    return " AND ".join(f"({sql})" for sql, _ in parts), [v for _, vs in parts for v in vs]


def _states(states: Sequence[State]) -> Condition:
    wanted = states or [s for s in State if s is not State.REJECTED]
    return _among("state", sorted(STATE_CODE[s] for s in wanted)), []


def _among(column: str, numbers: Sequence[int]) -> str:
    return f"{column} IN ({', '.join(str(int(n)) for n in numbers)})"


def _word(word: str) -> Condition:
    pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    like = r"LIKE ? ESCAPE '\'"
    value = f"EXISTS (SELECT 1 FROM json_each(attributes) WHERE CAST(value AS TEXT) {like})"
    sql = (
        f"class_id IN (SELECT id FROM class WHERE name {like})"
        f" OR (SELECT path FROM media WHERE id = media_id) {like}"
        f" OR source {like}"
        f" OR (attributes IS NOT NULL AND {value})"
    )
    values: list[Any] = [pattern] * 4
    if word.startswith("#") and word[1:].isdecimal() and len(word) < 20:
        return f"{sql} OR id = ?", [*values, int(word[1:])]
    return sql, values


def _attribute(wanted: AttributeTest) -> Condition:
    """json_each gives true and false as 1 and 0: their type tells them from numbers."""
    name, value = wanted.name, wanted.value
    match wanted.test:
        case "none":
            sql = "attributes IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(attributes)"
            return f"{sql} WHERE key = ?)", [name]
        case "any":
            return _answer("1", name, [])
        case "contains":
            return _answer("instr(lower(CAST(value AS TEXT)), lower(?))", name, [str(value)])
        case "least":
            return _answer("type IN ('integer', 'real') AND value >= ?", name, [value])
        case "most":
            return _answer("type IN ('integer', 'real') AND value <= ?", name, [value])
    negated = "NOT " if wanted.test == "not" else ""
    if isinstance(value, bool):
        return _answer(f"{negated}type = ?", name, [json.dumps(value)])
    if isinstance(value, str):
        return _answer(f"{negated}(type = 'text' AND value = ?)", name, [value])
    return _answer(f"{negated}(type IN ('integer', 'real') AND value = ?)", name, [value])


def _answer(condition: str, name: str, values: list[Any]) -> Condition:
    sql = f"EXISTS (SELECT 1 FROM json_each(attributes) WHERE key = ? AND {condition})"
    return f"attributes IS NOT NULL AND {sql}", [name, *values]
