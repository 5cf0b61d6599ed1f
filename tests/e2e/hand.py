"""A hand at the program on a real X display: what a person does, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageGrab

from tests.e2e.person import Person, until
from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import AttributeSpec, LabelClass, SkeletonSpec
from visionstudio.model.measurements import Measurement
from visionstudio.model.shapes import Box
from visionstudio.storage import ProjectStore, project_folder

Place = tuple[float, float]
SOON = 40.0  # seconds; a busy machine is no fault
FIRST, LAST = (440, 230), (640, 380)  # places on screen that lie in the picture


PICTURES = 40
WIDE, TALL = 640, 480
BELOW = 80  # pixels of the screen below the picture, in which the scale bar lies
DEEP, CLIP, STACK = "95-deep.png", "96-clip.avi", "97-stack.tif"


def begin(folder: Path) -> Path:
    """Pictures with a bright square on grey, and a mark that is elsewhere in each; a picture of
    16 bits, a clip in which the square moves, and a stack. Returns the project's folder."""
    folder.mkdir()
    values = np.full((TALL, WIDE, 3), 90, np.uint8)
    values[180:300, 240:400] = 220
    for number in range(PICTURES):
        marked = values.copy()
        marked[440:470, 15 * number + 10 : 15 * number + 25] = 250
        Image.fromarray(marked).save(folder / f"{number:02d}.png")
    ramp = np.tile(np.linspace(1000, 9000, WIDE).astype(np.uint16), (TALL, 1))
    cv2.imwrite(str(folder / DEEP), ramp)
    pages = [Image.new("L", (WIDE, TALL), grey) for grey in (60, 120, 180)]
    pages[0].save(folder / STACK, save_all=True, append_images=pages[1:])
    clip = cv2.VideoWriter(
        str(folder / CLIP), cv2.VideoWriter.fourcc(*"MJPG"), 10, (WIDE, TALL), isColor=True
    )
    noise = np.random.default_rng(0).integers(100, 255, (8, 10, 3), np.uint8)
    noise = noise.repeat(10, axis=0).repeat(10, axis=1)
    for number in range(16):
        frame = np.full((TALL, WIDE, 3), 60, np.uint8)
        frame[180:260, 200 + 4 * number : 300 + 4 * number] = noise
        clip.write(frame)
    clip.release()
    project = project_folder(folder)
    three = SkeletonSpec(("head", "hand", "foot"), ((0, 1), (1, 2)))
    asked = (
        AttributeSpec("name", "text"),
        AttributeSpec("age", "number", low=0, high=120),
        AttributeSpec("side", "choice", choices=("left", "right")),
        AttributeSpec("lost", "flag", default=False),
    )
    with ProjectStore.create(project, media_root=folder) as store:
        one, two, third = (store.reserve_ids("class") for _ in range(3))
        cell = LabelClass(
            id=one, name="cell", colour="#e69f00", skeleton=three, attributes=asked[1:2]
        )
        other = LabelClass(id=two, name="nucleus", colour="#56b4e9", order=1)
        person = LabelClass(id=third, name="person", colour="#009e73", order=2, attributes=asked)
        changes = tuple(Change(None, made) for made in (cell, other, person))
        store.apply(Edit("Add classes", changes))
    return project


class Hand:
    """A person at pictures with a bright square on grey; what is stored can be looked at.

    Places are those of the picture: each has a box drawn on it first, by which
    they are known on the screen.
    """

    def __init__(self, person: Person, project: Path) -> None:
        self.person = person
        self.project = project
        self.media = 0
        self.number = -1
        self._zoom, self._left, self._top = 1.0, 0.0, 0.0

    # what a hand does

    def keys(self, *names: str) -> None:
        self.person.do("key", *names)

    def type(self, text: str) -> None:
        self.person.do("type", "--delay", "20", text)

    def act(self, title: str) -> None:
        """Choose an action in the palette."""
        self.keys("ctrl+k")
        self.type(title)
        self.keys("Return")

    def titled(self, words: str) -> None:
        """Wait for a window with these words in its title."""
        active = ("getactivewindow", "getwindowname")
        assert until(lambda: words in self.person.do(*active), SOON), self.person.do(*active)

    def write(self, file: Path, action: str, dialog: str) -> Path:
        """Have a file written by an action that asks for its name."""
        self.act(action)
        self.titled(dialog)
        self.keys("ctrl+a")
        self.type(str(file))
        self.keys("Return")
        assert until(file.exists, SOON), file
        self.titled("pictures")
        return file

    def view(self) -> NDArray[np.uint8]:
        """The part of the screen where the picture has been found, and what is below it, with
        the scale bar: (height, width, 3)."""
        display = self.person.environment["DISPLAY"]
        left, top = round(self._left), round(self._top)
        room = (left, top, left + round(WIDE * self._zoom), top + round(TALL * self._zoom) + BELOW)
        return np.asarray(ImageGrab.grab(room, xdisplay=display).convert("RGB"))

    def shows(
        self, what: Callable[[NDArray[np.uint8]], bool], seconds: float = SOON
    ) -> NDArray[np.uint8]:
        """Look until the view is so; the last one."""
        seen = self.view()

        def looked() -> bool:
            nonlocal seen
            seen = self.view()
            return what(seen)

        assert until(looked, seconds)
        return seen

    def rests(self) -> NDArray[np.uint8]:
        """Look until nothing changes any more; the view then."""
        before = self.view()

        def same() -> bool:
            nonlocal before
            after, before = before, self.view()
            return bool(np.array_equal(after, before))

        assert until(lambda: same() and same() and same(), SOON)
        return before

    def _to(self, place: Place) -> tuple[str, str, str]:
        x, y = (round(v * self._zoom) for v in place)
        return "mousemove", str(x + round(self._left)), str(y + round(self._top))

    def length(self, pixels: float) -> float:
        """So many pixels of the screen, in those of the picture."""
        return pixels / self._zoom

    def aside(self, step: int = 0) -> None:
        """Put the mouse where it changes nothing."""
        self.person.do("mousemove", str(640 + step), "790")

    def point(self, place: Place) -> None:
        self.person.do(*self._to(place))

    def click(self, *places: Place, button: str = "1", held: str = "") -> None:
        for place in places:
            down, up = (("keydown", held), ("keyup", held)) if held else ((), ())
            self.person.do(*down, *self._to(place), "click", button, *up)

    def drag(self, *places: Place) -> None:
        first, *rest = places
        self.person.do(*self._to(first), "mousedown", "1")
        for place in rest:
            self.person.do(*self._to(place))
        self.person.do("mouseup", "1")

    def next_picture(self, *keys: str) -> None:
        """Go on by these keys, and see where the picture lies on the screen."""
        self.keys("Escape", "Escape", "v", *keys)
        assert until(self.finds_its_place)  # as soon as the picture is there to be drawn on

    def finds_its_place(self, seconds: float = 3) -> bool:
        """Draw a box and see where it came to lie, and delete it; False when none came."""
        seen = {a.id for a in self._all()}
        (x1, y1), (x2, y2) = FIRST, LAST

        def fresh() -> list[Annotation]:
            return [a for a in self._all() if a.id not in seen]

        self.keys("Escape", "w")
        self.person.draw(x1, y1, x2, y2)
        if not until(lambda: bool(fresh()), seconds):
            return False
        box = fresh()[0].shape
        assert isinstance(box, Box)
        self.media = fresh()[0].media_id
        self._zoom = (x2 - x1) / box.width
        self._left, self._top = x1 - box.x1 * self._zoom, y1 - box.y1 * self._zoom
        self.keys("Escape", "v")

        def emptied() -> bool:
            self.keys("ctrl+a", "Delete")  # all: a slow machine may have drawn it twice
            return until(lambda: not self.stored(), seconds)

        return until(emptied)

    def go_to(self, name: str) -> None:
        """Find a picture by its name in the list, and open it."""

        def there() -> bool:
            self.keys("Escape", "Escape", "v", "ctrl+l", "ctrl+a")
            self.type(name)
            self.keys("Return", "v")
            return self.finds_its_place() and self.name == name

        assert until(there)
        self.keys("ctrl+l", "ctrl+a", "Delete", "Return", "v")

    @property
    def name(self) -> str:
        """The name of the file of the picture."""
        with ProjectStore.open(self.project, read_only=True) as store:
            return next((m.path for m in store.media() if m.id == self.media), "")

    def is_verified(self) -> bool:
        with ProjectStore.open(self.project, read_only=True) as store:
            return any(m.verified for m in store.media() if m.id == self.media)

    # what comes of it

    def _all(self) -> list[Annotation]:
        with ProjectStore.open(self.project, read_only=True) as store:
            return list(store.iter_annotations())

    def stored(self) -> list[Annotation]:
        """What the picture has, from the lowest."""
        with ProjectStore.open(self.project, read_only=True) as store:
            return store.annotations(self.media) if self.media else []

    def measured(self) -> list[Measurement]:
        with ProjectStore.open(self.project, read_only=True) as store:
            return list(store.measurements())

    def last(self) -> Annotation:
        return max(self.stored(), key=lambda a: a.id)

    def makes(self, kind: str, draw: Callable[[], object], seconds: float = SOON) -> Annotation:
        """Draw, and wait until one object more of this kind is stored."""
        before = len(self.stored())
        draw()
        assert until(lambda: len(self.stored()) == before + 1, seconds), kind
        assert self.last().shape.kind == kind
        return self.last()

    def changes(
        self, draw: Callable[[], object], until_area: Callable[[float, float], bool]
    ) -> None:
        """Draw, and wait until the area of the last object has changed so."""
        before = self.last().shape.area()
        draw()
        assert until(lambda: until_area(before, self.last().shape.area()), SOON), before

    def sees(self, what: Callable[[list[Annotation]], bool]) -> None:
        """Wait until what is stored is so."""
        assert until(lambda: bool(self.stored()) and what(self.stored()), SOON), [
            (a.shape.kind, a.shape.bounds(), len(a.shape.points())) for a in self.stored()
        ]

    def box(self, x1: float, y1: float, x2: float, y2: float) -> Annotation:
        self.keys("w")
        middle = ((x1 + x2) / 2, (y1 + y2) / 2)
        return self.makes("box", lambda: self.drag((x1, y1), middle, (x2, y2)))

    def polygon(self, *places: Place) -> Annotation:
        self.keys("p")
        return self.makes("polygon", lambda: (self.click(*places), self.keys("Return")))


def near(found: float, wanted: float) -> bool:
    return abs(found - wanted) < 2.5
