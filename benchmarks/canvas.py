"""The canvas with 1,000 to 100,000 polygons against a bare blit of two pictures.

A 1600×1000 viewport, 12-point polygons, all of them in view. The limit is a
widget that copies a background and one overlay of the same size and does
nothing else, measured in the same run; beside it stand the goals in
milliseconds, so that every line ends in a ratio. Frames are measured by the
time that the thread computes, gaps and loading by the clock.

    python benchmarks/canvas.py [--quick]
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable
from time import perf_counter, thread_time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from _timing import percentile, seconds, show
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QApplication, QWidget

from visionstudio.model.annotations import Annotation
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.shapes import Box, Polygon
from visionstudio.ui.canvas import labels
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.tiles import SIDE, keys_in, seen_area

WIDTH, HEIGHT = 1600, 1000
PICTURE = (4000, 2500)
ROUNDS = 60
FRAME, GAP, HIT = 0.016, 0.050, 0.001  # goals in seconds: a frame, any gap, a hit-test
LOAD = {1_000: 1.0, 10_000: 1.0, 100_000: 10.0}


class BareBlit(QWidget):
    """What no canvas can beat: two copies."""

    def __init__(self, overlay: QImage) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.resize(WIDTH, HEIGHT)
        self.background = QImage(WIDTH, HEIGHT, QImage.Format.Format_RGB32)
        self.background.fill(0x405060)
        self.overlay = overlay

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.drawImage(0, 0, self.background)
        painter.drawImage(0, 0, self.overlay)
        painter.end()


def polygons(count: int) -> list[Annotation]:
    """Polygons of 12 points, evenly spread, of a size that leaves them apart."""
    rng = np.random.default_rng(0)
    radius = 0.35 * (PICTURE[0] * PICTURE[1] / count) ** 0.5
    turn = np.arange(12) * (2 * np.pi / 12)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    centres = rng.uniform((radius, radius), np.array(PICTURE) - radius, (count, 2))
    sizes = radius * rng.uniform(0.7, 1.0, (count, 12, 1))
    rings = centres[:, None] + ring * sizes
    return [
        Annotation(id=n + 1, media_id=1, class_id=n % 8 + 1, shape=Polygon((rings[n],)))
        for n in range(count)
    ]


def overlay_of(canvas: Canvas) -> QImage:
    """What the canvas draws over the picture, as one see-through image."""
    image = QImage(WIDTH, HEIGHT, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    tiles, view = canvas._scene.sheet.tiles, canvas.view
    for key in keys_in(seen_area(view)):
        pixmap = tiles.pixmap(key)
        if pixmap is not None:
            painter.drawPixmap(key[0] * SIDE + view.left, key[1] * SIDE + view.top, pixmap)
    painter.end()
    return image


def settle(app: QApplication, canvas: Canvas) -> float:
    """Let the canvas finish what it draws. Returns the longest gap of the event loop."""
    longest = 0.0
    while not canvas.settled:
        longest = max(longest, seconds(app.processEvents))
    app.processEvents()
    return longest


def mouse(canvas: Canvas, kind: QEvent.Type, x: float, y: float) -> None:
    """Deliver one mouse event to the canvas as Qt would."""
    pressed = Qt.MouseButton.LeftButton
    move = kind == QEvent.Type.MouseMove
    place = QPointF(x, y)
    event = QMouseEvent(
        kind,
        place,
        canvas.viewport().mapToGlobal(place),
        Qt.MouseButton.NoButton if move else pressed,
        pressed if kind != QEvent.Type.MouseButtonRelease else Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(canvas.viewport(), event)


def busy(work: Callable[[], object]) -> float:
    """Seconds that this thread computes, so that other programs do not count."""
    start = thread_time()
    work()
    return thread_time() - start


def compare(what: str, work: Callable[[int], object], bare: BareBlit, rounds: int = ROUNDS) -> None:
    """Print median and 95th percentile of `work`, each beside the blit's."""
    ours, limit = [], []
    for n in range(-5, rounds):
        a, b = busy(lambda n=n: work(n)), busy(bare.repaint)
        if n >= 0:
            ours.append(a)
            limit.append(b)
    show(f"  {what}, median", statistics.median(ours), statistics.median(limit), "blit")
    show(f"  {what}, p95", percentile(ours, 95), percentile(limit, 95), "blit")
    show(f"  {what}, p95", percentile(ours, 95), FRAME, "goal")


def measure(app: QApplication, count: int) -> None:
    """All figures for so many polygons."""
    canvas = Canvas()
    canvas.resize(WIDTH, HEIGHT)
    canvas.show()
    rng = np.random.default_rng(1)
    canvas.set_image(rng.integers(60, 120, (PICTURE[1], PICTURE[0], 3), dtype=np.uint8))
    canvas.shapes_edited.connect(
        lambda shapes: canvas.update_annotations(
            Annotation(id=i, media_id=1, class_id=1, shape=s) for i, s in shapes.items()
        )
    )
    app.processEvents()
    rows = polygons(count)
    classes = [LabelClass(id=n + 1, name=f"class {n}", colour=colour_for(n)) for n in range(8)]
    print(f"{count:,} polygons")

    start = perf_counter()
    first = seconds(lambda: canvas.set_annotations(rows, classes))
    gap = max(first, settle(app, canvas))
    show("  load and first drawing", perf_counter() - start, LOAD[count], "goal")
    show("  longest gap meanwhile", gap, GAP, "goal")

    canvas._scene.sheet.reset()
    canvas.refresh()
    canvas._slices.start(0)
    start = perf_counter()
    gap = settle(app, canvas)
    print(f"  cold fill {1e3 * (perf_counter() - start):.0f} ms")
    show("  longest gap of the cold fill", gap, GAP, "goal")

    bare = BareBlit(overlay_of(canvas))
    bare.show()
    app.processEvents()

    compare("warm repaint", lambda _: canvas.viewport().repaint(), bare)

    def hover(n: int) -> None:
        x, y = 200 + (n * 37) % 1200, 150 + (n * 53) % 700
        mouse(canvas, QEvent.Type.MouseMove, x, y)
        app.processEvents()

    compare("hover and paint", hover, bare)

    target = rows[count // 2]
    canvas.set_selection({target.id})
    settle(app, canvas)
    x, y = canvas.view.to_widget(*target.shape.points()[0])
    mouse(canvas, QEvent.Type.MouseMove, x, y)
    mouse(canvas, QEvent.Type.MouseButtonPress, x, y)

    def drag(n: int) -> None:
        mouse(canvas, QEvent.Type.MouseMove, x + 10 + n % 20, y + 10 + n % 15)
        app.processEvents()

    compare("vertex drag and paint", drag, bare)
    release = busy(lambda: mouse(canvas, QEvent.Type.MouseButtonRelease, x + 10, y + 10))
    show("  release", release, FRAME, "goal")
    settle(app, canvas)
    canvas.set_selection(())

    canvas.actual_size()
    settle(app, canvas)

    def pan(n: int) -> None:
        canvas.pan_by(*((-9, -5) if n % 40 < 20 else (9, 5)))
        app.processEvents()

    compare("pan and paint", pan, bare)
    canvas.fit()
    settle(app, canvas)

    def zoom(n: int) -> None:
        canvas.zoom_at(1.1 if n % 16 < 8 else 1 / 1.1, 800, 500)
        app.processEvents()

    compare("zoom step and paint", zoom, bare, 32)
    canvas.fit()
    settle(app, canvas)
    points = rng.uniform((0, 0), PICTURE, (200, 2)).tolist()
    times = [busy(lambda p=p: canvas.hit_at(*p)) for p in points]
    show("  hit-test, median", statistics.median(times), HIT, "goal")
    show("  hit-test, p95", percentile(times, 95), HIT, "goal")
    canvas.close()
    bare.close()


def measure_labels(app: QApplication, count: int) -> None:
    """So many names at once, unthinned: the canvas itself leaves fewer where they crowd."""
    labels._CELL = 1.0
    canvas = Canvas()
    canvas.resize(WIDTH, HEIGHT)
    canvas.show()
    canvas.set_image(np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    across = int(np.ceil((count * WIDTH / HEIGHT) ** 0.5))
    places = np.array([(n % across, n // across) for n in range(count)], float) * WIDTH / across
    rows = [
        Annotation(id=n + 1, media_id=1, class_id=n % 8 + 1, shape=Box(x, y, x + 23, y + 23))
        for n, (x, y) in enumerate(places.tolist())
    ]
    classes = [LabelClass(id=n + 1, name=f"class {n}", colour=colour_for(n)) for n in range(8)]
    canvas.set_annotations(rows, classes)
    canvas.actual_size()
    gap = settle(app, canvas)
    shown = len(canvas._scene.sheet._labels._fragments)
    print(f"{shown:,} name labels")
    show("  longest gap of the first drawing", gap, GAP, "goal")
    bare = BareBlit(overlay_of(canvas))
    bare.show()
    app.processEvents()

    def pan(n: int) -> None:
        canvas.pan_by(*((-9, -5) if n % 40 < 20 else (9, 5)))
        app.processEvents()

    compare("pan and paint", pan, bare)
    canvas.close()
    bare.close()


def main() -> None:
    app = QApplication.instance() or QApplication(sys.argv)
    counts = (1_000, 10_000) if "--quick" in sys.argv else (1_000, 10_000, 100_000)
    for count in counts:
        measure(app, count)
    measure_labels(app, 5_000)


if __name__ == "__main__":
    main()
