"""How far reading or writing files is, told to whoever waits for it.

Readers and writers say now and then where they are by `tick`. Whoever called
them hears it inside `reported`, and may give up by raising `Cancelled` there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Progress = Callable[[float | None, str], None]
_LISTENER: ContextVar[Progress | None] = ContextVar("listener", default=None)

EVERY = 1024
"""Rows after which a long loop ticks."""


@contextmanager
def reported(progress: Progress | None) -> Iterator[None]:
    """What is read or written inside tells `progress` of it; None hears nothing."""
    token = _LISTENER.set(progress)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tick(fraction: float | None, message: str = "") -> None:
    """`fraction` (0…1, None where unknown) is done; `message` says with what."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(fraction, message)
