"""What the prompt tool asks of the vision host: newest first, stale answers dropped, ahead."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from visionstudio.api import Masks
from visionstudio.engine.events import Event, Failed, Finished, FrameResult
from visionstudio.engine.requests import Prompted
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.session.prompting import Answer, Prompts


class Models:
    """Remembers requests; a test lets each end."""

    device = "cpu"

    def __init__(self) -> None:
        self.jobs: list[tuple[Prompted, Callable[[Any], None], Callable[[Event], object]]] = []
        self.cancelled = 0

    def submit(
        self,
        request: Prompted,
        on_event: Callable[[Any], None],
        prepare: Callable[[Event], object] = lambda event: event,
    ) -> Callable[[], None]:
        self.jobs.append((request, on_event, prepare))
        return self._cancel

    def _cancel(self) -> None:
        self.cancelled += 1

    def answer(self, number: int, side: int) -> None:
        _, on_event, prepare = self.jobs[number]
        mask = np.zeros((1, 30, 40), bool)
        mask[0, :side, :side] = True
        result = Masks(mask[: side and 1], [0.5][: side and 1], [0][: side and 1], ("object",))
        for event in (FrameResult("1", result), Finished(0.1, "cpu", {})):
            on_event(prepare(event))


def item(number: int) -> MediaItem:
    return MediaItem(id=number, path=f"{number}.png", kind=MediaKind.IMAGE)


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
def prompts(models: Models) -> Prompts:
    session = SimpleNamespace(current=item(1), frame=0, path_of=lambda i: f"/media/{i.path}")
    return Prompts(cast(Any, session), cast(Any, models))


def test_only_the_newest_question_waits_and_is_answered(prompts: Prompts, models: Models) -> None:
    told: list[tuple[str, Answer]] = []
    for name in ("first", "second", "third"):
        prompts.ask([(3, 4, True)], None, "auto", lambda a, n=name: told.append((n, a)))
    assert len(models.jobs) == 1
    request = models.jobs[0][0]
    assert request.interactive
    assert (request.points, request.labels, request.box) == (((3, 4),), (1,), None)
    assert request.frame.path == "/media/1.png"
    models.answer(0, 5)
    assert not told  # outdated
    assert len(models.jobs) == 2
    models.answer(1, 6)
    ((name, answer),) = told
    assert name == "third"
    assert answer.area.area() == 36
    assert answer.outline is not None
    assert answer.outline.area() == pytest.approx(36)
    assert answer.score == 0.5


def test_nothing_found_dropped_and_failed(prompts: Prompts, models: Models) -> None:
    told: list[Answer] = []
    errors: list[Any] = []
    prompts.failed.connect(errors.append)
    prompts.ask([(3, 4, True)], (1, 2, 8, 9), "auto", told.append)
    models.answer(0, 0)
    assert not told[0].area
    prompts.ask([(3, 4, True)], None, "auto", told.append)
    prompts.drop()
    models.answer(1, 5)
    assert len(told) == 1
    prompts.ask([(3, 4, False)], None, "grabcut", told.append)
    assert models.jobs[2][0].params["method"] == "grabcut"
    models.jobs[2][1](Failed("the file is damaged", "a.onnx", "choose another", "WeightsError"))
    assert told[1].problem == "the file is damaged"
    assert "a.onnx" in str(errors[0])
    prompts.ask([(3, 4, True)], None, "auto", told.append)
    assert len(models.jobs) == 4  # it goes on after a failure


def test_a_network_looks_at_neighbours_ahead(prompts: Prompts, models: Models) -> None:
    prompts.prepare("auto", [item(2), item(3)])
    assert [j[0].frame.path for j in models.jobs] == ["/media/1.png"]
    prompts.network = lambda: ("encoder.onnx", "")
    prompts.prepare("auto", [item(2), item(3)])
    assert models.cancelled == 1
    asked = [j[0] for j in models.jobs[1:]]
    assert [r.frame.path for r in asked] == ["/media/1.png", "/media/2.png", "/media/3.png"]
    assert [r.interactive for r in asked] == [True, False, False]
    assert all(not r.points and r.box is None for r in asked)
    assert asked[0].params["encoder"] == "encoder.onnx"
