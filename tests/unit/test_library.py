"""Listing folders without opening files, reading headers afterwards, finding moved files."""

from __future__ import annotations

import dataclasses
import shutil
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.session_tools import Heard, Pump
from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.session import library
from visionstudio.session.library import Library, add_media, probe_media
from visionstudio.session.project import ProjectSession
from visionstudio.storage import ProjectStore, project_folder


def picture(path: Path, size: tuple[int, int] = (8, 6), colour: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, colour).save(path)


def listed(item: MediaItem) -> MediaItem:
    """An item of the store as the session's list has it."""
    return dataclasses.replace(item, size=0, head_hash="", extra={})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    picture(root / "b.png", (8, 6), 1)
    picture(root / "sub" / "a.png", (9, 7), 2)
    (root / "broken.jpg").write_text("text")
    (root / ".hidden").mkdir()
    picture(root / ".hidden" / "x.png")
    (root / "notes.txt").write_text("no picture")
    return root


def test_listing_and_probing(folder: Path) -> None:
    with ProjectStore.create(project_folder(folder)) as store:
        new, again = add_media(store, [folder])
        assert [i.path for i in new] == ["b.png", "broken.jpg", "sub/a.png"]
        assert [i.id for i in new] == [1, 2, 3]
        assert again == []
        assert {i.status for i in store.media()} == {MediaStatus.UNKNOWN}
        assert store.undo_title is None  # opening a folder is nothing to take back
        batch = [item for some in probe_media(store, store.media()) for item in some]
        assert store.media() == sorted(batch, key=lambda i: i.path)
        b, broken, a = store.media()
        assert (b.width, b.height, b.status) == (8, 6, MediaStatus.OK)
        assert (a.width, a.height, len(a.head_hash)) == (9, 7, 32)
        assert broken.status is MediaStatus.ERROR
        assert broken.reason
        assert add_media(store, [folder]) == ([], [])
        # Nothing has changed, only the broken one is looked at again.
        assert list(probe_media(store, store.media())) == []


def test_files_that_vanish_come_back_and_change(folder: Path) -> None:
    with ProjectStore.create(project_folder(folder)) as store:
        add_media(store, [folder])
        list(probe_media(store, store.media()))
        shutil.move(folder / "b.png", folder / "away")
        list(probe_media(store, store.media()))
        assert store.media()[0].status is MediaStatus.MISSING
        assert store.media()[0].width == 8
        shutil.move(folder / "away", folder / "b.png")
        picture(folder / "sub" / "a.png", (300, 200), 2)
        picture(folder / "broken.jpg")
        list(probe_media(store, store.media()))
        assert [(i.width, i.status) for i in store.media()] == [
            (8, MediaStatus.OK), (8, MediaStatus.OK), (300, MediaStatus.OK)
        ]  # fmt: skip


def test_moved_files_are_found_again(folder: Path) -> None:
    picture(folder / "same.png", (8, 6), 1)  # the same bytes as b.png
    with ProjectStore.create(project_folder(folder)) as store:
        add_media(store, [folder])
        list(probe_media(store, store.media()))
        before = {i.path: i.id for i in store.media()}
        (folder / "moved").mkdir()
        (folder / "b.png").rename(folder / "moved" / "renamed.png")
        (folder / "same.png").rename(folder / "moved" / "same.png")
        (folder / "sub" / "a.png").rename(folder / "a.png")
        picture(folder / "new.png", (5, 5), 9)
        new, again = add_media(store, [folder])
        assert [i.path for i in new] == ["new.png"]
        assert sorted(i.path for i in again) == ["a.png", "moved/renamed.png", "moved/same.png"]
        after = {i.path: i.id for i in store.media()}
        assert after["a.png"] == before["sub/a.png"]
        assert {after["moved/renamed.png"], after["moved/same.png"]} == {
            before["b.png"],
            before["same.png"],
        }
        list(probe_media(store, store.media()))
        assert {i.status for i in store.media() if i.path != "broken.jpg"} == {MediaStatus.OK}


def test_a_folder_as_one_video_and_media_elsewhere(folder: Path, tmp_path: Path) -> None:
    for i in range(3):
        picture(tmp_path / "frames" / f"{i}.png")
    with ProjectStore.create(tmp_path / "project", media_root=folder) as store:
        add_media(store, [tmp_path / "frames"], as_video=True)
        list(probe_media(store, store.media()))
        (item,) = store.media()
        assert item.path == (tmp_path / "frames").as_posix()
        assert (item.kind, item.frames, item.width) == (MediaKind.FRAMES, 3, 8)


def test_in_the_background(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "REPORT_SECONDS", 0.0)
    store = ProjectStore.create(project_folder(folder))
    pump = Pump()
    session = ProjectSession(store, pump.post)
    changed, finished, failed, progress = Heard(), Heard(), Heard(), Heard()
    session.media_changed.connect(changed)
    shelf = Library(session)
    shelf.finished.connect(finished)
    shelf.failed.connect(failed)
    shelf.changed.connect(progress)
    shelf.add([folder / "nowhere"])
    pump.until(lambda: finished.calls)
    finished.calls.clear()
    shelf.add([folder])
    pump.until(lambda: finished.calls)
    assert [i.status for i in session.media] == [
        MediaStatus.OK, MediaStatus.ERROR, MediaStatus.OK
    ]  # fmt: skip
    assert changed.calls[0] == (None,)
    assert all(ids is not None for (ids,) in changed.calls[1:])
    assert len(failed.calls) == 1
    assert progress.calls[-1][1] == 3
    session.set_verified([1], True)
    pump.until(lambda: session.saved)
    picture(folder / "b.png", (80, 60))
    (folder / "broken.jpg").unlink()
    finished.calls.clear()
    shelf.refresh()
    pump.until(lambda: finished.calls)
    assert (session.media[0].width, session.media[0].verified) == (80, True)
    assert session.media[1].status is MediaStatus.MISSING
    assert [listed(i) for i in store.media()] == list(session.media)
    shelf.stop()
    session.close()


def test_stopping_at_once(folder: Path) -> None:
    store = ProjectStore.create(project_folder(folder))
    pump = Pump()
    session = ProjectSession(store, pump.post)
    shelf = Library(session)
    shelf.add([folder])
    shelf.stop()
    session.close()


def test_ten_thousand_files(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    picture(folder / "00000.png")
    first = folder / "00000.png"
    for i in range(1, 10_000):
        (folder / f"{i:05d}.png").hardlink_to(first)
    start = time.process_time()
    store = ProjectStore.create(project_folder(folder))
    new, _ = add_media(store, [folder])
    session = ProjectSession(store, Pump().post)
    session.open_media(session.media[0].id)
    spent = time.process_time() - start
    assert len(session.media) == len(new) == 10_000
    assert {i.status for i in session.media} == {MediaStatus.UNKNOWN}  # no file was opened
    assert spent < 3.0  # opening the files would take longer
    # An edit touches one item, not all of them.
    item = session.media[5000]
    start = time.process_time()
    for width in range(1, 101):
        session.put_media([dataclasses.replace(item, width=width)])
    assert time.process_time() - start < 1.0
    assert session.media[5000].width == 100
    session.close()


def test_a_project_saved_elsewhere_is_looked_at_there(folder: Path, tmp_path: Path) -> None:
    store = ProjectStore.create(project_folder(folder))
    pump = Pump()
    session = ProjectSession(store, pump.post)
    shelf, failed, finished = Library(session), Heard(), Heard()
    shelf.failed.connect(failed)
    shelf.finished.connect(finished)
    shelf.add([folder])
    session.save_elsewhere(tmp_path / "elsewhere")  # while the headers are being read
    pump.until(lambda: session.store is not store and finished.calls)
    assert failed.calls == []
    shelf.stop()
    session.close()
    with ProjectStore.open(tmp_path / "elsewhere") as copy:
        assert {i.status for i in copy.media()} <= {MediaStatus.OK, MediaStatus.ERROR}
