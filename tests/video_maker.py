"""Makes videos whose frames carry their number as 12 black and white squares."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 12
SQUARE = 16
WIDTH, HEIGHT = BITS * SQUARE, 96


def picture(number: int) -> NDArray[np.uint8]:
    """(96, 192, 3): bits of the number on top, a bar that moves with it below."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    for bit in range(BITS):
        image[:32, bit * SQUARE : (bit + 1) * SQUARE] = 235 if number >> bit & 1 else 20
    left = number * 5 % (WIDTH - 20)
    image[48:80, left : left + 20] = (200, 60, 30)
    return image


def number_in(rgb: NDArray[np.uint8]) -> int:
    """The number that a decoded frame shows."""
    middles = rgb[16, SQUARE // 2 :: SQUARE].mean(axis=1)
    return sum(int(value > 128) << bit for bit, value in enumerate(middles[:BITS]))


def make(
    path: Path,
    frames: int = 60,
    *,
    stamps: Sequence[int] | None = None,
    codec: str = "libx264",
    gop: int = 12,
    b_frames: int = 2,
    options: dict[str, str] | None = None,
    numbers: Sequence[int] | None = None,
) -> Path:
    """Encode `frames` numbered pictures; `stamps` in milliseconds, else 25 per second."""
    stamps = stamps if stamps is not None else [40 * n for n in range(frames)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = stream.codec_context
        context.time_base = Fraction(1, 1000)
        context.gop_size = gop
        context.max_b_frames = b_frames
        for n, stamp in enumerate(stamps):
            number = numbers[n] if numbers is not None else n
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
