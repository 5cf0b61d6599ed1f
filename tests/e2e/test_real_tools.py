"""Every drawing and measuring tool on a real X display, by a mouse and keys, in one program."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.e2e.hand import SOON, Hand, Place, near
from tests.e2e.person import until
from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.shapes import Polygon

pytestmark = [pytest.mark.xvfb, pytest.mark.slow, pytest.mark.timeout(300)]
LEFT, TOP, RIGHT, BOTTOM = 190, 150, 370, 310


def test_shapes(hand: Hand) -> None:
    a, b, c, d = (LEFT, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (LEFT, BOTTOM)
    assert all(map(near, hand.box(LEFT, TOP, 260, 200).shape.bounds(), (LEFT, TOP, 260, 200)))
    hand.keys("shift+r")
    box = hand.makes("rotated_box", lambda: hand.click((210, 170), (280, 205), (240, 275)))
    assert abs(box.shape.angle) > 0.1
    hand.keys("o")
    hand.makes("ellipse", lambda: hand.drag(a, (280, 240), c))
    hand.keys("l")
    line = hand.makes("polyline", lambda: (hand.click(a, b, c), hand.keys("Return")))
    assert len(line.shape.points()) == 3
    hand.keys("i")
    hand.makes("points", lambda: hand.click((280, 240)))
    hand.keys("y")

    def skeleton() -> None:
        hand.click((245, 185))
        hand.click((280, 225), button="3")
        hand.keys("n")

    assert hand.makes("skeleton", skeleton).shape.visibility == (2, 1, 0)
    hand.keys("p")

    def polygon() -> None:
        hand.click(a, b, c, d)
        hand.keys("BackSpace", "ctrl+z", "ctrl+shift+z")  # inside the drawing
        hand.click((LEFT + 40, BOTTOM + 20))  # not a double click
        hand.keys("Return")

    assert len(hand.makes("polygon", polygon).shape.points()) == 4
    hand.keys("ctrl+alt+h")  # a hole in what has just been drawn

    def hole() -> None:
        hand.click((245, 205), (300, 205), (300, 265), (245, 265))
        hand.keys("Return")

    hand.changes(hole, lambda before, after: after < before)
    assert hand.last().shape.holes == (False, True)
    hand.keys("ctrl+alt+k")
    count = len(hand.stored())
    hand.drag((LEFT - 30, 180), (280, 181), (RIGHT + 30, 180))  # above the hole, through the rest
    hand.sees(lambda rows: len(rows) == count + 1)
    hand.keys("ctrl+z")
    hand.sees(lambda rows: len(rows) == count)


def test_select_move_and_turn(hand: Hand) -> None:
    hand.box(100, 100, 200, 180)
    hand.keys("v")

    def has(*bounds: float) -> Callable[[list[Annotation]], bool]:
        return lambda rows: all(map(near, rows[0].shape.bounds(), bounds))

    hand.drag((150, 140), (170, 150), (190, 160))
    hand.sees(has(140, 120, 240, 200))
    hand.drag((240, 200), (250, 210), (260, 220))  # a corner
    hand.sees(has(140, 120, 260, 220))
    hand.drag((140, 170), (130, 170), (120, 170))  # a side
    hand.sees(has(120, 120, 260, 220))
    hand.keys("Right", "shift+Right", "Down")
    hand.sees(has(131, 121, 271, 221))
    hand.keys("z")
    hand.sees(lambda rows: rows[0].shape.kind == "rotated_box")
    hand.keys("shift+x")
    hand.sees(lambda rows: near(np.degrees(rows[0].shape.angle), 9))
    hand.keys("ctrl+z", "ctrl+z")
    hand.sees(lambda rows: rows[0].shape.kind == "box")


def test_vertices(hand: Hand) -> None:
    hand.polygon((300, 100), (400, 100), (400, 180))
    hand.keys("v")

    def corners(count: int) -> None:
        hand.sees(lambda rows: len(rows[0].shape.points()) == count)

    hand.drag((350, 100), (350, 90), (350, 80))  # the middle of an edge
    corners(4)
    hand.point((350, 81))
    hand.point((350, 80))
    hand.keys("Delete")
    corners(3)
    hand.keys("shift+v")
    hand.click((380, 100), held="ctrl")  # on an edge
    corners(4)
    hand.drag((440, 80), (420, 150), (390, 200))  # around two of them
    hand.keys("shift+Right")
    hand.sees(lambda rows: near(rows[0].shape.bounds()[2], 410))
    hand.keys("Escape", "v", "Escape")

    # A staircase whose steps hardly show is a triangle.
    steps = [(100 + 20 * n, 300 - 20 * n + 2 * (n % 2)) for n in range(7)]
    hand.polygon(*steps, (220, 300))
    assert len(hand.last().shape.points()) == 8
    hand.keys("v", "s", *["bracketright"] * 12, "Return")
    hand.sees(lambda rows: len(max(rows, key=lambda a: a.id).shape.points()) == 3)


def test_combine(hand: Hand) -> None:
    hand.polygon((100, 100), (200, 100), (200, 200), (100, 200))
    hand.polygon((150, 150), (250, 150), (250, 250), (150, 250))
    drawn = {a.id: a.shape for a in hand.stored()}
    first = min(drawn)
    hand.keys("Next")  # below what it overlaps
    hand.sees(lambda rows: rows[1].id == first)
    hand.keys("Prior")
    hand.sees(lambda rows: rows[0].id == first)

    def combine(key: str, *areas: float) -> None:
        """Combine both, the first selected first, see the areas, and take it back."""
        hand.keys("Escape", "v")
        hand.click((120, 120))
        hand.click((230, 230), held="shift")
        hand.keys(key)

        def combined(rows: list[Annotation]) -> bool:
            found = sorted(a.shape.area() for a in rows)
            right = all(abs(f - w) < 0.05 * w for f, w in zip(found, areas, strict=False))
            return len(found) == len(areas) and right and first in {a.id for a in rows}

        hand.sees(combined)
        hand.keys("ctrl+z")
        hand.sees(lambda rows: {r.id: r.shape for r in rows} == drawn)

    combine("ctrl+alt+j", 17_500)
    combine("ctrl+alt+d", 7_500, 10_000)
    combine("ctrl+alt+i", 2_500)

    # Apart from each other they are joined to one object, and that is split again.
    hand.keys("Escape", "v")
    hand.drag((215, 235), (300, 300), (335, 355))
    hand.sees(lambda rows: near(max(a.shape.bounds()[2] for a in rows), 370))
    hand.keys("ctrl+a", "ctrl+alt+j")
    hand.sees(lambda rows: len(rows) == 1)
    hand.keys("ctrl+alt+s")
    hand.sees(lambda rows: len(rows) == 2)


def test_shapes_become_others(hand: Hand) -> None:
    hand.polygon((100, 100), (200, 100), (200, 200), (100, 200))

    def is_a(kind: str) -> None:
        hand.sees(lambda rows: rows[0].shape.kind == kind)

    hand.keys("v")
    hand.act("Make a rotated box")
    is_a("rotated_box")
    hand.act("Make a polygon of it")
    is_a("polygon")
    hand.act("Close or open")
    is_a("polyline")
    hand.act("Close or open")
    is_a("polygon")
    hand.keys("ctrl+alt+m")
    is_a("mask")
    hand.act("Make a polygon of it")
    is_a("polygon")
    hand.keys("ctrl+alt+m")
    is_a("mask")
    hand.keys("ctrl+alt+g", "bracketright", "bracketright", "Return")
    hand.sees(lambda rows: rows[0].shape.area() > 10_800)
    hand.act("Make a box around it")
    is_a("box")


def test_masks(hand: Hand) -> None:
    hand.keys("b")
    hand.makes("mask", lambda: hand.drag((210, 180), (245, 180), (280, 190)))
    hand.changes(lambda: hand.drag((280, 190), (320, 245)), lambda b, a: a > b)
    hand.keys("e")
    hand.changes(lambda: hand.drag((245, 180), (260, 182)), lambda b, a: a < b)
    hand.keys("b", "Return")  # the next stroke begins another object

    corners = [(245, 205), (340, 205), (340, 280), (245, 280)]
    hand.makes("mask", lambda: hand.click(corners[0]))
    for corner in (*corners[1:], corners[0]):
        # A straight line from where the last stroke has ended.
        hand.changes(lambda at=corner: hand.click(at, held="shift"), lambda b, a: a > b)
    hand.keys("shift+b")
    hand.changes(lambda: hand.click((290, 245)), lambda b, a: a > b)
    hand.keys("b", *["bracketleft"] * 10)
    hand.changes(lambda: hand.click((450, 100)), lambda b, a: a > b)  # a speck apart
    hand.act("Remove specks")
    hand.changes(lambda: hand.keys(*["bracketright"] * 20, "Return"), lambda b, a: a < b)
    assert hand.last().shape.bounds()[2] < 400
    hand.act("Smooth the mask")
    hand.changes(lambda: hand.keys("bracketright", "bracketright", "Return"), lambda b, a: a != b)
    hand.keys("ctrl+alt+h")
    hole = [(280, 230), (310, 230), (310, 260), (280, 260)]
    hand.changes(lambda: (hand.click(*hole), hand.keys("Return")), lambda b, a: a < b - 600)
    hand.changes(lambda: hand.keys("ctrl+alt+f"), lambda b, a: a > b + 600)


def test_regions_by_what_they_look_like(hand: Hand) -> None:
    hand.keys("shift+w")
    narrow = hand.makes("mask", lambda: hand.click((282, 235))).shape.area()
    assert near(narrow, 160 * 120)
    # Dragging far to the right makes the tolerance wide enough for the grey around.
    hand.makes("mask", lambda: hand.drag((282, 235), (470, 236), (820, 237)))
    assert hand.last().shape.area() > narrow
    hand.keys("ctrl+z")
    hand.sees(lambda rows: len(rows) == 1)
    hand.keys("shift+p")

    def wire() -> None:
        hand.click((242, 182), (398, 182), (398, 298), (242, 298))
        hand.keys("Return")

    found = hand.makes("polygon", wire).shape.area()
    assert abs(found - 160 * 120) < 1500
    hand.keys("q")
    # The host that does the work is another process.
    mask = hand.makes("mask", lambda: (hand.click((320, 240)), hand.keys("Return")), 2 * SOON)
    assert abs(mask.shape.area() - 160 * 120) < 1500


def test_several_objects(hand: Hand) -> None:
    a, b = hand.box(60, 60, 100, 100), hand.box(150, 80, 210, 120)
    c = hand.box(300, 70, 340, 140)

    def one(row: Annotation) -> Annotation:
        return next(r for r in hand.stored() if r.id == row.id)

    hand.keys("Escape", "v", "Escape")
    hand.drag((50, 50), (150, 100), (220, 130))  # around two of them
    hand.keys("alt+Left")
    hand.sees(lambda _: one(a).shape.bounds()[0] == one(b).shape.bounds()[0])
    hand.keys("alt+g")
    hand.sees(lambda _: one(a).group_id is not None and one(a).group_id == one(b).group_id)
    hand.keys("Escape")
    hand.click((320, 100))  # the third
    hand.drag((80, 110), (80, 150), (80, 210))  # one of the group moves both
    hand.sees(lambda _: near(one(a).shape.bounds()[1], 160) and near(one(b).shape.bounds()[1], 180))
    hand.keys("alt+u")
    hand.sees(lambda _: one(a).group_id is None)

    hand.click((320, 100))
    hand.keys("ctrl+Next")
    hand.sees(lambda rows: rows[0].id == c.id)
    hand.keys("ctrl+Prior")
    hand.sees(lambda rows: rows[-1].id == c.id)

    hand.keys("alt+l")
    hand.sees(lambda _: Flags.LOCKED in one(c).flags)
    hand.drag((320, 100), (350, 150), (400, 200))  # it stays where it is
    hand.keys("alt+shift+l")
    hand.sees(lambda _: Flags.LOCKED not in one(c).flags)
    assert one(c).shape == c.shape
    hand.click((320, 100))
    hand.keys("alt+h")
    hand.sees(lambda _: Flags.HIDDEN in one(c).flags)
    hand.keys("alt+shift+h")
    hand.sees(lambda _: Flags.HIDDEN not in one(c).flags)

    hand.keys("Escape")
    hand.click((320, 100))
    hand.keys("2")
    hand.sees(lambda _: one(c).class_id != c.class_id)
    hand.keys("1")
    hand.sees(lambda _: one(c).class_id == c.class_id)
    hand.keys("alt+a")
    hand.type("7.5")
    hand.keys("Return")
    hand.sees(lambda _: one(c).attributes == {"age": 7.5})
    hand.keys("Escape")
    hand.click((320, 100))
    hand.keys("ctrl+d")
    hand.sees(lambda rows: len(rows) == 4)
    assert hand.last().attributes == {"age": 7.5}
    hand.keys("Delete")
    hand.sees(lambda rows: len(rows) == 3)
    hand.keys("g")
    hand.sees(lambda rows: [r.shape.kind for r in rows].count("tag") == 1)
    hand.keys("g")
    hand.sees(lambda rows: len(rows) == 3)

    hand.click((320, 100))
    hand.keys("ctrl+c")
    hand.next_picture("d")
    hand.keys("ctrl+v")
    hand.sees(lambda rows: [r.shape for r in rows] == [c.shape])
    hand.keys("ctrl+z")
    assert until(lambda: not hand.stored(), SOON)
    hand.keys("u")  # everything of the picture before
    hand.sees(lambda rows: len(rows) == 3)


def test_snapping_and_shared_borders(hand: Hand) -> None:
    first = hand.polygon((100, 100), (200, 100), (200, 200), (100, 200))
    corners = {tuple(p) for p in first.shape.points()}
    hand.keys("Escape", "shift+s")
    second = hand.polygon((203, 103), (300, 100), (300, 200), (203, 198))
    shared = corners & {tuple(p) for p in second.shape.points()}
    assert len(shared) == 2
    hand.keys("Escape", "shift+s", "shift+u", "v")
    hand.click((150, 150))
    hand.drag((200, 100), (200, 80), (200, 60))

    def moved(rows: list[Annotation]) -> bool:
        return all(isinstance(r.shape, Polygon) and near(r.shape.bounds()[1], 60) for r in rows)

    hand.sees(moved)
    hand.keys("ctrl+z")
    hand.sees(lambda rows: [r.shape for r in rows] == [first.shape, second.shape])
    hand.keys("shift+u")


def test_measuring(hand: Hand) -> None:
    tools: tuple[tuple[str, list[Place], bool], ...] = (
        ("m", [(210, 170), (320, 170)], False),
        ("shift+m", [(210, 190), (245, 245), (320, 245)], False),
        ("ctrl+alt+a", [(230, 190), (320, 190), (320, 265)], True),
        ("ctrl+alt+n", [(230, 265), (265, 275)], True),
        ("k", [(210, 285), (360, 285)], False),
    )
    for number, (key, places, ends) in enumerate(tools):
        hand.keys("Escape", key)
        hand.click(*places)
        if ends:
            hand.keys("Return")
        assert until(lambda wanted=number + 1: len(hand.measured()) >= wanted, SOON), key
    kinds = {m.kind.value for m in hand.measured()}
    assert kinds >= {"distance", "angle", "area", "count", "profile"}


def test_setting_the_scale(hand: Hand) -> None:
    hand.keys("ctrl+alt+u")
    hand.click((200, 200), (300, 200))
    window = ("getactivewindow", "getwindowname")
    assert until(lambda: "scale" in hand.person.do(*window), SOON)
    hand.type("25")
    hand.keys("Return")
    assert until(lambda: any(m.kind.value == "scale" for m in hand.measured()), SOON)
    (scale,) = (m for m in hand.measured() if m.kind.value == "scale")
    assert (scale.value, round(scale.pixels)) == (25, 100)
