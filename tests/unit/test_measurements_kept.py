"""Measurements as rows of a project: undo, restart, deletion with their picture, salvage."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import apsw
import pytest

from tests.unit.session_tools import Heard, opened, small_project
from visionstudio.model.measurements import PIXELS, Calibration, MeasurementKind
from visionstudio.session.measuring import Measurements, measurement_csv
from visionstudio.session.region_tables import Scales
from visionstudio.storage import ProjectStore
from visionstudio.storage.backups import salvage

DISTANCE, COUNT, SCALE = MeasurementKind.DISTANCE, MeasurementKind.COUNT, MeasurementKind.SCALE


def test_from_drawing_to_the_next_start(tmp_path: Path) -> None:
    session, pump = opened(small_project(tmp_path / "p"))
    measuring, changed = Measurements(session), Heard()
    measuring.changed.connect(changed)
    line = measuring.add(DISTANCE, [(0, 0), (30, 40)])
    assert line is not None
    assert measuring.shown() == [line]
    assert changed.calls
    measuring.move(line.id, [(0, 0), (0, 10)])
    for x in range(3):
        measuring.add(COUNT, [(x, 5)], label="RBC")
    rows = measuring.rows()
    assert [(r.kind, r.values[0][1]) for r in rows] == [(DISTANCE, 10), (COUNT, 3)]
    measuring.delete([i for r in rows for i in r.ids])
    assert measuring.rows() == []
    session.undo()
    pump.until(lambda: len(session.measurements) == 4)
    table = list(csv.DictReader(io.StringIO(measurement_csv(measuring.rows()))))
    assert [(r["kind"], r["value"], r["unit"]) for r in table] == [
        ("distance", "10", "px"),
        ("count", "3", ""),
    ]
    pump.until(lambda: session.saved)
    session.close()
    with ProjectStore.open(tmp_path / "p") as store:
        assert len(store.measurements()) == 4
        fresh = store.reserve_ids("measurement")
        assert fresh > max(m.id for m in store.measurements())  # ids are never given again


def test_a_scale_of_its_own_before_the_common_one(tmp_path: Path) -> None:
    session, pump = opened(small_project(tmp_path / "p"))
    measuring = Measurements(session)
    assert measuring.calibration() == PIXELS
    measuring.note_file(1, Calibration(0.3, 0.3, "mm", "DICOM"))
    assert measuring.calibration().unit == "mm"
    common = measuring.add(SCALE, [(0, 0), (100, 0)], value=50, unit="µm", everywhere=True)
    assert measuring.calibration(1).x == measuring.calibration(3).x == 0.5
    session.open_media(2)
    measuring.add(SCALE, [(0, 0), (0, 10)], value=1, unit="cm")
    assert measuring.calibration(2) == Calibration(0.1, 0.1, "cm", "drawn")
    assert measuring.calibration(3).unit == "µm"
    scales = Scales(session.measurements.values(), lambda _: None)
    assert [scales(n).unit for n in (1, 2, 3)] == ["µm", "cm", "µm"]
    measuring.delete([common.id])
    assert measuring.calibration(1).unit == "mm"
    assert measuring.calibration(3) == PIXELS
    pump.until(lambda: session.saved)
    session.close()


def test_deleted_with_their_picture_and_back(tmp_path: Path) -> None:
    session, pump = opened(small_project(tmp_path / "p"))
    Measurements(session).add(DISTANCE, [(0, 0), (3, 4)])
    session.delete_media([1])
    pump.until(lambda: len(session.media) == 2 and session.saved)
    assert session.measurements == {}
    session.undo()
    pump.until(lambda: len(session.measurements) == 1 and session.saved)
    assert [m.id for m in session.media] == [1, 2, 3]
    session.close()
    saved = salvage(tmp_path / "p")
    assert saved.rows["measurement"] == 1
    connection = apsw.Connection(str(saved.path))
    try:
        assert connection.execute("SELECT kind FROM measurement").fetchall() == [("distance",)]
    finally:
        connection.close()


def test_undo_goes_where_the_measurement_was(tmp_path: Path) -> None:
    session, pump = opened(small_project(tmp_path / "p"))
    Measurements(session).add(DISTANCE, [(0, 0), (3, 4)])
    pump.until(lambda: session.saved)
    session.open_media(3)
    session.undo()
    pump.until(lambda: session.measurements == {})
    pump.until(lambda: session.current is not None and session.current.id == 1)
    session.close()


@pytest.mark.parametrize("kind", list(MeasurementKind))
def test_all_kinds_come_back_as_they_were(tmp_path: Path, kind: MeasurementKind) -> None:
    session, pump = opened(small_project(tmp_path / "p"))
    made = Measurements(session).add(
        kind, [(0.25, 1), (2, 3.5), (9, 9)], label='"x"', value=2.5, unit="µm", everywhere=True
    )
    pump.until(lambda: session.saved)
    session.close()
    with ProjectStore.open(tmp_path / "p") as store:
        assert store.measurements() == [made]
