"""Reading the columns of a video's timeline: no shapes, no objects, in pieces."""

from __future__ import annotations

from itertools import chain, islice

import apsw
import numpy as np

from visionstudio.model.annotations import State
from visionstudio.model.track_columns import TrackColumns
from visionstudio.storage.rows import PROPOSED_CODE, STATE_CODE

_AT_ONCE = 4000  # rows; a piece holds the interpreter for a few milliseconds
_COLUMNS = 8
_SQL = f"""
SELECT ifnull(track_id, -class_id), frame, class_id, id, flags, ifnull(score, -1.0),
    state = {PROPOSED_CODE}, source = 'manual'
FROM annotation WHERE media_id = ? AND state <> {STATE_CODE[State.REJECTED]}
"""


def read_track_columns(connection: apsw.Connection, media_id: int) -> TrackColumns:
    """The columns of all annotations of a video that are not rejected."""
    rows = connection.execute(_SQL, (media_id,))
    pieces = []
    while some := list(islice(rows, _AT_ONCE)):
        flat = np.fromiter(chain.from_iterable(some), np.float64, len(some) * _COLUMNS)
        pieces.append(flat.reshape(-1, _COLUMNS))
    table = np.concatenate(pieces) if pieces else np.zeros((0, _COLUMNS))
    track, frame, label, ids, flags, score, proposed, manual = table.T
    return TrackColumns(
        track.astype(np.int64),
        frame.astype(np.int64),
        label.astype(np.int64),
        ids.astype(np.int64),
        flags.astype(np.int16),
        np.where(score < 0, np.nan, score).astype(np.float32),
        proposed > 0,
        manual > 0,
    ).ordered()
