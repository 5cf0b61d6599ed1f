"""Times of a video as text, and back."""

from __future__ import annotations


def clock(seconds: float, long: bool = False) -> str:
    """m:ss.mmm, with hours when `long`."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    text = f"{rest // 1000:02d}.{rest % 1000:03d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{text}" if long else f"{minutes}:{text}"


def seconds_of(text: str) -> float | None:
    """The seconds of a time as people write it: '1:02:03.5', '2:03', '63.5 s'; None for others."""
    text = text.strip().lower().replace(",", ".")
    plain = text.removesuffix("s").strip()
    if ":" not in text and plain == text:
        return None
    try:
        parts = [float(part) for part in plain.split(":")]
    except ValueError:
        return None
    if len(parts) > 3 or any(not 0 <= part < 1e9 for part in parts):
        return None
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total
