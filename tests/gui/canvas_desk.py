"""A canvas with the mouse and keys of a person, without a window or a project."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Box, Shape
from visionstudio.ui.canvas.canvas import Canvas

CLASSES = (LabelClass(id=1, name="cell", colour="#e69f00"),)
SQUARE = np.array([[100, 100], [200, 100], [200, 200], [100, 200.0]])
LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier


class Desk:
    """A canvas that keeps its annotations as a session would, and what it was told."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.rows: dict[int, Annotation] = {}
        self.edits: list[dict[int, Shape]] = []
        self.shapes: list[Shape] = []
        self.regions: list[Box] = []
        canvas.shapes_edited.connect(self.edit)
        canvas.shape_drawn.connect(self.shapes.append)
        canvas.region_drawn.connect(self.regions.append)
        canvas.selection_requested.connect(self.select)

    def put(self, *shapes: Shape, flags: Flags = Flags.NONE) -> None:
        for n, shape in enumerate(shapes, 1):
            self.rows[n] = Annotation(id=n, media_id=1, class_id=1, shape=shape, flags=flags)
        self.canvas.set_annotations(self.rows.values(), CLASSES)

    def edit(self, shapes: dict[int, Shape]) -> None:
        self.edits.append(shapes)
        changed = [Annotation(id=i, media_id=1, class_id=1, shape=s) for i, s in shapes.items()]
        self.rows |= {a.id: a for a in changed}
        self.canvas.update_annotations(changed)

    def select(self, ids: frozenset[int], mode: str) -> None:
        now = self.canvas.selection
        self.canvas.set_selection({"add": now | ids, "toggle": now ^ ids}.get(mode, ids))

    def at(self, x: float, y: float) -> QPoint:
        px, py = self.canvas.view.to_widget(x, y)
        return QPoint(round(px), round(py))

    def move(self, x: float, y: float) -> None:
        QTest.mouseMove(self.canvas.viewport(), self.at(x, y))

    def click(self, x: float, y: float, keys: Qt.KeyboardModifier = NONE) -> None:
        self.move(x, y)
        QTest.mouseClick(self.canvas.viewport(), LEFT, keys, self.at(x, y))

    def press(self, x: float, y: float) -> None:
        self.move(x, y)
        QTest.mousePress(self.canvas.viewport(), LEFT, pos=self.at(x, y))

    def release(self, x: float, y: float) -> None:
        QTest.mouseRelease(self.canvas.viewport(), LEFT, pos=self.at(x, y))

    def drag(self, start: tuple[float, float], *way: tuple[float, float]) -> None:
        self.press(*start)
        for point in way:
            self.move(*point)
        self.release(*way[-1])

    def key(self, key: Qt.Key, keys: Qt.KeyboardModifier = NONE) -> None:
        QTest.keyClick(self.canvas, key, keys)


def make_desk(qtbot: QtBot) -> Desk:
    """A shown canvas of 700 × 500 with a grey picture of 600 × 400 at its actual size."""
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(700, 500)
    canvas.show()
    qtbot.waitExposed(canvas)
    canvas.set_image(np.full((400, 600, 3), 90, np.uint8))
    canvas.set_zoom(1.0)
    canvas.setFocus()
    return Desk(canvas)


def points_of(shape: Shape) -> list[list[float]]:
    """Its points, rounded to whole pixels."""
    return [[float(round(v)) for v in p] for p in shape.points()]
