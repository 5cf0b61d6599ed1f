"""The canvas on screen: pictures, shapes, threshold, view, readout, contrast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from visionstudio.media.display import as_pixels, auto_levels, render
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.display import Levels
from visionstudio.model.labels import LabelClass, SkeletonSpec
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.picture import Picture

RED, BLUE = "#ff0000", "#0000ff"
CLASSES = (
    LabelClass(id=1, name="red", colour=RED, skeleton=SkeletonSpec(("a", "b"), ((0, 1),))),
    LabelClass(id=2, name="blue", colour=BLUE),
)


def note(number: int, shape: Shape, **values: object) -> Annotation:
    return Annotation(**{"id": number, "media_id": 1, "class_id": 1, "shape": shape, **values})  # type: ignore[arg-type]


@pytest.fixture
def canvas(qtbot: QtBot) -> Canvas:
    made = Canvas()
    qtbot.addWidget(made)
    made.resize(640, 480)
    made.show()
    qtbot.waitExposed(made)
    made.set_image(np.full((400, 600, 3), 90, np.uint8))
    made.set_zoom(1.0)
    return made


def drawn(qtbot: QtBot, canvas: Canvas) -> np.ndarray:
    """(H, W, 3) of the picture's area on screen at zoom 1, once everything is drawn."""
    qtbot.waitUntil(lambda: canvas.settled)
    image = canvas.viewport().grab().toImage()
    x, y = canvas.view.to_widget(0, 0)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), -1, 4)
    return rows[int(y) : int(y) + 400, int(x) : int(x) + 600, 2::-1].astype(int)


def reddish(pixels: np.ndarray) -> np.ndarray:
    return (pixels[..., 0] > pixels[..., 1] + 60) & (pixels[..., 0] > pixels[..., 2] + 60)


SHAPES = {
    "box": (Box(100, 100, 200, 180), (100, 140)),
    "rotated": (RotatedBox(200, 200, 100, 60, 0.0), (150, 200)),
    "polygon": (Polygon((np.array([[100, 100], [300, 100], [100, 300.0]]),)), (100, 200)),
    "polyline": (Polyline(np.array([[100, 100], [300.0, 100]])), (200, 100)),
    "points": (Points(np.array([[150.0, 150]])), (150, 150)),
    "skeleton": (Skeleton(np.array([[100, 100], [200.0, 100]]), (2, 2)), (150, 100)),
    "ellipse": (Ellipse(200, 200, 80, 40), (280, 200)),
    "mask": (Mask.from_array(np.ones((50, 60)), 100, 100), (130, 125)),
}


@pytest.mark.parametrize("kind", SHAPES)
def test_every_kind_of_shape_is_drawn_where_it_is(qtbot: QtBot, canvas: Canvas, kind: str) -> None:
    shape, (x, y) = SHAPES[kind]
    canvas.set_annotations([note(1, shape)], CLASSES)
    pixels = drawn(qtbot, canvas)
    assert reddish(pixels[y - 3 : y + 4, x - 3 : x + 4]).any()
    assert not reddish(pixels[330:390, 400:590]).any()
    canvas.set_selection({1})
    # A handle may lie on the very place.
    assert reddish(drawn(qtbot, canvas)[y - 9 : y + 10, x - 9 : x + 10]).any()


def test_tags_rejected_and_hidden_ones_are_not_drawn(qtbot: QtBot, canvas: Canvas) -> None:
    bare = drawn(qtbot, canvas)
    canvas.set_annotations(
        [
            note(1, Tag()),
            note(2, Box(10, 10, 90, 90), state=State.REJECTED),
            note(3, Box(10, 10, 90, 90), flags=Flags.HIDDEN),
        ],
        CLASSES,
    )
    assert (drawn(qtbot, canvas) == bare).all()
    assert canvas.visible_ids() == frozenset()


def test_threshold_hides_proposals_but_never_labels(qtbot: QtBot, canvas: Canvas) -> None:
    canvas.set_annotations(
        [
            note(1, Box(50, 50, 150, 150), state=State.PROPOSED, score=0.4),
            note(2, Box(250, 50, 350, 150), state=State.PROPOSED, score=0.8),
            note(3, Box(50, 250, 150, 350), state=State.ACCEPTED, score=0.1),
        ],
        CLASSES,
    )
    assert canvas.visible_ids() == {1, 2, 3}
    canvas.set_threshold(0.5)
    assert canvas.visible_ids() == {2, 3}
    pixels = drawn(qtbot, canvas)
    assert not reddish(pixels[40:160, 40:160]).any()
    assert reddish(pixels[40:160, 240:360]).any()
    assert canvas.hit_at(50, 100) is None
    canvas.set_threshold(0.0)
    assert reddish(drawn(qtbot, canvas)[40:160, 40:160]).any()


def test_proposals_are_dashed_and_labels_are_not(qtbot: QtBot, canvas: Canvas) -> None:
    for state, whole in ((State.PROPOSED, False), (State.EDITED, True)):
        canvas.set_annotations([note(1, Box(50, 200, 450, 300), state=state, score=0.9)], CLASSES)
        side = reddish(drawn(qtbot, canvas)[300, 60:440])
        assert side.all() == whole
        assert side.any()


def test_a_hidden_class_disappears_and_comes_back(qtbot: QtBot, canvas: Canvas) -> None:
    canvas.set_annotations(
        [note(1, Box(50, 50, 150, 150)), note(2, Box(250, 50, 350, 150), class_id=2)], CLASSES
    )
    canvas.set_hidden_classes({1})
    assert canvas.visible_ids() == {2}
    assert not reddish(drawn(qtbot, canvas)).any()
    canvas.set_hidden_classes(())
    assert reddish(drawn(qtbot, canvas)).any()


def test_shapes_stay_when_a_class_is_added(qtbot: QtBot, canvas: Canvas) -> None:
    canvas.set_annotations([note(1, Box(50, 50, 150, 150))], CLASSES)
    before = drawn(qtbot, canvas)
    canvas.set_classes([*CLASSES, LabelClass(id=9, name="new", colour="#00ff00")])
    assert np.array_equal(drawn(qtbot, canvas), before)


def test_updates_erase_what_was_there(qtbot: QtBot, canvas: Canvas) -> None:
    canvas.set_annotations(
        [note(1, Box(50, 50, 150, 150)), note(2, Box(300, 50, 400, 150))], CLASSES
    )
    drawn(qtbot, canvas)
    canvas.update_annotations([note(1, Box(50, 250, 150, 350))], [2])
    pixels = drawn(qtbot, canvas)
    assert not reddish(pixels[20:160]).any()
    assert reddish(pixels[240:360, 40:160]).any()
    assert canvas.hit_at(100, 300) == 1
    assert canvas.hit_at(350, 100) is None


def test_a_hundred_thousand_arrive_while_the_window_lives(qtbot: QtBot, canvas: Canvas) -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 390, (100_000, 2)).tolist()
    rows = [note(n, Box(x, y, x + 4, y + 4)) for n, (x, y) in enumerate(corners)]
    canvas.set_annotations(rows, CLASSES)
    assert len(canvas.visible_ids()) < len(rows)  # the rest comes in slices
    qtbot.waitUntil(lambda: canvas.settled, timeout=60_000)
    assert len(canvas.visible_ids()) == len(rows)
    assert reddish(drawn(qtbot, canvas)[:390, :390]).mean() > 0.5


def test_hit_takes_the_smallest_and_knows_holes(canvas: Canvas) -> None:
    outer = np.array([[200, 100], [400, 100], [400, 300], [200, 300.0]])
    hole = np.array([[250, 150], [350, 150], [350, 250], [250, 250.0]])
    canvas.set_annotations(
        [
            note(1, Box(10, 10, 150, 150)),
            note(2, Box(50, 50, 80, 80)),
            note(3, Polygon((outer, hole))),
        ],
        CLASSES,
    )
    assert canvas.hit_at(60, 60) == 2
    assert canvas.hit_at(120, 120) == 1
    assert canvas.hit_at(220, 200) == 3
    assert canvas.hit_at(300, 200) is None
    assert canvas.hit_at(500, 380) is None


def test_the_wheel_zooms_at_the_pointer(canvas: Canvas) -> None:
    at = QPointF(200, 150)
    before = canvas.view.to_image(at.x(), at.y())
    zoom = canvas.zoom
    for _ in range(3):
        event = QWheelEvent(
            at,
            canvas.viewport().mapToGlobal(at),
            QPoint(),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(canvas.viewport(), event)
    assert canvas.zoom > 1.5 * zoom
    assert canvas.view.to_image(at.x(), at.y()) == pytest.approx(before, abs=1.0)


def test_fit_follows_the_window_and_actual_size_does_not(qtbot: QtBot, canvas: Canvas) -> None:
    canvas.fit()
    canvas.resize(900, 700)
    assert canvas.view.scale == pytest.approx(canvas.view.fit_scale)
    canvas.actual_size()
    canvas.resize(640, 480)
    assert canvas.zoom == pytest.approx(1.0)


def test_view_state_comes_back(canvas: Canvas) -> None:
    canvas.set_zoom(3.0)
    canvas.pan_by(-120, 40)
    state = canvas.view_state()
    canvas.fit()
    canvas.restore_view(state)
    assert canvas.view_state() == pytest.approx(state, abs=0.5)


def test_space_drag_pans_and_a_tap_is_told(qtbot: QtBot, canvas: Canvas) -> None:
    canvas.setFocus()
    with qtbot.waitSignal(canvas.space_tapped):
        QTest.keyClick(canvas, Qt.Key.Key_Space)
    taps: list[bool] = []
    canvas.space_tapped.connect(lambda: taps.append(True))
    canvas.set_zoom(4.0)
    left = canvas.view.left
    port = canvas.viewport()
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=QPoint(300, 200))
    QTest.mouseMove(port, QPoint(250, 200))
    QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=QPoint(250, 200))
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert canvas.view.left == left - 50
    assert not taps


def test_readout_gives_source_values(qtbot: QtBot, canvas: Canvas) -> None:
    source = np.zeros((400, 600), np.uint16)
    source[100, 200] = 4321
    canvas.set_image(np.zeros((400, 600, 3), np.uint8), source=source)
    x, y = canvas.view.to_widget(200.5, 100.5)
    with qtbot.waitSignal(canvas.pixel_hovered) as read:
        QTest.mouseMove(canvas.viewport(), QPoint(round(x), round(y)))
    assert read.args == [200, 100, "4321"]


def test_auto_contrast_stretches_and_goes_back(qtbot: QtBot, canvas: Canvas) -> None:
    grey = np.repeat(np.linspace(100, 140, 600, dtype=np.uint8)[None, :, None], 400, axis=0)
    canvas.set_image(np.repeat(grey, 3, axis=2), keep_view=True)
    plain = drawn(qtbot, canvas)
    assert plain[200, 5:595].max() <= 140
    canvas.set_levels(auto_levels(canvas.picture.pixels))
    stretched = drawn(qtbot, canvas)
    assert stretched[200, 5:595].min() < 20
    assert stretched[200, 5:595].max() > 235
    canvas.set_levels(None)
    assert (drawn(qtbot, canvas) == plain).all()


def test_levels_of_sixteen_bits_and_gamma() -> None:
    source = np.array([[0, 1000, 3000, 60000]], np.uint16)
    shown = render(source, "grey", Levels(1000, 3000))
    assert shown[0, :, 0].tolist() == [0, 0, 255, 255]
    middle = np.array([[0.5]])
    assert render(middle, "grey", Levels(0, 1, gamma=2.0))[0, 0, 0] == round(255 * 0.5**0.5)
    flat = auto_levels(as_pixels(np.full((10, 10), 7, np.uint8)))
    assert flat.high > flat.low


def test_a_reduced_first_paint_keeps_the_media_size(qtbot: QtBot, canvas: Canvas) -> None:
    canvas.set_image(np.full((40, 60, 3), 200, np.uint8), size=(600, 400))
    state = canvas.view_state()
    assert canvas.picture is not None
    assert (canvas.picture.width, canvas.picture.height) == (600, 400)
    canvas.set_image(np.full((400, 600, 3), 200, np.uint8), size=(600, 400), keep_view=True)
    assert canvas.view_state() == state


def test_a_picture_twice_as_small_is_averaged_not_skipped() -> None:
    checks = (np.indices((512, 512)).sum(axis=0) % 2 * 255).astype(np.uint8)
    image = Picture(np.repeat(checks[:, :, None], 3, axis=2)).render(0.25, QRect(0, 0, 128, 128))
    values = [image.pixelColor(x, y).red() for x in range(10, 100, 7) for y in range(10, 100, 7)]
    assert all(100 < v < 155 for v in values)


def test_messages_take_the_place_of_the_picture(qtbot: QtBot, canvas: Canvas) -> None:
    canvas.set_annotations([note(1, Box(10, 10, 90, 90))], CLASSES)
    canvas.set_message("This cannot be shown", "bad.png\nthe file is cut short", "error")
    image = canvas.viewport().grab().toImage()
    assert canvas.picture is None
    assert len({image.pixel(x, y) for x in range(200, 440) for y in range(200, 300, 3)}) > 5
    QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    canvas.set_image(np.full((400, 600, 3), 90, np.uint8))
    canvas.set_zoom(1.0)
    assert not reddish(drawn(qtbot, canvas)).any()


def test_a_frame_keeps_view_and_drawing(canvas: Canvas) -> None:
    canvas.set_zoom(2.0)
    state = canvas.view_state()
    canvas.set_tool("polygon")
    QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(300, 200))
    canvas.set_frame(np.full((400, 600, 3), 20, np.uint8))
    assert canvas.view_state() == state
    assert canvas.is_drawing
    assert QColor(canvas.viewport().grab().toImage().pixel(30, 30)).red() == 20


def test_real_boxes_on_a_real_picture(qtbot: QtBot, canvas: Canvas, shared_data: Path) -> None:
    from xml.etree import ElementTree

    import cv2

    label = sorted((shared_data / "bccd").rglob("*.xml"))[0]
    image = next((shared_data / "bccd").rglob(f"{label.stem}.jpg"))
    rgb = cv2.imread(str(image))[:, :, ::-1]
    boxes = [
        Box(*(float(b.findtext(k, "0")) for k in ("xmin", "ymin", "xmax", "ymax")))
        for b in ElementTree.parse(label).iter("bndbox")
    ]
    canvas.set_image(np.ascontiguousarray(rgb))
    canvas.set_annotations([note(n, b) for n, b in enumerate(boxes, 1)], CLASSES)
    qtbot.waitUntil(lambda: canvas.settled)
    assert boxes
    for number, box in enumerate(boxes, 1):
        hit = canvas.hit_at(box.x1, (box.y1 + box.y2) / 2)
        assert hit is not None
        assert number == hit or boxes[hit - 1].area() <= box.area()
