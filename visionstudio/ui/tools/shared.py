"""Shared borders: vertices of other shapes that lie where those of an edited shape do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from visionstudio.model.shapes import Polygon, Shape
from visionstudio.ui.tools.base import Host
from visionstudio.ui.tools.vertices import Grip, with_vertex, without_vertex


@dataclass(frozen=True, slots=True)
class Partner:
    """A shape with vertices `own` that lie where the vertices `led` of the edited one do."""

    shape: Shape
    own: tuple[int, ...]
    led: tuple[tuple[int, int], ...]  # annotation and vertex


Editable = Callable[[int], Shape | None]


def partners(host: Host, shapes: Mapping[int, Shape], editable: Editable) -> dict[int, Partner]:
    """The other shapes that share vertices with these; none while shared borders are off."""
    if not host.shared_borders or not shapes:
        return {}
    led = [(i, n) for i, shape in shapes.items() for n in range(len(shape.points()))]
    points = np.concatenate([shape.points() for shape in shapes.values()])
    found: dict[int, list[tuple[int, tuple[int, int]]]] = {}
    for other, own, which in host.vertices_at(points):
        if other not in shapes:
            found.setdefault(other, []).append((own, led[which]))
    made = {}
    for other, pairs in found.items():
        shape = editable(other)
        if shape is not None:
            owns, leds = zip(*pairs, strict=True)
            made[other] = Partner(shape, owns, leds)
    return made


def followed(
    others: Mapping[int, Partner], before: Mapping[int, Shape], after: Mapping[int, Shape]
) -> dict[int, Shape]:
    """The partners after the shapes they share vertices with have moved some of them."""
    moved: dict[tuple[int, int], tuple[float, float]] = {}
    for i, shape in after.items():
        old, new = before[i].points(), shape.points()
        if len(old) == len(new):
            for n in np.flatnonzero((old != new).any(axis=1)).tolist():
                moved[i, n] = float(new[n, 0]), float(new[n, 1])
    result = {}
    for i, partner in others.items():
        places = [(own, moved[led]) for own, led in _pairs(partner) if led in moved]
        if places:
            points = partner.shape.points().copy()
            for own, place in places:
                points[own] = place
            result[i] = partner.shape.with_points(points)
    return result


def split(
    others: Mapping[int, Partner], target: int, shape: Shape, grip: Grip, x: float, y: float
) -> dict[int, Shape]:
    """The partners with a new vertex on the edge that the edited shape gets one on."""
    ends = {grip.at, _next(shape, grip.at)}
    result = {}
    for i, partner in others.items():
        at_end = {own: led[1] for own, led in _pairs(partner) if led[0] == target}
        for own, vertex in at_end.items():
            follower = _next(partner.shape, own)
            if follower != own and {vertex, at_end.get(follower)} == ends:
                result[i] = with_vertex(partner.shape, own, x, y)
                break
    return result


def thinned(others: Mapping[int, Partner], target: int, vertex: int) -> dict[int, Shape]:
    """The partners without a vertex that the edited shape loses, where they can do without."""
    result = {}
    for i, partner in others.items():
        owns = [own for own, led in _pairs(partner) if led == (target, vertex)]
        fewer = without_vertex(partner.shape, owns[0]) if owns else None
        if fewer is not None:
            result[i] = fewer
    return result


def _pairs(partner: Partner) -> list[tuple[int, tuple[int, int]]]:
    return list(zip(partner.own, partner.led, strict=True))


def _next(shape: Shape, vertex: int) -> int:
    """The vertex that follows another in its ring or line; the last of a line has none."""
    if isinstance(shape, Polygon):
        begin = 0
        for ring in shape.rings:
            if vertex < begin + len(ring):
                return begin + (vertex - begin + 1) % len(ring)
            begin += len(ring)
    return min(vertex + 1, len(shape.points()) - 1)
