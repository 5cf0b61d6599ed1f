"""The model. Imported in the vision host only; every call runs in a worker thread there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from blob_detector.manifest import Params
from visionstudio.api import Context, Detections, Frame

CLASSES = ("blob",)


class BlobDetector:
    """Connected regions on the other side of Otsu's threshold (Otsu 1979)."""

    def load(self, params: Params, weights: Path | None, ctx: Context) -> None:
        """There is nothing to load; a network would be built and moved to `ctx.device` here."""

    def unload(self) -> None:
        """Drop what `load` made."""

    def predict(self, frames: Sequence[Frame], params: Params, ctx: Context) -> list[Detections]:
        """One result per frame, in order. Frames are (H, W, 3) uint8 RGB and read-only."""
        results = []
        for done, frame in enumerate(frames):
            ctx.report(done / len(frames))  # where the user's cancel takes effect
            results.append(find_blobs(frame, params))
        return results


def find_blobs(frame: Frame, params: Params) -> Detections:
    """Boxes of blobs; the score is how far a blob's mean stands out from its surroundings."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    dark = params.ground == "dark"
    mode = cv2.THRESH_BINARY if dark else cv2.THRESH_BINARY_INV
    level, mask = cv2.threshold(grey, 0, 1, mode | cv2.THRESH_OTSU)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    areas = np.maximum(np.bincount(labels.ravel(), minlength=count), 1)
    means = np.bincount(labels.ravel(), weights=grey.ravel(), minlength=count) / areas
    room = (255 - level if dark else level) or 1
    scores = np.clip((means - level if dark else level - means) / room, 0, 1)
    keep = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= params.smallest]
    x, y = stats[keep, cv2.CC_STAT_LEFT], stats[keep, cv2.CC_STAT_TOP]
    w, h = stats[keep, cv2.CC_STAT_WIDTH], stats[keep, cv2.CC_STAT_HEIGHT]
    boxes = np.stack([x, y, x + w, y + h], axis=1).astype(np.float64)
    return Detections(boxes, scores[keep], np.zeros(len(keep), np.int64), CLASSES)
