"""While a corner is dragged only what changed is painted: nothing old stays on the screen."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from visionstudio.model.annotations import Annotation
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.shapes import Box
from visionstudio.ui.canvas.canvas import Canvas


def on_screen(canvas: Canvas) -> QImage:
    """What the window holds, without painting it again."""
    return canvas.screen().grabWindow(canvas.winId()).toImage()


@pytest.mark.parametrize("grip", [(420, 420), (420, 360), (340, 350)])  # corner, side, inside
def test_a_drag_leaves_nothing_behind(qtbot: QtBot, grip: tuple[int, int]) -> None:
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(900, 700)
    with qtbot.waitExposed(canvas):
        canvas.show()
    canvas.set_image(np.full((700, 900, 3), 90, np.uint8))
    rows = [Annotation(id=1, media_id=1, class_id=1, shape=Box(300, 300, 420, 420))]
    for n in range(8):  # what it snaps to on its way
        x, y = 150 + n * 50, 150 + n * 40
        rows.append(Annotation(id=n + 2, media_id=1, class_id=2, shape=Box(x, y, x + 40, y + 35)))
    classes = [LabelClass(id=n, name=f"class {n}", colour=colour_for(n)) for n in (1, 2)]
    canvas.set_annotations(rows, classes)
    canvas.snapping = True
    canvas.actual_size()
    canvas.set_selection({1})
    qtbot.waitUntil(lambda: canvas.settled)
    port = canvas.viewport()
    start = QPointF(*canvas.view.to_widget(*grip)).toPoint()
    QTest.mouseMove(port, start)
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=start)
    marks = 0
    for n in range(40):
        at = QPointF(start.x() + 13 * n % 260 - 100, start.y() + 29 * n % 220 - 90).toPoint()
        QTest.mouseMove(port, at)
        qtbot.waitUntil(lambda: canvas.settled)
        QApplication.processEvents()
        marks += canvas.tool._snapper.found is not None  # type: ignore[attr-defined]
        before = on_screen(canvas)
        port.update()
        QApplication.processEvents()
        assert before == on_screen(canvas), n
    assert canvas._scene.lifted
    assert marks
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=start)
