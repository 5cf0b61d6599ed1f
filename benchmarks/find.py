"""Finding among a million annotations against bare SQLite, and how soon the window has results.

The limit for what SQL can answer is a bare SELECT of the ids by the same
condition on the same database; for sizes, which SQL cannot know, it is a bare
SELECT of the geometries that have to be looked at.

    python benchmarks/find.py [--quick]
"""

from __future__ import annotations

import queue
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import numpy as np
from _timing import alternate, percentile, show

from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box, Polygon, Shape
from visionstudio.session.finding import Batch, Search
from visionstudio.session.project import ProjectSession
from visionstudio.storage import ProjectStore
from visionstudio.storage.query import AttributeTest, Query, where

CLASSES = 10


def shape(i: int) -> Shape:
    x, y, w, h = float(i % 977), float(i % 613), 1.0 + i % 60, 1.0 + i % 40
    if i % 2:
        return Box(x, y, x + w, y + h)
    return Polygon((np.array([[x, y], [x + w, y], [x + w, y + h / 2], [x + w / 2, y + h]]),))


def filled(folder: Path, count: int) -> ProjectStore:
    generator = random.Random(0)
    media = max(count // 100, 1)
    store = ProjectStore.create(folder)
    store.add_media(MediaItem(id=1 + i, path=f"{i:06d}.png") for i in range(media))
    classes = [
        LabelClass(id=1 + n, name=f"class {n}", colour="#56b4e9", order=n) for n in range(CLASSES)
    ]
    store.apply(edits.add("classes", classes))
    for first in range(0, count, 100_000):
        rows = [
            Annotation(
                id=1 + i,
                media_id=1 + i // 100,
                class_id=1 + generator.randrange(CLASSES),
                shape=shape(i),
                state=State.PROPOSED if i % 10 == 0 else State.EDITED,
                score=i % 100 / 100 if i % 10 == 0 else None,
                attributes={"age": i % 50} if i % 20 == 0 else {},
                source="model:detector/x" if i % 10 == 0 else "import:coco",
            )
            for i in range(first, min(first + 100_000, count))
        ]
        store.apply(edits.add("import", rows))
    return store


QUERIES = (
    ("everything", Query()),
    ("a class", Query(classes=(3,))),
    ("proposals of a class", Query(classes=(3,), states=(State.PROPOSED,))),
    ("a score", Query(score=(0.85, None))),
    ("a source", Query(source="model")),
    ("an attribute", Query(attribute=AttributeTest("age", "is", 10.0))),
    ("a word", Query(text="class 3")),
    ("a size", Query(area=(2000.0, None))),
)


class Loop:
    """Stands for the window's event loop, and notes how long each callback keeps it."""

    def __init__(self) -> None:
        self._posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.held: list[float] = []

    def post(self, callback: Callable[[], None]) -> None:
        self._posted.put(callback)

    def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            callback = self._posted.get(timeout=600)
            start = time.perf_counter()
            callback()
            self.held.append(time.perf_counter() - start)


def searched(session: ProjectSession, loop: Loop, query: Query) -> tuple[Search, float]:
    """A search to its end, and the seconds until its first page of rows."""
    start = time.perf_counter()
    first: list[float] = []
    ended: list[bool] = []
    search = Search(session, query)

    def page(_: object) -> None:
        first.append(time.perf_counter() - start)

    def grew() -> None:
        if not first and len(search.ids):
            search.rows(0, 200, page)
            search.grew.disconnect(grew)

    search.grew.connect(grew)
    search.finished.connect(lambda: ended.append(True))
    search.start()
    loop.until(lambda: bool(ended))
    return search, first[0] if first else float("nan")


def main() -> None:
    count = 100_000 if "--quick" in sys.argv else 1_000_000
    rounds = 3 if "--quick" in sys.argv else 7
    with tempfile.TemporaryDirectory() as name:
        store = filled(Path(name) / "p", count)
        raw = apsw.Connection(str(store.folder / "project.db"), flags=apsw.SQLITE_OPEN_READONLY)
        loop = Loop()
        session = ProjectSession(store, loop.post)
        print(f"{count:,} annotations")
        for title, query in QUERIES:
            sql, values = where(query)
            columns = "id, geometry" if query.measures else "id"
            statement = f"SELECT {columns} FROM annotation WHERE {sql}"
            pair = alternate(
                lambda q=query: searched(session, loop, q),
                lambda s=statement, v=values: raw.execute(s, v).fetchall(),
                rounds,
            )
            loop.held.clear()
            search, first = searched(session, loop, query)
            show(f"find {title} ({len(search.ids):,})", *pair, "bare SELECT")
            longest, most = max(loop.held) * 1000, percentile(loop.held, 95) * 1000
            print(
                f"    first rows after {first * 1000:.0f} ms; event loop held at most"
                f" {longest:.1f} ms, 95 % under {most:.1f}"
            )
        relabel(session, loop)
        session.close()
        raw.close()


def relabel(session: ProjectSession, loop: Loop) -> None:
    """One step for all that was found, stored and undoable."""
    search, _ = searched(session, loop, Query(classes=(3,)))
    told: list[int] = []
    start = time.perf_counter()
    batch = Batch(session, search.ids.tolist(), lambda changed, _: told.append(changed))
    batch.relabel(session.classes[4])
    loop.until(lambda: bool(told) and session.saved)
    print(f"relabel {told[0]:,} as one step: {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
