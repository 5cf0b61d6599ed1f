"""COCO panoptic: a PNG for each picture whose colours are the numbers of its segments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.files import PictureRoot
from visionstudio.formats.pngs import decode_png
from visionstudio.formats.rows import RowFault, as_list, as_object, text
from visionstudio.formats.taking import as_whole
from visionstudio.model.shapes import Mask


def segments(
    row: dict[str, Any], where: str, file: Path
) -> Iterator[tuple[str, dict[str, Any], Mask | str]]:
    """Each segment's place, fields, and mask or the reason that it has none.

    The PNG lies in a folder of the JSON file's name. A colour is the number
    R + 256 G + 65536 B. Raises RowFault when the row as a whole is none.
    """
    listed = as_list(row.get("segments_info"), "segments_info")
    name = text(row.get("file_name"), "the file_name")
    numbers: NDArray[np.int64] | None = None
    reason = ""
    found = PictureRoot(file.parent, (file.stem, "panoptic", "masks")).find(name)
    try:
        if found is None:
            raise RowFault(f"its picture of segments, {name!a}, was not found")
        pixels = decode_png(found, "the picture of segments").astype(np.int64)
        numbers = pixels @ np.array([1, 256, 65536]) if pixels.ndim == 3 else pixels
    except RowFault as fault:
        reason = str(fault)
    for index, value in enumerate(listed):
        place = f"{where}.segments_info[{index}]"
        try:
            fields = as_object(value, "the segment")
            number = as_whole(fields.get("id"), "the id")
        except RowFault as fault:
            yield place, {}, str(fault)
            continue
        if numbers is None:
            yield place, fields, reason
            continue
        mask = Mask.from_array(numbers == number)
        yield place, fields, mask if mask.width else f"no pixel has the number {number}"
