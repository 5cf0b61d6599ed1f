"""Two writers, newer and damaged files, failed migrations, read-only folders, backups."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from tests.unit.session_tools import small_project
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import (
    ProjectBusy,
    ProjectDamaged,
    ProjectError,
    ProjectNewer,
    StorageFull,
)
from visionstudio.model.shape_codec import encode
from visionstudio.model.shapes import Box
from visionstudio.storage import (
    ProjectStore,
    backups,
    list_backups,
    project_folder,
    restore,
    salvage,
    schema,
)
from visionstudio.storage import store as store_module

PAGE = 4096


def filled(folder: Path, count: int = 3000) -> list[Annotation]:
    """A closed project with some annotations."""
    with small_project(folder) as store:
        first = store.reserve_ids("annotation", count)
        rows = [
            Annotation(id=first + i, media_id=1 + i % 3, class_id=1, shape=Box(i, 0, i + 1, 2))
            for i in range(count)
        ]
        store.apply(edits.add("fill", rows))
    return rows


def test_one_writer_and_many_readers(tmp_path: Path) -> None:
    filled(tmp_path / "p", 10)
    code = (
        "import sys; from pathlib import Path\n"
        "from visionstudio.storage import ProjectStore\n"
        "from visionstudio.model.errors import ProjectBusy\n"
        "try: ProjectStore.open(Path(sys.argv[1])); print('open')\n"
        "except ProjectBusy as error: print('busy', error)\n"
        "print(len(list(ProjectStore.open(Path(sys.argv[1]), read_only=True).iter_annotations())))"
    )

    def other() -> str:
        command = [sys.executable, "-c", code, str(tmp_path / "p")]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with ProjectStore.open(tmp_path / "p") as writer:
        with pytest.raises(ProjectBusy, match="read-only"):
            ProjectStore.open(tmp_path / "p")
        said = other()
        assert said.startswith("busy")
        assert f"process {os.getpid()}" in said
        assert said.endswith("\n10\n")
        with ProjectStore.open(tmp_path / "p", read_only=True) as reader:
            row = Annotation(
                id=writer.reserve_ids("annotation"), media_id=1, class_id=1, shape=Box(0, 0, 1, 1)
            )
            writer.apply(edits.add("more", [row]))
            assert row in reader.annotations(1)  # sees what is committed meanwhile
            with pytest.raises(StorageFull, match="reading only"):
                reader.apply(edits.remove("no", [row]))
            with pytest.raises(StorageFull, match="reading only"):
                reader.undo()
    assert other().startswith("open")


def test_a_newer_project_is_refused_and_untouched(tmp_path: Path) -> None:
    filled(tmp_path / "p", 10)
    path = tmp_path / "p" / "project.db"
    connection = apsw.Connection(str(path))
    connection.execute("ALTER TABLE class ADD COLUMN future TEXT")
    connection.pragma("user_version", 99)
    connection.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(ProjectNewer, match=r"format 99.*update VisionStudio"):
            ProjectStore.open(tmp_path / "p", read_only=read_only)
    assert path.read_bytes() == before


def test_no_project_and_a_stranger(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no project"):
        ProjectStore.open(tmp_path)
    stranger = apsw.Connection(str(tmp_path / "project.db"))
    stranger.execute("CREATE TABLE x (y)")
    stranger.close()
    with pytest.raises(ProjectDamaged, match="no project of this program"):
        ProjectStore.open(tmp_path)


@pytest.mark.parametrize("how", ["text", "zeros", "short", "page", "empty"])
def test_a_damaged_file_is_named_and_untouched(tmp_path: Path, how: str) -> None:
    filled(tmp_path / "p")
    path = tmp_path / "p" / "project.db"
    data = bytearray(path.read_bytes())
    match how:
        case "text":
            data[:] = b"not a database at all" * 500
        case "zeros":
            data[:] = bytes(len(data))
        case "short":
            del data[len(data) // 2 :]
        case "page":
            data[len(data) // 2 : len(data) // 2 + 8192] = os.urandom(8192)
        case "empty":
            data.clear()
    path.write_bytes(data)
    with pytest.raises(ProjectDamaged, match=r"restore a backup or salvage"):
        ProjectStore.open(tmp_path / "p")
    assert path.read_bytes() == bytes(data)


def test_restoring_a_backup(tmp_path: Path) -> None:
    rows = filled(tmp_path / "p", 100)
    with ProjectStore.open(tmp_path / "p") as store:
        made = store.backup("before import of COCO!")
        store.apply(edits.remove("lost", rows))
    (found,) = list_backups(tmp_path / "p")
    assert (found.path, found.reason) == (made, "before import of coco")
    path = tmp_path / "p" / "project.db"
    path.write_bytes(b"broken" * 1000)
    aside = restore(tmp_path / "p", found.path)
    assert aside.read_bytes() == b"broken" * 1000
    with ProjectStore.open(tmp_path / "p") as store:
        assert sorted(store.iter_annotations(), key=lambda a: a.id) == rows
        assert store.undo_title == "fill"
        with pytest.raises(ProjectBusy):
            restore(tmp_path / "p", found.path)
    bad = tmp_path / "bad.db"
    bad.write_bytes(b"broken" * 1000)
    with pytest.raises(ProjectDamaged):
        restore(tmp_path / "p", bad)
    with ProjectStore.open(tmp_path / "p") as store:
        assert store.counts().annotations == 100


def test_backups_are_thinned_by_count(tmp_path: Path) -> None:
    with small_project(tmp_path / "p") as store:
        paths = [store.backup("timer") for _ in range(backups.KEPT + 3)]
    assert [b.path for b in list_backups(tmp_path / "p")] == paths[: -backups.KEPT - 1 : -1]
    assert not list((tmp_path / "p" / "backups").glob("*.part"))


def test_a_bulk_delete_makes_a_backup_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "BULK_REMOVAL", 50)
    rows = filled(tmp_path / "p", 100)
    with ProjectStore.open(tmp_path / "p") as store:
        store.apply(edits.remove("few", rows[:50]))
        assert list_backups(tmp_path / "p") == []
        store.undo()
        store.apply(edits.remove("many", rows))
    (backup,) = list_backups(tmp_path / "p")
    assert backup.reason == "before bulk delete"
    restore(tmp_path / "p", backup.path)
    with ProjectStore.open(tmp_path / "p") as store:
        assert store.counts().annotations == 100


def test_salvaging_what_can_be_read(tmp_path: Path) -> None:
    rows = filled(tmp_path / "p")
    path = tmp_path / "p" / "project.db"
    # One page of the annotations is lost.
    page = path.read_bytes().index(encode(Box(1500, 0, 1501, 2))[1]) // PAGE
    data = bytearray(path.read_bytes())
    data[page * PAGE : (page + 1) * PAGE] = os.urandom(PAGE)
    path.write_bytes(data)
    with pytest.raises(ProjectDamaged):
        ProjectStore.open(tmp_path / "p")
    saved = salvage(tmp_path / "p")
    assert path.read_bytes() == bytes(data)
    assert saved.rows["media"] == 3
    assert saved.rows["class"] == 2
    assert len(rows) - 300 < saved.rows["annotation"] < len(rows)
    assert saved.unreadable > 0
    restore(tmp_path / "p", saved.path)
    with ProjectStore.open(tmp_path / "p") as store:
        left = {a.id: a for a in store.iter_annotations()}
        assert len(left) == saved.rows["annotation"]
        assert all(left[a.id] == a for a in rows if a.id in left)
        assert store.reserve_ids("annotation") == len(rows) + 1
        assert store.undo_title is None


def test_salvaging_when_the_last_rows_cannot_be_read(tmp_path: Path) -> None:
    rows = filled(tmp_path / "p")
    path = tmp_path / "p" / "project.db"
    data = bytearray(path.read_bytes())
    for number in (100, 101, 1200, 2999):  # the last page: nothing ends the search behind it
        page = path.read_bytes().index(encode(Box(number, 0, number + 1, 2))[1]) // PAGE
        data[page * PAGE : (page + 1) * PAGE] = b"\xff" * PAGE
    path.write_bytes(data)
    saved = salvage(tmp_path / "p")
    assert len(rows) - 800 < saved.rows["annotation"] < len(rows) - 3
    restore(tmp_path / "p", saved.path)
    with ProjectStore.open(tmp_path / "p") as store:
        left = {a.id: a for a in store.iter_annotations()}
    assert all(left[a.id] == a for a in rows if a.id in left)
    assert {600, 2000} < set(left)


@pytest.mark.parametrize("content", ["text", "other database", "nothing"])
def test_salvaging_what_is_no_project_ends(tmp_path: Path, content: str) -> None:
    path = tmp_path / "project.db"
    if content == "other database":
        stranger = apsw.Connection(str(path))
        stranger.execute("CREATE TABLE x (y)")
        stranger.close()
    else:
        path.write_text("just text" if content == "text" else "")
    with pytest.raises(ProjectDamaged, match=r"nothing .* can be read|not a database"):
        salvage(tmp_path)
    assert not (tmp_path / "project.salvaged.db").exists()


NEXT = schema.Migration("add a note to classes", "ALTER TABLE class ADD COLUMN note TEXT")


def test_a_migration_makes_a_backup_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = filled(tmp_path / "p", 20)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, NEXT))
    with pytest.raises(ProjectError, match="older format"):
        ProjectStore.open(tmp_path / "p", read_only=True)
    with ProjectStore.open(tmp_path / "p") as store:
        assert sorted(store.iter_annotations(), key=lambda a: a.id) == rows
    (backup,) = list_backups(tmp_path / "p")
    assert backup.reason == f"before migration {len(schema.MIGRATIONS) - 1}"
    ProjectStore.open(tmp_path / "p").close()
    assert len(list_backups(tmp_path / "p")) == 1


def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path / "p", 20)
    bad = schema.Migration("half", NEXT.script + "; CREATE TABLE setting (x)")
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, bad))
        with pytest.raises(ProjectError):
            ProjectStore.open(tmp_path / "p")
    with ProjectStore.open(tmp_path / "p") as store:
        assert store.counts().annotations == 20


def test_project_folders(tmp_path: Path, isolated_home: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "a.png").touch()
    assert project_folder(pictures) == pictures / ".visionstudio"
    assert project_folder(pictures / "a.png") == pictures / ".visionstudio"
    small_project(pictures / "inner").close()
    assert project_folder(pictures / "inner") == pictures / "inner"
    assert project_folder(pictures / "inner" / "project.db") == pictures / "inner"


@pytest.fixture
def read_only_mount(tmp_path: Path) -> Path:
    """A folder on a file system mounted read-only, as a CD or a share would be."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    mount = subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True)
    if os.name == "nt" or os.geteuid() != 0 or mount.returncode != 0:
        pytest.skip("mounting needs root")
    return folder


READ_ONLY = """
import os, subprocess, sys
from pathlib import Path
from visionstudio.model.errors import ProjectError, StorageFull
from visionstudio.storage import ProjectStore, project_folder
from visionstudio.settings.folders import data_folder
folder = Path(sys.argv[1])
subprocess.run(["mount", "--bind", folder, folder], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", folder, folder], check=True)
beneath = project_folder(folder / "plain")
assert beneath.is_relative_to(data_folder() / "projects"), beneath
assert beneath == project_folder(folder / "plain")
try:
    ProjectStore.open(folder / "p")
    sys.exit("opened for writing")
except StorageFull as error:
    assert "read-only" in str(error), error
try:
    ProjectStore.open(folder / "hot", read_only=True)
    sys.exit("opened without its log")
except ProjectError as error:
    assert "not closed properly" in str(error), error
with ProjectStore.open(folder / "p", read_only=True) as store:
    print(store.counts().annotations, store.undo_title)
try:
    ProjectStore.create(folder / "new")
    sys.exit("created")
except StorageFull as error:
    assert "can be written" in str(error), error
"""


def test_a_read_only_folder(tmp_path: Path, read_only_mount: Path) -> None:
    filled(read_only_mount / "p", 20)
    (read_only_mount / "plain").mkdir()
    (read_only_mount / "hot").mkdir()
    with small_project(tmp_path / "open") as store:
        for name in ("project.db", "project.db-wal"):  # as a crash leaves them
            shutil.copy(store.folder / name, read_only_mount / "hot")
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", READ_ONLY, str(read_only_mount)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "20 fill\n"
