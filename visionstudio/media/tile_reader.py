"""Tiles of a pyramid, read by a thread when they are wanted and kept up to a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.media.pyramid import Pyramid
from visionstudio.model.errors import MediaError

SIDE = 512
CACHE_BYTES = 96 * 2**20
_WAITING = 96
TileKey = tuple[int, int, int]
"""Level, column, row."""


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Source values (h, w[, C]) of a tile and how they are shown, (h, w, 3) uint8."""

    values: NDArray[Any]
    rgb: NDArray[np.uint8]

    @property
    def nbytes(self) -> int:
        shown = 0 if self.rgb is self.values else self.rgb.nbytes
        return self.values.nbytes + shown


class TileReader:
    """Reads tiles in a thread that lives as long as something is wanted.

    `arrived(key)` is called in that thread. What was wanted of another level is
    forgotten; a tile that cannot be read stays away. Thread-safe.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        arrived: Callable[[TileKey], None],
        limit_bytes: int = CACHE_BYTES,
    ) -> None:
        self.pyramid = pyramid
        self._arrived = arrived
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._tiles: OrderedDict[TileKey, Tile | None] = OrderedDict()
        self._bytes = 0
        self._waiting: OrderedDict[TileKey, None] = OrderedDict()
        self._thread: threading.Thread | None = None

    def tell(self, arrived: Callable[[TileKey], None]) -> None:
        """Call this from now on when a tile has come."""
        self._arrived = arrived

    def get(self, key: TileKey) -> Tile | None:
        """A tile that is there."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def want(self, keys: Sequence[TileKey], *, first: bool = False) -> None:
        """Read these as soon as may be, in their order; `first` before all others."""
        with self._lock:
            new = [k for k in keys if k not in self._tiles]
            if not new:
                return
            if first:
                for key in reversed(new):
                    self._waiting[key] = None
                    self._waiting.move_to_end(key, last=False)
            else:
                level = new[0][0]
                self._waiting = OrderedDict((k, None) for k in self._waiting if k[0] == level)
                self._waiting.update((k, None) for k in new)
                while len(self._waiting) > _WAITING:
                    self._waiting.popitem(last=False)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tiles", daemon=True)
                self._thread.start()

    @property
    def nbytes(self) -> int:
        """What its tiles take at most."""
        return self._limit

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                key, _ = self._waiting.popitem(last=False)
                if key in self._tiles:
                    continue
            tile = self._read(key)
            with self._lock:
                self._keep(key, tile)
            if tile is not None:
                self._arrived(key)

    def _read(self, key: TileKey) -> Tile | None:
        level, i, j = key
        try:
            values = self.pyramid.read(level, i * SIDE, j * SIDE, SIDE, SIDE)
            plain = values.dtype == np.uint8 and values.ndim == 3 and values.shape[2] == 3
            return Tile(values, values if plain else self.pyramid.rgb(values))
        except MediaError:
            return None  # the coarser level stays in its place

    def _keep(self, key: TileKey, tile: Tile | None) -> None:
        self._tiles[key] = tile
        self._bytes += 0 if tile is None else tile.nbytes
        while self._bytes > self._limit and len(self._tiles) > 1:
            _, old = self._tiles.popitem(last=False)
            self._bytes -= 0 if old is None else old.nbytes
