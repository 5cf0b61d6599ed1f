"""A picture ready for the screen: RGB32 with halved copies, and its source values."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QImage, QPainter

from visionstudio.model.display import Display, Levels
from visionstudio.model.errors import InvalidValue

if TYPE_CHECKING:
    from visionstudio.media.image import Pixels

Array = NDArray[Any]
Bgra = NDArray[np.uint8]
# Qt samples textures with 16-bit whole coordinates.
_TEXTURE = 16_000
# Copies down to this side are made at once, smaller ones when they are asked for.
_PREPARED = 3_000


class Picture:
    """Pixels of a picture of `width` × `height`, prepared for drawing.

    `rgb` is (H, W, 3) uint8, upright; it may be smaller than `size` (width,
    height) when it is a reduced first paint. `source` are the values that the
    readout names and the levels are applied to, with what is known of them, or
    just (H, W[, C]) of any number type; by default `rgb`. Raises InvalidValue for
    other shapes. Preparing costs about one pass over the pixels and may be done
    in any thread.
    """

    in_memory = True
    """Whether all of it can be rendered, in any thread."""

    def __init__(
        self,
        rgb: NDArray[np.uint8],
        size: tuple[int, int] | None = None,
        source: Array | Pixels | None = None,
        levels: Levels | None = None,
    ) -> None:
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise InvalidValue(f"a picture is (H, W, 3) uint8, got {rgb.shape} {rgb.dtype}")
        self._build(as_bgra(rgb), size or (rgb.shape[1], rgb.shape[0]), source, levels)

    def _build(
        self,
        plain: Bgra,
        size: tuple[int, int],
        source: Array | Pixels | None,
        levels: Levels | None,
    ) -> None:
        self.width, self.height = size
        self._plain = [plain]  # as decoded, halved again and again
        while max(self._plain[-1].shape) > _PREPARED:
            self._plain.append(_half(self._plain[-1]))
        self._pixels = _as_pixels(source) if source is not None else None
        self._deep: list[Array] = [self._pixels.values] if self._pixels is not None else []
        self.levels = levels
        self.display: Display | None = None  # the choice that the levels came from
        self.frame_of: int | None = None  # the stack or video that it is a frame of
        self._mips: dict[int, Bgra] = {}
        if levels is not None:
            # The largest of several is made when somebody looks that closely.
            for step in range(min(1, len(self._plain) - 1), len(self._plain)):
                self._mip(step)

    @property
    def pixels(self) -> Pixels:
        """The values behind the picture, with what is known of them."""
        if self._pixels is None:
            self._pixels = _as_pixels(self._plain[0][:, :, 2::-1])
        return self._pixels

    @property
    def source(self) -> Array:
        """The values behind the picture: (H, W[, C]) of any number type."""
        return self.pixels.values

    @property
    def is_whole(self) -> bool:
        """Whether every pixel is there, not only a reduced first paint."""
        return bool(self.pixels.values.shape[:2] == (self.height, self.width))

    @property
    def has_values(self) -> bool:
        """Whether `pixels` are the picture's own values, be it a sample of them."""
        return self.is_whole

    @property
    def nbytes(self) -> int:
        """The memory that it takes."""
        arrays = (*self._plain, *self._deep, *self._mips.values())
        return sum(array.nbytes for array in arrays)

    def with_levels(self, levels: Levels | None) -> Self:
        """The same picture through another window of values; None for as decoded."""
        self._pixels = self.pixels
        other = copy(self)
        other.levels, other.display, other._mips = levels, None, {}
        return other

    def listen(self, heard: Callable[[QRect], None]) -> None:
        """`heard(part)` when a part, in the picture's pixels, can be drawn better than before.

        Of a picture in memory nothing more is to come.
        """

    def value_text(self, x: int, y: int) -> str:
        """The source values at a pixel, '' outside or where only a reduced copy is there."""
        source = self.source
        if not self.is_whole:
            return ""
        if not (0 <= x < self.width and 0 <= y < self.height):
            return ""
        return value_words(self.pixels, source[y, x])

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
        stored = self._plain[0].shape
        across = scale * self.width / stored[1]  # device pixels per stored pixel
        down = scale * self.height / stored[0]
        step = 0
        while across * 2**step <= 0.5 and min(stored[:2]) >> step >= 8:
            step += 1
        mip = as_image(self._mip(step))
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

    def _mip(self, step: int) -> Bgra:
        """What is shown, halved `step` times; made when it is first asked for."""
        if self.levels is None:
            return np.asarray(_halved(self._plain, step))
        found = self._mips.get(step)
        if found is None:
            from visionstudio.media.display import render

            if self._deep:
                values, mode = _halved(self._deep, step), self.pixels.mode
                found = render(values, mode, self.levels)
            else:
                plain = _halved(self._plain, step)[:, :, 2::-1]
                found = render(plain, "rgb", self.levels)
            self._mips[step] = found
        return found


def _halved(mips: list[Any], step: int) -> Any:
    """A list's array halved `step` times; the list grows to it."""
    while len(mips) <= step:
        mips.append(_half(mips[-1]))
    return mips[step]


def _as_pixels(source: Array | Pixels) -> Pixels:
    from visionstudio.media.display import as_pixels

    return as_pixels(source) if isinstance(source, np.ndarray) else source


def value_words(pixels: Pixels, values: Array) -> str:
    """The values of a pixel of such a picture in words."""
    values = np.atleast_1d(values)
    texts = [f"{v:.6g}" if values.dtype.kind == "f" else str(int(v)) for v in values]
    if pixels.mode != "channels":
        return ", ".join(texts)
    return "  ".join(f"{n} {t}" for n, t in zip(pixels.channel_names, texts, strict=True))


# OpenCV rather than Qt: it leaves the interpreter to the window while it works.


def as_bgra(rgb: NDArray[np.uint8]) -> Bgra:
    """(H, W, 4) uint8 as QImage's RGB32 has them in memory."""
    import cv2

    return np.asarray(cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGRA), np.uint8)


def _half(values: Any) -> Any:
    import cv2

    size = (values.shape[1] + 1) // 2, (values.shape[0] + 1) // 2
    if values.ndim == 2 or values.shape[2] <= 4:
        return cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    planes = [np.ascontiguousarray(values[:, :, c]) for c in range(values.shape[2])]
    return np.dstack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in planes])


def as_image(pixels: Bgra) -> QImage:
    """A view of the pixels, which must outlive it."""
    height, width = pixels.shape[:2]
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
