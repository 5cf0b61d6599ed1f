"""The timeline by mouse, wheel and keys: go there, select, drag key frames, zoom, fold."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from tests.gui.track_desk import Tracks, clip, draw_track
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.shapes import Box
from visionstudio.ui import theme
from visionstudio.ui.video.timeline import Timeline
from visionstudio.ui.video.timeline_paint import GUTTER, LINE, RULER

__all__ = ["clip"]
LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier


def timeline(clip: Tracks, lines: int) -> Timeline:
    bar = clip.window.viewer.bar
    assert bar is not None
    clip.wait(lambda: len(bar.timeline.lines) == lines and bar.timeline.isVisible())
    return bar.timeline


def place(view: Timeline, frame: float, line: int) -> QPoint:
    return QPointF(
        GUTTER + view.axis.place_of(frame + 0.5), view.top_of(line) + LINE * 0.37
    ).toPoint()


def more_tracks(clip: Tracks, count: int) -> None:
    """Tracks of a second class as a tracker leaves them."""
    dot = clip.session.add_class("dot")
    first = clip.session.reserve_ids("annotation", count * 10)
    rows = [
        Annotation(
            id=first + track * 10 + n, media_id=clip.session.current.id, class_id=dot.id,
            frame=5 + n, track_id=100 + track, shape=Box(n, n, n + 9, n + 9),
            state=State.PROPOSED, score=n / 10, source="model:tracker/x",
        )
        for track in range(count)
        for n in range(10)
    ]  # fmt: skip
    clip.session.apply(Edit("tracks", tuple(Change(None, r) for r in rows)))
    clip.saved()


def wheel(view: Timeline, at: QPoint, notches: int, modifier: Qt.KeyboardModifier = NONE) -> None:
    port = view.viewport()
    event = QWheelEvent(
        QPointF(at), QPointF(port.mapToGlobal(at)), QPoint(), QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton, modifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(port, event)


def test_a_click_goes_there_and_selects_the_track(clip: Tracks) -> None:
    draw_track(clip)
    view = timeline(clip, 1)
    (track,) = {r.track_id for r in clip.rows()}
    clip.session.select(())
    QTest.mouseClick(view.viewport(), LEFT, pos=place(view, 12, 0))
    clip.wait(lambda: clip.session.frame == 12 and len(clip.session.selection) == 1)
    assert view.selected == {track}
    # The picture shows the play head and the bar in the colours that they have.
    image = view.grab().toImage()
    head = {image.pixelColor(place(view, 12, 0) + QPoint(d, 0)).name() for d in (-1, 0, 1)}
    assert theme.colour("accent").name() in head
    # A click in the ruler goes there and leaves the selection.
    QTest.mouseClick(view.viewport(), LEFT, pos=QPoint(place(view, 30, 0).x(), RULER // 2))
    clip.wait(lambda: clip.session.frame == 30)
    clip.wait(lambda: not clip.session.annotations)
    # What is selected in the picture is lit up in the timeline.
    view.set_selected(())
    clip.go(20)
    x1, y1, x2, y2 = clip.box()
    clip.click((x1 + x2) / 2, (y1 + y2) / 2)
    clip.wait(lambda: view.selected == {track})


def test_a_key_frame_is_dragged_and_the_drag_undone(clip: Tracks) -> None:
    draw_track(clip)
    view = timeline(clip, 1)
    clip.wait(lambda: view.lines.lanes.last.tolist() == [20])
    port = view.viewport()
    QTest.mousePress(port, LEFT, pos=place(view, 20, 0))
    QTest.mouseMove(port, place(view, 23, 0))
    QTest.mouseMove(port, place(view, 26, 0))
    assert view.drag is not None
    assert view.drag.to == 26
    QTest.mouseRelease(port, LEFT, pos=place(view, 26, 0))
    clip.wait(lambda: [r.frame for r in clip.rows()] == [0, 26])
    clip.wait(lambda: clip.session.frame == 26 and len(clip.session.annotations) == 1)
    clip.wait(lambda: clip.window.viewer.bar.timeline.lines.lanes.last.tolist() == [26])
    # Dropped by Esc nothing happens.
    QTest.mousePress(port, LEFT, pos=place(view, 26, 0))
    QTest.mouseMove(port, place(view, 30, 0))
    QTest.keyClick(view, Qt.Key.Key_Escape)
    QTest.mouseRelease(port, LEFT, pos=place(view, 30, 0))
    assert [r.frame for r in clip.rows()] == [0, 26]
    clip.window.activateWindow()  # what a window manager does when a tool tip has gone
    clip.wait(clip.window.isActiveWindow)
    clip.canvas.setFocus()
    clip.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    clip.wait(lambda: [r.frame for r in clip.rows()] == [0, 20])


def test_wheel_keys_and_folding(clip: Tracks) -> None:
    draw_track(clip)
    more_tracks(clip, 30)
    view = timeline(clip, 33)  # two classes above 31 tracks
    assert view.lines.name(0) == "bar · 1"
    assert view.lines.name(2) == "dot · 30"
    at = place(view, 20, 1)
    under = view.axis.frame_at(at.x() - GUTTER)
    wheel(view, at, 4)
    assert view.axis.shown < 40 / 2
    assert abs(view.axis.frame_at(at.x() - GUTTER) - under) <= 1
    first = view.axis.first
    wheel(view, at, -2, Qt.KeyboardModifier.ShiftModifier)
    assert view.axis.first > first
    wheel(view, at, -20)
    assert view.axis.shown == 40
    wheel(view, QPoint(20, at.y()), -1)
    assert view.verticalScrollBar().value() == 3 * LINE
    view.verticalScrollBar().setValue(0)
    # Down goes from track to track, over the heading of the next class.
    view.set_selected(())
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.selected == {view.lines.track(1)}
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert view.selected == {100}
    # A click on a class folds its tracks away, one on its folded line unfolds them.
    heading = QPoint(30, view.top_of(2) + LINE // 2)
    QTest.mouseClick(view.viewport(), LEFT, pos=heading)
    assert len(view.lines) == 3
    QTest.mouseClick(view.viewport(), LEFT, pos=heading)
    assert len(view.lines) == 33
    # The whole of it folds away, and is as high as it is pulled.
    bar = clip.window.viewer.bar
    assert bar is not None
    clip.window._run("track.timeline")
    assert not view.isVisible()
    QTest.mouseClick(bar.fold, LEFT)
    assert view.isVisible()
    height = view.height()
    QTest.mousePress(bar.grip, LEFT, pos=QPoint(50, 2))
    QTest.mouseMove(bar.grip, QPoint(50, 2 - 3 * LINE))
    QTest.mouseRelease(bar.grip, LEFT, pos=QPoint(50, 2 - 3 * LINE))
    assert view.height() == height + 3 * LINE


def test_edits_undo_and_class_names_reach_the_timeline(clip: Tracks) -> None:
    draw_track(clip)
    more_tracks(clip, 2)
    view = timeline(clip, 5)
    clip.session.rename_class(clip.session.classes[1].id, "spot")
    clip.wait(lambda: view.lines.name(2) == "spot · 2")
    clip.session.undo()
    clip.session.undo()
    clip.wait(lambda: len(view.lines) == 1)
    (row, *_) = clip.rows()
    assert row.flags & Flags.KEYFRAME
    clip.session.delete_class(row.class_id)
    clip.wait(lambda: len(view.lines) == 0 and not view.isVisible())


def test_two_tracks_that_never_meet_are_merged_and_split_by_mouse(clip: Tracks) -> None:
    """A tracker lost its object and began anew: no frame shows both tracks."""
    (bar,) = clip.session.classes
    first = clip.session.reserve_ids("annotation", 20)
    rows = [
        Annotation(
            id=first + n, media_id=clip.session.current.id, class_id=bar.id,
            frame=n if n < 10 else n + 8, track_id=4 if n < 10 else 7,
            shape=Box(5 * n, 48, 5 * n + 20, 80), state=State.ACCEPTED, source="model:tracker/x",
        )
        for n in range(20)
    ]  # fmt: skip
    clip.session.apply(Edit("tracks", tuple(Change(None, r) for r in rows)))
    clip.saved()
    view = timeline(clip, 3)
    port = view.viewport()
    QTest.mouseClick(port, LEFT, pos=place(view, 20, 2))
    clip.wait(lambda: view.selected == {7} and clip.session.frame == 20)
    QTest.mouseClick(port, LEFT, Qt.KeyboardModifier.ControlModifier, place(view, 5, 1))
    assert view.selected == {7, 4}
    assert clip.session.frame == 20  # only the selection has changed
    # Going on to a frame of one of them leaves both selected.
    clip.go(3)
    clip.wait(lambda: len(clip.session.selection) == 1)
    assert view.selected == {7, 4}
    clip.window._run("track.merge")
    clip.wait(lambda: {r.track_id for r in clip.rows()} == {7})  # the one selected first
    assert len(clip.rows()) == 20
    clip.wait(lambda: len(view.lines) == 1)

    # The right button selects, goes there and offers what can be done.
    QTest.mouseClick(port, Qt.MouseButton.RightButton, pos=place(view, 6, 0))
    clip.wait(lambda: isinstance(QApplication.activePopupWidget(), QMenu))
    menu = QApplication.activePopupWidget()
    assert menu.objectName() == "trackMenu"
    clip.wait(lambda: clip.session.frame == 6 and view.selected == {7})
    split = next(a for a in menu.actions() if a.text() == "Split the track here")
    clip.wait(split.isEnabled)
    menu.setActiveAction(split)
    QTest.keyClick(menu, Qt.Key.Key_Return)
    clip.wait(lambda: len({r.track_id for r in clip.rows()}) == 2)
    assert sorted(r.frame for r in clip.rows() if r.track_id == 7) == list(range(6))
    # In the gap there is no object: what is chosen in the timeline is acted on.
    new = next(r.track_id for r in clip.rows() if r.track_id != 7)
    clip.wait(lambda: len(view.lines) == 3)
    QTest.mouseClick(port, LEFT, pos=place(view, 13, 2))
    clip.wait(lambda: clip.session.frame == 13 and view.selected == {new})
    clip.window._run("track.fill_gap")
    clip.wait(lambda: len(clip.session.annotations) == 1)
    assert clip.session.annotations[0].track_id == new
