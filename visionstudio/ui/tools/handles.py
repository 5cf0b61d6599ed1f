"""How the handles of a shape look: vertices, middles of edges, the one that turns it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.shapes import Shape, Skeleton
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.bulk import draw_points, draw_rects, spread
from visionstudio.ui.canvas.view import View
from visionstudio.ui.i18n import tr
from visionstudio.ui.tools.vertices import Grip, middles, turn_handle

_MANY = 200  # vertices beyond which their handles are small
_TOO_MANY = 20_000  # vertices in view beyond which they have none
_BESIDE = 20.0  # widget units around the viewport that are drawn too
_counted: tuple[Shape, View, int] | None = None


def paint_handles(painter: QPainter, view: View, shape: Shape) -> None:
    """All that can be dragged of the one selected shape.

    Where more vertices are seen than the eye can tell apart, their handles would hide the
    outline: they come as one goes nearer.
    """
    points = shape.points()
    if len(points) > _TOO_MANY and _count_seen(view, shape, points) > _TOO_MANY:
        return
    turn = turn_handle(shape, view)
    if turn is not None:
        _paint_turn(painter, *turn, hot=False)
    centres, _ = middles(shape, view)
    painter.setPen(style.pen("#000000", style.HANDLE / 2 + 2))
    draw_points(painter, view.widget_points(centres))
    painter.setPen(style.pen("#ffffff", style.HANDLE / 2))
    draw_points(painter, view.widget_points(centres))
    if isinstance(shape, Skeleton):
        absent = np.array(shape.visibility) == 0
        _paint_absent(painter, view.widget_points(points[absent]))
        points = points[~absent]
    paint_vertices(painter, view, points, np.zeros(len(points), dtype=bool))


def paint_vertices(
    painter: QPainter, view: View, points: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> None:
    """White squares, those of chosen vertices in the accent colour."""
    placed = view.widget_points(points)
    seen = _seen(view, points)
    side = style.HANDLE if len(placed) <= _MANY else style.HANDLE / 2
    painter.setPen(QPen(QColor("#000000"), 1))
    for marked, fill, size in ((False, "#ffffff", side), (True, style.ACCENT, side + 2)):
        corners = spread(placed[seen & (chosen == marked)], side) - size / 2
        painter.setBrush(QColor(fill))
        draw_rects(painter, np.concatenate([corners, np.full_like(corners, size)], axis=1))


def _seen(view: View, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of (n, 2) points of the picture lie in the viewport or just beside it."""
    x1, y1, x2, y2 = view.seen(_BESIDE * view.ratio)
    x, y = points.T
    return np.asarray((x > x1) & (y > y1) & (x < x2) & (y < y2))


def _count_seen(view: View, shape: Shape, points: NDArray[np.float64]) -> int:
    """How many points are in view; known from the last time when nothing has changed."""
    global _counted
    if _counted is None or _counted[0] is not shape or _counted[1] != view:
        _counted = shape, view, int(np.count_nonzero(_seen(view, points)))
    return _counted[2]


def paint_hot(painter: QPainter, view: View, shape: Shape, grip: Grip) -> None:
    """What the next click would take, larger."""
    points = shape.points()
    if grip.at >= len(points):
        return
    if grip.kind == "turn":
        turn = turn_handle(shape, view)
        if turn is not None:
            _paint_turn(painter, *turn, hot=True)
    elif grip.kind == "vertex":
        at = points[grip.at]
        style.paint_handle(painter, QPointF(*view.to_widget(*at)), "#ffffff", hot=True)
    elif grip.kind == "side":
        ends = view.widget_points(points[[grip.at, (grip.at + 1) % len(points)]])
        painter.setPen(style.pen(style.ACCENT, style.SELECTED + 2))
        painter.drawLine(QPointF(*ends[0]), QPointF(*ends[1]))
    else:
        centres, index = middles(shape, view)
        for centre in centres[index == grip.at]:
            place = QPointF(*view.to_widget(*centre))
            style.paint_handle(painter, place, "#ffffff", round_=True, hot=True)


def _paint_absent(painter: QPainter, placed: NDArray[np.float64]) -> None:
    """A cross where a keypoint would be set."""
    arm = style.HANDLE / 2
    for shade, width in (("#161616", 3.5), ("#ffffff", 1.5)):
        painter.setPen(style.pen(shade, width))
        for x, y in placed.tolist():
            painter.drawLine(QPointF(x - arm, y - arm), QPointF(x + arm, y + arm))
            painter.drawLine(QPointF(x - arm, y + arm), QPointF(x + arm, y - arm))


def paint_keypoint_name(
    painter: QPainter, view: View, shape: Skeleton, at: int, spec: SkeletonSpec | None
) -> None:
    """What a keypoint is called, and whether it is hidden or not there."""
    name = spec.names[at] if spec and at < len(spec.names) else f"{at + 1}"
    mark = ("", tr("hidden"), tr("not there"))[(2 - shape.visibility[at])]
    place = QPointF(*view.to_widget(*shape.xy[at].tolist())) + QPointF(12, -26)
    style.paint_note(painter, place, f"{name} · {mark}" if mark else name)


def paint_band(painter: QPainter, start: QPointF, end: QPointF) -> None:
    """The rectangle that selects what it holds."""
    painter.setPen(QPen(QColor(style.ACCENT), 1))
    painter.setBrush(QColor(76, 159, 254, 40))
    painter.drawRect(QRectF(start, end).normalized())


def _paint_turn(
    painter: QPainter, foot: NDArray[np.float64], tip: NDArray[np.float64], *, hot: bool
) -> None:
    """A stalk with a disc and an arrow round it."""
    start, end = QPointF(*foot), QPointF(*tip)
    for shade, width in (("#161616", 3.0), ("#ffffff", 1.25)):
        painter.setPen(style.pen(shade, width))
        painter.drawLine(start, end)
    style.paint_handle(painter, end, "#ffffff", round_=True, hot=hot)
    reach = (style.HANDLE + (5.0 if hot else 0.0)) / 2 + 4.0
    around = QRectF(end.x() - reach, end.y() - reach, 2 * reach, 2 * reach)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for shade, width in (("#161616", 3.0), ("#ffffff", 1.25)):
        painter.setPen(style.pen(shade, width))
        painter.drawArc(around, 20 * 16, 140 * 16)
