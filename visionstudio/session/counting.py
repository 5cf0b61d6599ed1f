"""Counting tracks across lines and through zones of a video, over time and by class.

A track is where its anchor is: the middle of its box's lower edge, where it stands, or the
middle of the box. A line is crossed *in* from its left to its right, seen from its first
point to its last; a zone is entered *in* and left *out*. What begins inside a zone has not
come in, and counts as inside only.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.annotations import Annotation, State
from visionstudio.model.errors import InvalidValue
from visionstudio.model.geometry import contains
from visionstudio.model.interpolation import all_filled
from visionstudio.model.labels import PALETTE
from visionstudio.model.measurements import Measurement, MeasurementKind
from visionstudio.model.shapes import Tag

Point = tuple[float, float]
Seconds = NDArray[np.float64]


class Anchor(StrEnum):
    BOTTOM = "bottom"
    CENTRE = "centre"


@dataclass(frozen=True, slots=True)
class Region:
    """A line of two points or more, or a zone of three or more, in pixels of the frame."""

    name: str
    points: tuple[Point, ...]
    is_zone: bool = False

    def __post_init__(self) -> None:
        least = 3 if self.is_zone else 2
        if len(self.points) < least or not np.isfinite(np.array(self.points)).all():
            raise InvalidValue(
                f"'{self.name}' needs {least} points or more that are numbers",
                next_step="for example --line gate=100,0,100,200",
            )


@dataclass(frozen=True, slots=True)
class Crossing:
    """A track has gone across a region: into it or out of it, seen first in `frame`."""

    frame: int
    region: str
    track: int
    label: str
    inwards: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """All crossings by frame; how many tracks; who began in a zone: (zone, class) → frames."""

    regions: tuple[Region, ...]
    crossings: tuple[Crossing, ...]
    tracks: int
    began: Mapping[tuple[str, str], tuple[int, ...]]
    ended: Mapping[tuple[str, str], tuple[int, ...]]

    def totals(self) -> dict[tuple[str, str], tuple[int, int]]:
        """In and out by region and class."""
        found: Counter[tuple[str, str, bool]] = Counter(
            (c.region, c.label, c.inwards) for c in self.crossings
        )
        keys = dict.fromkeys((r, label) for r, label, _ in found)
        return {k: (found[(*k, True)], found[(*k, False)]) for k in sorted(keys)}


def regions_of(measurements: Iterable[Measurement], media_id: int) -> list[Region]:
    """The distances drawn on a video as lines, its areas as zones, named by label or number."""
    found: list[Region] = []
    for one in sorted(measurements, key=lambda m: m.id):
        if one.media_id == media_id and one.counts_tracks:
            is_zone = one.kind is MeasurementKind.AREA
            number = sum(r.is_zone == is_zone for r in found) + 1
            name = one.label or f"{'zone' if is_zone else 'line'} {number}"
            found.append(Region(name, one.points, is_zone))
    return found


def count_tracks(
    annotations: Iterable[Annotation],
    regions: Sequence[Region],
    labels: Mapping[int, str],
    *,
    anchor: Anchor = Anchor.BOTTOM,
    proposals: bool = True,
) -> Counted:
    """Count the tracks of one video. Raises InvalidValue without regions or names for them."""
    if not regions:
        raise InvalidValue(
            "there is nothing to count across",
            next_step="draw a distance or an area on the video, or give --line or --zone",
        )
    if len({r.name for r in regions}) < len(regions):
        raise InvalidValue("two regions have one name", next_step="give each its own")
    crossings: list[Crossing] = []
    began: dict[tuple[str, str], list[int]] = {}
    ended: dict[tuple[str, str], list[int]] = {}
    tracks = _tracks(annotations, proposals)
    for track, rows in tracks.items():
        label = labels.get(rows[-1].class_id, "?")
        frames = [r.frame for r in rows]
        path = [_anchor(r, anchor) for r in rows]
        for region in regions:
            if region.is_zone:
                inside = [contains(np.array(region.points), x, y) for x, y in path]
                if inside[0]:
                    began.setdefault((region.name, label), []).append(frames[0])
                if inside[-1]:
                    ended.setdefault((region.name, label), []).append(frames[-1])
                steps = [int(b) - int(a) for a, b in itertools.pairwise(inside)]
            else:
                steps = [_crossed(region.points, a, b) for a, b in itertools.pairwise(path)]
            crossings += [
                Crossing(frames[n + 1], region.name, track, label, step > 0)
                for n, step in enumerate(steps)
                for _ in range(abs(step))
            ]
    crossings.sort(key=lambda c: (c.frame, c.region, c.track))
    return Counted(
        tuple(regions),
        tuple(crossings),
        len(tracks),
        {k: tuple(v) for k, v in began.items()},
        {k: tuple(v) for k, v in ended.items()},
    )


def _tracks(annotations: Iterable[Annotation], proposals: bool) -> dict[int, list[Annotation]]:
    found: dict[int, list[Annotation]] = {}
    for one in all_filled(annotations):
        counts = one.state.is_label or (proposals and one.state is State.PROPOSED)
        if one.track_id is not None and counts and not isinstance(one.shape, Tag):
            found.setdefault(one.track_id, []).append(one)
    return {t: sorted(rows, key=lambda a: a.frame) for t, rows in sorted(found.items())}


def _anchor(one: Annotation, anchor: Anchor) -> Point:
    x1, y1, x2, y2 = one.shape.bounds()
    return (x1 + x2) / 2, y2 if anchor is Anchor.BOTTOM else (y1 + y2) / 2


def _side(a: Point, b: Point, p: Point) -> bool:
    """Whether a point lies right of the way from a to b (y points down)."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0


def _crossed(line: Sequence[Point], p: Point, q: Point) -> int:
    """How often, in (+) or out (−), the way from p to q goes across a line's pieces."""
    total = 0
    for a, b in itertools.pairwise(line):
        before, after = _side(a, b, p), _side(a, b, q)
        if before != after and _side(p, q, a) != _side(p, q, b):
            total += 1 if after else -1
    return total


def events_csv(counted: Counted, seconds: Seconds) -> str:
    """One row per crossing."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["frame", "seconds", "region", "class", "track", "direction"])
    for c in counted.crossings:
        way = "in" if c.inwards else "out"
        row = [c.frame, f"{seconds[c.frame]:.3f}", c.region, c.label, c.track, way]
        writer.writerow(row)
    return out.getvalue()


def counts_csv(counted: Counted, seconds: Seconds, every: float) -> str:
    """In and out per region, class and `every` seconds; how many are inside at the end of each.

    Lines have no inside. Raises InvalidValue for an interval that is none.
    """
    if not every > 0:
        raise InvalidValue(f"every {every} seconds is no interval", next_step="give more than 0")
    bins = int(seconds[-1] // every) + 1
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["from", "to", "region", "class", "in", "out", "inside"])
    zones = {r.name for r in counted.regions if r.is_zone}
    keys = sorted({*counted.totals(), *counted.began})
    for n in range(bins):
        end = (n + 1) * every
        for region, label in keys:
            mine = [c for c in counted.crossings if (c.region, c.label) == (region, label)]
            here = [c for c in mine if n * every <= seconds[c.frame] < end]
            ins = sum(c.inwards for c in here)
            inside: int | str = ""
            if region in zones:
                inside = _inside(counted, mine, (region, label), seconds, end)
            row = [f"{n * every:g}", f"{end:g}", region, label, ins, len(here) - ins, inside]
            writer.writerow(row)
    return out.getvalue()


def _inside(
    counted: Counted, mine: list[Crossing], key: tuple[str, str], seconds: Seconds, end: float
) -> int:
    """How many are in a zone just before a time: come in or begun, not gone or ended."""
    moved = sum(1 if c.inwards else -1 for c in mine if seconds[c.frame] < end)
    began = sum(seconds[f] < end for f in counted.began.get(key, ()))
    ended = sum(seconds[f] < end for f in counted.ended.get(key, ()))
    return int(moved + began - ended)


def cumulative(counted: Counted, seconds: Seconds) -> dict[str, tuple[list[float], list[int]]]:
    """Times and counts so far, by 'region class in' and '… out'; each begins at 0 and 0."""
    found: dict[str, tuple[list[float], list[int]]] = {}
    for (region, label), _ in counted.totals().items():
        for inwards in (True, False):
            times, counts = [0.0], [0]
            for c in counted.crossings:
                if (c.region, c.label, c.inwards) == (region, label, inwards):
                    times.append(float(seconds[c.frame]))
                    counts.append(counts[-1] + 1)
            if len(times) > 1:
                times.append(float(seconds[-1]))
                counts.append(counts[-1])
                found[f"{region} · {label} · {'in' if inwards else 'out'}"] = times, counts
    return found


def plot_svg(counted: Counted, seconds: Seconds, width: int = 800, height: int = 360) -> str:
    """The counts over time as steps, for a browser or a report."""
    curves = cumulative(counted, seconds)
    left, top, right, bottom = 48, 16, width - 220, height - 40
    whole = max(float(seconds[-1]), 1e-9)
    most = max((counts[-1] for _, counts in curves.values()), default=1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#808080"/>',
    ]
    for n in range(6):
        x = left + (right - left) * n / 5
        text = f"{whole * n / 5:.3g} s"
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{text}</text>')
    for value in sorted({round(most * n / 4) for n in range(5)}):
        y = bottom - (bottom - top) * value / most
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    for n, (name, (times, counts)) in enumerate(curves.items()):
        colour = PALETTE[n % len(PALETTE)]
        way = f"M{left} {bottom}"
        for time, value in zip(times, counts, strict=True):
            x = left + (right - left) * time / whole
            way += f"H{x:.1f}V{bottom - (bottom - top) * value / most:.1f}"
        dash = ' stroke-dasharray="5 3"' if name.endswith("out") else ""
        parts.append(f'<path d="{way}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        y = top + 8 + 18 * n
        parts.append(f'<path d="M{right + 16} {y}h24" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{right + 46}" y="{y + 4}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])
