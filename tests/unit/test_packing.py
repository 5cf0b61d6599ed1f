"""Rows that SQLite takes apart are those that binding one by one stores."""

from __future__ import annotations

from pathlib import Path

import apsw
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from visionstudio.model.edits import Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.storage import ProjectStore
from visionstudio.storage.bulk import NewRows
from visionstudio.storage.packing import Packed, Part, Piece, Real, Whole

row = st.tuples(
    st.integers(0, 2**62),
    st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
    st.binary(max_size=9),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(row, min_size=1, max_size=12))
def test_packed_rows_are_what_was_packed(rows: list[tuple[int, float | None, bytes, str]]) -> None:
    whole, real, raw, texts = zip(*rows, strict=True)
    lengths = np.array([len(b) for b in raw])
    columns: dict[str, Part | tuple[Part, ...]] = {
        "whole": Whole(np.array(whole, dtype=np.int64)),
        "number": Real(np.array([np.nan if v is None else v for v in real])),
        "raw": Piece(b"".join(raw), np.cumsum(lengths) - lengths, lengths),
        "text": Piece.of(texts),
        "same": "it's",
        "joined": ("<", Piece.of(texts), Whole(np.array(whole, dtype=np.int64)), ">"),
    }
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE TABLE t (id INTEGER, whole INTEGER, number REAL, raw BLOB, text TEXT,"
        " same TEXT, joined TEXT, left INTEGER) STRICT"
    )
    Packed(7, len(rows), columns).insert(connection, "t")
    assert connection.execute("SELECT * FROM t ORDER BY id").fetchall() == [
        (7 + i, w, n, b or None, t or None, "it's", f"<{t}{w}>", None)
        for i, (w, n, b, t) in enumerate(rows)
    ]


def test_rows_of_unknown_pictures_are_refused_together(tmp_path: Path) -> None:
    columns: dict[str, Part | tuple[Part, ...]] = {
        "media_id": Whole(np.array([1, 2])),
        "frame": 0,
        "class_id": 1,
        "state": 3,
        "kind": 0,
        "geometry": Piece(bytes(64), np.array([0, 32]), np.array([32, 32])),
        "z": 0,
        "flags": 0,
        "source": "test",
    }
    with ProjectStore.create(tmp_path / "project") as store:
        first = store.reserve_ids("annotation", 2)
        with pytest.raises(InvalidValue, match="a media that is not in the project"):
            store.apply(Edit("Add", ()), NewRows(first, 2, [Packed(first, 2, columns)]))
        assert not list(store.iter_annotations())
        assert store.undo_title is None
