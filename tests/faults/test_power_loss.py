"""When the power fails, no acknowledged gesture is lost; with weaker settings it would be."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import apsw
import pytest

from tests.faults.faulty_disk import FaultyDisk, no_failure
from tests.unit.session_tools import small_project
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import StorageFull
from visionstudio.model.shapes import Box
from visionstudio.storage import ProjectStore, database
from visionstudio.storage.backups import DATABASE, LOCK
from visionstudio.storage.database import Access, Database
from visionstudio.storage.lock import WriterLock

Rows = dict[int, Annotation]


class Person:
    """Somebody who makes gestures and knows what has been shown as saved.

    `saved` are the states from the first to the current one, each undo apart;
    `doing` is the same after the gesture under way, which may be stored or not.
    """

    def __init__(self, chance: random.Random) -> None:
        self.saved: list[Rows] = [{}]
        self.doing: list[Rows] = [{}]
        self._chance = chance

    def work(self, store: ProjectStore) -> None:
        """Make gestures until something fails."""
        while True:
            self._gesture(store)
            self.saved = self.doing

    def _gesture(self, store: ProjectStore) -> None:
        rows = self.saved[-1]
        if len(self.saved) > 2 and self._chance.random() < 0.2:
            self.doing = self.saved[:-1]
            store.undo()
        elif rows and self._chance.random() < 0.3:
            old = rows[min(rows)]
            new = dataclasses.replace(old, z=old.z + 1)
            self.doing = [*self.saved, {**rows, new.id: new}]
            store.apply(edits.replace("change", [(old, new)]))
        else:
            new = Annotation(
                id=store.reserve_ids("annotation"), media_id=1, class_id=1, shape=Box(0, 0, 1, 1)
            )
            self.doing = [*self.saved, {**rows, new.id: new}]
            store.apply(edits.add("add", [new]))

    def finds_everything(self, folder: Path) -> bool:
        """Whether a project holds what was saved and can undo it."""
        with ProjectStore.open(folder) as store:
            found = [_rows(store)]
            while store.undo_title != "Add classes" and store.undo():
                found.insert(0, _rows(store))
        return found in (self.saved, self.doing)


def _rows(store: ProjectStore) -> Rows:
    return {a.id: a for a in store.annotations(1)}


def everything_found(
    folder: Path, synchronous: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Edit until the power fails at a random moment; whether all that was saved is there."""
    chance = random.Random(seed)
    small_project(folder / "p").close()
    disk = FaultyDisk(f"faulty-{synchronous}-{seed}")
    last_call = chance.randint(1, 150)
    person = Person(chance)
    path = folder / "p" / DATABASE
    with monkeypatch.context() as patch:
        access = Access(vfs=disk.vfs_name, exclusive=True, synchronous=synchronous)
        patch.setattr(database, "ACCESS", access)
        lock = WriterLock(path.parent / LOCK)
        store = ProjectStore(path.parent, Database.open(path, read_only=False), lock)
        start = disk.calls
        disk.fail = lambda call: apsw.IOError("power") if call > start + last_call else None
        with pytest.raises(StorageFull):
            person.work(store)
        disk.crash(folder / "after", chance)
        disk.fail = no_failure
        store.close()
    return person.finds_everything(folder / "after")


@pytest.mark.parametrize("seed", range(40))
def test_full_synchronisation_loses_nothing(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert everything_found(tmp_path, "FULL", seed, monkeypatch)


def test_the_test_would_notice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        everything_found(tmp_path / str(seed), "NORMAL", seed, monkeypatch) for seed in range(12)
    ]
    assert found.count(False) >= 4
