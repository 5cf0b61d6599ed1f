"""A picture ready for the screen: RGB32 with halved copies, and its source values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QImage, QPainter

from visionstudio.model.errors import InvalidValue

Array = NDArray[Any]
Pixels = NDArray[np.uint8]
_SAMPLES = 1_000_000
# Qt samples textures with 16-bit whole coordinates.
_TEXTURE = 16_000
# Copies down to this side are made at once, smaller ones when they are asked for.
_PREPARED = 3_000


@dataclass(frozen=True, slots=True)
class Levels:
    """A window over source values: `low` shows black, `high` white, bent by `gamma` > 0."""

    low: float
    high: float
    gamma: float = 1.0


class Picture:
    """Pixels of a picture of `width` × `height`, prepared for drawing.

    `rgb` is (H, W, 3) uint8, upright; it may be smaller than `size` (width,
    height) when it is a reduced first paint. `source` are the values that the
    readout names and the levels are applied to: (H, W[, C]) of any number type;
    by default `rgb`. Raises InvalidValue for other shapes. Preparing costs about
    one pass over the pixels and may be done in any thread.
    """

    def __init__(
        self,
        rgb: NDArray[np.uint8],
        size: tuple[int, int] | None = None,
        source: Array | None = None,
        levels: Levels | None = None,
    ) -> None:
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise InvalidValue(f"a picture is (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
        width, height = size or (rgb.shape[1], rgb.shape[0])
        self._build(as_bgra(rgb), (width, height), source, levels)

    def _build(
        self, pixels: Pixels, size: tuple[int, int], source: Array | None, levels: Levels | None
    ) -> None:
        self._pixels = pixels
        self.width, self.height = size
        self._deep = source
        self.levels = levels
        if levels is None:
            shown = pixels
        elif source is None:
            shown = _through(pixels, levels)
        else:
            shown = as_bgra(apply_levels(source, levels))
        self._mips = [shown]
        while max(self._mips[-1].shape) > _PREPARED:
            self._halved(len(self._mips))

    @property
    def source(self) -> Array:
        """The values behind the picture: (H, W[, C]) of any number type."""
        return self._pixels[:, :, 2::-1] if self._deep is None else self._deep

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        pixels = 0 if self._mips[0] is self._pixels else self._pixels.nbytes
        source = 0 if self._deep is None else self._deep.nbytes
        return pixels + source + sum(mip.nbytes for mip in self._mips)

    def with_levels(self, levels: Levels | None) -> Picture:
        """The same picture through another window of values; None for as decoded."""
        other = Picture.__new__(Picture)
        other._build(self._pixels, (self.width, self.height), self._deep, levels)
        return other

    def listen(self, heard: Callable[[QRect], None]) -> None:
        """`heard(part)` when a part, in the picture's pixels, can be drawn better than before.

        Of a picture in memory nothing more is to come.
        """

    def value_text(self, x: int, y: int) -> str:
        """The source values at a pixel, '' outside or where only a reduced copy is there."""
        source = self.source
        if source.shape[:2] != (self.height, self.width):
            return ""
        if not (0 <= x < self.width and 0 <= y < self.height):
            return ""
        return value_words(source[y, x])

    def render(self, scale: float, rect: QRect) -> QImage:
        """The part `rect` (device pixels from the picture's origin) at a scale, as RGB32."""
        out = QImage(rect.size(), QImage.Format.Format_RGB32)
        painter = QPainter(out)
        painter.translate(-rect.topLeft())
        self.draw(painter, scale, rect)
        painter.end()
        return out

    def draw(self, painter: QPainter, scale: float, rect: QRect) -> None:
        """Draw at a scale at least the part `rect`, in device pixels from the picture's origin."""
        stored = self._mips[0].shape
        across = scale * self.width / stored[1]  # device pixels per stored pixel
        down = scale * self.height / stored[0]
        step = 0
        while across * 2**step <= 0.5 and self._halved(step + 1):
            step += 1
        mip = as_image(self._mips[step])
        fx = scale * self.width / mip.width()
        fy = scale * self.height / mip.height()
        at = QPoint(0, 0)
        if max(mip.width(), mip.height()) > _TEXTURE:
            crop = QRect(
                int(rect.x() / fx) - 2,
                int(rect.y() / fy) - 2,
                int(rect.width() / fx) + 5,
                int(rect.height() / fy) + 5,
            ).intersected(mip.rect())
            at, mip = crop.topLeft(), mip.copy(crop)
        painter.save()
        # Enlarged pixels are shown as they are: what is labelled are pixels.
        smooth = min(across, down) < 2.0
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.scale(fx, fy)
        painter.drawImage(at, mip)
        painter.restore()

    def _halved(self, step: int) -> bool:
        """Whether there is a copy halved `step` times; makes it from the last."""
        while len(self._mips) <= step:
            last = self._mips[-1]
            if min(last.shape[:2]) < 8:
                return False
            self._mips.append(_half(last))
        return True


def value_words(values: Array) -> str:
    """The values of a pixel in words."""
    values = np.atleast_1d(values)
    return ", ".join(f"{v:.4g}" if values.dtype.kind == "f" else str(int(v)) for v in values)


# OpenCV rather than Qt: it leaves the interpreter to the window while it works.


def as_bgra(rgb: NDArray[np.uint8]) -> Pixels:
    """(H, W, 4) uint8 as QImage's RGB32 has them in memory."""
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGRA), np.uint8)


def _through(pixels: Pixels, levels: Levels) -> Pixels:
    import cv2

    table = _window(np.arange(256, dtype=np.float64), levels)
    shown = np.asarray(cv2.LUT(pixels, table), np.uint8)
    shown[:, :, 3] = 255
    return shown


def _half(pixels: Pixels) -> Pixels:
    import cv2

    size = (pixels.shape[1] + 1) // 2, (pixels.shape[0] + 1) // 2
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def as_image(pixels: Pixels) -> QImage:
    """A view of the pixels, which must outlive it."""
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)


def auto_levels(source: Array, clip: float = 0.35) -> Levels:
    """The window that leaves `clip` per cent of the values black and as many white.

    Looks at no more than a million values, evenly spread, and not at transparency.
    """
    values = np.asarray(source)
    if values.ndim == 3 and values.shape[2] in (2, 4):
        values = values[:, :, :-1]
    step = max(1, int(np.sqrt(values.size / _SAMPLES)))
    sample = values[::step, ::step]
    if values.dtype.kind == "f":
        sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return Levels(0.0, 1.0)
    low, high = (float(v) for v in np.percentile(sample, (clip, 100 - clip)))
    return Levels(low, high if high > low else low + 1.0)


def apply_levels(source: Array, levels: Levels) -> NDArray[np.uint8]:
    """Source values (H, W[, C]) as (H, W, 3) uint8 through a window; one look-up for integers."""
    values = np.asarray(source)
    if values.dtype == np.uint8 or values.dtype == np.uint16:
        table = _window(np.arange(np.iinfo(values.dtype).max + 1, dtype=np.float64), levels)
        shown = np.take(table, values)
    else:
        shown = _window(np.nan_to_num(values.astype(np.float64)), levels)
    if shown.ndim == 2:
        shown = shown[:, :, None]
    if shown.shape[2] < 3:
        shown = np.repeat(shown[:, :, :1], 3, axis=2)
    return np.ascontiguousarray(shown[:, :, :3])


def _window(values: NDArray[np.float64], levels: Levels) -> NDArray[np.uint8]:
    span = max(levels.high - levels.low, 1e-12)
    share = np.clip((values - levels.low) / span, 0.0, 1.0)
    if levels.gamma != 1.0:
        share = share ** (1.0 / levels.gamma)
    return (share * 255.0 + 0.5).astype(np.uint8)
