"""Objects from points and boxes in the current picture, by the model `segmenter/prompt`.

Questions go to the vision host before batches; while one is answered only the newest other
waits. The pictures that may come next are prepared behind them, so that a network has looked
at them before anybody clicks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from visionstudio.api import Masks
from visionstudio.api.params import Value
from visionstudio.engine.events import Event, Failed, Finished, FrameResult, Stopped
from visionstudio.engine.requests import FrameRef, Prompted
from visionstudio.model import reshaping
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Bounds, Polygon
from visionstudio.model.spans import Spans
from visionstudio.model.tracing import polygon_of
from visionstudio.session.models import Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.signal import Signal

MODEL = "segmenter/prompt"
_SMOOTH = 0.75  # pixels that the outline may be from the border of the mask's pixels


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found: pixels and their outline; nothing when there are none, or a `problem`."""

    area: Spans
    outline: Polygon | None = None
    score: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Question:
    request: Prompted
    done: Callable[[Answer], None]


class Prompts:
    """Asks the prompt model about the session's current picture. All calls from the GUI thread.

    `network()` gives the paths of an encoder and a decoder, empty for none.
    """

    def __init__(self, session: ProjectSession, models: Models) -> None:
        self._session = session
        self._models = models
        self._running: _Question | None = None
        self._waiting: _Question | None = None
        self._wanted: _Question | None = None  # whose answer is still of interest
        self._ahead: list[Callable[[], None]] = []  # what cancels the preparations
        self.network: Callable[[], tuple[str, str]] = lambda: ("", "")
        self.failed = Signal()  # (VisionStudioError)

    def ask(
        self,
        points: Sequence[tuple[float, float, bool]],
        box: Bounds | None,
        method: str,
        done: Callable[[Answer], None],
    ) -> None:
        """Find the object that points (x, y, whether it is there) and a box mean.

        `done` gets the answer, unless something newer is asked or `drop` is called.
        """
        item = self._session.current
        if item is None:
            return
        request = Prompted(
            model=MODEL,
            frame=self._ref(item, self._session.frame),
            points=tuple((float(x), float(y)) for x, y, _ in points),
            labels=tuple(int(there) for *_, there in points),
            box=box,
            params=self._params(method),
            device=self._models.device,
            interactive=True,
        )
        self._wanted = self._waiting = _Question(request, done)
        self._go_on()

    def drop(self) -> None:
        """Want no answer any more."""
        self._wanted = self._waiting = None

    def prepare(self, method: str, near: Iterable[MediaItem]) -> None:
        """Let the model look at the current picture, then at those that may come next.

        What was prepared for another picture and has not begun is given up.
        """
        for cancel in self._ahead:
            cancel()
        self._ahead = []
        item = self._session.current
        if item is None:
            return
        frames = [self._ref(item, self._session.frame)]
        # Without a network nothing about other pictures takes long.
        if self.network()[0]:
            frames += [self._ref(other, 0) for other in near]
        for place, frame in enumerate(frames):
            request = Prompted(
                model=MODEL,
                frame=frame,
                params=self._params(method),
                device=self._models.device,
                interactive=place == 0,
            )
            self._ahead.append(self._models.submit(request, lambda _event: None))

    def _ref(self, item: MediaItem, frame: int) -> FrameRef:
        path = str(self._session.path_of(item))
        return FrameRef(key=str(item.id), path=path, kind=item.kind.value, frame=frame)

    def _params(self, method: str) -> dict[str, Value]:
        encoder, decoder = self.network()
        return {"method": method, "encoder": encoder, "decoder": decoder}

    def _go_on(self) -> None:
        if self._running is not None or self._waiting is None:
            return
        asked, self._waiting = self._waiting, None
        self._running = asked
        self._models.submit(asked.request, lambda event: self._on_event(asked, event), _answer)

    def _on_event(self, asked: _Question, event: Event | Answer) -> None:
        match event:
            case Answer():
                self._tell(asked, event)
            case Failed():
                error = event.error()
                self._tell(asked, Answer(Spans.empty(), problem=error.what))
                self.failed.emit(error)
                self._ended()
            case Stopped():
                stopped = VisionStudioError("the vision host was restarted")
                self._tell(asked, Answer(Spans.empty(), problem=stopped.what))
                self._ended()
            case Finished():
                self._ended()
            case _:
                pass

    def _tell(self, asked: _Question, answer: Answer) -> None:
        if asked is self._wanted:
            self._wanted = None
            asked.done(answer)

    def _ended(self) -> None:
        self._running = None
        self._go_on()


def _answer(event: Event) -> Event | Answer:
    """The mask as an answer, made in the host's thread: of a large picture it takes a while."""
    if not isinstance(event, FrameResult) or not isinstance(event.result, Masks):
        return event
    if not len(event.result.masks):
        return Answer(Spans.empty())
    area = Spans.of_array(event.result.masks[0])
    border = polygon_of(area)
    outline = None if border is None else reshaping.simplified(border, _SMOOTH)
    return Answer(
        area,
        outline if isinstance(outline, Polygon) else None,
        float(event.result.scores[0]),
    )
