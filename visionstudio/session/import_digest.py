"""By what an imported row is known again, also after a person has changed what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from visionstudio.model.annotations import Annotation
from visionstudio.model.shapes import Mask, Shape, encode

DIGEST = "imported"  # keys in `Annotation.extra`: the row's digest,
ROW = "row"  # and its number in the file
OURS = frozenset((DIGEST, ROW))
DIGITS = 16  # of a digest


def digest_of(annotation: Annotation, names: Mapping[int, str]) -> str:
    """The digest of the row that would give this annotation; `names` are the classes by id."""
    return digest(names.get(annotation.class_id, ""), annotation.frame, annotation.shape)


def digest(label: str, frame: int, shape: Shape) -> str:
    """What makes a row that row: class, frame and geometry to a thousandth of a pixel."""
    if isinstance(shape, Mask):
        geometry = encode(shape)[1]
    else:
        geometry = np.round(shape.points(), 3).astype("<f8").tobytes()
    return hashlib.sha256(digest_head(label, frame, shape.kind) + geometry).hexdigest()[:DIGITS]


def digest_head(label: str, frame: int, kind: str) -> bytes:
    """What a digest is of, in front of the geometry."""
    return f"{label}\x00{frame}\x00{kind}\x00".encode("utf-8", "backslashreplace")
