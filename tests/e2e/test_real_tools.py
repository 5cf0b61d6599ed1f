"""Every drawing and measuring tool on a real X display, by a mouse and keys, in one program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.e2e.conftest import Person, until
from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass, SkeletonSpec
from visionstudio.model.measurements import Measurement
from visionstudio.storage import ProjectStore, project_folder

pytestmark = [pytest.mark.xvfb, pytest.mark.slow, pytest.mark.timeout(300)]
LEFT, TOP, RIGHT, BOTTOM = 500, 300, 700, 480  # a part of the screen that lies in the picture


class Hand:
    """A person at a picture with a bright square on grey; what is stored can be looked at."""

    def __init__(self, person: Person, project: Path) -> None:
        self.person = person
        self.project = project

    def keys(self, *names: str) -> None:
        for name in names:
            self.person.do("key", name)

    def click(self, *places: tuple[int, int], button: str = "1") -> None:
        for x, y in places:
            self.person.do("mousemove", str(x), str(y), "click", button)

    def drag(self, *places: tuple[int, int]) -> None:
        (x, y), *rest = places
        self.person.do("mousemove", str(x), str(y), "mousedown", "1")
        for x, y in rest:
            self.person.do("mousemove", str(x), str(y))
        self.person.do("mouseup", "1")

    def stored(self) -> list[Annotation]:
        with ProjectStore.open(self.project, read_only=True) as store:
            return list(store.iter_annotations())

    def measured(self) -> list[Measurement]:
        with ProjectStore.open(self.project, read_only=True) as store:
            return list(store.measurements())

    def last(self) -> Annotation:
        return max(self.stored(), key=lambda a: a.id)

    def makes(self, kind: str, draw: Callable[[], None]) -> Annotation:
        """Draw, and wait until one object more of this kind is stored."""
        before = len(self.stored())
        draw()
        assert until(lambda: len(self.stored()) == before + 1, 20), kind
        assert self.last().shape.kind == kind
        return self.last()

    def changes(self, draw: Callable[[], None], until_area: Callable[[float, float], bool]) -> None:
        """Draw, and wait until the area of the last object has changed so."""
        before = self.last().shape.area()
        draw()
        assert until(lambda: until_area(before, self.last().shape.area()), 20), before


@pytest.fixture
def hand(person: Person, tmp_path: Path) -> Hand:
    folder = tmp_path / "pictures"
    folder.mkdir()
    values = np.full((480, 640, 3), 90, np.uint8)
    values[180:300, 240:400] = 220
    Image.fromarray(values).save(folder / "a.png")
    project = project_folder(folder)
    with ProjectStore.create(project, media_root=folder) as store:
        three = SkeletonSpec(("head", "hand", "foot"), ((0, 1), (1, 2)))
        one = LabelClass(
            id=store.reserve_ids("class"), name="cell", colour="#e69f00", skeleton=three
        )
        store.apply(Edit("Add class", (Change(None, one),)))
    person.start(str(folder))
    assert until(lambda: "pictures" in person.do("getactivewindow", "getwindowname"))
    hand = Hand(person, project)

    def drawn() -> bool:
        hand.keys("Escape", "w")
        hand.drag((LEFT, TOP), (LEFT + 40, TOP + 30), (LEFT + 80, TOP + 60))
        return until(lambda: len(hand.stored()) == 1, 3)

    assert until(drawn)  # as soon as the picture is there to be drawn on
    return hand


def test_shapes(hand: Hand) -> None:
    assert hand.last().shape.kind == "box"
    a, b, c, d = (LEFT, TOP), (RIGHT, TOP), (RIGHT, BOTTOM), (LEFT, BOTTOM)
    hand.keys("shift+r")
    box = hand.makes("rotated_box", lambda: hand.click((520, 320), (600, 360), (560, 440)))
    assert abs(box.shape.angle) > 0.1
    hand.keys("o")
    hand.makes("ellipse", lambda: hand.drag(a, (600, 400), c))
    hand.keys("l")
    line = hand.makes("polyline", lambda: (hand.click(a, b, c), hand.keys("Return"))[0])
    assert len(line.shape.points()) == 3
    hand.keys("i")
    hand.makes("points", lambda: hand.click((600, 400)))
    hand.keys("y")

    def skeleton() -> None:
        hand.click((560, 340))
        hand.click((600, 380), button="3")
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
        hand.click((560, 360), (620, 360), (620, 420), (560, 420))
        hand.keys("Return")

    hand.changes(hole, lambda before, after: after < before)
    assert hand.last().shape.holes == (False, True)
    hand.keys("ctrl+alt+k")
    count = len(hand.stored())
    hand.drag((LEFT - 30, 330), (600, 331), (RIGHT + 30, 330))  # above the hole, through the rest
    assert until(lambda: len(hand.stored()) == count + 1, 20)
    hand.keys("ctrl+z")
    assert until(lambda: len(hand.stored()) == count, 20)


def test_masks(hand: Hand) -> None:
    hand.keys("b")
    hand.makes("mask", lambda: hand.drag((520, 330), (560, 330), (600, 340)))
    hand.changes(lambda: hand.drag((600, 340), (640, 400)), lambda b, a: a > b)
    hand.keys("e")
    hand.changes(lambda: hand.drag((560, 330), (580, 332)), lambda b, a: a < b)
    hand.keys("b", "Return")  # the next stroke begins another object

    hand.makes("mask", lambda: hand.click((560, 360)))
    for x, y in ((660, 360), (660, 440), (560, 440), (560, 360)):
        # A straight line from where the last stroke has ended.
        place = ("mousemove", str(x), str(y), "click", "1")
        hand.changes(
            lambda place=place: hand.person.do("keydown", "shift", *place, "keyup", "shift"),
            lambda b, a: a > b,
        )
    hand.keys("shift+b")
    hand.changes(lambda: hand.click((610, 400)), lambda b, a: a > b)
    hand.keys("shift+w")
    before = len(hand.stored())
    narrow = hand.makes("mask", lambda: hand.click((600, 390))).shape.area()
    # Dragging far to the right makes the tolerance wide enough for the grey around.
    hand.makes("mask", lambda: hand.drag((600, 390), (800, 391), (1180, 392)))
    assert hand.last().shape.area() > narrow
    assert len(hand.stored()) == before + 2
    hand.keys("shift+p")

    def wire() -> None:
        hand.click((540, 330), (660, 330), (660, 450), (540, 450))
        hand.keys("Return")

    hand.makes("polygon", wire)


def test_measuring(hand: Hand) -> None:
    tools: tuple[tuple[str, list[tuple[int, int]], bool], ...] = (
        ("m", [(520, 320), (640, 320)], False),
        ("shift+m", [(520, 340), (560, 400), (640, 400)], False),
        ("ctrl+alt+a", [(540, 340), (640, 340), (640, 420)], True),
        ("ctrl+alt+n", [(540, 420), (580, 430)], True),
        ("k", [(520, 440), (680, 440)], False),
    )
    for number, (key, places, ends) in enumerate(tools):
        hand.keys("Escape", key)
        hand.click(*places)
        if ends:
            hand.keys("Return")
        assert until(lambda wanted=number + 1: len(hand.measured()) >= wanted, 20), key
    kinds = {m.kind.value for m in hand.measured()}
    assert kinds >= {"distance", "angle", "area", "count", "profile"}
