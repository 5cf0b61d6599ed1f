"""COCO's run lengths: column-major, zeros first, as a list or as compressed text.

The compressed text writes each run in groups of five bits, lowest first, as the
characters from '0' on; a sixth bit says that more follow. From the fourth run on
the difference to the run two before is written (cocoapi, maskApi.c).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.rows import RowFault, printable
from visionstudio.model.shapes import Mask

MAX_PIXELS = 1 << 28  # of the part of a mask that is set; more is a fault or an attack
MAX_RUNS = 1 << 24


def compress(counts: Sequence[int]) -> str:
    """The text of column-major run lengths."""
    out = bytearray()
    for i, count in enumerate(counts):
        value = int(count) - (int(counts[i - 2]) if i > 2 else 0)
        while True:
            bits = value & 0x1F
            value >>= 5
            # The sign is in the last group's top bit.
            more = value != -1 if bits & 0x10 else value != 0
            out.append((bits | 0x20 if more else bits) + 48)
            if not more:
                break
    return out.decode("ascii")


def decompress(text: str) -> list[int]:
    """The run lengths of compressed text. Raises RowFault when it is none."""
    counts: list[int] = []
    value = shift = 0
    for letter in text:
        code = ord(letter) - 48
        if not 0 <= code < 64 or shift > 60:
            raise RowFault(f"the compressed runs hold {printable(letter)}")
        value |= (code & 0x1F) << shift
        shift += 5
        if code & 0x20:
            continue
        if code & 0x10:
            value -= 1 << shift
        if len(counts) > 2:
            value += counts[-2]
        counts.append(value)
        value = shift = 0
    if shift:
        raise RowFault("the compressed runs are cut off")
    return counts


def encode(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A (H, W) mask as COCO's RLE with compressed counts."""
    height, width = mask.shape
    return encode_part(mask, 0, 0, height, width)


def encode_part(part: NDArray[np.bool_], x: int, y: int, height: int, width: int) -> dict[str, Any]:
    """The RLE of a picture of (height, width) that is set where `part`, lying at (x, y), is.

    `part` must lie inside the picture, which itself is never unpacked.
    """
    rows, columns = part.shape
    # A row of zeros below keeps runs within their columns; a zero in front makes every edge one.
    padded = np.zeros((columns, rows + 1), dtype=np.int8)
    padded[:, :rows] = np.asarray(part, dtype=bool).T
    steps = np.diff(padded.reshape(-1), prepend=np.int8(0))
    first, last = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    starts = (first // (rows + 1) + x) * height + first % (rows + 1) + y
    ends = (last // (rows + 1) + x) * height + last % (rows + 1) + y
    apart = starts[1:] != ends[:-1]  # where one column's run goes on in the next, they are one
    starts = starts[np.concatenate(([True], apart))] if len(starts) else starts
    ends = ends[np.concatenate((apart, [True]))] if len(ends) else ends
    edges = np.stack([starts, ends], axis=1).reshape(-1)
    runs = np.diff(np.concatenate(([0], edges, [height * width]))).tolist()
    if len(runs) > 1 and runs[-1] == 0:
        runs.pop()
    return {"size": [height, width], "counts": compress(runs)}


def decode(value: dict[str, Any], height: int, width: int) -> Mask:
    """The mask of an RLE of either dialect. Raises RowFault for anything else.

    `height` and `width` are the picture's, 0 where unknown; the RLE must agree.
    Only the part that is set is ever unpacked.
    """
    runs = check(value, height, width)
    return _unpack(runs, value["size"][0])


def check(value: dict[str, Any], height: int, width: int) -> NDArray[np.int64]:
    """The run lengths of an RLE of either dialect, column-major. RowFault as for `decode`."""
    size, counts = value.get("size"), value.get("counts")
    if (
        not isinstance(size, list)
        or len(size) != 2
        or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in size)
    ):
        raise RowFault(f"the size of the RLE is no [height, width]: {printable(size)}")
    if height and width and size != [height, width]:
        raise RowFault(f"the RLE is for {size[1]}x{size[0]}, the picture is {width}x{height}")
    runs = _runs(counts)
    total = int(runs.sum())
    if total != size[0] * size[1]:
        raise RowFault(f"the runs of the RLE sum to {total}, not {size[0]}x{size[1]}")
    return runs


def _runs(counts: Any) -> NDArray[np.int64]:
    if isinstance(counts, str):
        counts = decompress(counts)
    elif not isinstance(counts, list):
        raise RowFault(f"the counts of the RLE are {printable(counts)}")
    if len(counts) > MAX_RUNS:
        raise RowFault(f"the RLE has {len(counts)} runs, at most {MAX_RUNS}")
    for n in counts:
        if isinstance(n, bool) or not isinstance(n, int) or not 0 <= n < 2**40:
            raise RowFault(f"a run of the RLE is {printable(n)}")
    return np.array(counts, dtype=np.int64)


def _unpack(runs: NDArray[np.int64], height: int) -> Mask:
    ends = np.cumsum(runs)
    first, last = (ends - runs)[1::2], ends[1::2]
    kept = last > first
    first, last = first[kept], last[kept]
    if len(first) == 0:
        raise RowFault("the mask is empty")
    left, right = int(first[0] // height), int((last[-1] - 1) // height) + 1
    several = (last - 1) // height > first // height  # such a run reaches a column's both ends
    top = 0 if several.any() else int((first % height).min())
    bottom = height if several.any() else int(((last - 1) % height).max()) + 1
    if (right - left) * height > MAX_PIXELS:
        raise RowFault(f"the mask spans {right - left}x{height} pixels, more than {MAX_PIXELS}")
    flat = np.zeros((right - left) * height, dtype=bool)
    base = left * height
    for start, stop in zip((first - base).tolist(), (last - base).tolist(), strict=True):
        flat[start:stop] = True
    crop = flat.reshape(right - left, height)[:, top:bottom].T
    return Mask.from_array(crop, left, top)
