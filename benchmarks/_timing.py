"""Comparisons that hold on a machine whose speed drifts: sides alternate, medians count."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Time of one call, on the wall's clock or another."""
    start = clock()
    work()
    return clock() - start


def alternate(
    ours: Callable[[], object],
    limit: Callable[[], object],
    rounds: int = 7,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Median seconds of both, called in turn after one warm-up each."""
    pairs = in_turn(ours, limit, rounds, clock)
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def in_turn(
    ours: Callable[[], object],
    limit: Callable[[], object],
    rounds: int = 7,
    clock: Callable[[], float] = time.perf_counter,
) -> list[tuple[float, float]]:
    """Seconds of both in each round, called in turn after one warm-up each."""
    ours()
    limit()
    return [(seconds(ours, clock), seconds(limit, clock)) for _ in range(rounds)]


def typical(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The pair whose ratio is the median: for small differences, where the machine's speed
    drifts more from round to round than the sides differ. The number of pairs is odd."""
    return sorted(pairs, key=lambda p: p[0] / p[1])[len(pairs) // 2]


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of 100 lie, by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def show(what: str, ours: float, limit: float, limit_name: str, *, unit: str = "ms") -> None:
    """One line: ours, the limit measured beside it, and their ratio."""
    factor = 1000.0 if unit == "ms" else 1.0
    ratio = ours / limit if limit else float("inf")
    print(
        f"{what:<44} {ours * factor:9.2f} {unit}   "
        f"{limit_name} {limit * factor:9.2f} {unit}   ratio {ratio:5.2f}",
        flush=True,
    )
