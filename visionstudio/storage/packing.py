"""Rows as columns of bytes, which SQLite takes apart: none of them is an object of Python's.

One statement puts in a whole batch, in a fraction of the time that binding row
by row takes, and lets other threads run meanwhile. Row i of a column of fixed
width is `substr(bytes, 1 + width * i, width)`; i comes from `carray`, SQLite's
own table of an array of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apsw
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_AT = "(n.rowid - 1)"


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number of at least 0 per row."""

    values: Ints


@dataclass(frozen=True, slots=True)
class Real:
    """A number per row, NaN for NULL."""

    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes or text per row: `lengths[i]` bytes of `data` from `starts[i]` on.

    Empty ones are NULL where a column holds nothing else.
    """

    data: bytes
    starts: Ints
    lengths: Ints
    is_text: bool = False

    @classmethod
    def of(cls, texts: Sequence[str]) -> Piece:
        """Texts, one per row."""
        encoded = [t.encode() for t in texts]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        return cls(b"".join(encoded), np.cumsum(lengths) - lengths, lengths, is_text=True)

    def only(self, rows: Ints) -> Piece:
        """Those of some rows."""
        return Piece(self.data, self.starts[rows], self.lengths[rows], self.is_text)


Part = Whole | Real | Piece | str | int
"""What a column is made of; a text or a number is the same in all rows."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows with ids from `first` on, as columns; a tuple of parts is their texts joined.

    Columns that are not there are NULL.
    """

    first: int
    count: int
    columns: Mapping[str, Part | tuple[Part, ...]]

    def different(self, column: str) -> list[int]:
        """The different numbers of a column, in order; none for one that is not there."""
        match self.columns.get(column):
            case Whole(values):
                few = len(values) and values.max() < 64 * len(values)  # counting is quicker
                found = np.flatnonzero(np.bincount(values)) if few else np.unique(values)
                numbers: list[int] = found.tolist()
                return numbers
            case int(value):
                return [value]
        return []

    def insert(self, connection: apsw.Connection, table: str) -> None:
        """Put the rows into a table."""
        if not self.count:
            return
        writing = _Statement()
        ids = np.arange(self.first, self.first + self.count, dtype=np.int64)
        source = writing.bound(apsw.carray(ids))
        expressions = [
            " || ".join(f"coalesce({writing.part(p)}, '')" for p in column)
            if isinstance(column, tuple)
            else writing.part(column)
            for column in self.columns.values()
        ]
        connection.execute(
            f"INSERT INTO {table} (id, {', '.join(self.columns)})"
            f" SELECT n.value, {', '.join(expressions)} FROM carray({source}) AS n",
            writing.values,
        )


class _Statement:
    """Expressions for parts, and the values that they speak of."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def bound(self, value: Any) -> str:
        self.values.append(value)
        return f"?{len(self.values)}"

    def part(self, part: Part) -> str:
        match part:
            case Whole(values):
                return f"CAST({self._fixed(*_digits(values))} AS INTEGER)"
            case Real(values):
                texts = Piece.of(["" if v != v else repr(v) for v in values.tolist()])
                return f"CAST(nullif({self._cut(texts)}, x'') AS REAL)"
            case Piece():
                cut = f"nullif({self._cut(part)}, x'')" if not part.lengths.all() else None
                cut = cut or self._cut(part)
                return f"CAST({cut} AS TEXT)" if part.is_text else cut
        return self.bound(part)

    def _fixed(self, data: bytes, width: int) -> str:
        return f"substr({self.bound(data)}, 1 + {width} * {_AT}, {width})"

    def _cut(self, piece: Piece) -> str:
        width = int(piece.lengths[0])
        whole = (piece.lengths == width).all()
        if width and whole and (piece.starts == np.arange(len(piece.starts)) * width).all():
            return self._fixed(piece.data, width)
        start, length = self.part(Whole(piece.starts + 1)), self.part(Whole(piece.lengths))
        return f"substr({self.bound(piece.data)}, {start}, {length})"


def _digits(values: Ints) -> tuple[bytes, int]:
    """Whole numbers of at least 0 in decimal digits of one width, as bytes, and that width."""
    width = len(str(int(values.max())))
    digits = np.empty((len(values), width), dtype=np.uint8)
    rest = values
    for place in range(width - 1, -1, -1):
        higher = rest // 10
        digits[:, place] = rest - 10 * higher + ord("0")
        rest = higher
    return digits.tobytes(), width
