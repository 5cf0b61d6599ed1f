"""What replacing an annotation by a row of a file changes, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from visionstudio.model.annotations import Annotation


def difference(before: Annotation, after: Annotation, names: Mapping[int, str]) -> str:
    """Class, shape and fields in which the two differ; `names` are the classes by id."""
    return ", ".join(_parts(before, after, names)) or "nothing that shows"


def _parts(before: Annotation, after: Annotation, names: Mapping[int, str]) -> Iterator[str]:
    if before.class_id != after.class_id:
        yield f"class {names.get(before.class_id, '?')} → {names.get(after.class_id, '?')}"
    if before.frame != after.frame:
        yield f"frame {before.frame} → {after.frame}"
    if before.shape.kind != after.shape.kind:
        yield f"{before.shape.kind} → {after.shape.kind}".replace("_", " ")
    elif before.shape != after.shape:
        gap = np.abs(np.array(before.shape.bounds()) - after.shape.bounds()).max()
        noun = after.shape.kind.replace("_", " ")
        yield f"{noun} moved by up to {gap:.1f} px" if gap >= 0.05 else f"{noun} of another outline"
    for name in sorted({*before.attributes, *after.attributes}):
        old, new = before.attributes.get(name), after.attributes.get(name)
        if old != new:
            yield f"{name}: {old} → {new}"
    if before.score != after.score:
        yield "score"
    if before.flags != after.flags:
        yield "marks"
