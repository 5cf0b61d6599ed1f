"""What a point would snap to, among 10,000 and 100,000 shapes, against the hit-test beside it.

Each pointer move while drawing asks once. The limit is the canvas's own hit-test
at the same places, measured in the same run; the goal is a millisecond. The last
lines are the worst case, large polygons that all lie under the pointer, and the
search for vertices at the same place that a drag with shared borders begins with.

    python benchmarks/snapping.py
"""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from time import thread_time

import numpy as np
from _timing import alternate, show

from visionstudio.model.annotations import Annotation
from visionstudio.model.shapes import Ellipse, Polygon
from visionstudio.ui.canvas import hit, snap
from visionstudio.ui.canvas.columns import Columns

SIZE = (4000, 2500)
REACH = 10.0
GOAL = 0.001
PLACES = 50


def polygons(count: int, radius: float) -> Columns:
    """Columns of polygons of 12 points, evenly spread."""
    rng = np.random.default_rng(0)
    centres = rng.uniform((radius, radius), np.array(SIZE) - radius, (count, 2))
    columns = Columns()
    columns.put(
        Annotation(
            id=n + 1,
            media_id=1,
            class_id=1,
            shape=Polygon((Ellipse(x, y, radius, radius).outline(12),)),
        )
        for n, (x, y) in enumerate(centres.tolist())
    )
    return columns


def compare(what: str, columns: Columns) -> None:
    """Snapping and hit-testing at the same places."""
    rng = np.random.default_rng(1)
    places = rng.uniform((0, 0), SIZE, (PLACES, 2)).tolist()

    def snaps() -> None:
        for x, y in places:
            snap.find(columns, SIZE, x, y, REACH)

    def hits() -> None:
        for x, y in places:
            hit.hit(columns, x, y, REACH)

    ours, limit = alternate(snaps, hits, clock=thread_time)
    show(f"snap, {what}", ours / PLACES, limit / PLACES, "hit-test")
    show(f"snap, {what}, goal", ours / PLACES, GOAL, "goal")


def main() -> None:
    for count, radius in ((10_000, 17.0), (100_000, 5.0)):
        columns = polygons(count, radius)
        compare(f"{count:,} shapes", columns)
        points = columns.points[:12].copy()
        ours, limit = alternate(
            lambda points=points, columns=columns: list(snap.vertices_at(columns, points)),
            lambda columns=columns: hit.hit(columns, 500, 500, REACH),
            clock=thread_time,
        )
        show(f"vertices at 12 places, {count:,} shapes", ours, limit, "hit-test")
    compare("2,000 shapes over each other", polygons(2_000, 1200.0))


if __name__ == "__main__":
    main()
