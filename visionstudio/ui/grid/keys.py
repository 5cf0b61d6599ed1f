"""Very many keys of items as one array."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

import numpy as np
from numpy.typing import NDArray


class Keys(Set[int]):
    """A set of keys, for a list of all: a frozenset of a million takes a fifth of a second.

    What is combined with it is a frozenset again.
    """

    def __init__(self, keys: NDArray[np.int64], *, rising: bool = False) -> None:
        """`rising`: they are sorted already."""
        self._keys = keys if rising else np.sort(keys, kind="stable")

    @classmethod
    def _from_iterable(cls, it: Iterable[int]) -> frozenset[int]:  # type: ignore[override]
        return frozenset(it)

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, int):
            return False
        at = int(self._keys.searchsorted(key))
        return at < len(self._keys) and bool(self._keys[at] == key)

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys.tolist())

    def __len__(self) -> int:
        return len(self._keys)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Keys):
            return bool(np.array_equal(self._keys, other._keys))
        return super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]
