"""Zooming: another level stands in without seams, and what is sharp follows."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from visionstudio.model.annotations import Annotation
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Box
from visionstudio.ui.canvas.canvas import Canvas

GREY = 90


@pytest.fixture
def canvas(qtbot: QtBot) -> Canvas:
    made = Canvas()
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    qtbot.waitExposed(made)
    made.set_image(np.full((1500, 2000, 3), GREY, np.uint8))
    qtbot.waitUntil(lambda: made.settled)
    return made


def pixels(canvas: Canvas) -> np.ndarray:
    """(H, W, 3) of the viewport as it would be painted now."""
    image = canvas.viewport().grab().toImage()
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[:, :, 2::-1].astype(int)


def picture_part(canvas: Canvas) -> np.ndarray:
    """What of the viewport lies well inside the picture."""
    (x1, y1), (x2, y2) = canvas.view.to_widget(0, 0), canvas.view.to_widget(2000, 1500)
    shown = pixels(canvas)
    return shown[max(int(y1) + 3, 0) : int(y2) - 3, max(int(x1) + 3, 0) : int(x2) - 3]


def test_every_step_shows_the_whole_picture_without_seams(qtbot: QtBot, canvas: Canvas) -> None:
    for factor in (*[1.23] * 9, *[1 / 1.37] * 8, *[1.11] * 4):
        canvas.zoom_at(factor, 333, 290)
        part = picture_part(canvas)
        assert part.size
        assert part.min() == part.max() == GREY, canvas.zoom
    canvas.pan_by(250, -170)
    assert np.ptp(picture_part(canvas)) == 0
    qtbot.waitUntil(lambda: canvas.settled)
    assert np.ptp(picture_part(canvas)) == 0


def test_a_shape_is_where_it_belongs_at_once_and_sharp_soon(qtbot: QtBot, canvas: Canvas) -> None:
    canvas.set_annotations(
        [Annotation(id=1, media_id=1, class_id=1, shape=Box(900, 700, 1100, 800))],
        [LabelClass(id=1, name="a", colour="#ff0000")],
    )
    qtbot.waitUntil(lambda: canvas.settled)
    canvas.zoom_at(2.0, 450, 350)
    x, y = (int(v) for v in canvas.view.to_widget(900, 750))
    at_once = pixels(canvas)[y, x - 8 : x + 9]
    assert (at_once[:, 0] > at_once[:, 1] + 60).any()
    qtbot.waitUntil(lambda: canvas.settled)
    sharp = pixels(canvas)
    assert sharp[y, x, 0] > 200
    assert sharp[y, x, 1] < 60
    canvas.update_annotations([], [1])
    qtbot.waitUntil(lambda: canvas.settled)
    canvas.zoom_at(1.3, 450, 350)  # nothing that is gone comes back with an old level
    assert np.ptp(picture_part(canvas)) == 0
