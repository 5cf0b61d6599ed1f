"""Exporting a video from the window: by its key, typed range, cancel, the finished file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPushButton, QSpinBox, QWidget

from tests.gui.track_desk import Tracks, clip, draw_track
from visionstudio.media.video import open_video
from visionstudio.session.jobs import JobState
from visionstudio.ui.dialogs.video_export import VideoExportDialog

__all__ = ["clip"]
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def dialog(clip: Tracks) -> VideoExportDialog:
    clip.canvas.setFocus()
    clip.key(Qt.Key.Key_E, CTRL | SHIFT)
    clip.wait(lambda: any(isinstance(w, VideoExportDialog) for w in QApplication.topLevelWidgets()))
    return next(w for w in QApplication.topLevelWidgets() if isinstance(w, VideoExportDialog))


def child(parent: QWidget, kind: type[QWidget], name: str) -> QWidget:
    found = parent.findChild(kind, name)
    assert found is not None, name
    return found


def type_into(widget: QWidget, text: str) -> None:
    widget.setFocus()
    widget.selectAll()  # type: ignore[attr-defined]
    QTest.keyClicks(widget, text)
    QTest.keyClick(widget, Qt.Key.Key_Tab)


def press(shown: VideoExportDialog, name: str) -> None:
    QTest.mouseClick(child(shown, QPushButton, name), Qt.MouseButton.LeftButton)


def test_an_annotated_part_is_written(clip: Tracks, tmp_path: Path) -> None:
    draw_track(clip)
    shown = dialog(clip)
    type_into(child(shown, QSpinBox, "videoExportFirst"), "5")
    type_into(child(shown, QSpinBox, "videoExportLast"), "14")
    out = tmp_path / "with boxes.mp4"
    type_into(child(shown, QLineEdit, "videoExportOut"), str(out))
    press(shown, "videoExportStart")
    clip.wait(out.exists)
    clip.wait(lambda: all(j.state.is_final for j in clip.window.jobs.all))
    with open_video(out) as video, open_video(tmp_path / "clip.mp4") as plain:
        assert video.frames == 10
        # The box that is interpolated in frame 7 has its colour in the picture.
        clip.go(7)
        x1, y1, _, y2 = clip.box()
        edge = video.read(2)[round((y1 + y2) / 2), round(x1) - 2 : round(x1) + 2].astype(int)
        before = plain.read(7)[round((y1 + y2) / 2), round(x1) - 2 : round(x1) + 2].astype(int)
        assert abs(edge - before).max() > 60


def test_frames_and_what_cannot_be_written(clip: Tracks, tmp_path: Path) -> None:
    shown = dialog(clip)
    product = child(shown, QComboBox, "videoExportProduct")
    product.setFocus()
    QTest.keyClick(product, Qt.Key.Key_End)
    type_into(child(shown, QSpinBox, "videoExportStep"), "20")
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    type_into(child(shown, QLineEdit, "videoExportOut"), str(blocked))
    press(shown, "videoExportStart")
    clip.wait(lambda: "choose another folder" in shown.summary.text())
    assert shown.isVisible()
    type_into(child(shown, QLineEdit, "videoExportOut"), str(tmp_path / "frames"))
    press(shown, "videoExportStart")
    clip.wait(
        lambda: (
            (tmp_path / "frames").is_dir() and len(list((tmp_path / "frames").glob("*.png"))) == 2
        )
    )
    clip.wait(lambda: clip.window.jobs.all[-1].state is JobState.DONE)


def test_a_full_disk_is_said_and_the_old_file_stays(
    clip: Tracks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "part.mp4"
    target.write_bytes(b"the old one")
    shown = dialog(clip)
    type_into(child(shown, QLineEdit, "videoExportOut"), str(target))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("visionstudio.formats.output.os.fsync", full)
        press(shown, "videoExportStart")
        clip.wait(lambda: "make room" in shown.summary.text())
    assert "No space left on device" in shown.summary.text()
    assert clip.window.jobs.all[-1].state is JobState.FAILED
    assert [p.name for p in tmp_path.glob("*part*")] == ["part.mp4"]
    assert target.read_bytes() == b"the old one"
    press(shown, "videoExportStart")
    clip.wait(lambda: clip.window.jobs.all[-1].state is JobState.DONE)
    with open_video(target) as video:
        assert video.frames == 40
