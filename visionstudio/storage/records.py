"""Small values that the store answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaSummary:
    """How many labels and undecided proposals a media item has, over all frames."""

    labels: int = 0
    proposals: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """The figures of `visionstudio info`.

    `annotations` are labels: what is neither proposed nor rejected. `verified`
    counts media items. `per_class` has the labels of every class by its id,
    classes without any included.
    """

    media: int
    annotations: int
    proposals: int
    verified: int
    per_class: Mapping[int, int]
