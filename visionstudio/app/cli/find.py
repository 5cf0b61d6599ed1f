"""``find``: look for annotations across a project, and change all that are found."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.opening import project_store
from visionstudio.app.cli.reply import Reply, columns, count

if TYPE_CHECKING:
    from visionstudio.model.annotations import Annotation
    from visionstudio.model.edits import Edit
    from visionstudio.model.labels import LabelClass
    from visionstudio.storage.query import AttributeTest, Range
    from visionstudio.storage.store import ProjectStore

_TEST = re.compile(r"(!?)([^=<>!~]+?)\s*(?:(!=|>=|<=|=|~)\s*(.*))?$", re.DOTALL)
_RANGE_HELP = "pixels: LOW..HIGH, LOW.. or ..HIGH."


def find(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the project.")],
    text: Annotated[
        str,
        typer.Option(
            help="Words that occur in the class, the file, an attribute's value or the source."
        ),
    ] = "",
    classes: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="A class; repeatable.")
    ] = None,
    states: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            help="proposed, accepted, edited, verified or rejected; repeatable.",
        ),
    ] = None,
    shapes: Annotated[
        list[str] | None,
        typer.Option("--shape", metavar="KIND", help="box, polygon, mask, …; repeatable."),
    ] = None,
    source: Annotated[
        str, typer.Option(help="manual, import, model, or a whole one such as model:ID.")
    ] = "",
    attribute: Annotated[
        str,
        typer.Option(
            metavar="TEST",
            help="name, !name (has none), name=V, name!=V, name~TEXT, name>=N or name<=N.",
        ),
    ] = "",
    score: Annotated[str, typer.Option(metavar="RANGE", help="LOW..HIGH, LOW.. or ..HIGH.")] = "",
    width: Annotated[str, typer.Option(metavar="RANGE", help=_RANGE_HELP)] = "",
    height: Annotated[str, typer.Option(metavar="RANGE", help=_RANGE_HELP)] = "",
    area: Annotated[str, typer.Option(metavar="RANGE", help=f"square {_RANGE_HELP}")] = "",
    track: Annotated[int | None, typer.Option(help="The number of a track.")] = None,
    model_run: Annotated[
        int | None, typer.Option("--run", help="The number of a run of a model.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many are listed at most.")] = 1000,
    relabel: Annotated[
        str | None, typer.Option(metavar="NAME", help="Give all that are found this class.")
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Set an attribute of all that are found."),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Mark all as verified.")] = False,
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete labels and reject proposals.")
    ] = False,
) -> Reply:
    """Find annotations by any of their facts; a change to all of them is one step to undo."""
    from visionstudio.model.errors import InvalidValue
    from visionstudio.storage.query import Query

    if sum((relabel is not None, answer is not None, verify, delete)) > 1:
        raise InvalidValue(
            "several things are to be done to what is found", next_step="ask for one at a time"
        )
    changes = relabel is not None or answer is not None or verify or delete
    with project_store(folder, read_only=not changes) as store:
        known = store.classes()
        query = Query(
            text=text,
            classes=tuple(_class(known, name).id for name in classes or ()),
            states=_states(states or ()),
            kinds=_kinds(shapes or ()),
            source=source,
            run_id=model_run,
            track_id=track,
            attribute=attribute_test(attribute, known) if attribute else None,
            score=span(score, "--score"),
            width=span(width, "--width"),
            height=span(height, "--height"),
            area=span(area, "--area"),
        )
        ids = store.find(query).ids.tolist()
        document = _listed(store, ids, limit)
        if changes:
            edit = _edit(store, ids, relabel, answer, verify)
            if edit is not None:
                store.apply(edit)
            document["changed"] = len(edit.changes) if edit is not None else 0
    return Reply(document, _text(document))


def _edit(
    store: ProjectStore, ids: Sequence[int], relabel: str | None, answer: str | None, verify: bool
) -> Edit | None:
    """What is to be done to all that was found."""
    from visionstudio.model.annotations import Flags
    from visionstudio.model.errors import InvalidValue
    from visionstudio.session import editing

    found = store.annotations_by_id(ids)
    if relabel is not None:
        return editing.relabel(found, _class(store.classes(), relabel))
    if answer is not None:
        name, given, value = answer.partition("=")
        if not given or not name.strip():
            raise InvalidValue(f"--set takes NAME=VALUE, got '{answer}'")
        typed = _typed(name.strip(), value.strip(), store.classes()) if value.strip() else None
        return editing.set_attributes(found, {name.strip(): typed})
    if verify:
        return editing.verify(found)
    locked = set(store.setting("locked_classes", ()))
    free = [a for a in found if not a.flags & Flags.LOCKED and a.class_id not in locked]
    return editing.delete(free)


def _listed(store: ProjectStore, ids: Sequence[int], limit: int) -> dict[str, Any]:
    names = {c.id: c.name for c in store.classes()}
    paths = {m.id: m.path for m in store.media()}
    rows = {a.id: a for a in store.annotations_by_id(ids[:limit])}

    def row(a: Annotation) -> dict[str, Any]:
        x1, y1, x2, y2 = a.shape.bounds()
        return {
            "id": a.id,
            "file": paths.get(a.media_id, "?"),
            "frame": a.frame,
            "class": names.get(a.class_id, "?"),
            "shape": a.shape.kind,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "area": a.shape.area(),
            "state": a.state.value,
            "score": a.score,
            "track": a.track_id,
            "attributes": dict(a.attributes),
            "source": a.source,
        }

    return {"found": len(ids), "annotations": [row(rows[i]) for i in ids[:limit] if i in rows]}


def _text(document: dict[str, Any]) -> str:
    found = document["annotations"]
    lines = [
        (
            f"#{a['id']}",
            a["class"],
            f"{a['file']}" + (f":{a['frame']}" if a["frame"] else ""),
            a["state"],
            "" if a["score"] is None else f"{a['score']:.2f}",
            f"{a['bbox'][2]:.0f}×{a['bbox'][3]:.0f}",
        )
        for a in found
    ]
    said = count(document["found"], "annotation") + " found"
    if len(found) < document["found"]:
        said += f", the first {len(found)} listed"
    if "changed" in document:
        said += f", {document['changed']} changed"
    return "\n".join(filter(None, [columns(lines), said]))


def _class(known: Sequence[LabelClass], name: str) -> LabelClass:
    from visionstudio.model.errors import InvalidValue

    for one in known:
        if one.name == name:
            return one
    names = ", ".join(c.name for c in known) or "none"
    raise InvalidValue(f"there is no class '{name}'", next_step=f"the classes are: {names}")


def _states(names: Sequence[str]) -> tuple[Any, ...]:
    from visionstudio.model.annotations import State
    from visionstudio.model.errors import InvalidValue

    try:
        return tuple(State(name) for name in names)
    except ValueError as error:
        raise InvalidValue(str(error), next_step=f"use one of: {', '.join(State)}") from error


def _kinds(names: Sequence[str]) -> tuple[str, ...]:
    from visionstudio.model.errors import InvalidValue
    from visionstudio.model.shapes import KINDS

    for name in names:
        if name not in KINDS:
            raise InvalidValue(
                f"there is no shape '{name}'", next_step=f"use one of: {', '.join(KINDS)}"
            )
    return tuple(names)


def span(text: str, option: str) -> Range:
    """A range written as LOW..HIGH, where either may be missing. Raises InvalidValue."""
    from visionstudio.model.errors import InvalidValue

    if not text:
        return None, None
    low, dots, high = text.partition("..")
    try:
        ends = [float(part) if part.strip() else None for part in (low, high if dots else low)]
    except ValueError:
        ends = [math.nan, None]
    if any(e is not None and not math.isfinite(e) for e in ends):
        raise InvalidValue(f"{option} takes LOW..HIGH, LOW.. or ..HIGH, got '{text}'")
    return ends[0], ends[1]


def attribute_test(text: str, known: Sequence[LabelClass]) -> AttributeTest:
    """What an attribute must say, from ``name``, ``!name``, ``name=value`` and so on."""
    from visionstudio.model.errors import InvalidValue
    from visionstudio.storage.query import AttributeTest

    parts = _TEST.match(text.strip())
    if parts is None:
        raise InvalidValue(f"--attribute does not understand '{text}'")
    absent, name, sign, value = parts.groups()
    if absent:
        return AttributeTest(name, "none")
    if not sign:
        return AttributeTest(name)
    if sign == "~":
        return AttributeTest(name, "contains", value)
    if sign in (">=", "<="):
        number, _ = span(value, "--attribute")
        if number is None:
            raise InvalidValue(f"--attribute {name}{sign} needs a number")
        return AttributeTest(name, "least" if sign == ">=" else "most", number)
    return AttributeTest(name, "is" if sign == "=" else "not", _typed(name, value, known))


def _typed(name: str, text: str, known: Sequence[LabelClass]) -> str | float | bool:
    """A value as the attribute of that name holds it; else as it was most likely meant."""
    from visionstudio.model.labels import AttributeSpec

    asked = [s for one in known for s in one.attributes if s.name == name]
    for spec in (*asked, AttributeSpec(name, "number")):
        value = spec.converted(text)
        if value is not None:
            return value
    return {"true": True, "false": False}.get(text, text)
