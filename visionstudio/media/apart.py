"""Memory for tiles, apart from the heap.

Tiles that come and go for hours would leave the heap full of holes, which took more
memory than the tiles themselves. Theirs is asked of the system directly, and used again:
a fresh page costs more than copying one.
"""

from __future__ import annotations

import mmap
import weakref
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_SPARE = 40  # blocks of a size; tiles have nearly all the same

_spare: dict[int, deque[mmap.mmap]] = {}


def apart(data: Any) -> NDArray[np.uint8]:
    """A copy of a buffer as (N,) uint8; its memory is free again when no view of it is left."""
    source = np.frombuffer(data, np.uint8)
    size = -(-max(1, source.nbytes) // mmap.PAGESIZE) * mmap.PAGESIZE
    # No lock: blocks come back whenever an array goes, in the middle of this as well.
    blocks = _spare.setdefault(size, deque(maxlen=_MOST_SPARE))
    try:
        block = blocks.pop()
    except IndexError:
        block = mmap.mmap(-1, size)
    copy = np.frombuffer(block, np.uint8, source.nbytes)
    copy[:] = source
    weakref.finalize(copy, blocks.append, block).atexit = False
    return copy
