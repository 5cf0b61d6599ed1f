"""Counting across lines and zones against what was made up, and from the command line."""

from __future__ import annotations

import csv
import itertools
import json
import random
from pathlib import Path

import numpy as np
import pytest

from tests.video_maker import make
from visionstudio.app.cli import run
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.measurements import Measurement, MeasurementKind
from visionstudio.model.shapes import Box
from visionstudio.pyapi import create
from visionstudio.session.counting import (
    Anchor,
    Region,
    count_tracks,
    counts_csv,
    events_csv,
    plot_svg,
)
from visionstudio.storage import ProjectStore

NAMES = {1: "car", 2: "person"}
GATE = Region("gate", ((50.0, 0.0), (50.0, 100.0)))
YARD = Region("yard", ((20.0, 20.0), (80.0, 20.0), (80.0, 80.0), (20.0, 80.0)), True)
SECONDS = np.arange(200) / 25


def way(track: int, points: list[tuple[float, float]], class_id: int = 1) -> list[Annotation]:
    """A track whose lower middle goes through these points, one a frame."""
    return [
        Annotation(
            id=track * 1000 + n, media_id=1, class_id=class_id, frame=n, track_id=track,
            shape=Box(x - 5, y - 20, x + 5, y), state=State.PROPOSED, source="model:x",
        )
        for n, (x, y) in enumerate(points)
    ]  # fmt: skip


def test_lines_know_their_direction() -> None:
    # Seen from the gate's first point (above) to its last (below), right is where x is small.
    left = way(1, [(90, 50), (60, 50), (40, 50), (10, 50)])
    back = way(2, [(10, 50), (60, 50), (45, 50), (90, 50)], 2)
    past = way(3, [(90, 150), (10, 150)])  # beyond the line's end
    counted = count_tracks([*left, *back, *past], [GATE], NAMES)
    assert counted.tracks == 3
    assert counted.totals() == {("gate", "car"): (1, 0), ("gate", "person"): (1, 2)}
    assert [(c.frame, c.track, c.inwards) for c in counted.crossings] == [
        (1, 2, False), (2, 1, True), (2, 2, True), (3, 2, False),
    ]  # fmt: skip
    rows = list(csv.DictReader(events_csv(counted, SECONDS).splitlines()))
    assert rows[0] == {
        "frame": "1", "seconds": "0.040", "region": "gate", "class": "person", "track": "2",
        "direction": "out",
    }  # fmt: skip


def test_random_walks_against_the_side_that_they_are_on() -> None:
    """Across a line longer than the walk, in less out is the change of sides."""
    rng = random.Random(4)
    line = Region("long", ((50.0, -1e4), (50.0, 1e4)))
    for track in range(1, 40):
        points = [(rng.uniform(0, 100), rng.uniform(0, 100)) for _ in range(30)]
        counted = count_tracks(way(track, points), [line], NAMES)
        ins, outs = counted.totals().get(("long", "car"), (0, 0))
        sides = [x < 50 for x, _ in points]
        assert ins - outs == int(sides[-1]) - int(sides[0])
        assert ins + outs == sum(a != b for a, b in itertools.pairwise(sides))


def test_zones_count_in_out_and_inside() -> None:
    comes = way(1, [(0, 50), (50, 50), (60, 50)])
    begins = way(2, [(50, 50), (50, 60), (50, 90), (50, 99)])
    counted = count_tracks([*comes, *begins], [YARD], NAMES)
    assert counted.totals() == {("yard", "car"): (1, 1)}
    table = list(csv.DictReader(counts_csv(counted, SECONDS[:6], 0.08).splitlines()))
    assert [(r["in"], r["out"], r["inside"]) for r in table] == [
        ("1", "0", "2"), ("0", "1", "0"), ("0", "0", "0"),
    ]  # fmt: skip


def test_anchors_states_and_key_frames() -> None:
    low = way(1, [(50, 85), (50, 85)])  # its middle is in the yard, its feet are not
    assert not count_tracks(low, [YARD], NAMES).began
    assert count_tracks(low, [YARD], NAMES, anchor=Anchor.CENTRE).began
    moved = way(1, [(90, 50), (10, 50)])
    assert not count_tracks(moved, [GATE], NAMES, proposals=False).crossings
    keys = [
        Annotation(
            id=n, media_id=1, class_id=1, frame=frame, track_id=9, shape=Box(x - 5, 30, x + 5, 50),
            flags=Flags.KEYFRAME,
        )
        for n, (frame, x) in enumerate(((0, 100), (100, 0)), start=1)
    ]  # fmt: skip
    (crossing,) = count_tracks(keys, [GATE], NAMES).crossings
    assert crossing.frame == 51  # between the keys, where the interpolated object gets across


def test_wrong_regions_say_what_to_do() -> None:
    with pytest.raises(InvalidValue, match="draw a distance"):
        count_tracks([], [], NAMES)
    with pytest.raises(InvalidValue, match="one name"):
        count_tracks([], [GATE, GATE], NAMES)
    with pytest.raises(InvalidValue, match="2 points"):
        Region("dot", ((1.0, 1.0),))
    with pytest.raises(InvalidValue, match="more than 0"):
        counts_csv(count_tracks([], [GATE], NAMES), SECONDS, 0)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "project"
    with create(folder, media=[make(tmp_path / "clip.mp4", 30)]) as project:
        project.add_class("car")
    with ProjectStore.open(folder) as store:
        rows = way(1, [(90 - 4 * n, 50) for n in range(20)])
        line = Measurement(
            id=1, media_id=1, kind=MeasurementKind.DISTANCE, points=GATE.points, label="gate"
        )
        store.apply(Edit("all", tuple(Change(None, r) for r in (*rows, line))))
    files = [str(tmp_path / name) for name in ("counts.csv", "events.csv", "plot.svg")]
    args = ["count", str(folder), "--out", files[0], "--events", files[1], "--plot", files[2]]
    assert run([*args, "--every", "0.5", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["regions"] == [
        {"name": "gate", "kind": "line", "classes": [{"name": "car", "in": 1, "out": 0}]}
    ]
    table = list(csv.DictReader(Path(files[0]).read_text().splitlines()))
    assert [r["in"] for r in table] == ["1", "0", "0"]
    assert "gate · car · in" in Path(files[2]).read_text()
    assert run(["count", str(folder), "--zone", "a=1,2,3"]) == 1
    assert "NAME=X,Y" in capsys.readouterr().err
    assert run(["count", str(folder), "--zone", "a=0,0,100,0,100,99,0,99", "--json"]) == 0
    zone = json.loads(capsys.readouterr().out)["regions"][0]
    assert (zone["kind"], zone["classes"]) == ("zone", [])
    assert "<svg" in plot_svg(count_tracks([], [GATE], NAMES), SECONDS)
