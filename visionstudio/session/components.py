"""Connected places among pixels given as runs: they cost what the border costs, not the area.

Runs of neighbouring rows that touch are joined, and SciPy finds the components
of that graph; the same as labelling by runs (Rosenfeld and Pfaltz, 1966).
"""

from __future__ import annotations

import numpy as np

from visionstudio.model.spans import NEXT_ROW, Ints, Spans


def labels(spans: Spans, *, corners: bool) -> tuple[int, Ints]:
    """How many components there are, and for each run the number of its own.

    Numbers are in the order of the first runs. `corners`: whether pixels that
    touch at a corner only are connected.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    begin, end = spans.edges[0::2], spans.edges[1::2]
    count = len(begin)
    # The runs of the next row that reach under a run: sorted, so they are a range.
    first = np.searchsorted(end, begin + NEXT_ROW, "left" if corners else "right")
    last = np.searchsorted(begin, end + NEXT_ROW, "right" if corners else "left")
    each = np.maximum(last - first, 0)
    above = np.repeat(np.arange(count), each)
    below = np.arange(len(above)) - np.repeat(np.cumsum(each) - each, each) + first[above]
    joined = coo_array((np.ones(len(above), np.int8), (above, below)), shape=(count, count))
    number, found = connected_components(joined, directed=False)
    return int(number), np.asarray(found, dtype=np.int64)


def areas(spans: Spans, number: int, labels: Ints) -> Ints:
    """The pixels of each component."""
    lengths = spans.edges[1::2] - spans.edges[0::2]
    return np.bincount(labels, weights=lengths, minlength=number).astype(np.int64)


def chosen(spans: Spans, which: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> Spans:
    """The runs for which `which` is true."""
    return Spans(spans.edges[np.repeat(which, 2)])


def split(spans: Spans, *, corners: bool) -> list[Spans]:
    """The components, the largest first; of equal ones the upper first."""
    number, found = labels(spans, corners=corners)
    order = np.argsort(-areas(spans, number, found), kind="stable")
    place = np.empty(number, np.int64)
    place[order] = np.arange(number)
    rank = place[found]
    runs = spans.edges.reshape(-1, 2)[np.argsort(rank, kind="stable")]
    cuts = np.cumsum(np.bincount(rank, minlength=number))[:-1]
    return [Spans(part.reshape(-1)) for part in np.split(runs, cuts)]
