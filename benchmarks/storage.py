"""The project store against bare SQLite and bare scandir, measured in the same run.

Bare SQLite does the least that keeps the same promise: the same settings, one
row and its undo row per durable edit, rows as ready tuples.

    python benchmarks/storage.py [--quick]
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import apsw
from _timing import alternate, show

from visionstudio.model import edits
from visionstudio.model.annotations import Annotation
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Polygon
from visionstudio.session.library import add_media
from visionstudio.storage import ProjectStore
from visionstudio.storage.database import connect
from visionstudio.storage.rows import ANNOTATION, annotation_values

PICTURES = 1000
FILES = 10_000
Work = Callable[[int], object]


def compare(what: str, ours: Work, theirs: Work, limit: str, rounds: int) -> None:
    """Both sides in turn, each with the number of its call."""
    mine, other = itertools.count(), itertools.count()
    pair = alternate(lambda: ours(next(mine)), lambda: theirs(next(other)), rounds)
    show(what, *pair, limit)


def polygon(i: int) -> Polygon:
    x, y = float(i % 977), float(i % 613)
    return Polygon(([(x, y), (x + 9, y), (x + 12, y + 5), (x + 9, y + 9), (x, y + 9)],))  # type: ignore[arg-type]


def annotations(first: int, count: int) -> list[Annotation]:
    return [
        Annotation(
            id=first + i,
            media_id=1 + i % PICTURES,
            class_id=1,
            shape=polygon(i),
            source="import:coco",
        )
        for i in range(count)
    ]


def filled(folder: Path, count: int) -> ProjectStore:
    store = ProjectStore.create(folder)
    store.add_media(MediaItem(id=1 + i, path=f"{i:06d}.png") for i in range(PICTURES))
    store.apply(edits.add("class", [LabelClass(id=1, name="cell", colour="#56b4e9")]))
    store.apply(edits.add("import", annotations(store.reserve_ids("annotation", count), count)))
    return store


def bare(path: Path) -> apsw.Connection:
    """The table of annotations without anything around it."""
    connection = connect(path, "create")
    columns = ", ".join(ANNOTATION.columns[1:])
    connection.execute(f"CREATE TABLE annotation (id INTEGER PRIMARY KEY, {columns})")
    connection.execute("CREATE INDEX by_frame ON annotation (media_id, frame, state, class_id)")
    connection.execute("CREATE TABLE undo (id INTEGER PRIMARY KEY, data BLOB)")
    return connection


def main() -> None:
    count = 20_000 if "--quick" in sys.argv else 200_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, raw = filled(folder / "p", count), bare(folder / "bare.db")
        with raw:
            raw.executemany(ANNOTATION.insert, map(annotation_values, store.iter_annotations()))
        insert_many(store, raw, count)
        one_picture(store, raw)
        durable_edit(store, raw)
        store.close()
        raw.close()
        list_folder(folder)


def insert_many(store: ProjectStore, raw: apsw.Connection, count: int) -> None:
    batch = count // 10

    def ours(n: int) -> None:
        store.apply(edits.add("import", batches[n]))

    def theirs(n: int) -> None:
        with raw:
            raw.executemany(ANNOTATION.insert, ready[n])

    rounds = 7
    batches = [
        annotations(store.reserve_ids("annotation", batch), batch) for _ in range(rounds + 1)
    ]
    ready = [[annotation_values(a) for a in rows] for rows in batches]
    compare(f"insert {batch} annotations", ours, theirs, "bare SQLite", rounds)


def one_picture(store: ProjectStore, raw: apsw.Connection) -> None:
    sql = f"{ANNOTATION.select} WHERE media_id = ? ORDER BY frame, z, id"
    frame_sql = sql.replace("media_id = ?", "media_id = ? AND frame = 0")
    compare(
        "annotations of one picture",
        lambda n: store.annotations(1 + n % PICTURES, 0),
        lambda n: raw.execute(frame_sql, (1 + n % PICTURES,)).fetchall(),
        "bare rows",
        50,
    )


def durable_edit(store: ProjectStore, raw: apsw.Connection) -> None:
    current = store.annotations(1)[0]

    def ours(n: int) -> None:
        nonlocal current
        after = dataclasses.replace(current, shape=polygon(n + 7))
        store.apply(edits.replace("move", [(current, after)]))
        current = after

    def theirs(_: int) -> None:
        row_id = current.id
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("UPDATE annotation SET geometry = ? WHERE id = ?", (bytes(88), row_id))
        raw.execute("INSERT INTO undo (data) VALUES (?)", (bytes(120),))
        raw.execute("COMMIT")

    compare("one durable edit with its undo step", ours, theirs, "bare SQLite", 200)


def list_folder(folder: Path) -> None:
    pictures = folder / "pictures"
    pictures.mkdir()
    for i in range(FILES):
        (pictures / f"{i:06d}.jpg").touch()

    def ours(n: int) -> None:
        with ProjectStore.create(folder / f"listed{n}", media_root=pictures) as store:
            add_media(store, [pictures])

    def theirs(_: int) -> None:
        with os.scandir(pictures) as entries:
            sorted(e.path for e in entries)

    compare(f"a project of {FILES} files", ours, theirs, "scandir + sort", 7)


if __name__ == "__main__":
    main()
