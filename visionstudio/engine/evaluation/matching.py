"""Which result belongs to which object: greedy, best score first, as COCO does it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOTHING = -1
IGNORED = -2


def match(
    overlap: NDArray[np.float64], crowd: NDArray[np.bool_], least: float
) -> NDArray[np.int64]:
    """The object of each of n results, best first: its index, NOTHING or IGNORED.

    `overlap` is (n, m). A result takes the free object that it overlaps most, at least
    by `least`; one that finds none free but lies in a crowd (m,) counts neither way.
    """
    taken_by = np.full(len(overlap), NOTHING, np.int64)
    if overlap.size == 0:
        return taken_by
    enough = overlap >= least - 1e-10
    free = np.asarray(~crowd)
    for i in np.flatnonzero(enough.any(axis=1)).tolist():
        pool = np.flatnonzero(enough[i] & free)
        if len(pool):
            # Of equal overlaps the last, as the COCO API does.
            best = int(pool[len(pool) - 1 - int(np.argmax(overlap[i][pool][::-1]))])
            taken_by[i] = best
            free[best] = False
        elif bool((enough[i] & crowd).any()):
            taken_by[i] = IGNORED
    return taken_by


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """How m objects and n results of a picture of any classes go together.

    `truth` (n,) is each result's object: of its own class where one is near enough, else
    of another; NOTHING or IGNORED. `missed` are the objects that nobody took.
    """

    truth: NDArray[np.int64]
    missed: NDArray[np.int64]


def pair_up(
    overlap: NDArray[np.float64],
    found_class: NDArray[np.int64],
    truth_class: NDArray[np.int64],
    crowd: NDArray[np.bool_],
    least: float,
) -> Pairs:
    """Pair results, best first, within their class, then what is left regardless of class."""
    same = found_class[:, None] == truth_class[None, :]
    truth = match(np.where(same, overlap, 0.0), crowd, least)
    taken = np.zeros(len(truth_class), bool)
    taken[truth[truth >= 0]] = True
    rest = np.flatnonzero(truth == NOTHING)
    open_ = np.flatnonzero(~taken)
    if len(rest) and len(open_):
        second = match(overlap[np.ix_(rest, open_)], crowd[open_], least)
        truth[rest] = np.where(second >= 0, open_[np.maximum(second, 0)], second)
        taken[truth[truth >= 0]] = True
    return Pairs(truth, np.flatnonzero(~taken & ~crowd))
