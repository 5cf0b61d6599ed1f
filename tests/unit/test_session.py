"""The session: memory at once, disk soon, signals, and what helpers do to annotations."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.unit.session_tools import Heard, Pump, opened, small_project
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue, VisionStudioError
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shapes import Box, Tag
from visionstudio.session import core, storing
from visionstudio.session.project import ProjectSession
from visionstudio.session.signal import Signal
from visionstudio.session.track_edits import TrackEdits
from visionstudio.storage import MediaSummary, ProjectStore, list_backups

Open = tuple[ProjectSession, Pump]


@pytest.fixture
def session(tmp_path: Path) -> Open:
    return opened(small_project(tmp_path / "p"))


def proposal(session: ProjectSession, **values: object) -> Annotation:
    """A proposal in the project and in the session."""
    base: dict[str, object] = {"media_id": 1, "class_id": 1, "shape": Box(0, 0, 2, 2)}
    a = Annotation(
        id=session.reserve_ids("annotation"),
        state=State.PROPOSED,
        score=0.7,
        source="model:detector/x",
        **{**base, **values},  # type: ignore[arg-type]
    )
    session.apply(edits.add("Predict", [a]))
    return a


def test_signals_call_everybody_and_raise_the_first_error() -> None:
    signal, heard = Signal(), Heard()

    def bad(value: int) -> None:
        raise ValueError(value)

    signal.connect(bad)
    signal.connect(heard)
    with pytest.raises(ValueError, match="3"):
        signal.emit(3)
    signal.disconnect(bad)
    signal.disconnect(bad)
    signal.emit(4)
    assert heard.calls == [(3,), (4,)]


def test_saved_only_after_the_commit(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    s, pump = session
    may_store = threading.Event()
    apply = s.store.apply

    def slow(edit: Edit) -> None:
        assert may_store.wait(10)
        apply(edit)

    monkeypatch.setattr(s.store, "apply", slow)
    saved, history = Heard(), Heard()
    s.saved_changed.connect(saved)
    s.history_changed.connect(history)
    made = s.new_annotation(Box(1, 2, 3, 4))
    assert s.annotations == (made,)
    assert s.selection == {made.id}
    assert not s.saved
    assert s.store.annotations(1) == []
    may_store.set()
    pump.until(lambda: s.saved)
    assert s.store.annotations(1) == [made]
    assert saved.calls == [(False,), (True,)]
    assert history.calls == [("Add box", None)]
    s.close()


def test_undo_and_redo_over_a_restart(session: Open) -> None:
    s, _ = session
    made = s.new_annotation(Box(1, 2, 3, 4))
    s.reshape(made.id, Box(5, 6, 7, 8))
    s.close()
    s.close()  # twice is no harm
    again, pump = opened(ProjectStore.open(s.store.folder))
    pump.until(lambda: again.annotations)
    assert again.annotations[0].shape == Box(5, 6, 7, 8)
    assert again.undo_title == "Change box"
    again.undo()
    pump.until(lambda: again.saved)
    assert again.annotations == (made,)
    again.undo()
    again.redo()
    again.redo()
    again.redo()
    pump.until(lambda: again.saved)
    assert again.annotations[0].shape == Box(5, 6, 7, 8)
    again.close()


def test_a_gesture_behind_an_undo_under_way_is_kept(session: Open) -> None:
    s, pump = session
    a = s.new_annotation(Box(0, 0, 1, 1))
    s.reshape(a.id, Box(0, 0, 2, 2))
    s.undo()
    s.relabel([a.id], 2)  # before the undo has come back
    pump.until(lambda: s.saved)
    (shown,) = s.annotations
    assert (shown.shape, shown.class_id) == (Box(0, 0, 1, 1), 2)
    assert s.store.annotations(1) == [shown]
    s.close()


def test_an_edit_that_does_not_fit_is_dropped_and_memory_corrected(session: Open) -> None:
    s, pump = session
    a = s.new_annotation(Box(0, 0, 1, 1))
    pump.until(lambda: s.saved)
    failed = Heard()
    s.failed.connect(failed)
    ghost = Annotation(id=99, media_id=1, class_id=77, shape=Box(0, 0, 1, 1))
    s.apply(edits.add("no such class", [ghost]))
    assert ghost in s.annotations
    pump.until(lambda: failed.calls and s.annotations == (a,))
    ((error,),) = failed.calls
    assert isinstance(error, InvalidValue)
    assert s.blocked is None
    assert s.summary(1) == MediaSummary(1, 0)
    s.close()


def test_summaries_and_classes_are_counted_along(session: Open) -> None:
    s, pump = session
    a = proposal(s)
    b = proposal(s, media_id=2)
    s.new_annotation(Box(0, 0, 1, 1), class_id=2)
    s.delete([a.id])  # rejected
    assert [s.summary(i) for i in (1, 2, 3)] == [
        MediaSummary(1, 0), MediaSummary(0, 1), MediaSummary()
    ]  # fmt: skip
    assert s.tally.classes == {1: 0, 2: 1}
    s.set_verified([2, 3], True)
    assert s.media.verified == 2
    assert s.is_labelled(3)
    s.delete_class(1)
    pump.until(lambda: len(s.classes) == 1 and s.saved)
    assert s.store.annotations(2) == []
    s.undo()
    pump.until(lambda: s.saved)
    assert s.store.annotations(2) == [b]
    assert s.summary(2) == MediaSummary(0, 1)
    fresh = ProjectSession.read(s.store)
    assert {i: m for i, m in s.tally.media.items() if m != MediaSummary()} == {
        i: m for i, m in fresh.summaries.items() if m != MediaSummary()
    }
    assert s.tally.classes == fresh.per_class
    s.close()


def test_correcting_a_proposal_makes_it_a_persons(session: Open) -> None:
    s, _ = session
    a, b = proposal(s), proposal(s, shape=Box(5, 5, 9, 9))
    s.reshape_many({a.id: Box(0, 0, 3, 3), b.id: Box(5, 5, 9, 9)})
    s.relabel([b.id], 2)
    first, second = s.annotations
    assert (first.state, first.history, first.score) == (State.EDITED, ("shape",), 0.7)
    assert (second.state, second.class_id, second.source) == (State.EDITED, 2, "model:detector/x")
    s.close()


def test_deleting_rejects_proposals_and_removes_labels(session: Open) -> None:
    s, pump = session
    a, b = proposal(s), s.new_annotation(Box(0, 0, 1, 1))
    selection = Heard()
    s.selection_changed.connect(selection)
    s.delete([a.id, b.id])
    assert [x.state for x in s.annotations] == [State.REJECTED]
    assert s.selection == frozenset()
    assert len(selection.calls) == 1
    s.undo()
    pump.until(lambda: s.saved)
    assert s.annotations == (a, b)
    s.close()


def test_tags_flags_attributes(session: Open) -> None:
    s, _ = session
    s.toggle_tag(2)
    assert [(t.shape, t.class_id) for t in s.annotations] == [(Tag(), 2)]
    s.toggle_tag(2)
    assert s.annotations == ()
    guess = proposal(s, shape=Tag())
    s.toggle_tag(1)
    assert s.annotations[0].state is State.ACCEPTED
    s.set_flags([guess.id], Flags.DIFFICULT, True)
    s.set_attributes([guess.id], {"side": "left", "old": None})
    assert s.annotations[0].flags == Flags.DIFFICULT
    assert s.annotations[0].attributes == {"side": "left"}
    s.set_attributes([guess.id], {"side": None})
    assert s.annotations[0].attributes == {}
    s.close()


def test_classes(session: Open) -> None:
    s, pump = session
    active = Heard()
    s.active_class_changed.connect(active)
    third = s.add_class(" Platelets ")
    with pytest.raises(InvalidValue, match="already"):
        s.add_class("Platelets")
    with pytest.raises(InvalidValue, match="needs a name"):
        s.rename_class(third.id, "  ")
    s.rename_class(1, "red")
    s.recolour_class(1, "#ff0000")
    s.move_class(third.id, 0)
    assert [c.name for c in s.classes] == ["Platelets", "red", "WBC"]
    assert s.active_class == s.class_by_id(1)  # follows its class
    s.set_active_class(2)
    assert len(active.calls) == 4
    pump.until(lambda: s.saved)
    assert tuple(s.store.classes()) == s.classes
    s.close()


def test_frames_of_a_video(session: Open) -> None:
    s, pump = session
    video = MediaItem(
        id=s.reserve_ids("media"), path="z.mp4", kind=MediaKind.VIDEO, frames=10, width=5, height=5
    )
    s.apply(edits.add("Add video", [video]))
    s.open_media(video.id)
    made = s.new_annotation(Box(0, 0, 1, 1))
    s.go_to_frame(99)
    assert s.frame == 9
    assert s.annotations == ()
    later = s.new_annotation(Box(1, 1, 2, 2))
    s.go_to_frame(0)
    pump.until(lambda: s.annotations == (made,))
    s.go_to_frame(-3)
    assert s.frame == 0
    s.go_to_frame(9)
    pump.until(lambda: s.annotations == (later,))
    assert s.summary(video.id).labels == 2
    s.close()


def test_late_answers_are_dropped(session: Open) -> None:
    s, pump = session
    made = s.new_annotation(Box(0, 0, 1, 1))
    for media_id in (2, 3, 1, 2, 1):
        s.open_media(media_id)
    assert s.annotations == ()
    pump.until(lambda: s.annotations == (made,))
    done = Heard()
    s.in_store(lambda store: store.counts(), done)
    pump.until(lambda: done.calls)
    assert s.annotations == (made,)
    s.close()


def test_work_in_the_store(session: Open) -> None:
    s, pump = session
    done, failed, default = Heard(), Heard(), Heard()
    s.failed.connect(default)
    other = Annotation(id=50, media_id=1, class_id=1, shape=Box(0, 0, 1, 1))

    def changing(store: ProjectStore) -> str:
        store.apply(edits.add("by a worker", [other]))
        return threading.current_thread().name

    s.in_store(changing, done)
    pump.until(lambda: s.annotations == (other,))
    assert done.calls == [("storage",)]
    assert s.undo_title == "by a worker"
    assert s.summary(1).labels == 1

    def broken(store: ProjectStore) -> None:
        raise KeyError("a bug")

    s.in_store(broken, done, failed)
    s.in_store(broken, done)
    pump.until(lambda: default.calls)
    assert isinstance(failed.calls[0][0], VisionStudioError)
    s.new_annotation(Box(0, 0, 1, 1))
    pump.until(lambda: s.saved)  # the thread lives on
    s.close()


def test_a_reading_session_changes_nothing(session: Open, tmp_path: Path) -> None:
    s, _ = session
    reader, _ = opened(ProjectStore.open(s.store.folder, read_only=True))
    failed = Heard()
    reader.failed.connect(failed)
    reader.new_annotation(Box(0, 0, 1, 1))
    reader.undo()
    reader.set_threshold(0.9)
    assert len(failed.calls) == 2
    assert reader.annotations == ()
    reader.close()
    s.close()


def test_the_threshold_is_remembered(session: Open) -> None:
    s, _ = session
    heard = Heard()
    s.threshold_changed.connect(heard)
    proposal(s)
    assert len(s.visible_proposals()) == 1
    s.set_threshold(0.75)
    s.set_threshold(0.75)
    assert s.visible_proposals() == []
    assert heard.calls == [(0.75,)]
    s.close()
    with ProjectStore.open(s.store.folder) as store:
        assert ProjectSession.read(store).threshold == 0.75


def test_removing_media_leaves_the_current_picture(session: Open) -> None:
    s, pump = session
    s.new_annotation(Box(0, 0, 1, 1))
    changed = Heard()
    s.media_changed.connect(changed)
    s.delete_media([1, 2])
    pump.until(lambda: len(s.media) == 1)
    assert s.current is None
    assert s.annotations == ()
    assert changed.calls == [(None,)]
    s.undo()
    pump.until(lambda: s.saved)
    assert [m.id for m in s.media] == [1, 2, 3]
    assert s.summary(1).labels == 1
    s.close()


def test_many_annotations_stay_cheap(session: Open) -> None:
    s, _ = session
    first = s.reserve_ids("annotation", 2000)
    rows = [
        Annotation(id=first + i, media_id=1, class_id=1, shape=Box(i, 0, i + 1, 1), z=i % 3)
        for i in range(2000)
    ]
    s.apply(Edit("many", tuple(Change(None, r) for r in rows)))
    assert s.annotations == tuple(sorted(rows, key=lambda a: (a.z, a.id)))
    s.delete([a.id for a in rows[::2]])
    assert s.annotations == tuple(sorted(rows[1::2], key=lambda a: (a.z, a.id)))
    s.close()


def test_large_edits_are_stored_first(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "LARGE", 10)
    s, pump = session
    first = s.reserve_ids("annotation", 40)
    rows = [
        Annotation(id=first + i, media_id=1 + i % 2, class_id=1, shape=Box(i, 0, i + 1, 1))
        for i in range(40)
    ]
    assert s.apply(edits.add("Import", rows))
    assert s.annotations == ()
    small = s.new_annotation(Box(0, 0, 9, 9), class_id=2)
    assert s.annotations == (small,)
    pump.until(lambda: s.saved)
    assert s.annotations == (*rows[::2], small)
    assert [s.summary(i).labels for i in (1, 2)] == [21, 20]
    assert s.tally.classes == {1: 40, 2: 1}
    s.undo()
    s.undo()
    pump.until(lambda: s.saved)
    assert s.annotations == ()
    assert s.tally.classes == {1: 0, 2: 0}
    s.close()


def test_a_backup_now_and_then(session: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    s, pump = session
    s.new_annotation(Box(0, 0, 1, 1))
    pump.until(lambda: s.saved)
    assert list_backups(s.store.folder) == []
    monkeypatch.setattr(storing, "BACKUP_SECONDS", 0)
    s.new_annotation(Box(0, 0, 1, 1))
    pump.until(lambda: list_backups(s.store.folder))
    assert list_backups(s.store.folder)[0].reason == "timer"
    s.close()


def test_a_key_frame_of_what_was_selected_before_the_tools_were_there(tmp_path: Path) -> None:
    """The tools are loaded after the first picture: a quick hand has drawn by then."""
    store = small_project(tmp_path / "p")
    video = MediaItem(id=9, path="c.mp4", kind=MediaKind.VIDEO, width=64, height=48, frames=40)
    store.add_media([video])
    session, pump = opened(store)
    session.open_media(9)
    drawn = Annotation(
        id=session.reserve_ids("annotation"), media_id=9, class_id=1, shape=Box(1, 2, 9, 8),
        state=State.EDITED, source="manual",
    )  # fmt: skip
    session.apply(edits.add("Box", [drawn]))
    session.select([drawn.id])
    pump.until(lambda: session.saved)
    session.go_to_frame(20)
    pump.until(lambda: not session.annotations)
    TrackEdits(session).key_here()
    pump.until(lambda: len(session.annotations) == 1)
    (one,) = session.annotations
    assert one.frame == 20
    assert one.track_id is not None
    assert one.shape == drawn.shape
