"""Tiles have memory of their own, which is used again only when nobody looks at it."""

from __future__ import annotations

import gc
import threading

import numpy as np

from visionstudio.media.apart import apart


def test_copies_stay_what_they_are() -> None:
    source = np.arange(5000, dtype=np.uint16)
    kept = [apart(source + n).view(np.uint16).reshape(50, 100)[n:] for n in range(20)]
    for n in range(0, 20, 2):
        kept[n] = kept[n + 1]
    gc.collect()
    more = [apart(np.full(10_000, 255, np.uint8)) for _ in range(30)]
    for n in range(1, 20, 2):
        assert np.array_equal(kept[n], (source + n).reshape(50, 100)[n:])
    assert all((m == 255).all() for m in more)
    assert len(apart(b"")) == 0


def test_from_many_threads() -> None:
    wrong: list[int] = []

    def work(value: int) -> None:
        for _ in range(50):
            one = apart(bytes([value]) * 9000)
            other = apart(bytes([value + 1]) * 9000)
            if not ((one == value).all() and (other == value + 1).all()):
                wrong.append(value)

    threads = [threading.Thread(target=work, args=(n * 2,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
