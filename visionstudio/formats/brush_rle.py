"""Label Studio's brush masks: RGBA bytes in the bit stream of thi.ng's rle-pack.

32 bits   how many words there are
 5 bits   width of a word, less one
4 · 4 bits  widths of the four sizes of run, each less one
then runs: 1 bit (a repeated word or plain words), 2 bits (which size),
the run's length less one in that many bits, and the word or the words
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.rows import RowFault

MAX_BYTES = 1 << 30


def unpack(data: list[Any], expected: int) -> NDArray[np.uint8]:
    """The words of a stream given as a list of bytes; `expected` says how many there must be."""
    if not all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 256 for v in data):
        raise RowFault("the rle holds what is no byte")
    if not 0 < expected <= MAX_BYTES:
        raise RowFault("the size of the mask's picture is not known or too large")
    bits = np.unpackbits(np.array(data, dtype=np.uint8))
    place = 0

    def take(count: int) -> int:
        nonlocal place
        if place + count > len(bits):
            raise RowFault("the rle is cut off")
        value = int("".join(map(str, bits[place : place + count].tolist())), 2)
        place += count
        return value

    total = take(32)
    if total != expected:
        raise RowFault(f"the rle is of {total} bytes, the picture of {expected}")
    word = take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    if word != 8:
        raise RowFault(f"the rle has words of {word} bits instead of 8")
    out = np.zeros(total, dtype=np.uint8)
    at = 0
    while at < total:
        repeated = take(1)
        count = take(sizes[take(2)]) + 1
        stop = min(at + count, total)
        if repeated:
            out[at:stop] = take(word)
        else:
            if place + count * word > len(bits):
                raise RowFault("the rle is cut off")
            words = np.packbits(bits[place : place + count * word])
            out[at:stop] = words[: stop - at]
            place += count * word
        at = stop
    return out
