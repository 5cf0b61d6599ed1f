"""Where cells lie: arithmetic only, so that a million are laid out in no time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from PySide6.QtCore import QPoint, QRect, QSize

GAP = 8


@dataclass(frozen=True)
class Layout:
    """`count` cells of a size in a viewport of `width` × `height`, row by row."""

    count: int = 0
    cell: QSize = QSize(128, 148)  # noqa: RUF009 - never changed
    width: int = 1
    height: int = 1

    @cached_property
    def columns(self) -> int:
        """How many cells stand side by side."""
        return max(1, (self.width - GAP) // (self.cell.width() + GAP))

    @cached_property
    def lines(self) -> int:
        """How many lines there are."""
        return -(-self.count // self.columns)

    @cached_property
    def step(self) -> int:
        """From one line to the next."""
        return self.cell.height() + GAP

    @property
    def total(self) -> int:
        """The height of all lines."""
        return self.lines * self.step + GAP

    @cached_property
    def _left(self) -> int:
        used = self.columns * (self.cell.width() + GAP) + GAP
        return max(0, (self.width - used) // 2) + GAP

    def place(self, row: int) -> QRect:
        """Where a cell lies, from the top of all lines."""
        line, column = divmod(row, self.columns)
        left = self._left + column * (self.cell.width() + GAP)
        return QRect(QPoint(left, GAP + line * self.step), self.cell)

    def row_at(self, x: int, y: int) -> int | None:
        """The cell at a point, None between cells and behind the last."""
        column, beside = divmod(x - self._left, self.cell.width() + GAP)
        line, below = divmod(y - GAP, self.step)
        row = line * self.columns + column
        inside = beside < self.cell.width() and below < self.cell.height()
        known = 0 <= column < self.columns and line >= 0 and row < self.count
        return row if inside and known else None

    def seen(self, top: int) -> range:
        """The rows of which something is in view when scrolled to `top`."""
        first = max(0, (top - GAP) // self.step)
        last = (top + self.height) // self.step
        return range(
            min(first * self.columns, self.count), min((last + 1) * self.columns, self.count)
        )

    def within(self, area: QRect) -> list[int]:
        """The rows whose cells meet an area."""
        left, width = area.left() - self._left, self.cell.width() + GAP
        first = max(0, left // width + (left % width >= self.cell.width()))
        last = min(self.columns - 1, (area.right() - self._left) // width)
        top, bottom = area.top() - GAP, area.bottom() - GAP
        begin = max(0, top // self.step + (top % self.step >= self.cell.height()))
        end = min(self.lines - 1, bottom // self.step)
        rows = (
            line * self.columns + column
            for line in range(begin, end + 1)
            for column in range(first, last + 1)
        )
        return [row for row in rows if row < self.count]
