"""Killed at any moment: whatever was acknowledged is there, with its undo step."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.unit.session_tools import small_project
from visionstudio.storage import ProjectStore, list_backups, schema

pytestmark = pytest.mark.skipif(os.name == "nt", reason="kills by signal")

EDITOR = """
import dataclasses, random, sys
from pathlib import Path
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation
from visionstudio.model.shapes import Box
from visionstudio.storage import ProjectStore

chance = random.Random(int(sys.argv[2]))
store = ProjectStore.open(Path(sys.argv[1]))
print("open", flush=True)
while True:
    rows = store.annotations(1)
    action = chance.choice(["add", "add", "change", "undo", "redo"])
    if action == "add":
        row = Annotation(
            id=store.reserve_ids("annotation"), media_id=1, class_id=1, shape=Box(0, 0, 1, 1)
        )
        print("doing", action, row.id, flush=True)
        store.apply(edits.add(f"add {row.id}", [row]))
    elif action == "change" and rows:
        row = rows[0]
        new = dataclasses.replace(row, z=row.z + 1)
        print("doing", action, row.id, new.z, flush=True)
        store.apply(edits.replace(f"change {row.id} {new.z}", [(row, new)]))
    elif action == "undo" and store.undo_title != "Add classes":
        print("doing undo", flush=True)
        store.undo()
    elif action == "redo" and store.redo_title:
        print("doing redo", flush=True)
        store.redo()
    else:
        continue
    print("saved", flush=True)
"""

Rows = dict[int, int]  # z by id


class Expected:
    """What the project must hold, from what the killed process said."""

    def __init__(self) -> None:
        self.past: list[tuple[str, Rows]] = []  # titles of gestures, rows before them
        self.rows: Rows = {}
        self.future: list[tuple[str, Rows]] = []

    def copy(self) -> Expected:
        other = Expected()
        other.past, other.future = list(self.past), list(self.future)
        other.rows = dict(self.rows)
        return other

    def do(self, action: str, numbers: list[int]) -> None:
        match action:
            case "undo":
                title, rows = self.past.pop()
                self.future.append((title, self.rows))
                self.rows = rows
            case "redo":
                title, rows = self.future.pop()
                self.past.append((title, self.rows))
                self.rows = rows
            case _:
                self.past.append((f"{action} {' '.join(map(str, numbers))}", self.rows))
                self.rows = {**self.rows, numbers[0]: numbers[1] if len(numbers) > 1 else 0}
                self.future.clear()

    def holds(self, store: ProjectStore) -> bool:
        undo = self.past[-1][0] if self.past else "Add classes"
        redo = self.future[-1][0] if self.future else None
        return (_rows(store), store.undo_title, store.redo_title) == (self.rows, undo, redo)


def _rows(store: ProjectStore) -> Rows:
    return {a.id: a.z for a in store.annotations(1)}


def kill_one_editor(folder: Path, seed: int, expected: Expected) -> Expected:
    """Start an editing process, kill it somewhere, and check; returns what holds now."""
    chance = random.Random(seed)
    command = [sys.executable, "-c", EDITOR, str(folder), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines: list[str] = []
        wanted = chance.randint(1, 60)
        for line in child.stdout:
            lines.append(line.strip())
            if len(lines) >= wanted:
                time.sleep(chance.random() * 0.004)
                child.send_signal(signal.SIGKILL)
                break
        lines += [line.strip() for line in child.stdout if line.endswith("\n")]
    assert child.returncode == -signal.SIGKILL
    saved, doing = expected, expected
    for action, *numbers in (line.removeprefix("doing ").split() for line in lines[1:]):
        if action == "saved":
            saved = doing
        else:
            doing = saved.copy()
            doing.do(action, [int(n) for n in numbers])
    with ProjectStore.open(folder) as store:
        now = next((e for e in (saved, doing) if e.holds(store)), None)
        assert now is not None, f"seed {seed}: lost after {lines[-3:]}"
        if now.past:
            title, before = now.past[-1]
            undone = store.undo()
            assert undone is not None
            assert undone.title == title
            assert _rows(store) == before
            store.redo()
            assert now.holds(store)
    return now


def _kills(folder: Path, seeds: Iterator[int] | range) -> None:
    small_project(folder).close()
    expected = Expected()
    for seed in seeds:
        expected = kill_one_editor(folder, seed, expected)
    assert expected.rows


def test_some_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    _kills(tmp_path / "p", range(6))


@pytest.mark.slow
def test_fifty_kills_lose_nothing_acknowledged(tmp_path: Path) -> None:
    _kills(tmp_path / "p", range(100, 150))


MIGRATOR = """
import sys
from pathlib import Path
from visionstudio.storage import ProjectStore, schema

script = '''
CREATE TABLE copy (id INTEGER PRIMARY KEY, text TEXT) STRICT;
INSERT INTO copy WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
    SELECT i, hex(randomblob(40)) FROM n;
ALTER TABLE class ADD COLUMN note TEXT;
'''
schema.MIGRATIONS = (*schema.MIGRATIONS, schema.Migration("much work", script))
print("start", flush=True)
ProjectStore.open(Path(sys.argv[1])).close()
print("end", flush=True)
"""


def _format(folder: Path) -> object:
    connection = apsw.Connection(str(folder / "project.db"))
    try:
        return connection.pragma("user_version")
    finally:
        connection.close()


def test_a_killed_migration_can_be_done_again(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    small_project(folder).close()
    command = [sys.executable, "-c", MIGRATOR, str(folder)]
    new = len(schema.MIGRATIONS) + 1
    killed = 0
    for delay in (0.01, 0.05, 0.1, 0.15):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "start\n"
            time.sleep(delay)
            child.kill()
        if _format(folder) == new:
            break  # it was quicker
        killed += 1
        with ProjectStore.open(folder) as store:  # still the old format, whole
            assert len(store.classes()) == 2
            assert store.undo_title == "Add classes"
    assert killed
    subprocess.run(command, check=True, capture_output=True)
    assert _format(folder) == new
    connection = apsw.Connection(str(folder / "project.db"))
    assert connection.execute("SELECT count(*), count(note) FROM class").fetchone() == (2, 0)
    assert connection.execute("SELECT count(*) FROM copy").fetchone() == (200_000,)
    connection.close()
    assert any(b.reason == f"before migration {new - 1}" for b in list_backups(folder))
