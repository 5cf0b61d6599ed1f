"""Several people on one job: merging, agreement, second passes, shares, figures."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visionstudio.app.cli import run
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue, ProjectError
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem, MediaStatus
from visionstudio.model.shapes import Box, Ellipse, Mask, Points, Polygon, RotatedBox, Shape, Tag
from visionstudio.session.team.agreement import NOTHING, agreement, alpha
from visionstudio.session.team.merging import do_merge, plan_merge
from visionstudio.session.team.pairing import overlap
from visionstudio.session.team.second_pass import make_second_pass
from visionstudio.session.team.statistics import GRID, people, statistics
from visionstudio.storage import ProjectStore

SIZE = (200, 100)
CELL = LabelClass(id=1, name="cell", colour="#e69f00")
DIRT = LabelClass(id=2, name="dirt", colour="#56b4e9", order=1)


def label(n: int, shape: Shape, *, media: int = 1, cls: int = 1, **values: Any) -> Annotation:
    return Annotation(id=n, media_id=media, class_id=cls, shape=shape, **values)


BASE = [
    label(1, Box(0, 0, 20, 20)),
    label(2, Box(50, 0, 70, 20)),
    label(3, Box(100, 0, 120, 20), track_id=1),
    label(4, Tag(), media=2, cls=2),
]


@pytest.fixture
def first(tmp_path: Path) -> Path:
    folder = tmp_path / "first"
    with ProjectStore.create(folder) as store:
        made = [
            MediaItem(id=n, path=f"{n}.png", width=200, height=100, status=MediaStatus.OK)
            for n in (1, 2, 3)
        ]
        store.add_media(made)
        store.apply(edits.add("all", [CELL, DIRT, *BASE]))
    return folder


@pytest.fixture
def second(first: Path, tmp_path: Path) -> Path:
    """A copy in which one is moved, one has another class, one is new, one is gone."""
    folder = tmp_path / "second"
    shutil.copytree(first, folder)
    other = LabelClass(id=3, name="scratch", colour="#009e73", order=2)
    with ProjectStore.open(folder) as store:
        rows = {a.id: a for a in store.iter_annotations()}
        changes = [
            Change(None, other),
            Change(rows[1], replace(rows[1], shape=Box(2, 0, 22, 20), state=State.VERIFIED)),
            Change(rows[2], replace(rows[2], class_id=2)),
            Change(rows[4], None),
            Change(None, label(5, Box(0, 50, 30, 80), cls=3, group_id=1)),
            Change(None, label(6, Box(60, 50, 70, 80), state=State.PROPOSED, score=0.5)),
        ]
        store.apply(Edit("work", tuple(changes)))
        item = store.media_item(3)
        assert item is not None
        store.apply(Edit("verify", (Change(item, replace(item, verified=True)),)))
    return folder


def test_a_merge_adds_what_is_new_and_tells_what_differs(first: Path, second: Path) -> None:
    with ProjectStore.open(first) as store, ProjectStore.open(second, read_only=True) as theirs:
        store.apply(edits.add("mine", [label(5, Box(150, 50, 190, 90))]))  # the id clashes
        plan = plan_merge(store, theirs)
        assert (plan.equal, plan.kept, plan.media) == (1, 2, 3)
        about = {(d.mine.id if d.mine else None): d.about for d in plan.differences}
        assert about == {1: ("shape", "state"), 2: ("class",), None: ("new",)}
        assert len(plan.conflicts) == 2
        assert len(plan.added) == 1
        assert len(plan.taken("mine")) == 1
        # Theirs is verified where mine is only edited; of the class neither is further.
        assert len(plan.taken("further")) == 2
        before = sorted(store.iter_annotations(), key=lambda a: a.id)
        edit = do_merge(store, plan, plan.taken("theirs"))
        assert edit is not None
        rows = {a.id: a for a in store.iter_annotations()}
        names = {c.id: c.name for c in store.classes()}
        assert rows[1].shape == Box(2, 0, 22, 20)
        assert rows[1].state is State.VERIFIED
        assert names[rows[2].class_id] == "dirt"
        assert 4 in rows  # what they deleted is kept
        (added,) = [a for a in rows.values() if names[a.class_id] == "scratch"]
        assert added.shape == Box(0, 50, 30, 80)
        assert added.id != 5  # that is another one here
        assert all(a.state is not State.PROPOSED for a in rows.values())
        assert [m.verified for m in store.media()] == [False, False, True]
        again = plan_merge(store, theirs)
        assert again.differences == ()
        assert again.preparations == ()
        store.undo()
        assert sorted(store.iter_annotations(), key=lambda a: a.id) == before
        assert [m.verified for m in store.media()] == [False, False, False]


def test_media_that_only_they_have_come_along(first: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else"
    with ProjectStore.create(elsewhere) as theirs:
        theirs.add_media([MediaItem(id=9, path="new.png", width=10, height=10)])
        theirs.apply(edits.add("all", [CELL, label(1, Box(0, 0, 5, 5), media=9)]))
        with ProjectStore.open(first) as store:
            plan = plan_merge(store, theirs)
            do_merge(store, plan, plan.taken("mine"))
            added = [m for m in store.media() if m.name == "new.png"]
            assert store.path_of(added[0]) == elsewhere / "new.png"
            assert len(store.annotations(added[0].id)) == 1


def test_another_picture_of_the_same_name_is_another(first: Path, tmp_path: Path) -> None:
    with ProjectStore.open(first) as store:
        item = store.media_item(1)
        assert item is not None
        store.update_media([replace(item, size=10, head_hash="aa")])
        with ProjectStore.create(tmp_path / "else") as theirs:
            theirs.add_media(
                [MediaItem(id=1, path="1.png", size=11, head_hash="bb", verified=True)]
            )
            plan = plan_merge(store, theirs)
        assert plan.media == 0
        assert len(plan.preparations) == 1


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        (Box(0, 0, 10, 10), Box(0, 0, 10, 5), 0.5),
        (Box(0, 0, 10, 10), Polygon((np.array([[0, 0], [10, 0], [10, 10], [0, 10.0]]),)), 1.0),
        (RotatedBox(5, 5, 10, 10, math.pi / 2), Box(0, 0, 10, 10), 1.0),
        (Ellipse(50, 50, 40, 40, 0), Box(10, 10, 90, 90), math.pi / 4),
        (Mask.from_array(np.ones((10, 10), bool)), Box(0, 0, 10, 20), 0.5),
        (Tag(), Tag(), 1.0),
        (Tag(), Box(0, 0, 1, 1), 0.0),
        (Points(np.array([[1.0, 1.0]])), Points(np.array([[1.0, 1.0]])), 1.0),
        (Points(np.array([[1.0, 1.0]])), Points(np.array([[90.0, 1.0]])), 0.0),
    ],
)
def test_overlap(one: Shape, other: Shape, wanted: float) -> None:
    assert overlap(one, other, SIZE) == pytest.approx(wanted, abs=0.02)
    assert overlap(other, one, SIZE) == pytest.approx(wanted, abs=0.02)


def test_alpha_is_that_of_the_paper() -> None:
    # Krippendorff 2011, C: nominal data, four observers, twelve units: alpha = 0.743.
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    assert alpha(zip(*observers, strict=True)) == pytest.approx(0.743, abs=5e-4)
    # The same paper, A: binary, two observers, ten units: 0.095.
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha(zip(meg, owen, strict=True)) == pytest.approx(0.095, abs=5e-4)
    assert math.isnan(alpha([(1, 1), (1, 1)]))
    assert math.isnan(alpha([]))


def test_agreement_by_objects_and_tags(first: Path, second: Path) -> None:
    with (
        ProjectStore.open(first, read_only=True) as mine,
        ProjectStore.open(second, read_only=True) as theirs,
    ):
        found = agreement(mine, theirs)
    assert found.pictures == 1  # of the second they have no label and did not verify it
    by_name = {c.name: c for c in found.classes}
    assert (by_name["cell"].mine, by_name["cell"].theirs, by_name["cell"].both) == (3, 2, 2)
    assert by_name["cell"].f1 == pytest.approx(4 / 5)
    # 2 of 20 pixels apart: 18 / 22; and one that is equal.
    assert by_name["cell"].overlap == pytest.approx((18 / 22 + 1) / 2)
    assert found.confusion["cell", "dirt"] == 1
    assert found.confusion[NOTHING, "scratch"] == 1
    assert len(found.disagreements) == 2
    assert "cell,3,2,2" in found.to_csv()


def test_a_blind_second_pass_has_classes_and_no_labels(first: Path, tmp_path: Path) -> None:
    with ProjectStore.open(first) as store:
        chosen = make_second_pass(store, tmp_path / "blind", count=10, seed=3)
        assert {m.name for m in chosen} == {"1.png", "2.png"}  # those with labels
        with ProjectStore.open(tmp_path / "blind") as blind:
            assert [c.name for c in blind.classes()] == ["cell", "dirt"]
            assert blind.counts().annotations == 0
            paths = {blind.path_of(m) for m in blind.media()}
            assert paths == {store.path_of(m) for m in store.media() if m.id < 3}
            with pytest.raises(ProjectError, match="in common"):
                agreement(store, blind)
        with pytest.raises(ProjectError, match="a project already"):
            make_second_pass(store, tmp_path / "blind", count=1)
        with pytest.raises(InvalidValue):
            make_second_pass(store, tmp_path / "x", count=0)


def test_statistics(first: Path) -> None:
    with ProjectStore.open(first) as store:
        store.author = "Ann"
        store.apply(edits.add("more", [label(9, Box(180, 80, 200, 100))]))
        found = statistics(store)
    assert (found.media, found.labelled, found.labels) == (3, 2, 5)
    cell, dirt = found.classes
    assert (cell.count, cell.pictures, dirt.count) == (4, 1, 1)
    assert cell.sides.tolist() == [20.0] * 4
    assert cell.aspects.tolist() == [1.0] * 4
    assert len(dirt.sides) == 0  # a tag has no size
    assert cell.heat.sum() == 4
    assert cell.heat[int(0.9 * GRID), int(0.95 * GRID)] == 1  # the one at the lower right
    assert {p.name: p.gestures for p in found.people} == {"?": 1, "Ann": 1}
    assert found.per_picture.tolist() == [1, 4]


def test_pauses_are_no_work() -> None:
    times = ["10:00:00", "10:00:30", "10:01:00", "11:00:00", "11:00:10"]
    found = people([(f"2026-01-02T{t}+00:00", "Ann") for t in times])
    assert [(p.name, p.gestures, p.seconds) for p in found] == [("Ann", 5, 70.0)]


def answer(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> Any:
    assert run([*map(str, args), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_the_command_line(
    first: Path, second: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = answer(capsys, "merge", first, second, "--dry-run")
    assert (told["added"], len(told["conflicts"])) == (1, 2)
    assert answer(capsys, "info", first)["annotations"] == 4
    done = answer(capsys, "merge", first, second, "--take", "theirs")
    assert [c["taken"] for c in done["conflicts"]] == [True, True]
    assert answer(capsys, "info", first)["annotations"] == 5
    assert answer(capsys, "agree", first, second, "--csv", tmp_path / "a.csv")["alpha"] == 1.0
    assert (tmp_path / "a.csv").read_text().startswith("class,")
    shared = answer(capsys, "assign", first, "Ann", "Bob")
    assert {k: v["media"] for k, v in shared["assigned"].items()} == {"Ann": 1, "Bob": 1}
    figures = answer(capsys, "statistics", first, "--csv", tmp_path / "s.csv")
    assert figures["labels"] == 5
    assert (tmp_path / "s.csv").read_text().count("\n") == 4
    passed = answer(capsys, "second-pass", first, tmp_path / "blind", "--count", 1)
    assert passed["media"] == 1
    wrong = answer(capsys, "agree", first, tmp_path / "nothing", code=1)
    assert "there is no project" in wrong["error"]
