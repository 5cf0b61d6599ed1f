"""One thing at a time in a thread: the newest wish counts, and the thread is there for the next."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from visionstudio.session.latest import Latest

Call = Callable[[], None]


def test_only_the_newest_wish_is_answered_and_one_thread_does_all() -> None:
    posted: queue.Queue[Call] = queue.Queue()
    latest = Latest(posted.put, "latest-test")
    answers: list[object] = []
    threads: set[int] = set()
    begun, go = threading.Event(), threading.Event()

    def work(name: str) -> Callable[[], str]:
        def done() -> str:
            threads.add(threading.get_ident())
            begun.set()
            go.wait(10)
            return name

        return done

    latest.want(work("first"), answers.append)
    assert begun.wait(10)
    latest.want(work("second"), answers.append)  # never worked on: a newer one comes
    latest.want(work("third"), answers.append)
    assert latest.busy
    go.set()
    for _ in range(2):
        posted.get(timeout=10)()
    assert answers == ["third"]
    assert not latest.busy
    latest.want(work("fourth"), answers.append)
    posted.get(timeout=10)()
    assert answers == ["third", "fourth"]
    assert len(threads) == 1
    latest.close()
    assert not any(t.name == "latest-test" for t in threading.enumerate())
    latest.want(work("fifth"), answers.append)  # works again after it was closed
    posted.get(timeout=10)()
    assert answers[-1] == "fifth"
    latest.close()
