"""Which pages of a TIFF make up its frames: stacks, time series, channels on pages of their own.

A frame is what is looked at and labelled at once. Pages that are smaller copies, labels
or overviews of a slide are none. Channels that lie on pages of their own (OME, ImageJ)
are put together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import tifffile

_SLIDES = ("is_svs", "is_ndpi", "is_scn", "is_philips", "is_bif", "is_avs", "is_qpi", "is_cog")
MAX_CHANNELS = 512


@dataclass(frozen=True, slots=True)
class Layout:
    """How the frames of a TIFF lie in it.

    `channels` pages make one frame; 1 where a page holds all its samples.
    `names` are those of the channels where the file tells them.
    """

    frames: int
    channels: int
    pages: Callable[[int], tuple[Any, ...]]  # a frame's TIFF pages, one per channel
    plane: Callable[[int], list[NDArray[Any]]] | None = None  # for planes without pages
    names: tuple[str, ...] = ()


def tiff_layout(tiff: tifffile.TiffFile) -> Layout:
    """The frames of an open TIFF."""
    slide = any(getattr(tiff, name, False) for name in _SLIDES)
    plain = len(tiff.pages) == 1 and not (tiff.is_ome or tiff.is_imagej or tiff.is_shaped)
    if slide or plain:
        return _page_by_page(tiff, 1)
    series = tiff.series[0]
    if len(tiff.series) > 1 and not (tiff.is_ome or tiff.is_imagej or len(series.levels) > 1):
        return _page_by_page(tiff, len(tiff.pages))
    return _series(tiff, series) or _page_by_page(tiff, len(tiff.pages))


def _page_by_page(tiff: tifffile.TiffFile, count: int) -> Layout:
    """Every page is a frame, but for smaller copies of others."""
    if count > 1:
        whole = [n for n in range(count) if not tiff.pages[n].aspage().is_reduced] or [0]
    else:
        whole = [0]
    return Layout(len(whole), 1, lambda n: (tiff.pages[whole[n]].aspage(),))


def _series(tiff: tifffile.TiffFile, series: Any) -> Layout | None:
    """Frames of the first series by its axes; None where they do not fit its pages."""
    axes, shape = series.axes, series.shape
    first = min((axes.index(a) for a in "YXS" if a in axes), default=0)
    lead, sizes = axes[:first], shape[:first]
    count = prod(sizes)
    channels = sizes[lead.index("C")] if "C" in lead and "S" not in axes else 1
    if channels > MAX_CHANNELS:
        channels = 1
    order = np.arange(count).reshape(sizes or (1,))
    if channels > 1:
        order = np.moveaxis(order, lead.index("C"), -1)
    order = order.reshape(-1, channels)
    names = _channel_names(tiff, channels)
    keyframe = series.keyframe
    if len(series.pages) == count:

        def pages(n: int) -> tuple[Any, ...]:
            found = [series.pages[int(i)] for i in order[n]]
            return tuple(keyframe if page is None else page.aspage() for page in found)

        return Layout(len(order), channels, pages, None, names)
    if series.dataoffset is None or len(series.pages) != 1:
        return None
    size = prod(shape[first:])
    dtype = np.dtype(series.dtype).newbyteorder(tiff.byteorder)

    def plane(n: int) -> list[NDArray[Any]]:
        """Planes that lie one behind the other without pages of their own."""
        planes = []
        for i in order[n]:
            tiff.filehandle.seek(int(series.dataoffset) + int(i) * size * dtype.itemsize)
            data = tiff.filehandle.read(size * dtype.itemsize)
            planes.append(np.frombuffer(data, dtype).reshape(shape[first:]))
        return planes

    return Layout(len(order), channels, lambda _: (keyframe,) * channels, plane, names)


def _channel_names(tiff: tifffile.TiffFile, channels: int) -> tuple[str, ...]:
    """What an OME or ImageJ file calls its channels; () where it does not."""
    if channels < 2:
        return ()
    try:
        if tiff.is_ome:
            import tifffile

            found = tifffile.xml2dict(tiff.ome_metadata or "")["OME"]["Image"]
            pixels = (found[0] if isinstance(found, list) else found)["Pixels"]
            named = [str(c.get("Name") or "") for c in pixels["Channel"]]
        else:
            named = [str(s) for s in (tiff.imagej_metadata or {}).get("Labels", ())]
    except (KeyError, TypeError, AttributeError, ValueError):
        return ()
    good = len(named) >= channels and all(named[:channels])
    return tuple(named[:channels]) if good else ()
