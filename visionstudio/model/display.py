"""What a person chooses about how pictures are shown. It changes no value of a picture.

`Display` is the choice and holds for other pictures too; `Levels` is what it comes to for
one picture (`media.display` works that out and draws it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

Window = tuple[float, float]
SATURATION = 0.35
"""Per cent of the values that auto-contrast makes black, and as many white."""
COLOUR_MAPS: tuple[str, ...] = (
    "grey", "viridis", "inferno", "magma", "plasma", "cividis", "turbo", "hot", "bone", "twilight",
    "red", "green", "blue", "labels",
)  # fmt: skip
"""Colour maps for a single band; `labels` gives neighbouring numbers colours that differ."""
WINDOWS: tuple[str, ...] = ("default", "full", "auto", "range", "percentile", "fixed")
"""default: as decoded; full: all that the type can hold; auto: a saturation; range: least to
largest value; percentile: 1 to 99 %; fixed: `low` and `high` as they are."""
CT_WINDOWS: Mapping[str, Window] = {
    # centre ± half the width in Hounsfield units, as radiologists use them
    "Brain": (0.0, 80.0),
    "Soft tissue": (-160.0, 240.0),
    "Lung": (-1350.0, 150.0),
    "Bone": (-500.0, 1300.0),
    "Liver": (-45.0, 105.0),
    "Angiography": (-300.0, 900.0),
}


@dataclass(frozen=True, slots=True)
class Levels:
    """A window over source values: `low` shows black, `high` white, bent by `gamma` > 0.

    `colours` is one of COLOUR_MAPS and holds for a single band; `channel` shows one
    channel by its number. `windows` are those of separate channels that are added up.
    """

    low: float
    high: float
    gamma: float = 1.0
    colours: str = "grey"
    invert: bool = False
    channel: int | None = None
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True)
class Display:
    """What a person has chosen. `window` is one of WINDOWS, `channel` None for all together."""

    window: str = "default"
    low: float = 0.0
    high: float = 255.0
    gamma: float = 1.0
    colours: str = "grey"
    invert: bool = False
    channel: int | None = None

    def fixed(self, low: float, high: float) -> Display:
        """The same with this window."""
        return replace(self, window="fixed", low=low, high=high)

    @property
    def is_plain(self) -> bool:
        """Whether it shows pictures as they are decoded."""
        return self == Display(low=self.low, high=self.high)

    def to_json(self) -> dict[str, object]:
        """What differs from the default, for settings."""
        plain = Display()
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {k: v for k, v in values.items() if v != getattr(plain, k)}

    @staticmethod
    def from_json(stored: object) -> Display:
        """What `to_json` gave; whatever does not fit is left out."""
        if not isinstance(stored, dict):
            return Display()
        known = {k: v for k, v in stored.items() if k in Display.__dataclass_fields__}
        try:
            made = Display(**known)
            good = made.window in WINDOWS and made.colours in COLOUR_MAPS
            good = good and float(made.gamma) > 0 and float(made.low) <= float(made.high)
            good = good and (made.channel is None or isinstance(made.channel, int))
        except (TypeError, ValueError):
            return Display()
        return made if good else Display()
