"""Fills the results panel: measurements, figures of objects, metadata, profiles."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QFileDialog

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.measurements import MeasurementKind
from visionstudio.session.jobs import Job
from visionstudio.session.latest import Latest
from visionstudio.session.measuring import ResultRow, measurement_csv
from visionstudio.ui.i18n import tr
from visionstudio.ui.inspect.measure_control import MeasureControl, Profile, kind_title
from visionstudio.ui.inspect.numbers import number
from visionstudio.ui.panels.results.panel import TABS, ResultsPanel

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.session.regions import RegionRow
    from visionstudio.ui.window import MainWindow

_WAIT_MS = 80


class ResultsControl(QObject):
    """Keeps `ResultsPanel` on the session."""

    def __init__(self, window: MainWindow, panel: ResultsPanel, measuring: MeasureControl) -> None:
        super().__init__(window)
        self._window = window
        self.panel = panel
        self._measuring = measuring
        self._session: ProjectSession | None = None
        self._facts = Latest(window._poster.post, "metadata")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._regions: list[RegionRow] = []
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.setInterval(_WAIT_MS)
        self._wait.timeout.connect(self._fill)
        measuring.changed.connect(self.refresh)
        measuring.profile_ready.connect(self._show_profile)
        panel.tab_shown.connect(lambda _: self.refresh())
        panel.measurements.activated.connect(self._go_to_measurement)
        panel.measurements.delete_wanted.connect(self._delete)
        panel.measurements.export_wanted.connect(self._export_measurements)
        panel.measurements.view.selectionModel().selectionChanged.connect(
            lambda *_: self._select_measurements()
        )
        panel.delete.clicked.connect(lambda: self._delete(panel.measurements.selected_keys()))
        panel.measure.clicked.connect(self.measure_regions)
        panel.regions.activated.connect(self._go_to_region)
        panel.regions.export_wanted.connect(self._export_regions)
        panel.metadata.export_wanted.connect(lambda: self._save(tr("metadata"), panel.metadata.csv))
        panel.profile.export_wanted.connect(lambda: self._save(tr("profile"), panel.profile.csv))

    def set_session(self, session: ProjectSession | None) -> None:
        """Show another project's results, or none."""
        self._stop.set()
        self._session = session
        self._regions = []
        self.panel.regions.show_rows((), ())
        self.refresh()

    def close(self) -> None:
        """Before the window goes."""
        self._stop.set()
        self._wait.stop()
        self._facts.close()
        if self._thread is not None:
            self._thread.join()

    def show_tab(self, name: str) -> None:
        """Bring a tab to the front."""
        self.panel.show_tab(name)

    def refresh(self) -> None:
        """What is shown may be another one."""
        if not self._wait.isActive():
            self._wait.start()

    def _fill(self) -> None:
        if not self.panel.isVisible():
            return
        name = TABS[self.panel.tabs.currentIndex()]
        if name == "measurements":
            self._fill_measurements()
        elif name == "metadata":
            self._fill_metadata()
        self.panel.measure.setEnabled(self._session is not None)

    # -- measurements

    def _fill_measurements(self) -> None:
        measurements = self._measuring.measurements
        rows = measurements.rows() if measurements is not None else []
        titles = (
            tr("Picture"), tr("Frame"), tr("Kind"), tr("Class"), tr("Value"), tr("Unit"),
            tr("Perimeter"), tr("Points"),
        )  # fmt: skip
        self.panel.measurements.show_rows(titles, [_measurement_cells(row) for row in rows])
        self.panel.delete.setEnabled(bool(self.panel.measurements.selected_keys()))
        scale = self._measuring.calibration
        text = tr("No scale: lengths in pixels")
        if scale.is_real:
            text = tr(
                "1 pixel = {size} {unit} ({origin})",
                size=number(scale.x, 5),
                unit=scale.unit,
                origin=tr(scale.origin),
            )
        self.panel.scale.setText(text)

    def _select_measurements(self) -> None:
        keys = self.panel.measurements.selected_keys()
        self.panel.delete.setEnabled(bool(keys))
        self._measuring.select([i for key in keys for i in key])

    def _go_to_measurement(self, key: tuple[int, ...]) -> None:
        session = self._session
        found = session.measurements.get(key[0]) if session is not None else None
        if session is None or found is None:
            return
        if session.current is None or session.current.id != found.media_id:
            session.open_media(found.media_id, found.frame)
        else:
            session.go_to_frame(found.frame)
        self._measuring.select(key)
        if found.kind is MeasurementKind.PROFILE:
            self._measuring.show_profile_of(found)
            self.show_tab("profile")

    def _delete(self, keys: list[tuple[int, ...]]) -> None:
        if self._measuring.measurements is not None:
            self._measuring.measurements.delete([i for key in keys for i in key])

    def export_shown(self) -> None:
        """Write the table in front, or the profile, into a file that is asked for."""
        if not self.panel.isVisible():
            self.show_tab(TABS[self.panel.tabs.currentIndex()])
        panel = self.panel
        views = (panel.profile, panel.measurements, panel.regions, panel.metadata)
        views[panel.tabs.currentIndex()].export_wanted.emit()

    def _export_measurements(self) -> None:
        measurements = self._measuring.measurements
        if measurements is not None:
            self._save(tr("measurements"), lambda: measurement_csv(measurements.rows()))

    def _show_profile(self, profile: Profile) -> None:
        self.panel.profile.show_profile(*profile)

    # -- metadata

    def _fill_metadata(self) -> None:
        session = self._session
        if session is None or session.current is None:
            self.panel.metadata.show_rows((), ())
            return
        path = session.path_of(session.current)

        def work() -> Any:
            from visionstudio.media.metadata import read_metadata

            return read_metadata(path)

        def done(found: Any) -> None:
            titles = (tr("Group"), tr("Name"), tr("Value"))
            if isinstance(found, VisionStudioError):
                rows = [(0, tr("File"), tr("Error"), found.what)]
            else:
                rows = [(n, *entry) for n, entry in enumerate(found)]
            self.panel.metadata.show_rows(titles, rows)

        self._facts.want(work, done)

    # -- figures of objects

    def measure_regions(self) -> None:
        """Measure the objects that the panel's choice names, in a thread, as a job."""
        session = self._session
        if session is None or (self._thread is not None and self._thread.is_alive()):
            return
        scope = str(self.panel.scope.currentData())
        if scope == "all":
            session.in_store(
                lambda store: list(store.iter_annotations({s for s in State if s.is_label})),
                self._measure,
            )
            return
        chosen = session.selected() if scope == "selected" else session.annotations
        self._measure([a for a in chosen if a.state is not State.REJECTED])

    def _measure(self, annotations: list[Annotation]) -> None:
        session, post = self._session, self._window._poster.post
        if session is None:
            return
        if not annotations:
            self._window.toast(tr("There are no objects to measure."), "warning")
            return
        media = {m.id: m for m in session.media}
        classes, paths = session.classes, session.path_of
        measurements = list(session.measurements.values())
        self._stop = stop = threading.Event()
        count = f"{len(annotations):,}"
        title = tr("Measure {count} objects", count=count)
        job = self._window.jobs.start(tr("Measure an object") if count == "1" else title, stop.set)
        job.report(0.0)

        def work() -> None:
            from visionstudio.session.region_tables import Scales, ValueReader, region_rows

            try:
                with ValueReader(media, paths) as reader:
                    rows = list(
                        region_rows(
                            annotations,
                            media.values(),
                            classes,
                            reader,
                            Scales(measurements, reader.calibration),
                            cancelled=stop.is_set,
                            progress=lambda share: post(partial(job.report, share)),
                        )
                    )
                    failed = len(reader.failed)
            except VisionStudioError as error:
                post(partial(job.fail, error))
                return
            post(partial(self._measured, job, rows, failed, stop))

        self._thread = threading.Thread(target=work, name="regions", daemon=True)
        self._thread.start()

    def _measured(
        self, job: Job, rows: list[RegionRow], failed: int, stop: threading.Event
    ) -> None:
        if stop.is_set():
            job.stop()
            return
        said = tr("{count} objects measured", count=f"{len(rows):,}")
        job.finish(tr("one object measured") if len(rows) == 1 else said)
        if failed:
            self._window.toast(tr("{count} pictures could not be read.", count=failed), "warning")
        self._regions = rows
        titles, cells = region_cells(rows)
        self.panel.regions.show_rows(titles, cells)

    def _go_to_region(self, key: tuple[int, int, int]) -> None:
        session = self._session
        if session is None:
            return
        media_id, frame, annotation_id = key
        if session.media.get(media_id) is None:
            return
        if session.current is None or session.current.id != media_id:
            session.open_media(media_id, frame)
        session.go_to_frame(frame)
        session.select([annotation_id])
        self._window.viewer.canvas.focus_on(annotation_id)

    def _export_regions(self) -> None:
        from visionstudio.session.regions import to_csv

        order = {row[0][2]: n for n, row in enumerate(self.panel.regions.model.rows)}
        rows = sorted((r for r in self._regions if r.id in order), key=lambda r: order[r.id])
        self._save(tr("objects"), lambda: to_csv(rows))

    # -- files

    def _save(self, what: str, text: Callable[[], str]) -> None:
        """Ask for a file and write a table into it."""
        name, _ = QFileDialog.getSaveFileName(
            self._window, tr("Export CSV"), f"{what}.csv", "CSV (*.csv)"
        )
        if name:
            self.write(Path(name), text())

    def write(self, path: Path, text: str) -> None:
        """Write a table, whole or not at all, and say so."""
        from visionstudio.formats.output import write_bytes

        try:
            write_bytes(path, text.encode("utf-8"))
        except VisionStudioError as error:
            self._window.toast(str(error), "error")
        else:
            self._window.toast(tr("Written: {path}", path=str(path)))


def _measurement_cells(row: ResultRow) -> tuple[Any, ...]:
    value, unit = row.values[0][1:]
    perimeter = row.values[1][1] if len(row.values) > 1 else None
    points = " ".join(f"{number(x, 5)},{number(y, 5)}" for x, y in row.points[:6])
    return (
        row.ids, row.media, row.frame, kind_title(row.kind), row.label, value, unit, perimeter,
        points,
    )  # fmt: skip


def region_cells(rows: list[RegionRow]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Titles and cells of the table of objects; the key is (media, frame, annotation)."""
    from visionstudio.session.regions import COLUMNS, FIGURES

    channels = list(dict.fromkeys(v[0] for row in rows for v in row.values))
    titles = [tr(name.replace("_", " ")) for name in COLUMNS]
    titles += [f"{tr(figure)} {name}" for name in channels for figure in FIGURES]
    cells = []
    for row in rows:
        by_channel = {v[0]: v[1:] for v in row.values}
        found: list[Any] = [getattr(row, name) for name in COLUMNS]
        for name in channels:
            found += by_channel.get(name, (None,) * len(FIGURES))
        cells.append(((row.media_id, row.frame, row.id), *found))
    return titles, cells
