"""Cut-outs of pictures that show a case: what is labelled, and what was found."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.evaluation.evaluation import BoxRow, Case, Evaluation, Picture
from visionstudio.engine.requests import FrameRef

Image = NDArray[np.uint8]
Read = Callable[[FrameRef], Image]

TRUTH = (0, 158, 115)  # bluish green and vermillion differ for all kinds of colour vision
FOUND = (213, 94, 0)  # (Okabe and Ito, 2008)
_AROUND = 0.6  # of a box's larger side are shown around it
_LEAST_SIDE = 24.0


def frame_of(picture: Picture) -> FrameRef:
    """How the picture of a case is read."""
    return FrameRef(picture.path, picture.file, picture.kind, picture.frame)


def crop(image: Image, case: Case, side: int = 160) -> Image:
    """(h, w, 3), at most `side` high and wide: the boxes of a case with what surrounds them.

    A case without boxes is the whole picture.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = surroundings(case) or (0.0, 0.0, float(width), float(height))
    left, top = int(max(0, min(x1, width - 1))), int(max(0, min(y1, height - 1)))
    right, bottom = int(max(left + 1, min(x2, width))), int(max(top + 1, min(y2, height)))
    part = image[top:bottom, left:right]
    factor = min(side / part.shape[0], side / part.shape[1])
    size = max(1, round(part.shape[1] * factor)), max(1, round(part.shape[0] * factor))
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    out = np.ascontiguousarray(cv2.resize(part, size, interpolation=method), np.uint8)
    for box, colour in ((case.truth, TRUTH), (case.found, FOUND)):
        if box is not None:
            _outline(out, box, (left, top), factor, colour)
    return out


def surroundings(case: Case) -> BoxRow | None:
    """x1, y1, x2, y2 of a square around the boxes of a case, None when it has no boxes.

    It may reach out of the picture.
    """
    boxes = [b for b in (case.truth, case.found) if b is not None]
    if not boxes:
        return None
    x1, y1 = min(b[0] for b in boxes), min(b[1] for b in boxes)
    x2, y2 = max(b[2] for b in boxes), max(b[3] for b in boxes)
    reach = max(x2 - x1, y2 - y1, _LEAST_SIDE) * (0.5 + _AROUND)
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    return x - reach, y - reach, x + reach, y + reach


def _outline(
    out: Image, box: BoxRow, origin: tuple[int, int], factor: float, colour: tuple[int, int, int]
) -> None:
    points = [round((v - origin[i % 2]) * factor) for i, v in enumerate(box)]
    first, last = (points[0], points[1]), (points[2] - 1, points[3] - 1)
    cv2.rectangle(out, first, last, (255, 255, 255), 3, cv2.LINE_AA)
    cv2.rectangle(out, first, last, colour, 2, cv2.LINE_AA)


def caption(evaluation: Evaluation, case: Case) -> str:
    """What a case is, in a few words, in English."""
    names = evaluation.confusion.classes if evaluation.confusion is not None else ()
    truth = names[case.row] if case.row < len(names) else ""
    found = names[case.column] if case.column < len(names) else ""
    score = f" {case.score:.2f}" if case.score is not None else ""
    match case.kind:
        case "missed":
            return f"{truth} missed"
        case "class" if case.pixels:
            return f"{truth} taken for {found}, {case.pixels:,} pixels"
        case "class":
            return f"{truth} taken for {found}{score}"
        case "place":
            return f"{found} badly placed{score}, IoU {case.iou or 0:.2f}"
        case "duplicate":
            return f"{found} found twice{score}"
        case "false":
            return f"{found} where there is none{score}"
        case _:
            return f"{truth}{score}"
