"""Counting from the window: a line is drawn by the mouse, the table follows, the file is saved."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from tests.gui.track_desk import Tracks, clip, draw_track
from visionstudio.model.measurements import MeasurementKind
from visionstudio.ui.dialogs.counting import CountingDialog

__all__ = ["clip"]
LEFT = Qt.MouseButton.LeftButton


def test_a_drawn_line_counts(clip: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_track(clip)  # its middle goes from x = 35 to 95
    clip.canvas.setFocus()
    clip.key(Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    clip.wait(lambda: any(isinstance(w, CountingDialog) for w in QApplication.topLevelWidgets()))
    dialog = next(w for w in QApplication.topLevelWidgets() if isinstance(w, CountingDialog))
    assert "Draw lines" in dialog.summary.text()
    assert not dialog.saves[0].isEnabled()
    QTest.mouseClick(dialog.line, LEFT)
    clip.window.activateWindow()  # what a click into the picture does
    clip.wait(clip.window.isActiveWindow)
    clip.drag((65, 90), (65, 10))  # upwards: right of it is where the box goes
    clip.wait(lambda: len(clip.session.measurements) == 1)
    (line,) = clip.session.measurements.values()
    assert line.kind is MeasurementKind.DISTANCE
    clip.wait(lambda: dialog.counted is not None)
    row = dialog.table.topLevelItem(0)
    assert [row.text(n) for n in range(5)] == ["line 1", "line", "bar", "1", "0"]
    out = tmp_path / "crossings.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(out), ""))
    QTest.mouseClick(dialog.saves[1], LEFT)
    (crossing,) = csv.DictReader(out.read_text().splitlines())
    assert crossing["direction"] == "in"
    assert int(crossing["frame"]) in (10, 11)
    # It is seen in every frame, and can be dragged in any of them; an angle only in its own.
    drawn_in = line.frame
    clip.window.inspector.measuring.measurements.add(
        MeasurementKind.ANGLE, [(5, 5), (9, 5), (9, 9)]
    )
    clip.wait(lambda: len(clip.canvas.measurements) == 2)
    clip.go(drawn_in - 7)
    clip.wait(lambda: [m.id for m in clip.canvas.measurements] == [line.id])
    clip.session.undo()
    clip.session.undo()
    clip.wait(lambda: dialog.counted is None)
    dialog.close()
