"""Label classes: what things are called, coloured and asked about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from visionstudio.model.errors import InvalidValue

# Okabe and Ito's (2008) colours for all kinds of colour vision, less black, then darker and
# lighter companions. They stand out on dark and on bright pictures with a thin halo.
PALETTE: tuple[str, ...] = (
    "#e69f00",
    "#56b4e9",
    "#009e73",
    "#f0e442",
    "#0072b2",
    "#d55e00",
    "#cc79a7",
    "#9a6fe0",
    "#7fd13b",
    "#ff8f8f",
    "#3fd0c9",
    "#b0b0b0",
)

AttributeKind = Literal["text", "number", "choice", "flag"]
_COLOUR = re.compile(r"#[0-9a-f]{6}\Z")


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """A question asked about every object of a class."""

    name: str
    kind: AttributeKind = "text"
    choices: tuple[str, ...] = ()
    default: str | float | bool | None = None


@dataclass(frozen=True, slots=True)
class SkeletonSpec:
    """Names of a class's keypoints and the (from, to) pairs that are joined by a line."""

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelClass:
    """A class of things. Its id survives renaming and reordering.

    `order` is the place in the list, 0-based; the first nine answer to the keys 1–9.
    """

    id: int
    name: str
    colour: str
    order: int = 0
    attributes: tuple[AttributeSpec, ...] = ()
    skeleton: SkeletonSpec | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise InvalidValue("a class needs a name")
        if not _COLOUR.match(self.colour):
            raise InvalidValue(f"a colour looks like #56b4e9, got '{self.colour}'")


def colour_for(order: int) -> str:
    """The palette's colour for the n-th class, repeating after the last."""
    return PALETTE[order % len(PALETTE)]
