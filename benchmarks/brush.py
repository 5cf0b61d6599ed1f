"""Painting masks on pictures of 12 and 100 megapixels.

A step of a stroke is one mouse event: the tip swept on, and the repaint of what
changed. Its limit is the bare work that nothing can spare: the same numpy block
written and the same part of an Indexed8 picture drawn. The end of a stroke, which
makes the mask that is stored, is compared with a frame of 60 per second, and
runs with the encoder of pycocotools.

    python benchmarks/brush.py [--quick]
"""

from __future__ import annotations

import os
import sys

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from _timing import alternate, show
from pycocotools import mask as coco
from PySide6.QtCore import QRect, QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtWidgets import QApplication

from visionstudio.model import rle
from visionstudio.model.brush import Tip
from visionstudio.model.spans import Spans
from visionstudio.ui.canvas.paint_layer import PaintLayer
from visionstudio.ui.canvas.view import View

FRAME = 1 / 60
STEPS = 50
SIZE = 40


def disc(width: int, height: int) -> np.ndarray:
    """A large round mask with a hole."""
    y, x = np.ogrid[:height, :width]
    away = np.hypot(y - height / 2, x - width / 2)
    return np.asarray((away < 0.45 * height) & (away > 0.1 * height))


def strokes(width: int, height: int, rounds: int) -> None:
    """One size of picture: steps, and the end of a stroke on a large mask."""
    name = f"{width * height / 1e6:.0f} MP"
    view = View(width, height, 1600, 1000).fitted().zoomed(1.0, 800, 500)
    canvas = QImage(1600, 1000, QImage.Format.Format_RGB32)
    layer = PaintLayer(width, height)
    layer.load(Spans.of_array(disc(width, height)))
    tip = Tip(SIZE)
    x1, y1, _, _ = (int(v) for v in view.seen())

    def ours() -> None:
        painter = QPainter(canvas)
        for n in range(STEPS):
            start = x1 + 100.0 + 5 * n, y1 + 300.0 + n
            area = layer.sweep(tip, start, (start[0] + 5, start[1] + 1), n % 2)
            if area is not None:
                left, top = view.to_widget(area[0], area[1])
                part = QRect(int(left), int(top), area[2] - area[0], area[3] - area[1])
                painter.setClipRect(part)
                layer.paint(painter, view, "#e69f00")
        painter.end()

    block = np.zeros((height, width), np.uint8)
    table = [0, QColor(230, 159, 0, 140).rgba()]

    def bare() -> None:
        painter = QPainter(canvas)
        for n in range(STEPS):
            x, y = x1 + 80 + 5 * n, y1 + 280 + n
            block[y : y + SIZE, x : x + SIZE + 5] = n % 2
            part = np.ascontiguousarray(block[y : y + SIZE, x : x + SIZE + 5])
            image = QImage(part.data, SIZE + 5, SIZE, SIZE + 5, QImage.Format.Format_Indexed8)
            image.setColorTable(table)
            painter.drawImage(QRectF(80 + 5 * n, 280 + n, SIZE + 5, SIZE), image)
        painter.end()

    mine, limit = alternate(ours, bare, rounds)
    show(f"{name}: step of a stroke", mine / STEPS, limit / STEPS, "bare block and blit")
    show(f"{name}: step of a stroke", mine / STEPS, FRAME, "frame")

    def end() -> None:
        spans = layer.result()
        spans.mask()

    mine, _ = alternate(end, lambda: None, rounds)
    show(f"{name}: end of a stroke on a large mask", mine, FRAME, "frame")


def encoding(rounds: int) -> None:
    """A whole mask of 12 megapixels into runs."""
    bits = disc(4000, 3000)
    columns = np.asfortranarray(bits.astype(np.uint8))
    mine, limit = alternate(lambda: rle.encode(bits), lambda: coco.encode(columns), rounds)
    show("12 MP: encode as runs", mine, limit, "pycocotools")


def main() -> None:
    application = QApplication(sys.argv[:1])
    rounds = 3 if "--quick" in sys.argv else 9
    encoding(rounds)
    strokes(4000, 3000, rounds)
    strokes(10_000, 10_000, rounds)
    application.quit()


if __name__ == "__main__":
    main()
