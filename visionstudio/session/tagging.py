"""Tags of many pictures at once: classification labelling by one key."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Tag
from visionstudio.session import editing, proposals

if TYPE_CHECKING:
    from visionstudio.session.core import SessionCore
    from visionstudio.storage.store import ProjectStore


def tag_edit(
    target: LabelClass,
    tags: dict[int, list[Annotation]],
    *,
    only: bool,
    reserve: Callable[[int], int],
) -> Edit | None:
    """Give pictures a tag; where all have it as a label already, take it away again.

    `tags` are the tags of every picture by its media id, in every state. A proposed
    tag of the class is accepted. With `only` the pictures' other tags go: labels are
    deleted, proposals refused. `reserve(n)` gives the first of n fresh annotation ids.
    None where nothing would change.
    """
    have = {m: [a for a in of if a.class_id == target.id and a.state.is_label]
            for m, of in tags.items()}  # fmt: skip
    changes: list[Change] = []
    if all(have.values()):
        gone = editing.delete([a for found in have.values() for a in found])
        return None if gone is None else Edit(_title("Untag", target, len(have)), gone.changes)
    missing = []
    for media_id, of in tags.items():
        alive = [a for a in of if a.state is not State.REJECTED]
        others = [a for a in alive if a.class_id != target.id] if only else []
        proposed = [a for a in alive if a.class_id == target.id and a.state is State.PROPOSED]
        for edit in (editing.delete(others), proposals.accept(proposed)):
            changes += edit.changes if edit is not None else ()
        if not have[media_id] and not proposed:
            missing.append(media_id)
    if missing:
        first = reserve(len(missing))
        changes += [
            Change(None, Annotation(id=first + n, media_id=m, class_id=target.id, shape=Tag()))
            for n, m in enumerate(missing)
        ]
    return Edit(_title("Tag", target, len(tags)), tuple(changes)) if changes else None


def _title(verb: str, target: LabelClass, count: int) -> str:
    noun = "picture" if count == 1 else f"{count} pictures"
    return f"{verb} {noun} {target.name}"


@dataclass(frozen=True, slots=True)
class _Wish:
    class_id: int
    media_ids: tuple[int, ...]
    only: bool


class Tagging:
    """Tags pictures one wish after the other, so that quick keys see each other's work."""

    def __init__(self, session: SessionCore) -> None:
        self._session = session
        self._wishes: deque[_Wish] = deque()
        self._busy = False

    def tag(self, class_id: int, media_ids: Sequence[int], *, only: bool) -> None:
        """Give these pictures a tag, or take it away where all have it; one step to undo."""
        if media_ids:
            self._wishes.append(_Wish(class_id, tuple(media_ids), only))
            self._next()

    def _next(self) -> None:
        if self._busy or not self._wishes:
            return
        wish = self._wishes.popleft()
        target = self._session.class_by_id(wish.class_id)
        if target is None:
            self._next()
            return
        self._busy = True

        def build(store: ProjectStore) -> Edit | None:
            found = store.tags_of(wish.media_ids)
            tags = {m: found.get(m, []) for m in wish.media_ids}
            return tag_edit(
                target,
                tags,
                only=wish.only,
                reserve=lambda count: store.reserve_ids("annotation", count),
            )

        def done(edit: Edit | None) -> None:
            self._session.apply(edit)
            self._busy = False
            self._next()

        def failed(error: object) -> None:
            self._session.failed.emit(error)
            self._busy = False
            self._next()

        self._session.in_store(build, done, failed)
