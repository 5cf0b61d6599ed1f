"""Times of a video as text, and back."""

from __future__ import annotations


def clock(seconds: float, long: bool = False) -> str:
    """m:ss.mmm, with hours when `long`."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    text = f"{rest // 1000:02d}.{rest % 1000:03d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{text}" if long else f"{minutes}:{text}"
