"""Who labels which pictures: a name at each, shared out evenly or by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.media import ASSIGNED, MediaItem


def assigned_to(item: MediaItem) -> str:
    """Who is to label it, '' for nobody."""
    who = item.extra.get(ASSIGNED, "")
    return who if isinstance(who, str) else ""


def assign(items: Sequence[MediaItem], who: str) -> Edit | None:
    """Give pictures to a person, '' to nobody. None when nothing would change."""
    name = who.strip()
    changes = []
    for item in items:
        if assigned_to(item) == name:
            continue
        extra = {k: v for k, v in item.extra.items() if k != ASSIGNED}
        if name:
            extra[ASSIGNED] = name
        changes.append(Change(item, replace(item, extra=extra)))
    if not changes:
        return None
    noun = "1 picture" if len(changes) == 1 else f"{len(changes)} pictures"
    return Edit(f"Assign {noun} to {name}" if name else f"Unassign {noun}", tuple(changes))


def share_out(
    items: Sequence[MediaItem], people: Sequence[str], *, seed: int = 0
) -> dict[str, list[MediaItem]]:
    """Share pictures out evenly, by chance, in the list's order for each person.

    Raises InvalidValue without two different names.
    """
    names = [p.strip() for p in people if p.strip()]
    if len(set(names)) != len(names) or len(names) < 2:
        raise InvalidValue("pictures are shared out among two or more different people")
    order = list(range(len(items)))
    random.Random(seed).shuffle(order)
    shares = (sorted(order[k :: len(names)]) for k in range(len(names)))
    return {name: [items[n] for n in share] for name, share in zip(names, shares, strict=True)}
