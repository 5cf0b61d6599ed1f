"""Large JSON files without their whole tree in memory: the rows of top-level lists in blocks.

A first pass notes where each list's rows lie, in blocks of some thousand that
end between two rows. That a block ends there is proved by parsing it as a list
of its own; where that fails, as in front of the list's end or at rows that no
JSON parser takes, the block is read row by row as `rows.py` does.
"""

from __future__ import annotations

import codecs
import mmap
import os
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np

from visionstudio.formats.progress import tick
from visionstudio.formats.rows import Row, RowReader
from visionstudio.model.errors import FormatError

BLOCK = 1 << 19  # bytes: a parser needs some milliseconds for it, and nobody else waits longer
_LONGEST = 1 << 28  # bytes of one row
_END = re.compile(rb"\}\s*,")
_COLON = ord(":")
_SPACE = re.compile(rb"[ \t\n\r]*")

Stamp = tuple[int, int]
"""A file's size and time of change, by which another one in its place is noticed."""
Check = Callable[[bytes], int]
"""Parses b'[row,row,…]' and counts its rows; msgspec's errors where it cannot."""


@dataclass(frozen=True, slots=True)
class Span:
    """Rows of a list: bytes from `start` to before `end`, the number of the first, how many.

    `good` ones are a JSON list once put in brackets; the others are for `slow_rows`.
    """

    start: int
    end: int
    first: int
    count: int
    good: bool


@dataclass(slots=True)
class Layout:
    """Where the rows of the wanted lists lie, and whether one of them is there twice."""

    spans: dict[str, list[Span]] = field(default_factory=dict)
    is_list: bool = False
    twice: bool = False


class JsonBlocks:
    """A JSON file of lists of rows. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._handle = path.open("rb")
            status = os.fstat(self._handle.fileno())
            self.data = mmap.mmap(self._handle.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FormatError(f"cannot read the file: {reason}", where=str(path)) from None
        self.stamp: Stamp = (status.st_size, status.st_mtime_ns)
        self._pos = 3 if self.data[:3] == codecs.BOM_UTF8 else 0

    def __enter__(self) -> JsonBlocks:
        return self

    def __exit__(self, *_: object) -> None:
        self.data.close()
        self._handle.close()

    def layout(self, checks: dict[str, Check]) -> Layout:
        """Where the lists lie that `checks` names. Raises FormatError for broken JSON."""
        found = Layout()
        if self._next() != b"{":
            found.is_list = self._next() == b"["
            return found
        self._pos += 1
        if self._next() == b"}":
            return found
        while True:
            key = self._key()
            found.twice |= key in found.spans
            if self._next() == b"[" and key in checks and key not in found.spans:
                self._pos += 1
                found.spans[key] = list(self._spans(key, checks[key]))
            else:
                self._one("")
            if self._separator(b"}"):
                return found

    def block(self, span: Span) -> bytes:
        """The rows of a span as a JSON list."""
        return b"[" + self.data[span.start : span.end] + b"]"

    def rows(self, name: str, spans: Collection[Span]) -> Iterator[Row]:
        """All rows of a list: their values, or why they have none."""
        for span in spans:
            found = _distinct(self.block(span)) if span.good else None
            if found is None:
                yield from self.slow_rows(name, span)
                continue
            for number, value in enumerate(found, span.first):
                yield Row(f"{name}[{number}]", value)

    def slow_rows(self, name: str, span: Span) -> Iterator[Row]:
        """The rows of a span one by one: their values, or why they have none."""
        text = self.data[span.start : span.end].decode("utf-8")
        reader = RowReader(text, self.path)
        for number in range(span.first, span.first + span.count):
            yield reader.row(f"{name}[{number}]")
            reader.pass_comma()

    # finding rows

    def _spans(self, name: str, check: Check) -> Iterator[Span]:
        count = 0
        if self._next() == b"]":
            self._pos += 1
            return
        while True:
            tick(self._pos / len(self.data), f"{self.path.name}: {name}")
            span = self._good(count, check)
            if span is None:
                span = self._checked(self._by_row(count), check)
            yield span
            count += span.count
            self._pos = span.end
            if self._separator(b"]"):
                return

    def _good(self, first: int, check: Check) -> Span | None:
        """A block that ends behind its last row with a comma after it, if there is such a one."""
        start = self._pos
        window = self.data[start : start + BLOCK]
        end = window.rfind(b"},")
        if end < 0:
            ends = [m.start() for m in _END.finditer(window)]
            end = ends[-1] if ends else -1
        if end < 0:
            return None
        try:
            count = check(b"[" + window[: end + 1] + b"]")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return Span(start, start + end + 1, first, count, good=True)

    def _checked(self, span: Span, check: Check) -> Span:
        """Rows behind which the list ends are as good as others."""
        try:
            good = check(self.block(span)) == span.count
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return span
        return replace(span, good=good)

    def _by_row(self, first: int) -> Span:
        """About a block of rows, by the brackets of each; at least one, however long it is."""
        start = self._pos
        size = BLOCK
        while True:
            text, whole = self._text(start, size)
            reader = RowReader(text, self.path)
            count = end = 0
            try:
                while True:
                    reader.row("")
                    if not whole and reader.at_end():
                        break  # the row may go on
                    end, count = reader.pos, count + 1
                    if not reader.pass_comma():
                        break
            except FormatError as error:
                if whole and count == 0:
                    self._fail(error.what, start)
            if count:
                length = len(text[:end].encode())
                return Span(start, start + length, first, count, good=False)
            if whole or size > _LONGEST:
                self._fail("the file is cut off", start)
            size *= 4

    def _text(self, start: int, size: int) -> tuple[str, bool]:
        """Text from `start` on, and whether it is all that is left."""
        part = self.data[start : start + size]
        whole = start + size >= len(self.data)
        try:
            return codecs.getincrementaldecoder("utf-8")().decode(part, final=whole), whole
        except UnicodeDecodeError as error:
            raise FormatError("the file is not UTF-8 text", where=f"{self.path}: {error}") from None

    # the little that lies around rows

    def _key(self) -> str:
        if self._next() != b'"':
            self._fail("a key in quotes is missing", self._pos)
        key = self._one("").value
        if self._next() != b":":
            self._fail("':' is missing", self._pos)
        self._pos += 1
        return str(key)

    def _one(self, where: str) -> Row:
        """Go over one value of any kind."""
        span = self._single()
        reader = RowReader(self.data[self._pos : span].decode("utf-8"), self.path)
        self._pos = span
        return reader.row(where)

    def _single(self) -> int:
        """Where the value at the place where we are ends."""
        self._next()
        size = 1 << 12
        while True:
            text, whole = self._text(self._pos, size)
            reader = RowReader(text, self.path)
            try:
                reader.row("")
                if whole or not reader.at_end():
                    return self._pos + len(text[: reader.pos].encode())
            except FormatError as error:
                if whole:
                    self._fail(error.what, self._pos)
            size *= 4

    def _separator(self, end: bytes) -> bool:
        mark = self._next()
        if mark not in (b",", end):
            reason = "the file is cut off" if not mark else f"',' or '{end.decode()}' is missing"
            self._fail(reason, self._pos)
        self._pos += 1
        return mark == end

    def _next(self) -> bytes:
        match = _SPACE.match(self.data, self._pos)
        self._pos = match.end() if match else self._pos
        return self.data[self._pos : self._pos + 1]

    def _fail(self, reason: str, place: int) -> NoReturn:
        reason = reason.removeprefix("this is no valid JSON: ")
        raise FormatError(
            f"this is no valid JSON: {reason}",
            where=f"{self.path}, byte {place}",
            next_step="write the file again with the program that made it",
        )


def parsed(kind: Any) -> Check:
    """A check that counts rows of a msgspec type."""
    decoder = msgspec.json.Decoder(list[kind])
    return lambda block: len(decoder.decode(block))


_objects = msgspec.json.Decoder(list[dict[str, Any]])


def _distinct(data: bytes) -> list[dict[str, Any]] | None:
    """A block's rows, None where one cannot be parsed or may have a key twice."""
    try:
        rows = _objects.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return rows if sum(map(colons, rows)) == colons_in(data) else None


def colons_in(data: bytes) -> int:
    """How many colons there are: every key has its own, so that as many as keys are no key twice.

    Those within texts are counted on both sides.
    """
    return int(np.count_nonzero(np.frombuffer(data, np.uint8) == _COLON))


def colons(value: Any) -> int:
    """How many colons a value has as JSON."""
    kind = type(value)
    if kind is str:
        text: str = value
        return text.count(":")
    if kind is dict:
        count: int = len(value) + sum(k.count(":") + colons(v) for k, v in value.items())
        return count
    if kind is list:
        return sum(map(colons, value))
    return 0
