"""An annotation: a shape of a class in a picture or frame, and how it came to be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from typing import Any

from visionstudio.model.errors import InvalidValue
from visionstudio.model.shapes import Shape


class State(StrEnum):
    """Where an annotation stands between a model's guess and a person's word."""

    PROPOSED = "proposed"  # a model's guess nobody has looked at
    ACCEPTED = "accepted"  # a proposal taken as it is
    EDITED = "edited"  # drawn or changed by a person
    VERIFIED = "verified"  # checked, or imported as ground truth
    REJECTED = "rejected"  # a proposal refused; kept so that it is not offered again

    @property
    def is_label(self) -> bool:
        """Whether it counts as an annotation: neither proposed nor rejected."""
        return self not in (State.PROPOSED, State.REJECTED)


class Flags(IntFlag):
    """Marks that many formats know."""

    NONE = 0
    LOCKED = 1
    HIDDEN = 2
    CROWD = 4  # COCO iscrowd: a region to ignore
    DIFFICULT = 8
    OCCLUDED = 16
    TRUNCATED = 32
    OUTSIDE = 64  # a track's object is not in this frame
    KEYFRAME = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One labelled thing. Immutable: a change is a new value with the same id.

    `frame` is 0-based and 0 for pictures; `pts` is the frame's time stamp in the
    video's own time base where there is one. `score` is a model's confidence in
    [0, 1]. `source` is 'manual', 'import:FORMAT' or 'model:ID'; `run_id` names
    the row in the project's runs table that holds model, weights hash and
    parameters; `history` lists what people changed since, oldest first.
    `extra` keeps an imported format's fields that have no place here.
    """

    id: int
    media_id: int
    class_id: int
    shape: Shape
    frame: int = 0
    pts: int | None = None
    track_id: int | None = None
    group_id: int | None = None
    state: State = State.EDITED
    score: float | None = None
    z: int = 0
    flags: Flags = Flags.NONE
    attributes: Mapping[str, Any] = field(default_factory=dict)
    source: str = "manual"
    run_id: int | None = None
    history: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frame < 0:
            raise InvalidValue(f"frames count from 0, got {self.frame}")
        if self.score is not None and not (math.isfinite(self.score) and 0.0 <= self.score <= 1.0):
            raise InvalidValue(f"a score lies in [0, 1], got {self.score}")
