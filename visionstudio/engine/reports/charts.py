"""Line charts as inline SVG, with axes, ticks and a legend."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from visionstudio.engine.reports.page import text
from visionstudio.model.labels import PALETTE

_WIDTH, _HEIGHT = 430, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 12, 36
_MOST_LINES = 12
_LEGEND_ROW = 16

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """A named line through points; `marks` draws the points too."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    marks: bool = False


def chart(
    title: str,
    lines: Sequence[Line],
    x_label: str,
    *,
    x_range: Range | None = None,
    y_range: Range | None = None,
    diagonal: bool = False,
) -> str:
    """A figure of lines, at most twelve; nothing when no line has a point."""
    drawn = [line for line in lines if len(line.xs)][:_MOST_LINES]
    if not drawn:
        return ""
    scale = _Scale(
        x_range or _span([x for line in drawn for x in line.xs]),
        y_range or _span([y for line in drawn for y in line.ys]),
    )
    parts = [_axes(scale, x_label)]
    if diagonal:
        ends = f"{scale.place(scale.x[0], scale.y[0])} {scale.place(scale.x[1], scale.y[1])}"
        parts.append(f'<polyline class=axis stroke-dasharray=4 points="{ends}"/>')
    for i, line in enumerate(drawn):
        colour = PALETTE[i % len(PALETTE)]
        places = [scale.place(x, y) for x, y in zip(line.xs, line.ys, strict=True)]
        parts.append(f'<polyline class=line stroke="{colour}" points="{" ".join(places)}"/>')
        if line.marks:
            dots = (p.split(",") for p in places)
            parts += [f'<circle cx="{x}" cy="{y}" r=3 fill="{colour}"/>' for x, y in dots]
    legend = _legend(drawn) if len(drawn) > 1 else ""
    height = _HEIGHT + (_LEGEND_ROW * math.ceil(len(drawn) / 2) if legend else 0)
    return (
        f'<figure><svg width="{_WIDTH}" height="{height}" role=img aria-label="{text(title)}">'
        f"{''.join(parts)}{legend}</svg><figcaption>{text(title)}</figcaption></figure>"
    )


class _Scale:
    """From values to places in the drawing."""

    def __init__(self, x: Range, y: Range) -> None:
        self.x, self.y = x, y

    def place(self, x: float, y: float) -> str:
        u = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        v = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
        return f"{_LEFT + u * wide:.1f},{_HEIGHT - _BOTTOM - v * high:.1f}"


def _span(values: Sequence[float]) -> Range:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _ticks(span: Range, count: int = 5) -> list[float]:
    """Round numbers that divide a range into about `count` parts."""
    step = 10 ** math.floor(math.log10((span[1] - span[0]) / count))
    for factor in (1, 2, 5, 10):
        if (span[1] - span[0]) / (step * factor) <= count:
            step *= factor
            break
    first = math.ceil(span[0] / step - 1e-9)
    last = math.floor(span[1] / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def _axes(scale: _Scale, x_label: str) -> str:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    parts = [f'<path class=axis d="M{_LEFT} {_TOP}V{bottom}H{right}"/>']
    for value in _ticks(scale.x):
        x = scale.place(value, scale.y[0]).split(",")[0]
        parts.append(f'<text x="{x}" y="{bottom + 15}" text-anchor=middle>{value:.4g}</text>')
    for value in _ticks(scale.y):
        y = scale.place(scale.x[0], value).split(",")[1]
        parts.append(f'<path class=axis d="M{_LEFT} {y}H{right}" opacity=".5"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y}" dy=4 text-anchor=end>{value:.4g}</text>')
    middle = (_LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 4}" text-anchor=middle>{text(x_label)}</text>')
    return "".join(parts)


def _legend(lines: Sequence[Line]) -> str:
    parts = []
    for i, line in enumerate(lines):
        x = _LEFT + (i % 2) * (_WIDTH - _LEFT) / 2
        y = _HEIGHT + _LEGEND_ROW * (i // 2) + 10
        name = line.name if len(line.name) <= 28 else line.name[:27] + "…"
        parts.append(
            f'<rect x="{x}" y="{y - 8}" width=12 height=4 fill="{PALETTE[i % len(PALETTE)]}"/>'
            f'<text x="{x + 18}" y="{y}">{text(name)}</text>'
        )
    return "".join(parts)
