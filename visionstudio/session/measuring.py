"""Measurements of the open project: drawing, moving, deleting them; the scale; their table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from visionstudio.model.edits import Change, Edit
from visionstudio.model.measurements import (
    PIXELS,
    Calibration,
    Measurement,
    MeasurementKind,
    Point,
    calibration_of,
    results,
)
from visionstudio.model.media import MediaKind
from visionstudio.session.core import SessionCore
from visionstudio.session.signal import Signal


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One row of the table of measurements; counts of one label in one frame are one row."""

    ids: tuple[int, ...]
    media: str
    frame: int
    kind: MeasurementKind
    label: str
    values: tuple[tuple[str, float, str], ...]  # name, value, unit
    points: tuple[Point, ...]


class Measurements:
    """The measurements of a session. `changed` tells that any, or the scale, is another one."""

    def __init__(self, session: SessionCore) -> None:
        self._session = session
        self.changed = Signal()
        self.found_for: dict[int, Calibration] = {}  # by media id, as far as files were read
        session.measurements_changed.connect(self.changed.emit)

    # what there is

    def shown(self) -> list[Measurement]:
        """Those of the picture or frame on screen, by id; lines and zones of all frames of a video.

        What is drawn in one frame counts the tracks of all of them (see `session.counting`).
        """
        current = self._session.current
        if current is None:
            return []
        moving = current.kind in (MediaKind.VIDEO, MediaKind.FRAMES)
        mine = (m for m in self._session.measurements.values() if m.media_id == current.id)
        found = (m for m in mine if m.frame == self._session.frame or (moving and m.counts_tracks))
        return sorted(found, key=lambda m: m.id)

    def _of_frame(self) -> list[Measurement]:
        return [m for m in self.shown() if m.frame == self._session.frame]

    def scale_of(self, media_id: int) -> Measurement | None:
        """The newest drawn scale that holds for an item: its own, else one for all."""
        scales = [m for m in self._session.measurements.values() if m.kind is MeasurementKind.SCALE]
        own = [m for m in scales if m.media_id == media_id]
        return max(own or (m for m in scales if m.everywhere), key=lambda m: m.id, default=None)

    def calibration(self, media_id: int | None = None) -> Calibration:
        """The size of a pixel: drawn by a person, else from the file, else pixels."""
        session = self._session
        if media_id is None:
            if session.current is None:
                return PIXELS
            media_id = session.current.id
        scale = self.scale_of(media_id)
        if scale is not None:
            return calibration_of(scale)
        return self.found_for.get(media_id, PIXELS)

    def note_file(self, media_id: int, calibration: Calibration | None) -> None:
        """What a file says of the size of its pixels."""
        before = self.calibration(media_id)
        if calibration is not None:
            self.found_for[media_id] = calibration
        else:
            self.found_for.pop(media_id, None)
        if self.calibration(media_id) != before:
            self.changed.emit()

    def rows(self, *, everywhere: bool = True) -> list[ResultRow]:
        """The table: of all pictures in their order, or of the frame on screen."""
        session = self._session
        wanted = list(session.measurements.values()) if everywhere else self._of_frame()
        items = {m.media_id: session.media.get(m.media_id) for m in wanted}
        paths = {i: item.path for i, item in items.items() if item is not None}
        return result_rows(wanted, paths, self.calibration)

    # what people do

    def add(
        self,
        kind: MeasurementKind,
        points: Sequence[Point],
        *,
        label: str = "",
        value: float = 0.0,
        unit: str = "",
        everywhere: bool = False,
    ) -> Measurement | None:
        """Put a measurement on the frame on screen. Raises InvalidValue when it is none."""
        session = self._session
        if session.current is None:
            return None
        made = Measurement(
            id=session.reserve_ids("measurement"),
            media_id=session.current.id,
            frame=session.frame,
            kind=kind,
            points=tuple((float(x), float(y)) for x, y in points),
            label=label,
            value=value,
            unit=unit,
            everywhere=everywhere,
        )
        title = "Set the scale" if kind is MeasurementKind.SCALE else f"Measure {kind.value}"
        return made if session.apply(Edit(title, (Change(None, made),))) else None

    def move(self, measurement_id: int, points: Sequence[Point]) -> None:
        """Give a measurement other points."""
        before = self._session.measurements.get(measurement_id)
        if before is None:
            return
        after = replace(before, points=tuple((float(x), float(y)) for x, y in points))
        if after != before:
            self._session.apply(Edit("Move measurement", (Change(before, after),)))

    def delete(self, ids: Iterable[int]) -> None:
        """Delete measurements, as one step."""
        known = self._session.measurements
        changes = tuple(Change(known[i], None) for i in ids if i in known)
        if changes:
            self._session.apply(Edit("Delete measurements", changes))


def result_rows(
    measurements: Iterable[Measurement],
    paths: Mapping[int, str],
    calibration_for: Callable[[int], Calibration],
) -> list[ResultRow]:
    """Rows by media path, frame and id. `paths` are by media id; those without are left out."""
    counted: dict[tuple[int, int, str], list[Measurement]] = {}
    rows = []
    for m in measurements:
        if m.media_id not in paths:
            continue
        if m.kind is MeasurementKind.COUNT:
            counted.setdefault((m.media_id, m.frame, m.label), []).append(m)
        else:
            rows.append(_row((m,), paths[m.media_id], calibration_for(m.media_id)))
    for (media_id, _, _), points in counted.items():
        row = _row(tuple(points), paths[media_id], PIXELS)
        rows.append(replace(row, values=(("count", float(len(points)), ""),)))
    return sorted(rows, key=lambda r: (r.media, r.frame, r.ids[0]))


def _row(group: tuple[Measurement, ...], path: str, calibration: Calibration) -> ResultRow:
    first = group[0]
    values = tuple((name, v, u) for name, (v, u) in results(first, calibration).items())
    points = first.points if len(group) == 1 else tuple(p for m in group for p in m.points)
    return ResultRow(
        tuple(m.id for m in group), path, first.frame, first.kind, first.label, values, points
    )


def measurement_csv(rows: Iterable[ResultRow]) -> str:
    """Measurements as CSV: a line for each value of each of them."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ("id", "media", "frame", "kind", "label", "quantity", "value", "unit", "points")
    writer.writerow(head)
    for row in rows:
        points = " ".join(f"{x:.6g},{y:.6g}" for x, y in row.points)
        for name, value, unit in row.values:
            writer.writerow(
                [row.ids[0], row.media, row.frame, row.kind.value, row.label, name]
                + [f"{value:.10g}", unit, points]
            )
    return out.getvalue()
