"""What commands answer, and how they tell how far they are."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

QUIET_SECONDS = 5.0  # without a terminal, progress is a line now and then


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer of a command: the JSON document, and the same for a person.

    One that is `asked_for` is what the command is run for: --quiet does not take it away.
    """

    document: Any  # an object or a list
    text: str = ""
    asked_for: bool = False

    def to_json(self) -> str:
        """One line of plain ASCII JSON; a figure that is no number becomes null."""
        return json.dumps(_finite(self.document), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


class ProgressLine:
    """Progress on stderr: one line that changes on a terminal, else a line every few seconds."""

    quiet = False  # of the whole command

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()
        self._shown = False

    def __call__(self, fraction: float | None, message: str = "") -> None:
        """Tell that `fraction` (0…1, None when unknown) is done."""
        now = time.monotonic()
        if self.quiet or now - self._last < (0.1 if self._terminal else QUIET_SECONDS):
            return
        if not (self._terminal or message):
            return
        self._last = now
        share = f"{fraction:4.0%} " if fraction is not None else ""
        line = f"{share}{message}".rstrip()
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{line[:100]}")
            self._shown = True
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Take the changing line away."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._shown = False


def columns(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows as aligned text."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def figures(metrics: Mapping[str, float]) -> str:
    """Figures as aligned text."""
    return columns([(name, f"{value:.4g}") for name, value in metrics.items()])


def count(number: int, one: str, many: str = "") -> str:
    """'1 picture', '2 pictures'."""
    return f"{number} {one if number == 1 else many or one + 's'}"
