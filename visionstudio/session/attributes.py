"""What is asked about the objects of a class, and what happens to the answers when that changes.

Pure functions; edits are None where nothing would change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import AttributeSpec, LabelClass, check_attribute


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """An edit of a class's attributes, and how its objects' values fared.

    `kept` counts values that stayed or were converted under a new name or kind;
    `dropped` values that could not, by the attribute's old name.
    """

    edit: Edit | None
    kept: int
    dropped: Mapping[str, int]


def defaults(one: LabelClass | None) -> dict[str, Any]:
    """What a new object of a class begins with."""
    specs = one.attributes if one is not None else ()
    return {s.name: s.default for s in specs if s.default is not None}


def check(specs: Sequence[AttributeSpec]) -> None:
    """Raises InvalidValue when the questions of a class cannot be asked like that."""
    for spec in specs:
        check_attribute(spec)
    twice = [name for name, count in Counter(s.name for s in specs).items() if count > 1]
    if twice:
        raise InvalidValue(
            f"there are two attributes called '{twice[0]}'", next_step="choose another name"
        )


def change_specs(
    before: LabelClass,
    specs: Sequence[AttributeSpec],
    old_names: Mapping[str, str],
    annotations: Iterable[Annotation],
) -> AttributeChange:
    """Ask other questions about a class.

    `old_names` says by new name what an attribute was called; `annotations` are
    those of the class. Values follow their attribute and are converted where
    its kind, choices or bounds changed. Values that nothing asked for, from an
    import say, stay as they are until an attribute of their name does. Raises
    InvalidValue.
    """
    check(specs)
    after = replace(before, attributes=tuple(specs))
    changes = [Change(before, after)] if after != before else []
    old = {s.name: s for s in before.attributes}
    news = {old_names[s.name]: s for s in specs if s.name in old_names}
    for spec in specs:
        if spec.name not in old_names and spec.name not in old:
            news.setdefault(spec.name, spec)
    changed = {name for name in (*old, *news) if news.get(name) != old.get(name)}
    kept, dropped = 0, Counter[str]()
    for a in annotations:
        values = _converted(a.attributes, changed, news, dropped)
        if values is None:
            continue
        kept += sum(name in changed for name in a.attributes)
        if values != dict(a.attributes):
            changes.append(Change(a, replace(a, attributes=values)))
    kept -= dropped.total()
    title = f"Change attributes of {before.name}"
    return AttributeChange(Edit(title, tuple(changes)) if changes else None, kept, dict(dropped))


def _converted(
    values: Mapping[str, Any],
    changed: set[str],
    news: Mapping[str, AttributeSpec],
    dropped: Counter[str],
) -> dict[str, Any] | None:
    """An object's values under the new questions; None where they are not concerned."""
    if not any(name in changed for name in values):
        return None
    result: dict[str, Any] = {}
    for name, value in values.items():
        if name not in changed:
            result.setdefault(name, value)
            continue
        spec = news.get(name)
        answer = spec.converted(value) if spec is not None else None
        if spec is None or answer is None:
            dropped[name] += 1
        else:
            result[spec.name] = answer
    return result


def usage(annotations: Iterable[Annotation]) -> Counter[str]:
    """How many objects have a value, by the attribute's name."""
    return Counter(name for a in annotations for name in a.attributes)


MIXED = object()
"""Stands for several different values."""


@dataclass(frozen=True, slots=True)
class Question:
    """An attribute as it is asked about several objects at once.

    `value` is what all answer, None when none does, MIXED when they differ.
    """

    spec: AttributeSpec
    value: Any


def questions(
    annotations: Sequence[Annotation], classes: Mapping[int, LabelClass]
) -> list[Question]:
    """What can be asked about all of these objects: attributes common to their classes.

    Values that no class asks for are there as text, so that nothing is out of sight.
    """
    used = [classes[i] for i in {a.class_id for a in annotations} if i in classes]
    if not used:
        return []
    specs = [
        s
        for s in used[0].attributes
        if all(any(_same(s, other) for other in c.attributes) for c in used[1:])
    ]
    asked = {s.name for c in used for s in c.attributes}
    extra = sorted({name for a in annotations for name in a.attributes} - asked)
    if len(annotations) == 1:
        specs += [AttributeSpec(name, _kind_of(annotations[0].attributes[name])) for name in extra]
    return [Question(s, _common(s.name, annotations)) for s in specs]


def _same(one: AttributeSpec, other: AttributeSpec) -> bool:
    return (one.name, one.kind, one.choices) == (other.name, other.kind, other.choices)


def _kind_of(value: Any) -> Any:
    if isinstance(value, bool):
        return "flag"
    return "number" if isinstance(value, int | float) else "text"


def _common(name: str, annotations: Sequence[Annotation]) -> Any:
    first = annotations[0].attributes.get(name)
    return first if all(a.attributes.get(name) == first for a in annotations) else MIXED
