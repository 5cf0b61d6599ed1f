"""Batches for training: decoded once, augmented in threads, in a repeatable order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np

S = TypeVar("S")  # what the data set gives
L = TypeVar("L")  # a sample as it is kept: decoded, resized
E = TypeVar("E")  # an example: augmented, ready for a batch
B = TypeVar("B")  # a batch


class Cached(Generic[S, L]):
    """A sequence of `load(samples[i])`, kept in memory as long as there is room.

    `size` tells an item's bytes; items beyond `limit` bytes in all are loaded anew each
    time. Safe to use from several threads; an item may be loaded twice at the start.
    """

    def __init__(
        self,
        samples: Sequence[S],
        load: Callable[[S], L],
        size: Callable[[L], int],
        limit: int = 1 << 30,
    ) -> None:
        self._samples = samples
        self._load = load
        self._size = size
        self._room = limit
        self._items: dict[int, L] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> L:
        found = self._items.get(index)
        if found is not None:
            return found
        item = self._load(self._samples[index])
        size = self._size(item)
        with self._lock:
            if index not in self._items and size <= self._room:
                self._room -= size
                self._items[index] = item
        return item


def epoch_order(count: int, batch: int, seed: int, epoch: int) -> np.ndarray:
    """The sample indices of an epoch as (steps, batch): shuffled, every batch full.

    The last batch is filled up from the start of the epoch's order, so that batch norm
    and several processes always see whole batches, even of a single picture.
    """
    steps = -(-count // batch)
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return np.resize(order, steps * batch).reshape(steps, batch)


def batches(
    items: Sequence[L] | Cached[S, L],
    augment: Callable[[L, np.random.Generator], E],
    collate: Callable[[list[E]], B],
    *,
    batch: int,
    seed: int,
    first_step: int = 0,
    workers: int = 2,
    ahead: int = 3,
    rank: int = 0,
    world: int = 1,
) -> Generator[B, None, None]:
    """Batches without end from step `first_step` on, made by threads ahead of their use.

    What a step holds depends on `seed` and the step alone, never on timing or on where
    training was resumed. With `world` processes each gets its share of the same batch.
    Close the iterator to end the threads.
    """
    steps_per_epoch = -(-len(items) // batch)

    def example(index: int, epoch: int, place: int) -> E:
        rng = np.random.default_rng([seed, epoch, place])
        return augment(items[index], rng)

    pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="loader")
    queue: deque[list[Future[E]]] = deque()
    try:
        step, order, of = first_step, np.zeros((0, batch), int), -1
        while True:
            while len(queue) <= ahead:
                epoch, row = divmod(step, steps_per_epoch)
                if of != epoch:
                    order, of = epoch_order(len(items), batch, seed, epoch), epoch
                places = range(rank, batch, world)
                queue.append(
                    [
                        pool.submit(example, int(order[row, p]), epoch, row * batch + p)
                        for p in places
                    ]
                )
                step += 1
            yield collate([future.result() for future in queue.popleft()])
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
