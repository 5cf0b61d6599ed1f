"""Decoded frames that are kept, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any


class FrameCache:
    """Values by frame number, the least recently used dropped beyond a number of bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[int, tuple[Any, int]] = OrderedDict()
        self.bytes = 0

    def get(self, n: int) -> Any | None:
        entry = self._values.get(n)
        if entry is None:
            return None
        self._values.move_to_end(n)
        return entry[0]

    def put(self, n: int, value: Any, size: int) -> None:
        old = self._values.pop(n, None)
        self.bytes += size - (old[1] if old else 0)
        self._values[n] = (value, size)
        while self.bytes > self._limit and len(self._values) > 1:
            self.bytes -= self._values.popitem(last=False)[1][1]

    def clear(self) -> None:
        self._values.clear()
        self.bytes = 0
