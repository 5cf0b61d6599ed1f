"""A signal without Qt: plain callbacks, called in the order they were connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Signal:
    """Tells whoever connected that something happened. Use it in the GUI thread only."""

    def __init__(self) -> None:
        self._listeners: list[Callable[..., Any]] = []

    def connect(self, listener: Callable[..., Any]) -> None:
        """Call `listener` with the arguments of every later `emit`."""
        self._listeners.append(listener)

    def disconnect(self, listener: Callable[..., Any]) -> None:
        """Stop calling `listener`; nothing happens when it is not connected."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def emit(self, *args: Any) -> None:
        """Call every listener. One that raises does not keep the others from hearing of it;
        the first error is raised at the end.
        """
        first: Exception | None = None
        for listener in tuple(self._listeners):
            try:
                listener(*args)
            except Exception as error:
                first = first or error
        if first is not None:
            raise first
