"""What a project holds, in figures: classes, sizes, places, progress, and people's time."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.formats.progress import Progress
from visionstudio.model.media import ASSIGNED, MediaStatus
from visionstudio.storage.finding import Labels, ProjectFinder

GRID = 32
"""Cells of the heat map, across and down."""
PAUSE_SECONDS = 120.0
"""A longer gap between two gestures is no work on the project."""
_AT_ONCE = 2000  # media
_UNKNOWN = "?"


@dataclass(frozen=True, slots=True, eq=False)
class ClassStatistics:
    """One class. Sizes are in pixels of the pictures, NaN where nothing has a size.

    `sides` are the square roots of the areas of the objects' bounding boxes, `aspects`
    width divided by height; `heat` is (GRID, GRID), how many centres lie in each cell of
    the picture, top to bottom.
    """

    name: str
    colour: str
    count: int
    pictures: int
    sides: NDArray[np.float64]
    aspects: NDArray[np.float64]
    heat: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Person:
    """One person's work. `seconds` is the time between gestures, pauses left out."""

    name: str
    gestures: int
    seconds: float
    first: str
    last: str


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """A project in figures. `per_picture` counts labels of every picture or video, sorted."""

    media: int
    verified: int
    labelled: int
    failed: int
    assigned: Mapping[str, tuple[int, int]]
    classes: tuple[ClassStatistics, ...]
    per_picture: NDArray[np.int64]
    people: tuple[Person, ...]

    @property
    def labels(self) -> int:
        """All labels."""
        return sum(c.count for c in self.classes)

    def to_document(self) -> dict[str, Any]:
        """The figures as plain values."""
        return {
            "media": self.media,
            "verified": self.verified,
            "labelled": self.labelled,
            "failed": self.failed,
            "labels": self.labels,
            "classes": [
                {
                    "name": c.name,
                    "count": c.count,
                    "pictures": c.pictures,
                    "side": _quartiles(c.sides),
                    "aspect": _quartiles(c.aspects),
                }
                for c in self.classes
            ],
            "per_picture": _quartiles(self.per_picture.astype(np.float64)),
            "assigned": {
                who: {"media": n, "verified": done} for who, (n, done) in self.assigned.items()
            },
            "people": [
                {
                    "name": p.name,
                    "gestures": p.gestures,
                    "seconds": round(p.seconds),
                    "first": p.first,
                    "last": p.last,
                }
                for p in self.people
            ],
        }

    def to_csv(self) -> str:
        """One line for every class, with the quartiles of its objects' sizes."""
        out = io.StringIO()
        writer = csv.writer(out)
        parts = ("25%", "median", "75%")
        head = ["class", "labels", "pictures"]
        writer.writerow(head + [f"side {p}" for p in parts] + [f"aspect {p}" for p in parts])
        for c in self.classes:
            figures = [_quartiles(c.sides), _quartiles(c.aspects)]
            texts = [f"{v:.3f}" if v is not None else "" for f in figures for v in f]
            writer.writerow([c.name, c.count, c.pictures, *texts])
        return out.getvalue()


def _quartiles(values: NDArray[np.float64]) -> tuple[float | None, float | None, float | None]:
    known = values[np.isfinite(values)]
    if not len(known):
        return None, None, None
    low, middle, high = np.percentile(known, (25, 50, 75)).tolist()
    return low, middle, high


def statistics(store: ProjectFinder, progress: Progress | None = None) -> Statistics:
    """Count and measure a project's labels, piece by piece. `progress` may raise to give up."""
    media = sorted(store.media(), key=lambda m: m.id)
    sizes = np.array([(m.width, m.height) for m in media], np.float64).reshape(-1, 2)
    ids = np.array([m.id for m in media], np.int64)
    gathered = _Gathered()
    for start in range(0, len(ids), _AT_ONCE):
        if progress is not None:
            progress(start / len(ids), "")
        chunk = ids[start : start + _AT_ONCE]
        found = store.labels(int(chunk[0]), int(chunk[-1]) + 1)
        gathered.take(found, sizes[np.searchsorted(ids, found.media)])
    assigned: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for item in media:
        who = item.extra.get(ASSIGNED)
        if isinstance(who, str) and who:
            assigned[who][0] += 1
            assigned[who][1] += item.verified
    per_picture = gathered.per_picture()
    return Statistics(
        media=len(media),
        verified=sum(m.verified for m in media),
        labelled=len(per_picture),
        failed=sum(m.status is MediaStatus.ERROR for m in media),
        assigned={who: (n, done) for who, (n, done) in sorted(assigned.items())},
        classes=tuple(gathered.of_class(c.id, c.name, c.colour) for c in store.classes()),
        per_picture=per_picture,
        people=people(store.gestures()),
    )


class _Gathered:
    """Columns of all labels, joined at the end."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.float64]] = []  # class, media, side, aspect, x, y (0 … 1)
        self._joined: NDArray[np.float64] | None = None

    def take(self, found: Labels, sizes: NDArray[np.float64]) -> None:
        s = found.sizes
        with np.errstate(divide="ignore", invalid="ignore"):
            self._parts.append(
                np.stack(
                    [
                        found.classes.astype(np.float64),
                        found.media.astype(np.float64),
                        np.sqrt(s.width * s.height),
                        np.where(s.height > 0, s.width / s.height, np.nan),
                        (s.left + s.width / 2) / sizes[:, 0],
                        (s.top + s.height / 2) / sizes[:, 1],
                    ]
                )
            )

    @property
    def columns(self) -> NDArray[np.float64]:
        if self._joined is None:
            self._joined = np.concatenate([np.zeros((6, 0)), *self._parts], axis=1)
        return self._joined

    def per_picture(self) -> NDArray[np.int64]:
        _, counts = np.unique(self.columns[1], return_counts=True)
        return np.sort(counts)

    def of_class(self, class_id: int, name: str, colour: str) -> ClassStatistics:
        columns = self.columns[:, self.columns[0] == class_id]
        _, media, sides, aspects, x, y = columns
        placed = np.isfinite(x) & np.isfinite(y)
        heat, _, _ = np.histogram2d(y[placed], x[placed], bins=GRID, range=((0, 1), (0, 1)))
        return ClassStatistics(
            name=name,
            colour=colour,
            count=columns.shape[1],
            pictures=len(np.unique(media)),
            sides=sides[np.isfinite(sides)],
            aspects=aspects[np.isfinite(aspects)],
            heat=heat.astype(np.int64),
        )


def people(gestures: Iterable[tuple[str, str]]) -> tuple[Person, ...]:
    """Who made gestures (when, who), and how long each worked on them: most first."""
    times: dict[str, list[str]] = defaultdict(list)
    for made, author in gestures:
        times[author or _UNKNOWN].append(made)
    found = []
    for name, all_times in times.items():
        when = [datetime.fromisoformat(t).timestamp() for t in all_times]
        gaps = [b - a for a, b in pairwise(when)]
        seconds = sum(g for g in gaps if 0 < g <= PAUSE_SECONDS)
        found.append(Person(name, len(all_times), seconds, all_times[0], all_times[-1]))
    return tuple(sorted(found, key=lambda p: -p.gestures))
