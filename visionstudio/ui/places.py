"""Going to a place that somebody found: a picture or frame, a part of it, and its label."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt

from visionstudio.model.errors import VisionStudioError
from visionstudio.model.geometry import box_iou

if TYPE_CHECKING:
    from visionstudio.engine.evaluation.evaluation import BoxRow, Case, Picture
    from visionstudio.model.annotations import Annotation
    from visionstudio.model.media import MediaItem
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.window import MainWindow

_SAME = 0.9  # the IoU from which on an annotation is the one that was compared


class Places(QObject):
    """Opens a case's picture in the window and, once it shows, its part of it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window

    def go(self, picture: Picture, case: Case) -> None:
        """Open the picture of a case."""
        box = case.truth or case.found
        self._open(picture.media_id, picture.frame, lambda: self._look(box, case.truth))

    def go_to(self, media: MediaItem, annotation: Annotation) -> None:
        """Open the picture of an annotation, which need not be one of this project."""
        box = None if annotation.shape.kind == "tag" else annotation.shape.bounds()
        self._open(media.id, annotation.frame, lambda: self._look(box, box))

    def _open(self, media_id: int, frame: int, look: Callable[[], None]) -> None:
        session = self._window.session
        if session is None:
            return
        current = session.current
        if current is not None and (current.id, session.frame) == (media_id, frame):
            look()
            return
        once = Qt.ConnectionType.SingleShotConnection
        self._window.viewer.shown.connect(lambda _: look(), once)
        try:
            session.open_media(media_id, frame)
        except VisionStudioError as error:  # it was taken out of the project meanwhile
            self._window.toast(str(error), "warning")

    def _look(self, box: BoxRow | None, truth: BoxRow | None) -> None:
        session = self._window.session
        if session is None or box is None:
            return
        self._window.viewer.canvas.show_bounds(box)
        if truth is None:
            return
        if session.annotations:
            self._select(session, truth)
            return

        def arrived() -> None:
            session.annotations_changed.disconnect(arrived)
            self._select(session, truth)

        session.annotations_changed.connect(arrived)

    def _select(self, session: ProjectSession, truth: BoxRow) -> None:
        same = [
            a.id
            for a in session.annotations
            if a.shape.kind != "tag" and float(box_iou(a.shape.bounds(), truth)[0, 0]) >= _SAME
        ]
        session.select(same[:1])
