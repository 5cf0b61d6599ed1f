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
_MOST = 2**40  # pixels of a run
_LONGEST_RUN = 12  # letters: 60 bits

Ints = NDArray[np.int64]


def compress(counts: Sequence[int]) -> str:
    """The text of column-major run lengths."""
    rest = np.array(counts, dtype=np.int64)
    rest[3:] -= rest[1:-2].copy()
    letters, there = [], []
    going = np.ones(len(rest), dtype=np.bool_)
    while going.any():
        there.append(going)
        bits = rest & 0x1F
        rest = rest >> 5
        # The sign is in the last group's top bit.
        more = going & (rest != np.where(bits & 0x10, -1, 0))
        letters.append(bits + np.where(more, 0x20, 0) + 48)
        going = more
    if not letters:
        return ""
    text = np.stack(letters, axis=1)[np.stack(there, axis=1)]
    return text.astype(np.uint8).tobytes().decode("ascii")


def decompress(text: str) -> Ints:
    """The run lengths of compressed text. Raises RowFault when it is none."""
    codes = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8).astype(np.int64) - 48
    if len(codes) and (codes.min() < 0 or codes.max() > 63):
        wrong = next(letter for letter in text if not 0 <= ord(letter) - 48 < 64)
        raise RowFault(f"the compressed runs hold {printable(wrong)}")
    ends = np.flatnonzero((codes & 0x20) == 0)
    if len(codes) and (not len(ends) or ends[-1] != len(codes) - 1):
        raise RowFault("the compressed runs are cut off")
    if not len(ends):
        return np.zeros(0, dtype=np.int64)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST_RUN:
        letter = text[int(starts[np.argmax(lengths > _LONGEST_RUN)]) + _LONGEST_RUN]
        raise RowFault(f"the compressed runs hold {printable(letter)}")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    values = np.add.reduceat((codes & 0x1F) << shifts, starts)
    values -= np.where(codes[ends] & 0x10, 1 << np.minimum(5 * lengths, 62), 0)
    with np.errstate(over="ignore"):
        values[1::2] = np.cumsum(values[1::2])
        values[2::2] = np.cumsum(values[2::2])
    return values


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


def check(value: dict[str, Any], height: int, width: int) -> Ints:
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


def _runs(counts: Any) -> Ints:
    if isinstance(counts, str):
        runs = decompress(counts)
    elif not isinstance(counts, list):
        raise RowFault(f"the counts of the RLE are {printable(counts)}")
    elif len(counts) > MAX_RUNS:
        raise RowFault(f"the RLE has {len(counts)} runs, at most {MAX_RUNS}")
    else:
        wrong = [n for n in counts if type(n) is not int or not 0 <= n < _MOST]
        if wrong:
            raise RowFault(f"a run of the RLE is {printable(wrong[0])}")
        return np.array(counts, dtype=np.int64)
    if len(runs) > MAX_RUNS:
        raise RowFault(f"the RLE has {len(runs)} runs, at most {MAX_RUNS}")
    if len(runs) and (runs.min() < 0 or runs.max() >= _MOST):
        odd = runs[(runs < 0) | (runs >= _MOST)]
        raise RowFault(f"a run of the RLE is {int(odd[0])}")
    return runs


def _unpack(runs: Ints, height: int) -> Mask:
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
    size = (right - left) * height
    edges = np.stack([first, last], axis=1).reshape(-1) - left * height
    spans = np.diff(edges, prepend=0, append=size)
    flat = np.repeat(np.arange(len(spans)) % 2 == 1, spans)
    crop = flat.reshape(right - left, height)[:, top:bottom].T
    return Mask.from_array(crop, left, top)
