"""What gestures on the tracks of a video leave, in plain rows: for the replay of random gestures.

A row has its frame, its track, and whether it is a key frame or says that the object is
outside. Between two rows that follow each other the object is interpolated, and stored
nowhere; where a gesture ends or begins a track there, it gets a key frame.
"""

from __future__ import annotations

import struct
from typing import Any

Row = dict[str, Any]
Rows = dict[int, Row]
_BOX = struct.Struct("<4d")


class OutOfIds(Exception):
    """The gesture has not got all the ids yet that it needs."""


class Track:
    """The rows of one track while a gesture changes them; `ids` are those that it has got."""

    def __init__(self, rows: Rows, track: int | None, ids: list[int]) -> None:
        self.rows = dict(rows)
        self._track = track
        self._ids = iter(ids)

    def new_id(self) -> int:
        try:
            return next(self._ids)
        except StopIteration:
            raise OutOfIds from None

    def mine(self) -> list[tuple[int, Row]]:
        """Ids and rows of the track, by frame."""
        found = [(i, r) for i, r in self.rows.items() if r["track"] == self._track]
        return sorted(found, key=lambda pair: pair[1]["frame"])

    def at(self, frame: int) -> tuple[int | None, Row] | None:
        """The object in a frame, with the id None where it is interpolated; None outside."""
        mine = self.mine()
        for i, row in mine:
            if row["frame"] == frame:
                return None if row["outside"] else (i, row)
        before = [row for _, row in mine if row["frame"] < frame]
        after = [row for _, row in mine if row["frame"] > frame]
        if not before or not after or before[-1]["outside"]:
            return None
        first, second = before[-1], after[0]
        share = (frame - first["frame"]) / (second["frame"] - first["frame"])
        goal = first if second["outside"] else second
        shape = _between(first["shape"], goal["shape"], share)
        return None, {**first, "frame": frame, "shape": shape}

    def put_key(self, row: Row, **values: Any) -> None:
        """Store a row that was nowhere before."""
        self.rows[self.new_id()] = {**row, "key": True, **values}

    def key(self, frame: int) -> None:
        mine = self.mine()
        here = next((i for i, r in mine if r["frame"] == frame), None)
        if here is not None and not self.rows[here]["outside"]:
            self.rows[here] = {**self.rows[here], "key": True}
            return
        now = self.at(frame)
        if here is not None:
            del self.rows[here]
        seen = [(i, r) for i, r in mine if not r["outside"]]
        if now is None and not seen:
            return
        if now is None:  # beyond its ends the object goes on as it was last
            nearest, row = min(seen, key=lambda pair: abs(pair[1]["frame"] - frame))
            self.rows[nearest] = {**row, "key": True}
            now = None, {**row, "frame": frame}
        self.put_key(now[1])

    def move_key(self, frame: int, to: int) -> None:
        keys = [(row["frame"], i) for i, row in self.mine()]
        while any(to <= k < frame for k, _ in keys):  # no further than next to another one
            to += 1
        while any(frame < k <= to for k, _ in keys):
            to -= 1
        moved = dict(keys)[frame]
        if to != frame:
            self.rows[moved] = {**self.rows[moved], "frame": to, "key": True}

    def leave_out(self, frame: int) -> None:
        here = self.at(frame)
        if here is None:
            return
        beside = [self.at(frame - 1), self.at(frame + 1)]
        if here[0] is not None:
            del self.rows[here[0]]
        for found in beside:
            if found is not None and found[0] is None:
                self.put_key(found[1])
        if self.at(frame) is not None:  # what is on both sides would bring it back
            self.put_key(here[1], outside=True)

    def cut_from(self, frame: int) -> None:
        last = self.at(frame - 1)
        for i, row in self.mine():
            if row["frame"] >= frame:
                del self.rows[i]
        if last is not None and last[0] is None:
            self.put_key(last[1])

    def cut_to(self, frame: int) -> None:
        first = self.at(frame)
        for i, row in self.mine():
            if row["frame"] < frame:
                del self.rows[i]
        if first is not None and first[0] is None:
            self.put_key(first[1])

    def split(self, frame: int) -> None:
        track = self.new_id()
        later = [(i, r) for i, r in self.mine() if r["frame"] >= frame]
        if not later or len(later) == len(self.mine()):
            return
        first, last = self.at(frame), self.at(frame - 1)
        if first is not None and first[0] is None:
            self.put_key(first[1], track=track)
        if last is not None and last[0] is None:
            self.put_key(last[1])
        for i, row in later:
            self.rows[i] = {**row, "track": track}

    def merge(self, other: int) -> None:
        """The other track's rows join this one, where it has none in their frames."""
        first = self.mine()[0][1]
        taken = {row["frame"] for _, row in self.mine()}
        for i, row in Track(self.rows, other, []).mine():
            if row["frame"] in taken:
                del self.rows[i]
            else:
                self.rows[i] = {**row, "track": first["track"], "label": first["label"]}

    def swap(self, other: int, frame: int) -> None:
        """From a frame on each goes on as the other one, with its number and class."""
        mine, theirs = (Track(self.rows, track, []) for track in (self._track, other))
        for old, new in ((mine, theirs), (theirs, mine)):
            begun = new.mine()[0][1]
            goes_on = {"track": begun["track"], "label": begun["label"]}
            last, first = old.at(frame - 1), old.at(frame)
            if last is not None and last[0] is None:
                self.put_key(last[1])
            if first is not None and first[0] is None:
                self.put_key(first[1], **goes_on)
            for i, row in old.mine():
                if row["frame"] >= frame:
                    self.rows[i] = {**row, **goes_on}

    def delete(self) -> None:
        for i, _ in self.mine():
            del self.rows[i]


def after(rows: Rows, said: Row, ids: list[int]) -> Rows | None:
    """The rows after a gesture on a track; None while it has not got the ids that it needs."""
    change = Track(rows, said["track"], ids)
    frame = said["frame"]
    try:
        match said["act"]:
            case "key":
                if said["track"] is None:  # an object of one frame begins a track
                    begun = {**rows[said["id"]], "track": change.new_id(), "key": True}
                    rest = Track({**rows, said["id"]: begun}, begun["track"], ids[1:])
                    rest.key(frame)
                    return rest.rows
                change.key(frame)
            case "drag":
                here = change.at(frame)
                assert here is not None
                change.put_key(here[1], shape=said["shape"])
            case "move_key":
                change.move_key(frame, said["to"])
            case "split" | "cut_from" | "cut_to" | "leave_out" as act:
                getattr(change, act)(frame)
            case "merge":
                change.merge(said["other"])
            case "swap":
                change.swap(said["other"], frame)
            case "delete_track":
                change.delete()
    except OutOfIds:
        return None
    return change.rows


def _between(first: list[str], second: list[str], share: float) -> list[str]:
    """The box at a share of the way."""
    values = zip(_numbers(first), _numbers(second), strict=True)
    return ["box", _BOX.pack(*((1 - share) * a + share * b for a, b in values)).hex()]


def _numbers(shape: list[str]) -> tuple[float, ...]:
    return _BOX.unpack(bytes.fromhex(shape[1]))
