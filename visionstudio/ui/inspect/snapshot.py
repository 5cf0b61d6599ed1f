"""The view as a picture file, with shapes and overlays: PNG, or SVG with shapes as lines."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRect, QRectF, QSize
from PySide6.QtGui import QColor, QImage, QPainter

from visionstudio.model.annotations import State
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.live import LivePainter
from visionstudio.ui.canvas.view import View
from visionstudio.ui.i18n import tr


def view_image(canvas: Canvas) -> QImage:
    """What is seen of the picture, as it is painted, in the pixels of the screen."""
    view = canvas.view
    image = QImage(view.view_width, view.view_height, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(view.ratio)
    painter = QPainter(image)
    room = canvas.viewport().rect()
    canvas._scene.paint(painter, view, [room], frozenset())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    canvas.paint_overlays(painter)
    painter.end()
    return image.copy(seen_part(view))


def seen_part(view: View) -> QRect:
    """The device pixels of the viewport that the picture covers."""
    picture = QRect(
        view.left, view.top, round(view.width * view.scale), round(view.height * view.scale)
    )
    return picture.intersected(QRect(0, 0, view.view_width, view.view_height))


def view_png(canvas: Canvas) -> bytes:
    """The view as PNG."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    view_image(canvas).save(buffer, "PNG")  # type: ignore[call-overload]
    return bytes(data.data())


def view_svg(canvas: Canvas, path: Path | None = None) -> bytes:
    """The view as SVG: the picture as it is, shapes and overlays as lines and texts."""
    from PySide6.QtSvg import QSvgGenerator

    view, picture = canvas.view, canvas.picture
    room = seen_part(view)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    made = QSvgGenerator()
    made.setOutputDevice(buffer)
    place = QRectF(
        room.x() / view.ratio,
        room.y() / view.ratio,
        room.width() / view.ratio,
        room.height() / view.ratio,
    )
    made.setSize(QSize(round(place.width()), round(place.height())))
    made.setViewBox(QRectF(0, 0, place.width(), place.height()))
    made.setTitle(path.stem if path is not None else tr("Picture"))
    painter = QPainter(made)
    painter.translate(-place.topLeft())
    if picture is not None:
        image = picture.render(view.scale, room.translated(-view.left, -view.top))
        painter.drawImage(place, image)
    painter.setClipRect(place)
    _paint_shapes(painter, canvas, view)
    canvas.paint_overlays(painter)
    painter.end()
    buffer.close()
    return bytes(data.data())


def _paint_shapes(painter: QPainter, canvas: Canvas, view: View) -> None:
    live = LivePainter()
    for annotation_id in sorted(canvas.visible_ids()):
        annotation = canvas.annotation(annotation_id)
        if annotation is None:
            continue
        dashed = annotation.state is State.PROPOSED
        colour = QColor(canvas.colour_of(annotation)).name()
        live.paint(painter, view, annotation.shape, colour, dashed=dashed, strong=False)
