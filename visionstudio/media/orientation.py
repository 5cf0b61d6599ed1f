"""Turning pictures upright as EXIF's orientation says."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def upright(values: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The picture (H, W[, C]) as it should be seen; the same array when it already is.

    `orientation` 1 to 8 is what EXIF stores: 6 means that the stored picture has
    to be turned by 90° clockwise. (JEITA CP-3451, tag 0x0112.)
    """
    if orientation == 1:
        return values
    if orientation == 2:
        turned = cv2.flip(values, 1)
    elif orientation == 3:
        turned = cv2.rotate(values, cv2.ROTATE_180)
    elif orientation == 4:
        turned = cv2.flip(values, 0)
    elif orientation == 5:
        turned = cv2.transpose(values)
    elif orientation == 6:
        turned = cv2.rotate(values, cv2.ROTATE_90_CLOCKWISE)
    elif orientation == 7:
        turned = cv2.flip(cv2.transpose(values), -1)
    elif orientation == 8:
        turned = cv2.rotate(values, cv2.ROTATE_90_COUNTERCLOCKWISE)
    else:
        raise ValueError(f"orientation is 1 to 8, got {orientation}")
    return np.ascontiguousarray(turned)
