"""How many proposals of each picture the threshold lets through: what the list's badges say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.unit.session_tools import opened, small_project
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.shapes import Box
from visionstudio.session.project import ProjectSession
from visionstudio.storage import ProjectStore


def proposals(
    store: ProjectStore, media_id: int, scores: Sequence[float | None]
) -> list[Annotation]:
    first = store.reserve_ids("annotation", len(scores))
    return [
        Annotation(
            id=first + n,
            media_id=media_id,
            class_id=1,
            shape=Box(0, 0, 5, 5),
            state=State.PROPOSED,
            score=score,
        )
        for n, score in enumerate(scores)
    ]


def counts(session: ProjectSession) -> list[int]:
    return [session.proposal_counts.of(item.id) for item in session.media]


def test_the_threshold_decides_what_is_counted(tmp_path: Path) -> None:
    store = small_project(tmp_path / "p")
    store.apply(edits.add("Predict", proposals(store, 1, [0.2, 0.5, 0.9, None])))
    store.apply(edits.add("Predict", proposals(store, 3, [0.1])))
    session, pump = opened(store)
    pump.until(lambda: counts(session) == [3, 0, 0])
    session.set_threshold(0.05)
    pump.until(lambda: counts(session) == [4, 0, 1])
    session.set_threshold(0.95)
    pump.until(lambda: counts(session) == [1, 0, 0])
    many = session.proposal_counts.of_many(np.array([3, 1, 99]))
    assert many.tolist() == [0, 1, 0]
    session.close()


def test_counts_follow_edits_and_undo(tmp_path: Path) -> None:
    session, pump = opened(small_project(tmp_path / "p"))
    rows = proposals(session.store, 2, [0.6, 0.7, 0.3])
    session.apply(edits.add("Predict", rows))
    pump.until(lambda: counts(session) == [0, 2, 0])
    session.apply(edits.replace("Accept", [(rows[0], replace(rows[0], state=State.ACCEPTED))]))
    pump.until(lambda: counts(session) == [0, 1, 0])
    session.apply(edits.add("Predict", proposals(session.store, 1, [0.8])))
    pump.until(lambda: counts(session) == [1, 1, 0])
    session.undo()
    session.undo()
    pump.until(lambda: counts(session) == [0, 2, 0])
    session.undo()
    pump.until(lambda: counts(session) == [0, 0, 0])
    session.close()


def test_very_many_pictures_at_once(tmp_path: Path) -> None:
    store = small_project(tmp_path / "p", pictures=9000)  # more than one part of the query
    session, pump = opened(store)
    first = store.reserve_ids("annotation", 9000)
    row = proposals(store, 1, [0.9])[0]
    many = [replace(row, id=first + n, media_id=n + 1) for n in range(9000)]
    session.apply(edits.add("Predict", many))
    pump.until(lambda: sum(counts(session)) == 9000, seconds=60)
    session.set_threshold(0.95)
    pump.until(lambda: sum(counts(session)) == 0)
    session.close()
