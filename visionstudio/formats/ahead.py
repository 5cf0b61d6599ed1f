"""Something that is gone through in a thread of its own, a few pieces ahead of who takes them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TypeVar

T = TypeVar("T")
PIECES = 3
_LOOK = 0.1  # seconds after which a thread whose pieces nobody takes looks whether it is to end


def ahead(begin: Callable[[], Iterator[T]]) -> Generator[T, None, None]:
    """The pieces of `begin()`, made in a thread while the last ones are worked on.

    At most `PIECES` wait, so that memory stays bounded. What the thread raises is
    raised here, after the pieces before it. The thread has ended when this has,
    also when it is closed early. Nobody hears `progress.tick` from the thread.
    """
    waiting: queue.Queue[tuple[T] | BaseException | None] = queue.Queue(PIECES)
    given_up = threading.Event()

    def put(what: tuple[T] | BaseException | None) -> bool:
        while not given_up.is_set():
            try:
                waiting.put(what, timeout=_LOOK)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            with closing(begin()) as pieces:  # type: ignore[type-var]
                for piece in pieces:
                    if not put((piece,)):
                        return
            put(None)
        except BaseException as error:  # raised again by who takes the pieces
            put(error)

    thread = threading.Thread(target=work, name="read ahead", daemon=True)
    thread.start()
    try:
        while (found := waiting.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found[0]
    finally:
        given_up.set()
        thread.join()
