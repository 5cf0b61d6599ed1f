"""Label classes: what things are called, coloured and asked about."""

from __future__ import annotations

import contextlib
import math
import re
from dataclasses import dataclass
from typing import Literal, cast

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
AttributeValue = str | float | bool
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_COLOUR = re.compile(r"#[0-9a-f]{6}\Z")


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """A question asked about every object of a class.

    `low` and `high` are inclusive bounds of a number. `default` is the answer
    that new objects begin with, None for none.
    """

    name: str
    kind: AttributeKind = "text"
    choices: tuple[str, ...] = ()
    default: AttributeValue | None = None
    low: float | None = None
    high: float | None = None

    def fits(self, value: object) -> bool:
        """Whether a value is an answer to the question."""
        match self.kind:
            case "text":
                return isinstance(value, str)
            case "choice":
                return value in self.choices
            case "flag":
                return isinstance(value, bool)
            case "number":
                if isinstance(value, bool) or not isinstance(value, int | float):
                    return False
                return (
                    math.isfinite(value)
                    and (self.low is None or value >= self.low)
                    and (self.high is None or value <= self.high)
                )

    def converted(self, value: object) -> AttributeValue | None:
        """A value of another kind as an answer to this question, None where it says nothing."""
        if self.fits(value):
            return cast("AttributeValue", value)
        made: AttributeValue | None = None
        match self.kind:
            case "text" | "choice":
                made = _text_of(value)
            case "flag":
                made = _FLAGS.get(_text_of(value).casefold())
            case "number":
                with contextlib.suppress(ValueError):
                    made = float(_text_of(value))
        return made if made is not None and self.fits(made) else None


def _text_of(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def check_attribute(spec: AttributeSpec) -> None:
    """Raises InvalidValue for a question that nobody can answer."""
    where = f"attribute '{spec.name}'"
    if not spec.name.strip():
        raise InvalidValue("an attribute needs a name", next_step="give it one")
    if spec.kind == "choice" and not spec.choices:
        raise InvalidValue("there is nothing to choose from", where=where, next_step="add choices")
    if len(set(spec.choices)) < len(spec.choices) or not all(c.strip() for c in spec.choices):
        raise InvalidValue("choices differ and none is empty", where=where)
    if spec.low is not None and spec.high is not None and spec.low > spec.high:
        raise InvalidValue("the smallest number is above the largest", where=where)
    if spec.default is not None and not spec.fits(spec.default):
        raise InvalidValue(
            f"the default '{spec.default}' is no possible value",
            where=where,
            next_step="choose another default",
        )


@dataclass(frozen=True, slots=True)
class SkeletonSpec:
    """Names of a class's keypoints, and the (from, to) pairs that are joined by a line.

    `flips` are the pairs of points that change places in a mirror image.
    """

    names: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    flips: tuple[tuple[int, int], ...] = ()


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
