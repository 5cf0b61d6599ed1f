"""The extent of a group of objects, drawn while one of its members is selected."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from visionstudio.model.shapes import Bounds, Shape
from visionstudio.ui.canvas import style
from visionstudio.ui.canvas.columns import Columns
from visionstudio.ui.canvas.view import View

_PAD = 6.0  # widget units around the members
_MOST = 200  # more selected objects than this show no extents: they would cover the picture


def group_extents(
    columns: Columns, selection: Collection[int], lifted: Mapping[int, Shape]
) -> list[Bounds]:
    """The bounding box of every group that a selected object belongs to, as it is dragged."""
    if not selection or len(selection) > _MOST:
        return []
    rows = [columns.row_of[i] for i in selection if i in columns.row_of]
    wanted = np.unique(columns.groups[np.array(rows, dtype=np.int64)])
    wanted = wanted[wanted > 0]
    if len(wanted) == 0:
        return []
    owner = columns.groups[: columns.count]
    extents = []
    for group in wanted.tolist():
        members = np.flatnonzero(owner == group)
        boxes = columns.bounds_of(members)
        for n, annotation_id in enumerate(columns.ids(members)):
            if annotation_id in lifted:
                boxes[n] = lifted[annotation_id].bounds()
        x1, y1 = boxes[:, :2].min(axis=0).tolist()
        x2, y2 = boxes[:, 2:].max(axis=0).tolist()
        extents.append((x1, y1, x2, y2))
    return extents


def paint_groups(painter: QPainter, view: View, extents: list[Bounds]) -> None:
    """Dashed frames on a halo, so that they show on any picture."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for x1, y1, x2, y2 in extents:
        place = QRectF(QPointF(*view.to_widget(x1, y1)), QPointF(*view.to_widget(x2, y2)))
        place.adjust(-_PAD, -_PAD, _PAD, _PAD)
        halo = style.pen("#000000", 2.5)
        painter.setPen(halo)
        painter.drawRect(place)
        pen = QPen(QColor("#ffffff"), 1.0)
        pen.setDashPattern([4, 4])
        painter.setPen(pen)
        painter.drawRect(place)
