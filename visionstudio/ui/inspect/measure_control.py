"""Measuring in the window: what tools draw becomes measurements, shown and listed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPainter

from visionstudio.model.errors import VisionStudioError
from visionstudio.model.measurements import (
    PIXELS,
    Calibration,
    Measurement,
    MeasurementKind,
    Point,
    results,
)
from visionstudio.session.latest import Latest
from visionstudio.ui.canvas.measured import paint_measurement
from visionstudio.ui.canvas.view import View
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.numbers import number

if TYPE_CHECKING:
    from visionstudio.session.measuring import Measurements
    from visionstudio.session.project import ProjectSession
    from visionstudio.ui.canvas.canvas import Canvas
    from visionstudio.ui.canvas.picture import Picture

Profile = tuple[Any, Any, tuple[str, ...], str]


class MeasureControl(QObject):
    """Binds the canvas's measuring tools to the measurements of a session."""

    changed = Signal()
    """Measurements or the scale are other ones, or another picture is shown."""
    profile_ready = Signal(object)
    """A `Profile`: distances, values, channel names, unit."""
    profile_drawn = Signal()
    """A profile line was finished: its curve is wanted to be seen."""
    failed = Signal(str)

    def __init__(self, canvas: Canvas, post: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._session: ProjectSession | None = None
        self.measurements: Measurements | None = None
        self.selected: frozenset[int] = frozenset()
        self.ask_scale: Callable[[Sequence[Point]], tuple[float, str, bool] | None] = _no_scale
        self._files = Latest(post, "calibration")
        self._profiles = Latest(post, "profile")
        canvas.measure_text = self._text
        canvas.overlays.append(MeasurementOverlay(self))
        canvas.measure_drawn.connect(self._drawn)
        canvas.measure_moved.connect(self._moved)
        canvas.profile_dragged.connect(self._show_profile)

    def set_session(self, session: ProjectSession | None) -> None:
        """Measure in another project, or in none."""
        old, self._session = self._session, session
        if old is not None:
            old.current_changed.disconnect(self._refresh)
        self.measurements = None
        if session is not None:
            # Brings the store: only with the first project.
            from visionstudio.session.measuring import Measurements

            self.measurements = Measurements(session)
            self.measurements.changed.connect(self._refresh)
            session.current_changed.connect(self._refresh)
        self._refresh()

    def show_item(self) -> None:
        """Another picture is on screen: ask its file for the scale."""
        session, measurements = self._session, self.measurements
        if session is None or measurements is None or session.current is None:
            return
        item, path = session.current, session.path_of(session.current)
        if item.id in measurements.found_for:
            return

        def work() -> Calibration | None:
            from visionstudio.media.metadata import read_calibration

            return read_calibration(path)

        def done(found: Calibration | VisionStudioError | None) -> None:
            if self.measurements is measurements:
                calibration = found if isinstance(found, Calibration) else None
                measurements.note_file(item.id, calibration)

        self._files.want(work, done)

    def close(self) -> None:
        """Before the window goes."""
        self._files.close()
        self._profiles.close()

    @property
    def calibration(self) -> Calibration:
        """The size of a pixel of the picture on screen."""
        return self.measurements.calibration() if self.measurements is not None else PIXELS

    def place_text(self, x: float, y: float) -> str:
        """A place in units of the scale; '' without one."""
        scale = self.calibration
        if not scale.is_real:
            return ""
        return f"{number(x * scale.x, 5)}, {number(y * scale.y, 5)} {scale.unit}"

    def select(self, ids: Sequence[int]) -> None:
        """Show these as selected."""
        self.selected = frozenset(ids)
        self._canvas.refresh()

    # -- what is drawn

    def _drawn(
        self, kind: MeasurementKind, points: list[Point], options: Mapping[str, Any]
    ) -> None:
        measurements, session = self.measurements, self._session
        if measurements is None or session is None:
            return
        values: dict[str, Any] = {}
        if kind is MeasurementKind.COUNT:
            values["label"] = session.active_class.name if session.active_class else ""
        elif kind is MeasurementKind.PROFILE:
            values["value"] = float(options.get("line_width", 1))
        elif kind is MeasurementKind.SCALE:
            answer = self.ask_scale(points)
            if answer is None:
                return
            values["value"], values["unit"], values["everywhere"] = answer
        try:
            made = measurements.add(kind, points, **values)
        except VisionStudioError as error:
            self.failed.emit(str(error))
            return
        if made is not None and kind is MeasurementKind.PROFILE:
            self._show_profile(points, options)
            self.profile_drawn.emit()

    def _moved(self, measurement_id: int, points: list[Point]) -> None:
        if self.measurements is None or self._session is None:
            return
        self.measurements.move(measurement_id, points)
        moved = self._session.measurements.get(measurement_id)
        if moved is not None and moved.kind is MeasurementKind.PROFILE:
            self._show_profile(list(moved.points), {"line_width": moved.value})

    def _refresh(self) -> None:
        self._canvas.measurements = self.measurements.shown() if self.measurements else ()
        self._canvas.refresh()
        self.changed.emit()

    def _text(self, kind: MeasurementKind, points: Sequence[Point]) -> str:
        """What a measurement comes to, in words."""
        if kind is MeasurementKind.COUNT:
            return ""
        try:
            shown = Measurement(id=0, media_id=0, kind=kind, points=tuple(points), value=1.0)
        except VisionStudioError:
            return ""
        if kind is MeasurementKind.SCALE:
            return f"{number(shown.pixels, 5)} px"
        found = results(shown, self.calibration)
        return ", ".join(f"{number(v, 5)} {u}" if u != "°" else f"{number(v, 4)}°"
                         for v, u in found.values())  # fmt: skip

    def text_of(self, measurement: Measurement) -> str:
        """What a stored measurement comes to, in words."""
        if measurement.kind is MeasurementKind.SCALE:
            return f"{number(measurement.value)} {measurement.unit}"
        return self._text(measurement.kind, measurement.points)

    # -- profiles

    def show_profile_of(self, measurement: Measurement) -> None:
        """The curve of a stored profile line."""
        self._show_profile(list(measurement.points), {"line_width": measurement.value})

    def _show_profile(self, points: Sequence[Point], options: Mapping[str, Any]) -> None:
        picture = self._canvas.picture
        if picture is None or not picture.has_values:
            return
        calibration, width = self.calibration, float(options.get("line_width", 1) or 1)
        ends = (points[0], points[-1])

        def done(found: Profile | VisionStudioError) -> None:
            if not isinstance(found, VisionStudioError):
                self.profile_ready.emit(found)

        self._profiles.want(lambda: profile_of(picture, ends, width, calibration), done)


def profile_of(
    picture: Picture, ends: tuple[Point, Point], width: float, calibration: Calibration
) -> Profile:
    """The values along a line of a picture; of one too large for memory, of its coarse copy."""
    from visionstudio.media.profile import line_profile

    pixels = picture.pixels
    height, across = pixels.values.shape[:2]
    fx, fy = across / picture.width, height / picture.height
    start, end = ((x * fx, y * fy) for x, y in ends)
    distance, values = line_profile(pixels.values, start, end, width)
    (x1, y1), (x2, y2) = calibration.scaled(ends)
    length = float(np.hypot(x2 - x1, y2 - y1))
    share = distance / distance[-1] if len(distance) > 1 and distance[-1] else distance
    return share * length, values, pixels.channel_names, calibration.unit


class MeasurementOverlay:
    """Paints the measurements of the frame on screen."""

    def __init__(self, control: MeasureControl) -> None:
        self._control = control

    def paint(self, painter: QPainter, view: View) -> None:
        measurements = self._control._canvas.measurements
        if not measurements or self._control._canvas.picture is None:
            return
        seen = view.seen(margin=200.0)
        for m in measurements:
            xs, ys = [p[0] for p in m.points], [p[1] for p in m.points]
            if max(xs) < seen[0] or min(xs) > seen[2] or max(ys) < seen[1] or min(ys) > seen[3]:
                continue
            paint_measurement(
                painter,
                view,
                m.kind,
                m.points,
                self._control.text_of(m),
                active=m.id in self._control.selected,
                colour=self._colour(m),
            )

    def _colour(self, measurement: Measurement) -> str:
        session = self._control._session
        if measurement.kind is not MeasurementKind.COUNT or session is None:
            return ""
        named = session.class_named(measurement.label)
        return named.colour if named is not None else ""


def _no_scale(_points: Sequence[Point]) -> tuple[float, str, bool] | None:
    return None


def kind_title(kind: MeasurementKind) -> str:
    """What a kind is called."""
    return {
        MeasurementKind.DISTANCE: tr("Distance"),
        MeasurementKind.ANGLE: tr("Angle"),
        MeasurementKind.AREA: tr("Area"),
        MeasurementKind.COUNT: tr("Count"),
        MeasurementKind.PROFILE: tr("Profile"),
        MeasurementKind.SCALE: tr("Scale"),
    }[kind]
