"""Edits: every change to a project, each with its inverse.

A `Change` replaces one row by another; `before` is None for an addition and
`after` is None for a removal. An `Edit` is one gesture: changes that happen
together, are stored in one transaction, and are undone as one step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import LabelClass
from visionstudio.model.measurements import Measurement
from visionstudio.model.media import MediaItem

Row = Annotation | LabelClass | MediaItem | Measurement


@dataclass(frozen=True, slots=True)
class Change:
    """One row before and after. Both, where present, have the same type and id."""

    before: Row | None
    after: Row | None

    def __post_init__(self) -> None:
        if self.before is None and self.after is None:
            raise InvalidValue("a change needs a row before or after")
        if (
            self.before is not None
            and self.after is not None
            and (type(self.before) is not type(self.after) or self.before.id != self.after.id)
        ):
            raise InvalidValue("a change keeps the row's type and id")

    @property
    def row(self) -> Row:
        """The row after the change, or the one that was removed."""
        row = self.after if self.after is not None else self.before
        if row is None:
            raise InvalidValue("a change needs a row before or after")
        return row

    def inverse(self) -> Change:
        return Change(self.after, self.before)


@dataclass(frozen=True, slots=True)
class Edit:
    """One gesture: a title for the undo menu and the changes it makes, in order.

    `bulk` marks what a store tells of a gesture of so many rows that they are
    not listed: whoever shows the project reads it again.
    """

    title: str
    changes: tuple[Change, ...]
    bulk: bool = False

    def inverse(self) -> Edit:
        """The edit that takes this one back."""
        return Edit(self.title, tuple(c.inverse() for c in reversed(self.changes)))

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)


def add(title: str, rows: Iterable[Row]) -> Edit:
    """The edit that adds rows."""
    return Edit(title, tuple(Change(None, row) for row in rows))


def remove(title: str, rows: Iterable[Row]) -> Edit:
    """The edit that removes rows."""
    return Edit(title, tuple(Change(row, None) for row in rows))


def replace(title: str, pairs: Iterable[tuple[Row, Row]]) -> Edit:
    """The edit that puts the second row of each pair in the place of the first."""
    return Edit(title, tuple(Change(old, new) for old, new in pairs))
