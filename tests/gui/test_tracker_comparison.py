"""Trackers are compared in the window: a track of the project is the ground truth."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.gui.track_desk import Tracks, clip
from visionstudio.engine.discovery import discover
from visionstudio.engine.evaluation.sot import figures
from visionstudio.engine.evaluation.trackers import tracked_by
from visionstudio.engine.host import LocalHost
from visionstudio.engine.requests import Track
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.shapes import Box
from visionstudio.ui.evaluation.trackers import TrackersDialog

__all__ = ["clip"]
LEFT = Qt.MouseButton.LeftButton


def truth_in(clip: Tracks, last: int = 30) -> np.ndarray:
    """The bar as a track of two key frames: it goes 5 px a frame."""
    session = clip.session
    first = session.reserve_ids("annotation", 2)
    rows = [
        Annotation(
            id=first + n, media_id=session.current.id, class_id=session.classes[0].id,
            frame=frame, track_id=3, shape=Box(5 * frame, 48, 5 * frame + 20, 80),
            state=State.EDITED, flags=Flags.KEYFRAME,
        )
        for n, frame in enumerate((0, last))
    ]  # fmt: skip
    session.apply(Edit("drawn", tuple(Change(None, r) for r in rows)))
    clip.saved()
    return np.array([[5.0 * n, 48, 5 * n + 20, 80] for n in range(last + 1)])


def opened(clip: Tracks) -> TrackersDialog:
    clip.window._run("track.compare")
    clip.wait(lambda: any(isinstance(w, TrackersDialog) for w in QApplication.topLevelWidgets()))
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, TrackersDialog))


@pytest.mark.slow
def test_trackers_are_compared_on_a_track(
    clip: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = LocalHost()
    models = clip.window.models
    monkeypatch.setattr(models, "host", lambda: host)
    monkeypatch.setattr(models, "registry", discover())
    truth = truth_in(clip)
    dialog = opened(clip)
    clip.wait(lambda: dialog.trackers.count() > 5)
    assert dialog.truth.currentText() == "bar #3: frames 0 to 30"
    for row in range(dialog.trackers.count()):
        item = dialog.trackers.item(row)
        wanted = item.text() in ("CSRT", "Kalman filter")
        item.setCheckState(Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
    assert not dialog.report.isEnabled()
    QTest.mouseClick(dialog.start, LEFT)
    assert dialog.start.text() == "Stop"
    clip.qtbot.waitUntil(lambda: len(dialog.results) == 2 and dialog._job is None, timeout=60_000)
    # The figures are those of the same tracker alone, over the frames that have ground truth.
    path = str(clip.session.path_of(clip.session.current))
    for result in dialog.results:
        request = Track(model=result.subject.model, path=path, end=30, box=tuple(truth[0]))
        assert figures(tracked_by(request, None, host)[0], truth) == pytest.approx(result.metrics)
        assert result.frames == 31
        assert result.fps > 0
    table = dialog.table
    assert {table.item(row, 0).text() for row in range(2)} == {"CSRT", "Kalman filter"}
    aucs = [float(table.item(row, 2).text()) for row in range(2)]
    assert aucs == sorted(aucs, reverse=True)
    assert aucs[0] > 0.5
    assert len(dialog.plots.success.listDataItems()) == 2

    said: list[str] = []
    dialog.message.connect(lambda text, _: said.append(text))
    dialog.save_report(tmp_path / "report.html")
    dialog.save_curves(tmp_path / "curves.csv")
    clip.wait(lambda: len(said) == 2)
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "tracker/csrt" in report
    assert "clip.mp4, track 3" in report
    with (tmp_path / "curves.csv").open(encoding="utf-8") as file:
        assert {row["tracker"] for row in csv.DictReader(file)} == {
            "tracker/csrt",
            "tracker/kalman",
        }
    dialog.close()
    host.close()


@pytest.mark.slow
def test_what_is_missing_or_wrong_is_said(
    clip: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = LocalHost()
    models = clip.window.models
    monkeypatch.setattr(models, "host", lambda: host)
    monkeypatch.setattr(models, "registry", discover())
    dialog = opened(clip)
    clip.wait(lambda: dialog.trackers.count() > 5)
    assert not dialog.start.isEnabled()
    assert "two frames" in dialog.state.text()
    broken = tmp_path / "truth.txt"
    broken.write_text("1,2,3,4\n1,2,three,4\n")
    dialog.use_file(broken)
    assert dialog.start.isEnabled()
    QTest.mouseClick(dialog.start, LEFT)
    clip.wait(lambda: "truth.txt:2" in dialog.problem.text())
    assert dialog.start.text() == "Compare"
    # What has been measured until it is stopped stays.
    good = tmp_path / "good.txt"
    good.write_text("".join(f"{5 * n},48,20,32\n" for n in range(31)))
    dialog.use_file(good)
    QTest.mouseClick(dialog.start, LEFT)
    assert not dialog.problem.isVisible()
    clip.qtbot.waitUntil(lambda: len(dialog.results) >= 1, timeout=60_000)
    QTest.mouseClick(dialog.start, LEFT)
    clip.qtbot.waitUntil(lambda: dialog._job is None, timeout=60_000)
    assert dialog.table.rowCount() == len(dialog.results) >= 1
    assert dialog.report.isEnabled()
    dialog.close()
    host.close()
