"""Pictures too large to decode whole, read by tiles from levels of falling size.

A tiled TIFF that holds its levels (pyramids of libvips, SVS, OME-TIFF) is read as it
is; for other files `pyramid_build` makes one in the cache. Values are those of the one
canonical decode: uint8, uint16 or float32, 8-bit colours in sRGB.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.media.apart import apart
from visionstudio.media.colour import convert_profile, display_range, to_rgb
from visionstudio.media.header import PictureHeader
from visionstudio.media.pages import tiff_layout
from visionstudio.model.errors import MediaError

if TYPE_CHECKING:
    import pyvips
    import tifffile

TILED_PIXELS = 150_000_000
"""Larger pictures are shown by tiles, as decoded whole they would take a gigabyte."""
READY_PIXELS = 50_000_000
"""The same for files that hold their levels: showing tiles of these costs nothing."""
OVERVIEW_SIDE = 4096  # the coarsest level is at most this large
_LEAST_SIDE = 1024
_STEP = 9.0  # a level is at most so many times smaller than the one before
_TYPES = {
    "uchar": np.uint8, "char": np.int8, "ushort": np.uint16, "short": np.int16, "uint": np.uint32,
    "int": np.int32, "float": np.float32, "double": np.float64,
}  # fmt: skip
_KEPT = (np.uint8, np.uint16, np.float32)
_LEVELS_OPEN = 2
"""Of each open level libvips keeps two rows of tiles: a hundred megabytes of the finest."""


@dataclass(frozen=True, slots=True)
class Level:
    """One copy of the picture: its size, its file, the page in it, its place beneath that."""

    width: int
    height: int
    path: Path
    page: int = 0
    subifd: int = -1


class Pyramid:
    """A picture in levels, `levels[0]` whole and each further one smaller. Thread-safe."""

    def __init__(self, path: Path, levels: tuple[Level, ...]) -> None:
        self.path = path
        self.levels = levels
        self.width, self.height = levels[0].width, levels[0].height
        self._lock = threading.Lock()
        self._open: OrderedDict[int, tuple[pyvips.Image, pyvips.Region]] = OrderedDict()

    def read(self, level: int, x: int, y: int, width: int, height: int) -> NDArray[Any]:
        """Source values (h, w) or (h, w, C) of a part of a level, clipped to it. Blocks.

        Raises MediaError.
        """
        import pyvips

        size = self.levels[level]
        width, height = min(width, size.width - x), min(height, size.height - y)
        try:
            with self._lock:
                image, region = self._level(level)
                data = apart(region.fetch(x, y, width, height))
        except pyvips.Error as error:
            lines = str(error).split("\n")
            raise MediaError(
                f"cannot be decoded: {' '.join(lines[-2:]).strip()}",
                where=str(self.path),
                next_step="copy it again from its source",
            ) from error
        values = data.view(_TYPES[image.format]).reshape(height, width, image.bands)
        if image.bands == 1:
            values = values[:, :, 0]
        if values.dtype not in _KEPT:
            values = values.astype(np.float32)
        return _in_srgb(values, image)

    def _level(self, level: int) -> tuple[pyvips.Image, pyvips.Region]:
        import pyvips

        if level not in self._open:
            pyvips.cache_set_max(0)  # what is kept is kept by us
            at = self.levels[level]
            image = pyvips.Image.tiffload(str(at.path), page=at.page, subifd=at.subifd)
            self._open[level] = image, pyvips.Region.new(image)
            while len(self._open) > _LEVELS_OPEN:
                self._open.popitem(last=False)
        self._open.move_to_end(level)
        return self._open[level]

    @cached_property
    def overview(self) -> NDArray[Any]:
        """The source values of a coarse level, all of it. Blocks. Raises MediaError."""
        fit = [n for n, v in enumerate(self.levels) if max(v.width, v.height) >= _LEAST_SIDE]
        level = self.levels[max(fit, default=0)]
        return self.read(max(fit, default=0), 0, 0, level.width, level.height)

    @cached_property
    def window(self) -> tuple[float, float] | None:
        """The source values shown as black and white; None for 8 bits."""
        colours = self.overview
        if colours.dtype == np.uint8:
            return None
        return display_range(colours[:, :, :3] if colours.ndim == 3 else colours)

    def rgb(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """How values of this picture are shown, the same for all parts: (h, w, 3) uint8."""
        return to_rgb(values, self.window)


def _in_srgb(values: NDArray[Any], image: pyvips.Image) -> NDArray[Any]:
    if values.dtype != np.uint8:
        return values
    has_profile = image.get_typeof("icc-profile-data") != 0
    profile = bytes(image.get("icc-profile-data")) if has_profile else None
    if image.interpretation == "cmyk":
        return convert_profile(np.ascontiguousarray(values[:, :, :4]), profile, "CMYK")
    if profile is None:
        return values
    if values.ndim == 2:
        return convert_profile(values, profile, "L")
    if values.shape[2] < 3:
        return values
    colours = convert_profile(np.ascontiguousarray(values[:, :, :3]), profile, "RGB")
    return colours if values.shape[2] == 3 else np.dstack([colours, values[:, :, 3:]])


def ready_pyramid(path: Path, header: PictureHeader) -> Pyramid | None:
    """The picture by the levels that its own file holds, None where it does not. Blocks."""
    one = header.format == "TIFF" and header.frames == 1 and header.orientation == 1
    if not one or (header.mode.startswith("C") and header.mode != "CMYK"):
        return None
    import tifffile  # here: it takes long to load, and other pictures do without

    try:
        with tifffile.TiffFile(path) as tiff:
            return levels_of(path, tiff)
    except (tifffile.TiffFileError, OSError, ValueError, KeyError, IndexError):
        return None


def levels_of(path: Path, tiff: tifffile.TiffFile) -> Pyramid | None:
    """The levels of an open TIFF's first frame, if they are tiled and fall to a small one."""
    import tifffile

    whole = tiff_layout(tiff).pages(0)[0]
    series = next((s for s in tiff.series if s.keyframe.offset == whole.offset), None)
    if series is None:
        return None
    levels: list[Level] = []
    for one in series.levels:
        page = one.keyframe
        size = int(page.imagewidth), int(page.imagelength)
        if not page.is_tiled or page.planarconfig != tifffile.PLANARCONFIG.CONTIG:
            break
        if levels and not 1.0 < levels[-1].width / size[0] <= _STEP:
            break
        beneath = list(whole.subifds or ())
        if page.offset in beneath:
            levels.append(Level(*size, path, int(whole.index), beneath.index(page.offset)))
        else:
            levels.append(Level(*size, path, int(page.index)))
    if not levels or max(levels[-1].width, levels[-1].height) > OVERVIEW_SIDE:
        return None
    return Pyramid(path, tuple(levels))


def quick_copy(path: Path, header: PictureHeader, side: int) -> NDArray[np.uint8] | None:
    """A smaller copy of a large picture, (h, w, 3) uint8, where that needs no whole decode.

    Its longer side is about `side` or more. None where there is no fast way. Raises
    MediaError.
    """
    pyramid = ready_pyramid(path, header)
    if pyramid is not None:
        return pyramid.rgb(pyramid.overview)
    if header.format != "JPEG" or header.mode not in ("L", "RGB"):
        return None
    import pyvips

    try:
        image = pyvips.Image.thumbnail(str(path), side, size="down")
        values = np.asarray(image.numpy(), np.uint8)
    except pyvips.Error as error:
        raise MediaError(" ".join(str(error).split()), where=str(path)) from error
    return to_rgb(values)


def is_large(header: PictureHeader) -> bool:
    """Whether a picture is to be shown by tiles, whatever that takes."""
    return header.width * header.height > TILED_PIXELS
