"""Reading strangers' JSON row by row, so that one bad row does not cost the others.

A file's rows are the elements of its top-level lists. Each is parsed by itself:
a row that nests without end, names a key twice, or holds NaN or a number of
thousands of digits is reported with its place, and reading goes on behind it.
A file that is no JSON at all, or is cut off, is a FormatError as a whole.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from visionstudio.formats.progress import EVERY, tick
from visionstudio.model.errors import FormatError

MAX_DEPTH = 32  # of fields that are only kept, not understood

_SPACE = re.compile(r"[ \t\n\r]*")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_MARK = re.compile(r'["\[\]{}]')
_SCALAR_END = re.compile(r"[,\]}]")


class RowFault(Exception):
    """Why a row cannot be taken."""


@dataclass(frozen=True, slots=True)
class Row:
    """An element of a list: its place, and its value or why it has none."""

    where: str
    value: Any = None
    fault: str = ""


@dataclass(slots=True)
class JsonFile:
    """The lists of a file by key ('' for a list at the top), and its other fields.

    `faults` are the other fields that could not be taken.
    """

    lists: dict[str, list[Row]] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    faults: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Bad:
    """What stands in a nested row for a value that cannot be taken: whoever needs it refuses it."""

    reason: str

    def __repr__(self) -> str:
        return self.reason


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [k for k, _ in pairs]
        twice = next(k for k in keys if keys.count(k) > 1)
        raise RowFault(f"the key {printable(twice)} is there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise RowFault(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_no_constant,
    strict=False,
)


def _unique_or_bad(pairs: list[tuple[str, Any]]) -> Any:
    try:
        return _unique(pairs)
    except RowFault as fault:
        return Bad(str(fault))


def _int_or_bad(digits: str) -> Any:
    try:
        return int(digits)
    except ValueError:
        return Bad("a number has too many digits")


_NESTED = json.JSONDecoder(
    object_pairs_hook=_unique_or_bad,
    parse_constant=lambda name: Bad(f"{name} is no JSON number"),
    parse_int=_int_or_bad,
    strict=False,
)


def read_json(path: Path, lists: Collection[str], *, nested: bool = False) -> JsonFile:
    """The rows of the named top-level lists, or of a list that is the whole file.

    With `nested` rows hold rows of their own: what cannot be taken inside one
    is a `Bad` there, and does not cost its neighbours.
    """
    tick(None, path.name)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError("the file is not UTF-8 text", where=f"{path}: {error}") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise FormatError(f"cannot read the file: {reason}", where=str(path)) from None
    return _Reader(text, path, lists, _NESTED if nested else _DECODER).read()


class _Reader:
    def __init__(
        self, text: str, path: Path, lists: Collection[str], decoder: json.JSONDecoder
    ) -> None:
        self.text = text
        self.decoder = decoder
        self.path = path
        self.wanted = lists
        self.pos = 0
        self.file = JsonFile()

    def read(self) -> JsonFile:
        mark = self._next()
        if mark == "[":
            self._rows("")
        elif mark == "{":
            self._object()
        else:
            self._fail("the file is neither a JSON object nor a list")
        if self._next():
            self._fail("there is something behind the end of the JSON")
        return self.file

    def _object(self) -> None:
        self.pos += 1
        if self._next() == "}":
            self.pos += 1
            return
        while True:
            if self._next() != '"':
                self._fail("a key in quotes is missing")
            try:
                key, self.pos = _DECODER.raw_decode(self.text, self.pos)
            except ValueError:
                self._fail("a key does not end")
            if self._next() != ":":
                self._fail("':' is missing")
            self.pos += 1
            if self._next() == "[" and key in self.wanted:
                self._rows(key)
            else:
                row = self._value(key)
                if row.fault:
                    self.file.faults.append(row)
                else:
                    self.file.fields[key] = row.value
            if self._separator("}"):
                return

    def _rows(self, key: str) -> None:
        rows = self.file.lists.setdefault(key, [])
        again = bool(rows)
        name = printable(key, quoted=False) if key else ""
        self.pos += 1
        if self._next() == "]":
            self.pos += 1
            return
        while True:
            row = self._value(f"{name}[{len(rows)}]")
            rows.append(Row(row.where, None, f"a second list '{name}'") if again else row)
            if len(rows) % EVERY == 0:
                tick(self.pos / len(self.text), self.path.name)
            if self._separator("]"):
                return

    def _separator(self, end: str) -> bool:
        mark = self._next()
        if mark not in (",", end):
            self._fail(f"',' or '{end}' is missing")
        self.pos += 1
        return mark == end

    def _value(self, where: str) -> Row:
        self._next()
        start = self.pos
        try:
            value, self.pos = self.decoder.raw_decode(self.text, start)
            return Row(where, value)
        except RowFault as fault:
            reason = str(fault)
        except RecursionError:
            reason = "it is nested too deeply"
        except json.JSONDecodeError as error:
            self.pos = error.pos
            self._fail(error.msg)
        except ValueError:  # an integer of more digits than Python converts
            reason = "a number has too many digits"
        self._skip(start)
        return Row(where, None, reason)

    def _skip(self, start: int) -> None:
        """Go behind the value that begins at `start`, by its brackets only."""
        if self.text[start] not in "[{":
            match = _SCALAR_END.search(self.text, start)
            if match is None:
                self._fail("the file is cut off")
            self.pos = match.start()
            return
        depth, pos = 0, start
        while True:
            match = _MARK.search(self.text, pos)
            if match is None:
                self._fail("the file is cut off")
            pos = match.end()
            if match[0] == '"':
                string = _STRING.match(self.text, match.start())
                if string is None:
                    self._fail("a text does not end")
                pos = string.end()
                continue
            depth += 1 if match[0] in "[{" else -1
            if depth == 0:
                self.pos = pos
                return

    def _next(self) -> str:
        match = _SPACE.match(self.text, self.pos)
        self.pos = match.end() if match else self.pos
        return self.text[self.pos : self.pos + 1]

    def _fail(self, reason: str) -> NoReturn:
        line = self.text.count("\n", 0, self.pos) + 1
        column = self.pos - self.text.rfind("\n", 0, self.pos)
        if self.pos >= len(self.text.rstrip()):
            reason = "the file is empty" if not self.text.strip() else "the file is cut off"
        raise FormatError(
            f"this is no valid JSON: {reason[:1].lower()}{reason[1:]}",
            where=f"{self.path}, line {line} column {column}",
            next_step="write the file again with the program that made it",
        )


class RowReader:
    """Rows of a list one by one, from a text that begins with one."""

    def __init__(self, text: str, path: Path) -> None:
        self._reader = _Reader(text, path, (), _DECODER)

    @property
    def pos(self) -> int:
        """How many letters have been read."""
        return self._reader.pos

    def row(self, where: str) -> Row:
        """The next row. Raises FormatError where the text is none, or ends in it."""
        return self._reader._value(where)

    def pass_comma(self) -> bool:
        """Go behind a comma; whether there was one."""
        if self._reader._next() != ",":
            return False
        self._reader.pos += 1
        return True

    def at_end(self) -> bool:
        """Whether the text ends here."""
        return self._reader._next() == ""


def printable(value: Any, *, quoted: bool = True, limit: int = 60) -> str:
    """A stranger's value, short and safe to print."""
    text = repr(value) if quoted or not isinstance(value, str) else repr(value)[1:-1]
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def number(value: Any, what: str) -> float:
    """A finite number, else a RowFault that says what it should have been."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RowFault(f"{what} is no number: {printable(value)}")
    try:
        converted = float(value)
    except OverflowError:
        converted = math.inf
    if not math.isfinite(converted):
        raise RowFault(f"{what} is not finite")
    return converted


def as_object(value: Any, what: str) -> dict[str, Any]:
    """A JSON object, else a RowFault."""
    if isinstance(value, Bad):
        raise RowFault(value.reason)
    if not isinstance(value, dict):
        raise RowFault(f"{what} is no object: {printable(value)}")
    return value


def as_list(value: Any, what: str) -> list[Any]:
    """A JSON list, else a RowFault; [] where there is none."""
    if value is None:
        return []
    if isinstance(value, Bad):
        raise RowFault(value.reason)
    if not isinstance(value, list):
        raise RowFault(f"{what} is no list: {printable(value)}")
    return value


def score(value: Any) -> float | None:
    """A score in [0, 1] or none, else a RowFault."""
    if value is None:
        return None
    found = number(value, "the score")
    if not 0 <= found <= 1:
        raise RowFault(f"the score is {found:g}, outside [0, 1]")
    return found


def numbers(value: Any, what: str, count: int | None = None) -> list[float]:
    """A list of finite numbers, of `count` where that is given."""
    if not isinstance(value, list):
        raise RowFault(f"{what} is no list: {printable(value)}")
    if count is not None and len(value) != count:
        raise RowFault(f"{what} has {len(value)} numbers instead of {count}")
    return [number(v, what) for v in value]


def text(value: Any, what: str) -> str:
    """A text that can be stored: a str without lone surrogates."""
    if not isinstance(value, str):
        raise RowFault(f"{what} is no text: {printable(value)}")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RowFault(f"{what} holds half a character (a lone surrogate)") from None
    if "\x00" in value:
        raise RowFault(f"{what} holds a NUL character")
    return value


def plain(value: Any, what: str, depth: int = 0) -> Any:
    """A value that is only kept: checked to be storable JSON, else a RowFault."""
    if depth > MAX_DEPTH:
        raise RowFault(f"{what} is nested too deeply")
    if isinstance(value, str):
        return text(value, what)
    if isinstance(value, dict):
        return {text(k, what): plain(v, what, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v, what, depth + 1) for v in value]
    if isinstance(value, Bad):
        raise RowFault(f"{what}: {value.reason}")
    if isinstance(value, float) and not math.isfinite(value):
        raise RowFault(f"{what} is not finite")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise RowFault(f"{what} has too many digits")
    return value
