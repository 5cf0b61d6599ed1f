"""OpenEXR: floating-point pictures with named channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import MediaError

# Rec. ITU-R BT.709: how red, green and blue make luminance.
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722


def facts(path: Path) -> tuple[int, int, tuple[str, ...]]:
    """Width, height and channel names of an EXR file's first part, from its header."""
    header = _open(path, header_only=True).header()
    (left, top), (right, bottom) = header["dataWindow"]
    names = _order({channel.name for channel in header["channels"]})
    return int(right) - int(left) + 1, int(bottom) - int(top) + 1, names


def _order(names: set[str]) -> tuple[str, ...]:
    """Channels as they are decoded: R, G, B, A first, then by name."""
    if {"Y", "RY", "BY"} <= names:
        names = names - {"Y", "RY", "BY"} | {"R", "G", "B"}
    rank = {name: n for n, name in enumerate("RGBA")}
    return tuple(sorted(names, key=lambda n: (rank.get(n, len(rank)), n)))


def decode(path: Path) -> NDArray[np.float32]:
    """(H, W) or (H, W, C) float32, channels in the order of their names in `facts`."""
    planes = {
        name: np.asarray(channel.pixels, np.float32)
        for name, channel in _open(path, separate_channels=True).channels().items()
    }
    if not planes:
        raise MediaError("holds no channels")
    height, width = np.max([p.shape for p in planes.values()], axis=0)
    if {"Y", "RY", "BY"} <= planes.keys():
        planes = _from_luminance(planes, int(width), int(height))
    values = [_sized(planes[n], int(width), int(height)) for n in _order(set(planes))]
    return values[0] if len(values) == 1 else np.dstack(values)


def _from_luminance(
    planes: dict[str, NDArray[np.float32]], width: int, height: int
) -> dict[str, NDArray[np.float32]]:
    """Luminance and two chroma channels of half size as R, G, B."""
    y, ry, by = (_sized(planes.pop(n), width, height) for n in ("Y", "RY", "BY"))
    red, blue = (ry + 1) * y, (by + 1) * y
    green = (y - _RED * red - _BLUE * blue) / _GREEN
    return {"R": red, "G": green, "B": blue, **planes}


def _sized(plane: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    if plane.shape == (height, width):
        return plane
    return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR))


def _open(path: Path, **options: Any) -> Any:
    import OpenEXR

    return OpenEXR.File(str(path), **options)
