"""Numbers as people read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """2:05 or 1:02:05."""
    total = max(0, round(seconds))
    hours, minutes = total // 3600, total // 60 % 60
    if hours:
        return f"{hours}:{minutes:02d}:{total % 60:02d}"
    return f"{minutes}:{total % 60:02d}"
