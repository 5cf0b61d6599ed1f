"""A hundred random gestures, undone, redone and killed, equal a replay in plain dictionaries."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults import track_replay
from tests.unit.session_tools import small_project
from visionstudio.model.annotations import Flags
from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.model.shape_codec import encode
from visionstudio.storage import ProjectStore

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by signal")
ROOT = Path(__file__).resolve().parents[2]
Row = dict[str, Any]


@dataclass
class State:
    """A project as plain values; gestures make a new one."""

    annotations: dict[int, Row] = field(default_factory=dict)
    classes: dict[int, str] = field(default_factory=dict)
    verified: frozenset[int] = frozenset()

    @classmethod
    def of(cls, store: ProjectStore) -> State:
        rows = {}
        for a in store.iter_annotations():
            kind, data = encode(a.shape)
            rows[a.id] = {
                "media": a.media_id,
                "label": a.class_id,
                "shape": [kind, data.hex()],
                "group": a.group_id,
                "answers": dict(a.attributes),
                "frame": a.frame,
                "track": a.track_id,
                "key": bool(a.flags & Flags.KEYFRAME),
                "outside": bool(a.flags & Flags.OUTSIDE),
            }
        classes = {c.id: c.name for c in store.classes()}
        return cls(rows, classes, frozenset(m.id for m in store.media() if m.verified))

    def changed(self, ids: list[int], **values: Any) -> State:
        rows = {i: {**row, **values} if i in ids else row for i, row in self.annotations.items()}
        return State(rows, self.classes, self.verified)

    def without(self, ids: set[int]) -> State:
        rows = {i: row for i, row in self.annotations.items() if i not in ids}
        return State(rows, self.classes, self.verified)

    def after(self, said: Row, ids: list[int]) -> State | None:
        """The state after a gesture; None while it has not got the ids that it needs."""
        new_id = ids[-1] if ids else None
        if "track" in said:
            rows = track_replay.after(self.annotations, said, ids)
            return None if rows is None else State(rows, self.classes, self.verified)
        match said["act"]:
            case "add":
                place = said["media"], said["frame"]
                return self.added(new_id, *place, said["label"], said["shape"])
            case "reshape" | "move" | "turn":
                result = self
                for i, shape in said["shapes"].items():
                    result = result.changed([int(i)], shape=shape)
                return result
            case "relabel":
                return self.changed(said["ids"], label=said["label"])
            case "group":
                return self.changed(said["ids"], group=said["group"])
            case "answer":
                result = self
                for i in said["ids"]:
                    answers = {**self.annotations[i]["answers"], **said["values"]}
                    kept = {k: v for k, v in answers.items() if v is not None}
                    result = result.changed([i], answers=kept)
                return result
            case "delete":
                return self.without(set(said["ids"]))
            case "tag":
                there = {i for i, r in self.annotations.items() if _is_tag(r, said)}
                if there:
                    return self.without(there)
                return self.added(new_id, said["media"], 0, said["label"], ["tag", ""])
            case "verify":
                one = frozenset({said["media"]})
                verified = self.verified | one if said["on"] else self.verified - one
                return State(self.annotations, self.classes, verified)
            case "class":
                if new_id is None:
                    return None
                classes = {**self.classes, new_id: said["name"]}
                return State(self.annotations, classes, self.verified)
        of_it = {i for i, row in self.annotations.items() if row["label"] == said["label"]}
        rest = {i: name for i, name in self.classes.items() if i != said["label"]}
        return State(self.without(of_it).annotations, rest, self.verified)

    def added(
        self, new_id: int | None, media: int, frame: int, label: int, shape: list[str]
    ) -> State | None:
        if new_id is None:
            return None
        row = {"media": media, "label": label, "shape": shape, "group": None, "answers": {}}
        row |= {"frame": frame, "track": None, "key": False, "outside": False}
        return State({**self.annotations, new_id: row}, self.classes, self.verified)


def _is_tag(row: Row, said: Row) -> bool:
    wanted = said["media"], said["label"], "tag"
    return (row["media"], row["label"], row["shape"][0]) == wanted


@dataclass
class Story:
    """States with all that can be undone and redone."""

    now: State
    past: tuple[State, ...] = ()
    future: tuple[State, ...] = ()
    acts: frozenset[str] = frozenset()  # what has changed something

    def after(self, said: Row, ids: list[int]) -> Story:
        if said["act"] == "undo":
            if not self.past:
                return self
            future = (self.now, *self.future)
            return replace(self, now=self.past[-1], past=self.past[:-1], future=future)
        if said["act"] == "redo":
            if not self.future:
                return self
            past = (*self.past, self.now)
            return replace(self, now=self.future[0], past=past, future=self.future[1:])
        state = self.now.after(said, ids)
        if state is None or state == self.now:
            return self
        return Story(state, (*self.past, self.now), (), self.acts | {said["act"]})


def gestures(folder: Path, seed: int, count: int, kill_after: int | None, told: Story) -> Story:
    """Let a process make gestures, kill it after so many lines, and compare; what holds then."""
    command = [sys.executable, "-m", "tests.faults.gesturing", str(folder), str(seed), str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(line)
            if kill_after is not None and len(lines) >= kill_after:
                child.send_signal(signal.SIGKILL)
                break
        lines += [line for line in child.stdout if line.endswith("\n")]
    assert child.returncode == (0 if kill_after is None else -signal.SIGKILL)
    saved = doing = told
    said: Row | None = None
    ids: list[int] = []
    for event in map(json.loads, lines):
        if "act" in event:
            said, ids, doing = event, [], saved.after(event, [])
        elif "id" in event and said is not None:
            ids.append(event["id"])
            doing = saved.after(said, ids)
        else:
            saved, said = doing, None
    with ProjectStore.open(folder) as store:
        found = State.of(store)
        now = next((s for s in (saved, doing) if s.now == found), None)
        assert now is not None, f"seed {seed}: lost after {lines[-3:]}"
        walk(store, now)
    return now


def walk(store: ProjectStore, story: Story) -> None:
    """Everything can be undone, one step after another, and done again."""
    states = [*story.past, story.now, *story.future]
    here = len(story.past)
    for place in range(here - 1, -1, -1):
        assert store.undo() is not None
        assert State.of(store) == states[place]
    for place in range(1, len(states)):
        assert store.redo() is not None
        assert State.of(store) == states[place]
    assert store.redo() is None
    for place in range(len(states) - 2, here - 1, -1):
        assert store.undo() is not None
        assert State.of(store) == states[place]


def begin(folder: Path) -> Story:
    with small_project(folder) as store:
        clip = MediaItem(
            id=store.reserve_ids("media"),
            path="clip.mp4",
            kind=MediaKind.VIDEO,
            width=100,
            height=80,
            frames=30,
            status=MediaStatus.OK,
        )
        store.add_media([clip])
    with ProjectStore.open(folder) as store:
        now = State.of(store)
        assert store.undo() is not None
        before = State.of(store)
        store.redo()
    return Story(now, (before,))


def test_a_hundred_gestures_and_two_kills(tmp_path: Path) -> None:
    story = begin(tmp_path / "p")
    story = gestures(tmp_path / "p", 7, 100, 150, story)
    story = gestures(tmp_path / "p", 8, 100, 121, story)
    story = gestures(tmp_path / "p", 10, 80, None, story)
    kinds = {row["shape"][0] for state in story.past for row in state.annotations.values()}
    assert len(kinds) == 9
    rows = [row for state in story.past for row in state.annotations.values()]
    assert len({row["track"] for row in rows}) > 3
    assert any(row["outside"] for row in rows)
    assert {"merge", "swap", "split", "drag", "cut_from", "cut_to", "leave_out"} <= story.acts


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 16))
def test_many_gestures_and_kills(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    story = begin(tmp_path / "p")
    for part in range(4):
        lines = chance.randint(10, 150)
        story = gestures(tmp_path / "p", 100 * seed + part, 100, lines, story)
