"""A full or failing disk: the gesture is refused whole, and work goes on once there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.faults.faulty_disk import FaultyDisk, no_failure
from tests.unit.session_tools import Heard, Pump, opened, small_project
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Edit
from visionstudio.model.errors import StorageFull
from visionstudio.model.shapes import Box
from visionstudio.session.project import ProjectSession
from visionstudio.storage import ProjectStore, database
from visionstudio.storage.backups import DATABASE, LOCK
from visionstudio.storage.database import Access, Database
from visionstudio.storage.lock import WriterLock


def _some(store: ProjectStore, count: int) -> list[Annotation]:
    first = store.reserve_ids("annotation", count)
    return [
        Annotation(id=first + i, media_id=1, class_id=1, shape=Box(i, 0, i + 1, 1))
        for i in range(count)
    ]


@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
def test_failing_at_every_call(
    tmp_path: Path, error: type[apsw.Error], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_project(tmp_path / "p").close()
    disk = FaultyDisk(f"failing-{error.__name__}")
    monkeypatch.setattr(database, "ACCESS", Access(vfs=disk.vfs_name, exclusive=True))
    path = tmp_path / "p" / DATABASE
    store = ProjectStore(
        path.parent, Database.open(path, read_only=False), WriterLock(path.parent / LOCK)
    )
    kept: list[Annotation] = []
    failures = 0
    for call in range(1, 200):
        new = _some(store, 30)
        start = disk.calls
        disk.fail = lambda now, at=start + call: error("injected") if now == at else None  # type: ignore[misc]
        refused: StorageFull | None = None
        try:
            store.apply(edits.add("add", new))
        except StorageFull as full:
            refused = full
        if refused is not None:
            failures += 1
            assert "save the project elsewhere" in refused.next_step
            assert store.annotations(1) == kept
            assert store.undo_title == ("add" if kept else "Add classes")
        elif disk.calls < start + call:
            break  # the gesture needs fewer calls than this
        else:
            kept += new  # the failed call was not needed: a checkpoint can wait
        disk.fail = no_failure
        new = _some(store, 1)
        store.apply(edits.add("add", new))
        kept += new
    disk.fail = no_failure
    assert failures >= 3
    assert sorted(store.annotations(1), key=lambda a: a.id) == sorted(
        kept + new, key=lambda a: a.id
    )
    store.close()


FULL = """
import subprocess, sys
from pathlib import Path
from tests.faults.test_disk_full import _some
from tests.unit.session_tools import small_project
from visionstudio.model import edits
from visionstudio.model.errors import StorageFull
from visionstudio.storage import ProjectStore

folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", folder], check=True)
store = small_project(folder / "p")
(folder / "ballast").write_bytes(bytes(1 << 20))
kept = []
try:
    for _ in range(100):
        new = _some(store, 500)
        store.apply(edits.add("add", new))
        kept += new
    sys.exit("never full")
except StorageFull as error:
    print(error)
assert store.annotations(1) == kept
try:
    store.backup("timer")
    sys.exit("backed up onto a full disk")
except StorageFull as error:
    assert not list((folder / "p" / "backups").glob("*")), error
(folder / "ballast").unlink()
store.apply(edits.add("add", new))
assert store.annotations(1) == kept + new
store.undo()
store.close()
assert ProjectStore.open(folder / "p").annotations(1) == kept
"""


def _with_mounts(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script that may mount; its own file systems go with it."""
    if os.name == "nt" or os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    return subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", script, str(folder)],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def test_a_real_full_disk(tmp_path: Path) -> None:
    done = _with_mounts(FULL, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert "make room" in done.stdout


class FullStore:
    """Makes a session's store fail as a full disk does, until there is room."""

    def __init__(self, store: ProjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        self._apply = store.apply
        monkeypatch.setattr(store, "apply", self)

    def __call__(self, edit: Edit) -> None:
        if self.full:
            raise StorageFull("no room", where="p", next_step="make room")
        self._apply(edit)


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ProjectSession, Pump, FullStore]:
    store = small_project(tmp_path / "p")
    session, pump = opened(store)
    return session, pump, FullStore(store, monkeypatch)


def test_edits_stay_in_memory_and_are_stored_when_there_is_room(
    full: tuple[ProjectSession, Pump, FullStore],
) -> None:
    session, pump, disk = full
    saved, blocked, failed = Heard(), Heard(), Heard()
    session.saved_changed.connect(saved)
    session.blocked_changed.connect(blocked)
    session.failed.connect(failed)
    first = session.new_annotation(Box(0, 0, 1, 1))
    second = session.new_annotation(Box(1, 1, 2, 2))
    pump.until(lambda: session.blocked is not None)
    assert (saved.calls, blocked.calls) == ([(False,)], [(True,)])
    assert [str(e) for (e,) in failed.calls] == ["no room, p; make room"]
    assert session.annotations == (first, second)
    # Nothing new is taken on, and reading goes on.
    session.new_annotation(Box(5, 5, 6, 6))
    session.undo()
    assert session.annotations == (first, second)
    assert len(failed.calls) == 3
    session.open_media(2)
    session.open_media(1)
    shown = Heard()
    session.annotations_changed.connect(shown)
    pump.until(lambda: shown.calls)
    assert session.annotations == (first, second)
    with pytest.raises(StorageFull):
        session.close()

    disk.full = False
    session.retry_save()
    pump.until(lambda: session.saved)
    assert blocked.calls == [(True,), (False,)]
    assert saved.calls == [(False,), (True,)]
    assert session.store.annotations(1) == [first, second]
    third = session.new_annotation(Box(7, 7, 8, 8))
    session.undo()
    session.undo()
    pump.until(lambda: session.saved)
    assert session.annotations == (first,)
    assert third.id == 4
    session.close()


def test_saving_elsewhere(full: tuple[ProjectSession, Pump, FullStore], tmp_path: Path) -> None:
    session, pump, _ = full
    first = session.new_annotation(Box(0, 0, 1, 1))
    pump.until(lambda: session.blocked is not None)
    session.save_elsewhere(tmp_path / "other")
    pump.until(lambda: session.saved)
    assert session.store.folder == tmp_path / "other"
    assert session.path_of(session.media[0]) == tmp_path / "p" / "00000.png"
    second = session.new_annotation(Box(1, 1, 2, 2))
    session.close()
    with ProjectStore.open(tmp_path / "other") as store:
        assert store.annotations(1) == [first, second]
    with ProjectStore.open(tmp_path / "p") as store:
        assert store.annotations(1) == []


def test_giving_up_what_cannot_be_stored(
    full: tuple[ProjectSession, Pump, FullStore], tmp_path: Path
) -> None:
    session, pump, _ = full
    session.new_annotation(Box(0, 0, 1, 1))
    pump.until(lambda: session.blocked is not None)
    session.close(discard=True)
    with ProjectStore.open(tmp_path / "p") as store:
        assert store.annotations(1) == []


EXPORT = """
import subprocess, sys
from pathlib import Path
from tests.video_maker import make
from visionstudio.app.cli import run

folder = Path(sys.argv[1])
film = make(folder / "film.mp4", 60)
full = folder / "full"
full.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", full], check=True)
(full / "part.mp4").write_bytes(b"the old one")
with (full / "ballast").open("wb", buffering=0) as ballast:
    try:
        while True:
            ballast.write(bytes(4096))
    except OSError:
        pass
before = sorted(full.iterdir())
code = run(["video", "clip", str(film), str(full / "part.mp4")])
assert code == 1, code
assert (full / "part.mp4").read_bytes() == b"the old one"
assert sorted(full.iterdir()) == before
code = run(["video", "frames", str(film), str(full / "frames")])
assert code == 1, code
(full / "ballast").unlink()
for part in (full / "frames").iterdir():
    part.unlink()
assert run(["video", "clip", str(film), str(full / "part.mp4"), "--end", "5"]) == 0
"""


def test_a_video_export_onto_a_full_disk(tmp_path: Path) -> None:
    done = _with_mounts(EXPORT, tmp_path)
    assert done.returncode == 0, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2
    assert all("make room" in line and str(tmp_path) in line for line in errors)
