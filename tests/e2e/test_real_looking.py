"""Looking, measuring, finding and labelling by keys alone, in the window of the other tools."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.e2e.hand import BELOW, CLIP, DEEP, SOON, STACK, Hand, near
from tests.e2e.person import until
from visionstudio.model.annotations import Annotation
from visionstudio.ui.tools.vertices import _STALK as STALK

pytestmark = [pytest.mark.xvfb, pytest.mark.slow, pytest.mark.timeout(300)]


def differ(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """The share of pixels that look different; 1 for views of other sizes."""
    if a.shape != b.shape:
        return 1.0
    return float((np.abs(a.astype(int) - b).max(axis=2) > 8).mean())


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def span(seen: NDArray[np.uint8]) -> int:
    """From the darkest to the brightest of what is shown in the middle of the picture."""
    middle = seen[len(seen) // 2, 5:-5].astype(int).mean(axis=1)
    return int(np.ptp(middle))


def test_values(hand: Hand) -> None:
    hand.go_to(DEEP)
    hand.aside()
    hand.act("Values: full range")
    full = hand.shows(lambda seen: 10 < span(seen) < 60)  # 1000 to 9000 of 65535
    hand.keys("c")
    hand.shows(lambda seen: span(seen) > 240)
    hand.keys("c")
    hand.act("Values: full range")
    hand.shows(lambda seen: differ(seen, full) == 0)
    hand.act("Values: minimum to maximum")
    stretched = hand.shows(lambda seen: span(seen) > 245)
    hand.act("Values: invert")
    hand.shows(lambda seen: bool(np.abs(255 - seen.astype(int) - stretched)[:-BELOW].mean() < 3))
    hand.act("Values: invert")
    hand.act("Next colour map")
    hand.shows(lambda seen: bool((np.ptp(seen.astype(int), axis=2) > 60).mean() > 0.3))
    hand.act("Values: as decoded")
    hand.act("Values: full range")
    hand.shows(lambda seen: differ(seen, full) == 0)
    hand.keys("ctrl+alt+w")
    hand.drag((300, 240), (250, 180), (185, 120))  # narrower and brighter
    hand.aside()
    hand.shows(lambda seen: span(seen) > 80)
    hand.keys("Escape")
    hand.act("Values: as decoded")


def test_aids(hand: Hand) -> None:
    hand.box(200, 160, 300, 260)
    hand.keys("Escape", "Escape")
    hand.aside()
    plain = hand.rests()
    for choice in ("Grid", "Rulers", "Scale bar"):
        hand.act(choice)
        hand.aside(1)
        hand.shows(lambda seen: differ(seen, plain) > 0)
        hand.act(choice)
        hand.shows(lambda seen: differ(seen, plain) == 0)
    hand.keys("ctrl+plus")  # a part of it is a place in the minimap
    hand.shows(lambda seen: differ(seen, plain) > 0)
    part = hand.rests()
    hand.act("Minimap")
    hand.shows(lambda seen: differ(seen, part) > 0.01)
    hand.act("Minimap")
    hand.shows(lambda seen: differ(seen, part) == 0)
    hand.keys("ctrl+f", "j")
    hand.point((250, 210))
    hand.point((252, 212))
    hand.shows(lambda seen: differ(seen, plain) > 0.01)
    hand.keys("j")
    hand.aside()
    hand.shows(lambda seen: differ(seen, plain) == 0)
    hand.keys("shift+h")  # the picture alone
    hand.shows(lambda seen: not orange(seen))
    hand.keys("shift+h")
    hand.shows(lambda seen: differ(seen, plain) == 0)


def orange(seen: NDArray[np.uint8]) -> bool:
    """Whether an object of the first class is seen."""
    return bool((seen[..., 0].astype(int) - seen[..., 2] > 100).any())


def test_comparing(hand: Hand) -> None:
    hand.aside()
    plain = hand.rests()
    hand.keys("ctrl+alt+c")  # beside each other: half as wide, so something else is here
    hand.shows(lambda seen: differ(seen, plain) > 0.05)
    hand.keys("ctrl+alt+c")
    hand.shows(lambda seen: differ(seen, plain) == 0)  # fitted again

    def dark(seen: NDArray[np.uint8]) -> bool:
        return bool((seen.max(axis=2) < 30).mean() > 0.8)

    hand.act("Compare: difference")
    # The bar of comparing moves the picture down; its mark is all that differs.
    black = hand.shows(dark)
    assert (black.max(axis=2) > 100).mean() > 0.0005
    hand.act("Compare: swipe")
    swiped = hand.shows(lambda seen: not dark(seen))
    middle = (320, 260)
    hand.drag(middle, (330, 260), (400, 260), (500, 260))  # the divider
    hand.aside()
    hand.shows(lambda seen: differ(seen, swiped) > 0)
    hand.act("Compare: blink")
    seen: list[NDArray[np.uint8]] = []

    def blinks() -> bool:
        seen.append(hand.view())
        return len({one.tobytes() for one in seen[4:]}) > 1

    assert until(blinks, SOON)
    hand.keys("ctrl+alt+p")  # this one against others
    hand.keys("d")
    hand.act("Compare: difference")
    hand.shows(dark)
    hand.keys("ctrl+alt+c")


def test_the_view_as_a_file(hand: Hand) -> None:
    hand.box(200, 160, 300, 260)
    folder = hand.project.parent.parent
    png = hand.write(folder / "view.png", "Save the view as a picture", "Save the view")
    with Image.open(png) as image:
        assert orange(np.asarray(image.convert("RGB")))
        assert image.width / image.height == pytest.approx(4 / 3, rel=0.02)
    svg = hand.write(folder / "view.svg", "Save the view as a picture", "Save the view")
    text = svg.read_text(encoding="utf-8")
    assert "<svg" in text
    assert "<image" in text
    assert re.search(r"<(path|polygon|polyline|rect)\b", text)


def test_tables(hand: Hand) -> None:
    folder = hand.project.parent.parent
    hand.box(200, 160, 300, 260)
    hand.keys("m")
    before = len(hand.measured())
    hand.click((200, 300), (300, 300))
    assert until(lambda: len(hand.measured()) == before + 1, SOON)
    hand.keys("Escape", "v", "ctrl+alt+r")

    def exported(name: str) -> list[dict[str, str]]:
        return rows(hand.write(folder / name, "Export the table as CSV", "Export CSV"))

    found: list[dict[str, str]] = []

    def measured() -> bool:
        found[:] = exported(f"objects-{len(found)}-{np.random.default_rng().integers(1e9)}.csv")
        return len(found) == 1

    assert until(measured, SOON)
    area = next(float(v) for k, v in found[0].items() if "area" in k.lower())
    assert abs(area - 10_000) < 500
    hand.keys("ctrl+6")
    kinds = [row["kind"] for row in exported("measurements.csv")]
    assert "distance" in kinds
    hand.keys("ctrl+alt+e")
    assert exported("metadata.csv")
    hand.act("Reset the layout")


def test_find_and_change_many(hand: Hand) -> None:
    first = [hand.box(60, 60, 100, 100), hand.box(150, 80, 210, 120)]
    hand.keys("Escape", "Escape")

    def classes() -> list[int]:
        return [a.class_id for a in hand.stored()]

    old = first[0].class_id

    def changed() -> bool:
        hand.keys("Escape", "ctrl+shift+f")
        hand.type(hand.name)
        hand.person.do("sleep", "1")  # while it searches there is nothing to be changed
        hand.act("Found objects: change class")
        hand.type("nucleus")
        hand.keys("Return")
        return until(lambda: old not in classes(), 3)

    assert until(changed, SOON)
    hand.keys("Escape", "ctrl+z")
    assert until(lambda: set(classes()) == {old}, SOON)
    hand.keys("ctrl+shift+f", "F3")
    hand.act("Found objects: verify")
    assert until(lambda: all(a.state.value == "verified" for a in hand.stored()), SOON)
    hand.act("Found objects: delete")
    assert until(lambda: not hand.stored(), SOON)
    hand.keys("Escape", "ctrl+z")
    assert until(lambda: len(hand.stored()) == 2, SOON)
    hand.act("Reset the layout")


def test_typed_attributes(hand: Hand) -> None:
    hand.keys("3")
    drawn = hand.box(200, 160, 300, 260)
    assert drawn.attributes == {"lost": False}
    hand.keys("alt+a")
    hand.type("Ada")
    hand.keys("Return")
    hand.type("36")
    hand.keys("Return", "2", "Return", "space", "Return")
    wanted = {"name": "Ada", "age": 36.0, "side": "right", "lost": True}
    assert until(lambda: hand.last().attributes == wanted, SOON), hand.last().attributes
    hand.keys("alt+a", "Return")
    hand.type("999")  # more than may be
    hand.keys("Return", "Escape")
    assert hand.last().attributes == wanted
    hand.keys("ctrl+z")
    hand.sees(lambda rows: rows[0].attributes == {**wanted, "lost": False})


def test_circle_and_turning_by_the_handle(hand: Hand) -> None:
    hand.keys("o")

    def circle() -> None:
        hand.person.do("keydown", "shift")
        hand.drag((60, 60), (100, 80), (130, 90))
        hand.person.do("keyup", "shift")

    x1, y1, x2, y2 = hand.makes("ellipse", circle).shape.bounds()
    assert near(x2 - x1, y2 - y1)
    hand.keys("shift+r")
    hand.makes("rotated_box", lambda: hand.click((210, 200), (310, 200), (310, 260)))
    hand.keys("v")
    above = (260, 200 - hand.length(STALK))
    hand.drag(above, (300, 180), (360, 190), (390, 230))
    hand.sees(lambda found: abs(found[-1].shape.angle) > 0.5)


def test_a_region_is_tracked(hand: Hand) -> None:
    hand.go_to(CLIP)
    hand.keys("1", "shift+t")
    hand.drag((200, 180), (250, 220), (300, 260))
    # The tracker runs in another process, which has to start first.
    assert until(lambda: len(hand.stored()) > 8, 2 * SOON)
    found = sorted(hand.stored(), key=lambda a: a.frame)
    assert len({a.track_id for a in found}) == 1
    assert near(found[0].shape.bounds()[0], 200)
    assert abs(found[-1].shape.bounds()[0] - (200 + 4 * found[-1].frame)) < 12
    hand.keys("Escape", "v", "ctrl+z")
    assert until(lambda: not hand.stored(), SOON)


def test_pages_of_a_stack(hand: Hand) -> None:
    hand.go_to(STACK)
    hand.keys("1")
    hand.aside()
    first = hand.rests()
    hand.keys("period")
    hand.shows(lambda seen: differ(seen, first) > 0.5)
    assert hand.box(200, 160, 300, 260).frame == 1
    hand.keys("comma")
    hand.aside()
    hand.shows(lambda seen: not orange(seen))  # every page has labels of its own
    hand.keys("period")
    hand.shows(orange)


def test_by_keys_alone(hand: Hand) -> None:
    """A class made, shapes drawn, chosen, asked about and corrected, the next picture: no mouse."""
    hand.point((5, 5))  # out of the way
    hand.keys("n")
    hand.type("seed")
    hand.keys("Return", "Escape")

    def box() -> None:
        hand.keys("w", "Right", "Return", *["shift+Right"] * 5, *["shift+Down"] * 4, "Return")

    first = hand.makes("box", box)
    x1, y1, x2, y2 = first.shape.bounds()
    assert (round(x2 - x1), round(y2 - y1)) == (50, 40)
    hand.keys("Escape", "p", *["shift+Left"] * 12)

    def triangle() -> None:
        hand.keys("Return", *["shift+Right"] * 6, "Return", *["shift+Down"] * 6, "Return")
        hand.keys("Return")

    assert len(hand.makes("polygon", triangle).shape.points()) == 3
    hand.keys("Escape", "Escape", "Tab", "ctrl+r")  # one of them is of another class
    hand.type("person")
    hand.keys("Return")
    others = {first.class_id}
    hand.sees(lambda found: len({a.class_id for a in found} - others) == 1)
    (one,) = (a for a in hand.stored() if a.class_id != first.class_id)
    hand.keys("alt+a")
    hand.type("Grace")
    hand.keys("Return", "Escape")

    def of_one() -> Annotation:
        return next(a for a in hand.stored() if a.id == one.id)

    assert until(lambda: of_one().attributes.get("name") == "Grace", SOON)
    hand.keys("Right", "Right", "shift+Down")
    moved = one.shape.translated(2, 10).bounds()
    assert until(lambda: of_one().shape.bounds() == moved, SOON)
    hand.keys("slash")  # of what is drawn next
    hand.type("cell")
    hand.keys("Return")
    hand.keys("Escape", "Escape", "i", "shift+Up", "Return")
    hand.sees(lambda found: [a.shape.kind for a in found].count("points") == 1)
    assert hand.last().class_id != first.class_id
    hand.keys("Escape", "v", "Escape", "space")
    assert until(hand.is_verified, SOON)
