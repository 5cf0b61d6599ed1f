"""A person in a hurry: random gestures on a project through a session, told line by line.

``python -m tests.faults.gesturing PROJECT SEED COUNT`` prints a JSON object before
each gesture, ``{"id": n}`` for every id that it takes, and ``{"saved": n}`` once it
is on disk. Whoever started it may kill it at any moment.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.unit.session_tools import Pump
from visionstudio.model.annotations import Annotation
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shape_codec import encode
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)
from visionstudio.session import booleans, editing, pixels, shaping
from visionstudio.session.project import ProjectSession
from visionstudio.session.track_edits import TrackEdits
from visionstudio.storage import ProjectStore


def say(**what: Any) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 (this is how it tells)


def some_shape(chance: random.Random) -> Shape:
    """One of any kind, at any place."""

    def points(count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([[chance.uniform(0, 100), chance.uniform(0, 80)] for _ in range(count)])

    x, y, w, h = (chance.uniform(1, 50) for _ in range(4))
    pixels = np.array([[chance.random() < 0.6 for _ in range(7)] for _ in range(5)])
    makers = (
        lambda: Box(x, y, x + w, y + h),
        lambda: RotatedBox(x, y, w, h, chance.uniform(-3, 3)),
        lambda: Polygon((points(chance.randint(3, 9)),)),
        lambda: Polygon((points(6), points(4), points(3)), (False, True, False)),
        lambda: Polyline(points(chance.randint(2, 6))),
        lambda: Points(points(chance.randint(1, 5))),
        lambda: Skeleton(points(4), tuple(chance.randint(0, 2) for _ in range(4))),
        lambda: Ellipse(x, y, w, h, chance.uniform(-3, 3)),
        lambda: Mask.from_array(pixels, round(x), round(y)),
    )
    shape: Shape = chance.choice(makers)()
    return shape


def some_box(chance: random.Random) -> Box:
    """What is tracked: between two boxes it can be said without the program where a third lies."""
    x, y, w, h = (chance.uniform(1, 50) for _ in range(4))
    return Box(x, y, x + w, y + h)


_ON_TRACKS: dict[str, Callable[[TrackEdits], None]] = {
    "move_key": lambda _: None,  # on the timeline
    "cut_from": TrackEdits.cut_from,
    "cut_to": TrackEdits.cut_to,
    "leave_out": TrackEdits.leave_out,
    "split": TrackEdits.split,
    "delete_track": TrackEdits.delete,
}
_ON_TWO: dict[str, Callable[[TrackEdits], None]] = {
    "merge": TrackEdits.merge,
    "swap": TrackEdits.swap,
}


class Hand:
    """Makes one gesture after another."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.pump = Pump()
        store = ProjectStore.open(folder)
        self.session = ProjectSession(store, self.pump.post)
        self.tracks = TrackEdits(self.session)
        reserve = store.reserve_ids

        def told(table: Any, count: int = 1) -> int:
            first = reserve(table, count)
            say(id=first)
            return first

        store.reserve_ids = told  # type: ignore[method-assign]

    def settle(self) -> None:
        """Until everything is stored and shown; what an edit shows may be read after it."""
        for _ in range(2):
            done: list[None] = []
            self.session.in_store(lambda _: None, done.append)
            self.pump.until(lambda done=done: done and self.session.saved)

    def check(self) -> None:
        """What is shown is what is stored."""
        session = self.session
        if session.current is not None:
            stored = session.store.annotations_at(session.current.id, session.frame)
            assert list(session.annotations) == stored

    def gesture(self) -> None:
        session, chance = self.session, self.chance
        if not session.classes:  # undone back to before the first one: nothing can be drawn
            self.classless()
            return
        item = chance.choice([*session.media, session.media[-1]])  # the video twice as often
        if item.kind is MediaKind.VIDEO:
            self.on_video(item)
            return
        session.open_media(item.id)
        self.settle()
        shown = [a for a in session.annotations if not isinstance(a.shape, Tag)]
        chosen = chance.sample(shown, min(len(shown), chance.randint(1, 4)))
        ids = [a.id for a in chosen]
        classes = [c.id for c in session.classes]
        acts = ["add"] * 6 + ["tag", "verify", "undo", "undo", "redo", "redo", "class"]
        if chosen:
            acts += ["reshape", "move", "turn", "relabel", "group", "delete", "answer"]
            acts += ["pixels"] * 2
        if len(classes) > 2:
            acts += ["drop"]
        act = chance.choice(acts)
        match act:
            case "add":
                shape, label = some_shape(chance), chance.choice(classes)
                self.tell(act, media=item.id, frame=0, label=label, shape=_text(shape))
                session.new_annotation(shape, class_id=label)
            case "reshape" | "move" | "turn":
                self.reshape(act, chosen)
            case "relabel":
                label = chance.choice(classes)
                self.tell(act, ids=ids, label=label)
                session.relabel(ids, label)
            case "group":
                group = chance.choice([None, 1, 2])
                self.tell(act, ids=ids, group=group)
                session.apply(editing.set_group(chosen, group))
            case "answer":
                values = {chance.choice(("side", "age")): chance.choice((None, "left", 7, True))}
                self.tell(act, ids=ids, values=values)
                session.set_attributes(ids, values)
            case "pixels":
                self.pixels(chosen)
            case "delete":
                self.delete(ids)
            case "tag":
                label = chance.choice(classes)
                self.tell(act, media=item.id, label=label)
                session.toggle_tag(label)
            case "verify":
                self.tell(act, media=item.id, on=not item.verified)
                session.set_verified([item.id], not item.verified)
            case "class":
                name = f"class {chance.random()}"
                self.tell(act, name=name)
                session.add_class(name)
            case "drop":
                label = chance.choice(classes[2:])
                self.tell(act, label=label)
                session.delete_class(label)
            case "undo":
                self.tell(act)
                session.undo()
            case _:
                self.tell(act)
                session.redo()
        self.settle()
        self.check()

    def classless(self) -> None:
        if self.chance.random() < 0.5:
            self.tell("redo")
            self.session.redo()
        else:
            name = f"class {self.chance.random()}"
            self.tell("class", name=name)
            self.session.add_class(name)
        self.settle()
        self.check()

    def on_video(self, item: MediaItem) -> None:
        """Draw in a frame, make tracks of it, and edit them."""
        session, chance = self.session, self.chance
        session.open_media(item.id, chance.randrange(item.frames))
        self.settle()
        one = chance.choice(session.annotations) if session.annotations else None
        acts = ["add"]
        if one is not None:
            session.select([one.id])
            acts += ["key"] * 6 + (["reshape"] if one.id > 0 else ["drag"] * 4)
            acts += ["delete"] if one.track_id is None else list(_ON_TRACKS)
            others = [a for a in session.annotations if a.track_id not in (None, one.track_id)]
            if others and one.track_id is not None:
                acts += list(_ON_TWO) * 5
        act, frame = chance.choice(acts), session.frame
        if act == "key" and chance.random() < 0.7:  # go on, and mark it there
            session.go_to_frame(chance.randrange(item.frames))
            self.settle()
            frame = session.frame
        facts: dict[str, Any] = {"frame": frame, "track": one.track_id if one else None}
        match act:
            case "add":
                box, label = some_box(chance), chance.choice(session.classes[:2]).id
                self.tell(act, media=item.id, frame=frame, label=label, shape=_text(box))
                session.new_annotation(box, class_id=label)
            case "reshape" | "delete":
                assert one is not None
                if act == "delete":
                    self.delete([one.id])
                else:
                    self.reshape(act, [one], some_box)
            case "drag":
                box = some_box(chance)
                self.tell(act, shape=_text(box), **facts)
                session.reshape_many({one.id: box} if one else {})
            case "move_key":
                assert one is not None
                rows = session.store.annotations_of_track(item.id, one.track_id or 0)
                key, to = chance.choice(rows).frame, chance.randrange(item.frames)
                self.tell(act, to=to, **{**facts, "frame": key})
                self.tracks.move_key(one.track_id or 0, key, to)
            case "merge" | "swap":
                assert one is not None
                session.select([one.id, chance.choice(others).id])
                first, second = (a.track_id for a in session.selected_in_order())
                self.tell(act, **{**facts, "track": first}, other=second)
                _ON_TWO[act](self.tracks)
            case "key":
                self.tell(act, id=one.id if one else 0, **facts)
                self.tracks.key_here()
            case _:
                self.tell(act, **facts)
                _ON_TRACKS[act](self.tracks)
        self.settle()
        self.check()

    def delete(self, ids: list[int]) -> None:
        self.tell("delete", ids=ids)
        self.session.delete(ids)

    def reshape(
        self,
        act: str,
        chosen: list[Annotation],
        make: Callable[[random.Random], Shape] = some_shape,
    ) -> None:
        dx, dy = self.chance.randint(-9, 9), self.chance.randint(-9, 9)
        turn = shaping.turn_by(dx * 7 + 1)
        shapes: dict[int, Shape] = {}
        for a in chosen:
            if act == "reshape":
                shapes[a.id] = make(self.chance)
            elif act == "move":
                shapes[a.id] = a.shape.translated(dx, dy)
            else:
                shapes[a.id] = turn(a.shape) or a.shape
        self.tell(act, shapes={i: _text(s) for i, s in shapes.items()})
        self.session.reshape_many(shapes)

    def pixels(self, chosen: list[Annotation]) -> None:
        """Masks of what has an inside; masks grow, lose their holes or become polygons."""
        changes: tuple[Callable[[Shape], Shape | None], ...] = (
            lambda s: pixels.as_mask(s, 200, 160),
            lambda s: booleans.grown(s, self.chance.choice((-1, 1, 2)), (200, 160)),
            shaping.without_holes,
            shaping.as_polygon,
        )
        change = self.chance.choice(changes)
        areas = [a for a in chosen if pixels.covers(a.shape)]
        edit, _ = shaping.changed("Pixels", areas, lambda a: change(a.shape))
        shapes = {c.row.id: c.after.shape for c in edit.changes} if edit is not None else {}
        self.tell("reshape", shapes={i: _text(s) for i, s in shapes.items()})
        self.session.apply(edit)

    def tell(self, act: str, **facts: Any) -> None:
        say(act=act, **facts)


def _text(shape: Shape) -> list[str]:
    kind, data = encode(shape)
    return [kind, data.hex()]


def main(folder: str, seed: str, count: str) -> None:
    hand = Hand(Path(folder), int(seed))
    for number in range(int(count)):
        hand.gesture()
        say(saved=number)
    hand.session.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
