"""By what an imported row is known again, also after a person has changed what came of it.

A row's mark is 64 bits of its class, frame and kind, and of its coordinates to a
thousandth of a pixel, each of which is mixed with its place and added up. That can
be done for many rows together; it need not withstand anybody who wants two rows
to look alike, who would only lose the second one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.annotations import Annotation
from visionstudio.model.shape_codec import encode
from visionstudio.model.shapes import Mask, Shape

DIGEST = "imported"  # keys in `Annotation.extra`: the row's digest,
ROW = "row"  # and its number in the file
OURS = frozenset((DIGEST, ROW))
DIGITS = 16  # of a digest
Words = NDArray[np.uint64]


def digest_of(annotation: Annotation, names: Mapping[int, str]) -> str:
    """The digest of the row that would give this annotation; `names` are the classes by id."""
    return digest(names.get(annotation.class_id, ""), annotation.frame, annotation.shape)


def digest(label: str, frame: int, shape: Shape) -> str:
    """What makes a row that row: class, frame and geometry."""
    head = np.array([digest_head(label, frame, shape.kind)], dtype=np.uint64)
    if isinstance(shape, Mask):
        found = mixed(head + np.uint64(_word(encode(shape)[1])))
        return f"{int(found[0]):0{DIGITS}x}"
    values = shape.points().reshape(-1)
    return digests(head, values, np.array([len(values)])).decode()


def digest_head(label: str, frame: int, kind: str) -> int:
    """What a digest is of besides the coordinates."""
    return _word(f"{label}\x00{frame}\x00{kind}".encode("utf-8", "backslashreplace"))


def digests(heads: Words, values: NDArray[np.float64], counts: NDArray[np.int64]) -> bytes:
    """The digests of rows behind each other; row i has the next `counts[i]` of all values."""
    # adding 0 makes -0.0 the same as 0.0
    words = (np.round(values, 3) + 0.0).view(np.uint64)
    sums = np.zeros(len(counts), dtype=np.uint64)
    if len(counts) and counts[0] and (counts == counts[0]).all():
        table = words.reshape(len(counts), -1)
        sums = mixed(table ^ mixed(np.arange(table.shape[1], dtype=np.uint64))).sum(axis=1)
    elif len(words):
        starts = np.cumsum(counts) - counts
        places = np.arange(len(words)) - np.repeat(starts, counts)
        spread = mixed(words ^ mixed(places.astype(np.uint64)))
        filled = counts > 0
        sums[filled] = np.add.reduceat(spread, starts[filled])
    return mixed(heads + sums).astype(">u8").tobytes().hex().encode()


def _word(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")


def mixed(words: Words) -> Words:
    """Numbers whose bits all depend on all bits (splitmix64's finish; Steele and others, 2014)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))
