"""Commands and tools on masks of a picture of 100 megapixels: how long the window does not answer.

Two kinds of mask: a disc with a hole that fills the picture, and some thousand cells
as one mask. Each command is started as its menu or key does, and a timer that fires
every millisecond measures the gaps until its result is on screen. The limit of 50 ms is
held against what the window's own thread computes between two ticks: on a machine that
does other things too, the gaps are longer than that.

    python benchmarks/masks.py [--megapixels N] [--only WORD]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VISIONSTUDIO_HOME", tempfile.mkdtemp(prefix="visionstudio-bench-"))

import cv2
import numpy as np
from _heart import Heart, after
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtTest import QTest

from visionstudio.app.window import make_application, prepare
from visionstudio.model.shapes import Mask, Shape
from visionstudio.model.spans import Spans
from visionstudio.settings.store import Settings
from visionstudio.ui.window import MainWindow

LIMIT_MS = 50.0
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


def disc(side: int, *, hole: bool = True) -> Mask:
    """A round mask that fills the picture, with a hole."""
    y, x = np.ogrid[:side, :side]
    away = np.hypot(y - side / 2, x - side / 2, dtype=np.float32)
    inside = (away < 0.45 * side) & (away > (0.1 * side if hole else -1))
    return Spans.of_array(inside).mask()


def cells(side: int) -> Mask:
    """Thousands of blobs with holes here and there, from smooth noise."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(side // 50, side // 50)).astype(np.float32)
    smooth = cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC)
    return Spans.of_array((smooth > 0.6) & (smooth < 1.9)).mask()


class Desk:
    """A window with a large picture, and gaps measured while something is done."""

    def __init__(self, folder: Path, only: str) -> None:
        self.window = MainWindow(Settings())
        self.window.resize(1600, 1000)
        self.window.show()
        self.window.models.discover = lambda **_: None  # type: ignore[method-assign]
        self.heart = Heart()
        self.only = only
        self.worst: dict[str, float] = {}
        self.window.open([folder])
        self.heart.watch(lambda: self.window.session is not None)
        assert self.window.session is not None
        self.session = self.window.session
        self.session.add_class("cell")
        canvas = self.canvas = self.window.viewer.canvas
        self.heart.watch(lambda: canvas.picture is not None and canvas.picture.is_whole)
        self.heart.watch(lambda: canvas.settled and self.session.saved)
        self.window.viewer.focus_canvas()

    def quiet(self) -> bool:
        return self.canvas.settled and self.session.saved

    def put(self, *shapes: Shape) -> list[int]:
        """Only these objects, all of them selected."""
        self.canvas.set_tool("select")
        self.session.delete([a.id for a in self.session.annotations])
        ids = [self.session.new_annotation(s).id for s in shapes]
        self.heart.watch(self.quiet)
        self.session.select(ids)
        self.heart.watch(after(0.3))
        self.heart.watch(self.quiet)
        return ids

    def measure(self, what: str, act: Callable[[], object], until: Callable[[], bool]) -> None:
        """Do it in the event loop; the longest gap until it is done and drawn."""
        start = time.perf_counter()
        QTimer.singleShot(20, act)
        gaps = self.heart.watch(lambda: until() and self.quiet(), 180)
        work = self.heart.work
        gaps = gaps + self.heart.watch(after(0.2))
        computed = max(*work, *self.heart.work)
        taken = time.perf_counter() - start - 0.27
        self.worst[what] = computed
        state = "" if until() else "   NOT DONE"
        ratio = computed / LIMIT_MS
        print(
            f"{what:<36} longest gap {max(gaps):7.1f} ms   computed in it {computed:7.1f} ms   "
            f"ratio to {LIMIT_MS:g}: {ratio:5.2f}   done in {taken:5.2f} s{state}",
            flush=True,
        )

    def wanted(self, what: str) -> bool:
        return self.only in what

    def change(self, what: str, command: str, *shapes: Shape, count: int | None = None) -> None:
        """A menu command on these objects; done when the shapes differ or their number does."""
        if not self.wanted(what):
            return
        ids = self.put(*shapes)
        before = tuple(self.session.annotations)
        action = self.window.actions_[command]

        def done() -> bool:
            now = tuple(self.session.annotations)
            return bool(now) and now != before and (count is None or len(now) >= count)

        self.heart.watch(action.isEnabled, 5)
        self.measure(what, action.trigger, done)
        assert ids

    def adjust(self, what: str, tool: str, values: dict[str, int], *shapes: Shape) -> None:
        """A tool with a number: chosen, changed, taken with Enter."""
        if not self.wanted(what):
            return
        self.put(*shapes)
        before = self.session.annotations
        for name, value in values.items():
            self.canvas.tools[tool].set_option(name, value)

        def act() -> None:
            self.canvas.set_tool(tool)
            self.window.viewer.focus_canvas()
            QTest.keyClick(self.canvas, Qt.Key.Key_BracketRight)
            QTest.keyClick(self.canvas, Qt.Key.Key_Return)

        self.measure(what, act, lambda: self.session.annotations != before)

    def at(self, x: float, y: float) -> QPoint:
        return QPointF(*self.canvas.view.to_widget(x, y)).toPoint()

    def stroke(self, *way: tuple[float, float]) -> None:
        """Press, move and let go, each in a turn of its own as a real mouse does."""
        port, start, end = self.canvas.viewport(), self.at(*way[0]), self.at(*way[-1])
        steps = [partial(QTest.mouseMove, port, start)]
        steps.append(partial(QTest.mousePress, port, LEFT, NONE, start))
        steps += [partial(QTest.mouseMove, port, self.at(*point)) for point in way[1:]]
        steps.append(partial(QTest.mouseRelease, port, LEFT, NONE, end))
        for n, step in enumerate(steps):
            QTimer.singleShot(8 * n, step)

    def draw(self, what: str, tool: str, way: list[tuple[float, float]], *shapes: Shape) -> None:
        """A stroke with a tool."""
        if not self.wanted(what):
            return
        self.put(*shapes)
        self.canvas.set_tool(tool)
        before = self.session.annotations
        self.measure(what, lambda: self.stroke(*way), lambda: self.session.annotations != before)


def picture(folder: Path, side: int) -> None:
    """A soft texture, so that the wand has something to find."""
    rng = np.random.default_rng(1)
    small = rng.integers(60, 190, (side // 100, side // 100, 3), dtype=np.uint8)
    values = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
    Image.fromarray(values).save(folder / "large.jpg", quality=90)


def main() -> None:
    side = 10_000
    if "--megapixels" in sys.argv:
        side = round((float(sys.argv[sys.argv.index("--megapixels") + 1]) * 1e6) ** 0.5)
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    app = make_application()
    prepare(app, Settings())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pictures"
        folder.mkdir()
        picture(folder, side)
        desk = Desk(folder, only)
        round_, many = disc(side), cells(side)
        print(f"disc: {len(round_.counts):,} runs   cells: {len(many.counts):,} runs")
        for kind, mask in (("disc", round_), ("cells", many)):
            other = disc(side, hole=False).translated(side / 5, side / 7)
            desk.change(f"{kind}: fill holes", "shape.fill_holes", mask)
            desk.change(f"{kind}: make a polygon", "shape.to_polygon", mask)
            desk.change(f"{kind}: make a box", "shape.to_box", mask)
            desk.change(f"{kind}: make a rotated box", "shape.to_rotated_box", mask)
            desk.change(
                f"{kind}: join",
                "shape.join",
                mask,
                other,
            )
            desk.change(f"{kind}: subtract", "shape.subtract", mask, other)
            desk.change(f"{kind}: intersect", "shape.intersect", mask, other)
            desk.adjust(f"{kind}: grow", "grow", {"by": 20}, mask)
            desk.adjust(f"{kind}: shrink", "grow", {"by": -20}, mask)
            desk.adjust(f"{kind}: smooth", "smooth", {"radius": 5}, mask)
            if kind == "cells":
                desk.adjust(f"{kind}: remove specks", "specks", {"least": 500}, mask)
            desk.adjust(f"{kind}: simplify", "simplify", {}, mask)
            way = [(side * 0.02, side * 0.4), (side * 0.5, side * 0.45), (side * 0.98, side * 0.5)]
            desk.draw(f"{kind}: knife", "knife", way, mask)
            short = [(side * (0.2 + n / 100), side * 0.3) for n in range(10)]
            desk.draw(f"{kind}: eraser", "eraser", short, mask)
            beside = [(x * 0.1, y * 0.2) for x, y in short]
            desk.draw(f"{kind}: brush", "brush", beside, mask)
        desk.change("cells: split into objects", "shape.split", many)
        if desk.wanted("polygon: make a mask"):
            from visionstudio.model.reshaping import to_polygon

            for kind, mask in (("disc", round_), ("cells", many)):
                polygon = to_polygon(mask)
                assert polygon is not None
                desk.change(f"polygon: make a mask ({kind})", "shape.to_mask", polygon)
        middle = side / 2
        desk.draw("disc: bucket in the hole", "fill", [(middle, middle)], round_)
        desk.draw("wand on all of the picture", "wand", [(middle, middle), (middle * 1.9, middle)])
        worst = max(desk.worst.values(), default=0.0)
        print(f"{'all together':<36} computed in the longest gap {worst:7.1f} ms")
        desk.window.close()


if __name__ == "__main__":
    main()
