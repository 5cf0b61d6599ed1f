"""A model on a live source: the newest frame when it is done with the last one.

A tracker keeps its objects between two frames. From the moment in which a box is begun the frames
that come are kept, a few of them spread over the time, and then shown to the tracker one after
the other: so it gets from the picture in which the box was drawn to the one that is there now.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2

from visionstudio.api import TrackState
from visionstudio.engine.events import FINAL, Event, Failed, FrameFailed, FrameResult
from visionstudio.engine.requests import FrameRef, LiveTrack, Predict
from visionstudio.media.live import LiveFrame
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.errors import MediaError
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.shapes import Box
from visionstudio.session.live_findings import Answer, States
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.proposals import Guess, guesses
from visionstudio.session.signal import Signal

MOST_KEPT = 16  # frames from the drawing of a box to now; more are thinned out
_RATE_ANSWERS = 30
_UNNAMED = "object"
_STREAMS = itertools.count(1)

BoxTuple = tuple[float, float, float, float]


@dataclass(slots=True)
class _Object:
    """What was drawn: its class name, where, and whether the tracker sees it."""

    label: str
    box: BoxTuple
    begun: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class _Ask:
    """What is asked of which model, and what to ask next when it has answered."""

    choice: ModelChoice
    detector: ModelChoice | None
    stream: str


class Backlog:
    """Frames that a tracker has yet to see: the more come meanwhile the farther apart they are."""

    def __init__(self, first: LiveFrame) -> None:
        self._frames = [first]
        self._stride, self._since = 1, 0

    def add(self, frame: LiveFrame) -> int:
        """One more, the newest; every second one is left out when they become too many.

        Returns how many frames were left out.
        """
        before = len(self._frames) + 1
        self._since += 1
        if self._since >= self._stride:
            self._frames.append(frame)
            self._since = 0
        if len(self._frames) > MOST_KEPT:
            del self._frames[1::2]
            self._stride *= 2
        return before - len(self._frames)

    def take(self) -> LiveFrame | None:
        """The oldest; None when there is none left."""
        return self._frames.pop(0) if self._frames else None


class LiveModel:
    """One model at a time. All calls and signals in the GUI thread; `found` may be read in any.

    `answered(Answer)` has each answer as it comes, `failed(VisionStudioError)` says why there is
    none.
    """

    def __init__(self, models: Models, classes: tuple[LabelClass, ...], threshold: float) -> None:
        self._models = models
        self.classes = {c.name: c for c in classes}
        self._threshold = threshold
        self.failed = Signal()
        self.answered = Signal()
        self.found: tuple[Annotation, ...] = ()
        self.latency: float | None = None
        self.skipped = 0
        self.answers: deque[float] = deque(maxlen=_RATE_ANSWERS)
        self._work: _Ask | None = None
        self._asking = False
        self._cancel: Callable[[], None] = lambda: None
        self._objects: dict[int, _Object] = {}
        self._forgotten: list[int] = []
        self._numbers = itertools.count(1)
        self._backlog: Backlog | None = None
        self._drawing = False
        self._asked = False  # anything since the model was chosen
        self._told: set[int] = set()  # the objects of the answer to what is asked now
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="live model")
        self._folder = tempfile.TemporaryDirectory(prefix="visionstudio-live-")

    def choose(self, choice: ModelChoice | None, detector: ModelChoice | None = None) -> None:
        """Run this model, or none; a tracker of many objects needs a detector."""
        self._cancel()
        self._end_stream()
        name = f"live-{next(_STREAMS)}"
        self._work = _Ask(choice, detector, name) if choice is not None else None
        self._asking = False
        self.latency, self.skipped, self._asked = None, 0, False
        self.answers.clear()
        self._start_over()

    def _start_over(self) -> None:
        self.found = ()
        self._objects.clear()
        self._forgotten.clear()
        self._backlog, self._drawing = None, False

    @property
    def tracks(self) -> bool:
        """Whether the model is a tracker, of one kind or the other."""
        return self._work is not None and _tracks(self._work.choice)

    @property
    def draws(self) -> bool:
        """Whether the model follows objects that are drawn."""
        choice = self._work.choice if self._work is not None else None
        return choice is not None and _tracks(choice) and choice.model.output != "tracks"

    @property
    def objects(self) -> tuple[int, int]:
        """How many objects are followed, and how many of them are lost now."""
        if not self.draws:
            return len(self.found), 0
        seen = list(self._objects.values())
        return len(seen), sum(o.lost for o in seen)

    # Objects that are drawn

    def hold(self, frame: LiveFrame) -> None:
        """A box is being drawn in this frame: nothing is asked until `follow` or `let_go`."""
        self._backlog, self._drawing = Backlog(frame), True

    def let_go(self) -> None:
        """No box was drawn after all."""
        self._backlog, self._drawing = None, False

    def follow(self, box: BoxTuple, label: str) -> None:
        """Follow the object in `box` x1, y1, x2, y2 of the frame that `hold` was given."""
        if self._backlog is not None and self.draws:
            self._objects[next(self._numbers)] = _Object(label or _UNNAMED, box)
            self._drawing = False
            self._catch_up()

    def forget_objects(self) -> None:
        """Follow none of them any longer."""
        self._forgotten += [n for n, o in self._objects.items() if o.begun]
        self._objects.clear()
        self.found = ()
        self.let_go()

    # Asking

    def ask(self, frame: LiveFrame) -> None:
        """The newest frame; it is skipped while the model is busy."""
        if self._work is None:
            return
        if self._backlog is not None:
            self.skipped += self._backlog.add(frame)
            self._catch_up()
        elif not self._wants_frames():
            pass
        elif self._asking:
            self.skipped += 1
        else:
            self._submit_frame(self._work, frame)

    def _wants_frames(self) -> bool:
        """Whether there is something to see; the first frame only has the model loaded."""
        return not self.draws or bool(self._objects or self._forgotten) or not self._asked

    def _catch_up(self) -> None:
        """The next frame of those that came since a box was begun, up to the newest."""
        if self._work is None or self._backlog is None or self._drawing or self._asking:
            return
        frame = self._backlog.take()
        if frame is None:
            self._backlog = None
        else:
            self._submit_frame(self._work, frame)

    def _submit_frame(self, work: _Ask, frame: LiveFrame) -> None:
        self._asking, self._told = True, set()
        self._asked = True
        path = Path(self._folder.name) / "frame.bmp"

        def write() -> None:
            ok = cv2.imwrite(str(path), cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR))
            self._models.post(lambda: self._submit(work, frame, path if ok else None))

        self._writer.submit(write)

    def _submit(self, work: _Ask, frame: LiveFrame, path: Path | None) -> None:
        if work is not self._work:
            return
        if path is None:
            self._asking = False
            return
        ref = FrameRef(key="live", path=str(path))
        request = self._tracking(work, ref) if _tracks(work.choice) else None
        self._cancel = self._models.submit(
            request if request is not None else self._predicting(work, ref),
            lambda event: self._answered(work, frame, event),
            _prepared,
        )

    def _predicting(self, work: _Ask, ref: FrameRef) -> Predict:
        return Predict(
            model=work.choice.model.id,
            weights=_text(work.choice.weights),
            params=dict(work.choice.params),
            device=self._models.device,
            interactive=True,
            frames=(ref,),
        )

    def _tracking(self, work: _Ask, ref: FrameRef | None) -> LiveTrack:
        detector = work.detector
        begin = [(n, *o.box) for n, o in self._objects.items() if not o.begun]
        for number, *_ in begin:
            self._objects[number].begun = True
        forget, self._forgotten = tuple(self._forgotten), []
        return LiveTrack(
            model=work.choice.model.id,
            weights=_text(work.choice.weights),
            params=dict(work.choice.params),
            device=self._models.device,
            interactive=True,
            stream=work.stream,
            frame=ref,
            boxes=tuple(begin),
            forget=forget,
            detector=detector.model.id if detector is not None else "",
            detector_weights=_text(detector.weights) if detector is not None else None,
            detector_params=dict(detector.params) if detector is not None else {},
        )

    def _end_stream(self) -> None:
        """Its trackers need not be kept any longer."""
        work = self._work
        if work is not None and self._asked and _tracks(work.choice):
            self._models.submit(self._tracking(work, None), lambda _event: None)

    # Answers

    def _answered(self, work: _Ask, frame: LiveFrame, event: Any) -> None:
        if work is not self._work:
            return
        match event:
            case _Tracked(states):
                self._note_time(frame)
                self._tell(work, frame, self._take_states(states))
            case tuple():
                self._note_time(frame)
                self.found = self._annotations(event)
                self._tell(work, frame, event)
            case FrameFailed(_, reason):
                self.failed.emit(MediaError(reason, where=work.choice.model.title))
            case Failed():
                self._failed(work, event)
        if isinstance(event, FINAL):
            self._asking = False
            self._catch_up()

    def _note_time(self, frame: LiveFrame) -> None:
        now = time.monotonic()
        self.latency = now - frame.arrived
        self.answers.append(now)

    def _failed(self, work: _Ask, event: Failed) -> None:
        """A tracker may be drawn for again; another model would fail again with every frame."""
        if self.draws:
            for number in [n for n, o in self._objects.items() if o.begun and n not in self._told]:
                del self._objects[number]
        else:
            self._work = None
        self.failed.emit(event.error())

    def _tell(self, work: _Ask, frame: LiveFrame, found: States | tuple[Guess, ...]) -> None:
        answer = Answer(work.stream, work.choice, work.detector, frame.number, found)
        self.answered.emit(answer)

    def _take_states(self, states: States) -> States:
        """Show them. Returns those of objects that are followed, with the names of these."""
        drawn = self.draws
        self._told = {number for number, _ in states}
        made = []
        kept: list[tuple[int, TrackState]] = []
        for number, state in states:
            known = self._objects.get(number)
            if known is not None:
                known.lost = state.lost
            if drawn and known is None:
                continue
            label = known.label if known is not None else state.label or _UNNAMED
            kept.append((number, replace(state, label=label)))
            if state.lost or state.box is None:
                continue
            # The drawn box was a person's and has no score.
            score = None if drawn and state.score >= 1 else state.score
            made.append(self._annotation(number, label, Box(*state.box), score, track=number))
        self.found = tuple(made)
        return tuple(kept)

    def _annotations(self, found: tuple[Guess, ...]) -> tuple[Annotation, ...]:
        return tuple(
            self._annotation(n + 1, guess.label, guess.shape, guess.score)
            for n, guess in enumerate(found)
            if guess.score is None or guess.score >= self._threshold
        )

    def _annotation(
        self, number: int, name: str, shape: Any, score: float | None, track: int | None = None
    ) -> Annotation:
        label = self.classes.get(name)
        if label is None:
            new = max((c.id for c in self.classes.values()), default=0) + 1
            label = LabelClass(id=new, name=name, colour=colour_for(new))
            self.classes = {**self.classes, name: label}  # the source's thread may be reading it
        return Annotation(
            id=number,
            media_id=0,
            class_id=label.id,
            shape=shape,
            state=State.EDITED,
            score=score,
            track_id=track,
        )

    def close(self) -> None:
        """Before the source goes."""
        self.choose(None)
        self._writer.shutdown(wait=True)
        self._folder.cleanup()


@dataclass(frozen=True, slots=True)
class _Tracked:
    states: States


def _prepared(event: Event) -> object:
    """In the host's thread: a result as what was found."""
    if isinstance(event, FrameResult):
        if isinstance(event.result, tuple):
            return _Tracked(event.result)
        return tuple(guesses(event.result))
    return event


def _tracks(choice: ModelChoice) -> bool:
    return choice.model.task == "tracker"


def _text(path: Path | None) -> str | None:
    return str(path) if path is not None else None
