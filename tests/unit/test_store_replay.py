"""Random edits, undos, redos and reopenings equal a replay in plain Python."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit, Row
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box, Tag
from visionstudio.storage import ProjectStore, database

Rows = dict[tuple[type, int], Row]


class Replay(RuleBasedStateMachine):
    """The store beside dictionaries of rows, one per point in history."""

    def __init__(self) -> None:
        super().__init__()
        # Durability is another test's business: here every sync would cost minutes.
        self.usual, database.ACCESS = database.ACCESS, database.Access(synchronous="OFF")
        self.folder = Path(tempfile.mkdtemp())
        self.store = ProjectStore.create(self.folder)
        self.rows: Rows = {}
        self.past: list[tuple[str, Rows]] = []
        self.future: list[tuple[str, Rows]] = []
        self.given: set[int] = set()
        self.count = 0

    def teardown(self) -> None:
        self.store.close()
        database.ACCESS = self.usual
        shutil.rmtree(self.folder)

    def do(self, changes: list[Change]) -> None:
        self.count += 1
        title = f"gesture {self.count}"
        self.store.apply(Edit(title, tuple(changes)))
        self.past.append((title, dict(self.rows)))
        self.future.clear()
        for change in changes:
            if change.after is None:
                del self.rows[type(change.row), change.row.id]
            else:
                self.rows[type(change.row), change.row.id] = change.after

    def of(self, kind: type) -> list[Row]:
        return [row for (t, _), row in self.rows.items() if t is kind]

    @rule(count=st.integers(1, 3))
    def add_media(self, count: int) -> None:
        first = self.store.reserve_ids("media", count)
        self.do([Change(None, MediaItem(id=first + i, path=f"{first + i}")) for i in range(count)])

    @rule()
    def add_class(self) -> None:
        new = self.store.reserve_ids("class")
        self.do([Change(None, LabelClass(id=new, name=f"c{new}", colour="#112233"))])

    @precondition(lambda self: self.of(MediaItem) and self.of(LabelClass))
    @rule(data=st.data(), count=st.integers(1, 30))
    def add_annotations(self, data: st.DataObject, count: int) -> None:
        item = data.draw(st.sampled_from(self.of(MediaItem)))
        label = data.draw(st.sampled_from(self.of(LabelClass)))
        first = self.store.reserve_ids("annotation", count)
        ids = range(first, first + count)
        assert not self.given & set(ids)
        self.given |= set(ids)
        shape = data.draw(st.sampled_from([Box(1, 2, 3, 4), Tag()]))
        self.do(
            [
                Change(None, Annotation(id=i, media_id=item.id, class_id=label.id, shape=shape))
                for i in ids
            ]
        )

    @precondition(lambda self: self.of(Annotation))
    @rule(data=st.data(), state=st.sampled_from(State), z=st.integers(-3, 3))
    def change_annotations(self, data: st.DataObject, state: State, z: int) -> None:
        chosen = data.draw(
            st.lists(st.sampled_from(self.of(Annotation)), min_size=1, unique_by=lambda a: a.id)
        )
        changes = []
        for a in chosen:
            assert isinstance(a, Annotation)
            after = dataclasses.replace(a, state=state, z=z, shape=Box(z, z, z + 1, z + 2))
            if after != a:
                changes.append(Change(a, after))
        if changes:
            self.do(changes)

    @precondition(lambda self: self.of(Annotation))
    @rule(data=st.data())
    def remove_annotations(self, data: st.DataObject) -> None:
        chosen = data.draw(
            st.lists(st.sampled_from(self.of(Annotation)), min_size=1, unique_by=lambda a: a.id)
        )
        self.do([Change(a, None) for a in chosen])

    @precondition(lambda self: self.of(LabelClass))
    @rule(data=st.data())
    def remove_class(self, data: st.DataObject) -> None:
        label = data.draw(st.sampled_from(self.of(LabelClass)))
        of_it = self.store.annotations_of_class(label.id)
        self.do([*(Change(a, None) for a in of_it), Change(label, None)])

    @precondition(lambda self: self.of(MediaItem))
    @rule(data=st.data())
    def verify(self, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from(self.of(MediaItem)))
        assert isinstance(item, MediaItem)
        self.do([Change(item, dataclasses.replace(item, verified=not item.verified))])

    @rule()
    def undo(self) -> None:
        edit = self.store.undo()
        if not self.past:
            assert edit is None
            return
        title, rows = self.past.pop()
        assert edit is not None
        assert edit.title == title
        self.future.append((title, self.rows))
        self.rows = rows

    @rule()
    def redo(self) -> None:
        edit = self.store.redo()
        if not self.future:
            assert edit is None
            return
        title, rows = self.future.pop()
        assert edit is not None
        assert edit.title == title
        self.past.append((title, self.rows))
        self.rows = rows

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = ProjectStore.open(self.folder)

    @invariant()
    def equal(self) -> None:
        key = lambda row: row.id  # noqa: E731
        stored = list(self.store.iter_annotations())
        assert sorted(stored, key=key) == sorted(self.of(Annotation), key=key)
        assert sorted(self.store.classes(), key=key) == sorted(self.of(LabelClass), key=key)
        assert sorted(self.store.media(), key=key) == sorted(self.of(MediaItem), key=key)
        assert self.store.undo_title == (self.past[-1][0] if self.past else None)
        assert self.store.redo_title == (self.future[-1][0] if self.future else None)
        counts = self.store.counts()
        labels = [a for a in self.of(Annotation) if a.state.is_label]  # type: ignore[union-attr]
        assert counts.annotations == len(labels)


TestReplay = Replay.TestCase
TestReplay.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
