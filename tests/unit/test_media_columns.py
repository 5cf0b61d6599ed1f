"""The media list as columns: always what a plain sorted list of the same items would be."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.session_tools import Pump
from visionstudio.media.scan import find_media
from visionstudio.model.edits import Change
from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
from visionstudio.session import library
from visionstudio.session.library import NewMedia, add_media
from visionstudio.session.media_list import MediaList
from visionstudio.session.project import ProjectSession
from visionstudio.session.sorting import Order, Sorted, Sorting
from visionstudio.storage import ProjectStore, columns

QUOTED = os.fsdecode(b"b/caf\xe9.png")


def made(n: int, path: str) -> MediaItem:
    bad = n % 5 == 0
    return MediaItem(
        id=n,
        path=path,
        kind=list(MediaKind)[n % 4],
        width=n * 7 % 90,
        height=n % 11,
        frames=1 + n % 3,
        status=MediaStatus.ERROR if bad else MediaStatus.OK,
        reason=f"fault {n % 2}" if bad else "",
        verified=n % 3 == 0,
    )


def names(count: int, chance: random.Random) -> list[str]:
    folders = ("a", "a-b", "a/c", "é", "z\nz")
    return [f"{chance.choice(folders)}/{chance.randrange(10**6):06d}_{n}.png" for n in range(count)]


def check(media: MediaList, expected: dict[int, MediaItem]) -> None:
    wanted = sorted(expected.values(), key=lambda i: i.path)
    assert list(media) == wanted
    assert media[:] == wanted
    assert media.ids.tolist() == [i.id for i in wanted]
    assert media.verified == sum(i.verified for i in wanted)
    assert [media.place_of(i.id) for i in wanted] == list(range(len(wanted)))
    assert all(media.at_path(i.path) == i == media.get(i.id) for i in wanted)
    assert media.place_of(10**9) is None
    assert media.at_path("a/nothing") is None


def test_any_changes_against_a_plain_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "PIECE", 8)
    monkeypatch.setattr("visionstudio.session.media_list.PIECE", 8)
    chance = random.Random(1)
    expected = {n: made(n, path) for n, path in enumerate(names(60, chance), 1)}
    media = MediaList(expected.values())
    check(media, expected)
    following = 61
    for _ in range(60):
        known = list(expected.values())
        kind = chance.randrange(4)
        if kind == 0:  # new ones, many in a row or here and there
            fresh = names(chance.randrange(1, 30), chance)
            items = [made(following + n, path) for n, path in enumerate(fresh)]
            following += len(items)
            assert media.put(items)
        elif kind == 1 and known:  # other facts
            items = [replace(i, verified=not i.verified, reason="new", width=3)
                     for i in chance.sample(known, min(5, len(known)))]  # fmt: skip
            assert not media.put(items)
        elif kind == 2 and len(known) > 1:  # two that exchange their paths
            one, two = chance.sample(known, 2)
            items = [replace(one, path=two.path), replace(two, path=one.path)]
            assert media.put(items)
        else:
            gone = chance.sample(known, len(known) // 3)
            ids, moved = media.merge([Change(i, None) for i in gone])
            assert (ids, moved) == (frozenset(i.id for i in gone), bool(gone))
            for item in gone:
                del expected[item.id]
            items = []
        expected |= {i.id: i for i in items}
        check(media, expected)
    media.merge([Change(i, None) for i in expected.values()])
    check(media, {})
    media.put([made(7, "again.png")])
    check(media, {7: made(7, "again.png")})


@pytest.mark.parametrize("piece", [3, 1024])
def test_columns_of_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(columns, "PIECE", piece)
    monkeypatch.setattr(columns, "_AT_ONCE", 4)
    items = [made(n, path) for n, path in enumerate(names(30, random.Random(2)), 1)]
    items.append(made(2**40, QUOTED))
    with ProjectStore.create(tmp_path / "p") as store:
        check(MediaList(store.media_columns()), {})
        assert not store.has_media()
        store.add_media(replace(i, size=5, head_hash="ab", extra={"k": 1}) for i in items)
        check(MediaList(store.media_columns()), {i.id: i for i in items})
        assert store.has_media()
        assert store.media_count() == len(items)
        assert store.media_paths() == {i.path for i in items}
        assert sorted(store.iter_media(), key=lambda i: i.path) == store.media()
        assert [i.id for i in store.media_at([QUOTED, "a/nothing"])] == [2**40]


def test_words_are_found_piece_by_piece() -> None:
    paths = [f"Straße/{n:04d} Cat.PNG" if n % 7 == 0 else f"dog/{n:04d}.png" for n in range(3000)]
    media = MediaList(MediaItem(id=n + 1, path=p) for n, p in enumerate(paths))
    for words in (["cat"], ["straße", "01"], ["png"], ["nothing"], ["04", "dog"]):
        found, number = [], 0
        while media.piece(number):
            found += media.holding(number, words).tolist()
            number += 1
        wanted = [n for n, i in enumerate(media) if all(w in i.path.lower() for w in words)]
        assert found == wanted, words


def test_a_new_folder_is_listed_before_it_is_stored(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    (folder / "sub").mkdir(parents=True)
    for name in ("sub/a.png", "b.mp4", "c.jpg", "ä.tif"):
        (folder / name).write_bytes(b"x")
    with ProjectStore.create(tmp_path / "p", media_root=folder) as store:
        new = NewMedia(store, find_media(folder))
        listed = new.media()
        assert [i.path for i in listed] == ["b.mp4", "c.jpg", "sub/a.png", "ä.tif"]
        assert not store.has_media()
        new.keep(store)
        assert store.media() == list(listed)
        assert store.reserve_ids("media") == 5
        (folder / "d.png").write_bytes(b"x")
        added, _ = add_media(store, [folder])
        assert [(i.id, i.path) for i in added] == [(6, "d.png")]


def test_orders_and_many_new_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [replace(made(n, f"{n}.png"), kind=MediaKind.IMAGE) for n in range(1, 9)]
    store = ProjectStore.create(tmp_path / "p")
    store.add_media(items)
    pump = Pump()
    session = ProjectSession(store, pump.post)
    heard: list[Sorted | None] = []
    Sorting(session).sort(Order.SIZE, heard.append)
    pump.until(lambda: heard)
    largest = sorted(range(8), key=lambda n: (-items[n].width * items[n].height, n))
    (found,) = heard
    assert found is not None
    assert found.places.tolist() == largest
    assert found.ranks.tolist() == [largest.index(n) for n in range(8)]
    assert session.media.rising_ids.tolist() == list(range(1, 9))
    # More than the window should take over at once: everything is read again.
    monkeypatch.setattr(library, "MANY", 2)
    for n in range(5):
        (tmp_path / f"new{n}.png").write_bytes(b"x")
    shelf = library.Library(session)
    shelf.add([tmp_path / f"new{n}.png" for n in range(5)])
    pump.until(lambda: len(session.media) == 13)
    shelf.stop()
    session.close()
