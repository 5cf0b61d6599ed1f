"""Numbers as people read them, the same everywhere."""

from __future__ import annotations

import math


def number(value: float, digits: int = 6) -> str:
    """Up to `digits` significant digits, whole numbers without a point; '–' for what is none."""
    if not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 10**9:
        return str(int(value))
    return f"{value:.{digits}g}"
