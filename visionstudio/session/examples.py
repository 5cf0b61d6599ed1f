"""What a trainer would learn from, as it varies it: shown while its parameters are chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from visionstudio.api import GeneratedImage
from visionstudio.api.params import Value
from visionstudio.engine.events import Event, Failed, Finished, FrameResult, Stopped
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.requests import Examples
from visionstudio.engine.training import TrainPlan, build_plan
from visionstudio.engine.training.plan import encode_plan
from visionstudio.model.errors import VisionStudioError
from visionstudio.session.models import Models
from visionstudio.session.project import ProjectSession

PICTURES = 12  # of the training pictures are enough to look at

Image = NDArray[np.uint8]
Shown = Callable[[Sequence[Image]], object]
Failure = Callable[[VisionStudioError], object]


class TrainingExamples:
    """Asks the vision host for examples; a newer wish replaces an older one.

    The pictures of a model are looked up once. Called from the GUI thread, which also
    gets the answers.
    """

    def __init__(self, session: ProjectSession, models: Models) -> None:
        self._session = session
        self._models = models
        self._plan: TrainPlan | None = None
        self._cancel: Callable[[], None] | None = None
        self._number = 0

    def show(
        self,
        model: ModelInfo,
        params: Mapping[str, Value],
        seed: int,
        done: Shown,
        failed: Failure,
    ) -> None:
        """Ask for examples of a model's training; `done(pictures)` or `failed(error)` follows."""
        self.cancel()
        self._number += 1
        number = self._number

        def ask(plan: TrainPlan) -> None:
            self._plan = plan
            if number == self._number:
                changed = msgspec.structs.replace(plan, params=dict(params))
                self._ask(number, changed, seed, done, failed)

        def stale(error: VisionStudioError) -> None:
            if number == self._number:
                failed(error)

        if self._plan is not None and self._plan.model == model.id:
            ask(self._plan)
            return

        def freeze(store: object) -> TrainPlan:
            plan = build_plan(store, model, {}, limit=PICTURES)  # type: ignore[arg-type]
            return msgspec.structs.replace(plan, pictures=plan.of("train"))

        self._session.in_store(freeze, ask, stale)

    def _ask(self, number: int, plan: TrainPlan, seed: int, done: Shown, failed: Failure) -> None:
        images: list[Image] = []

        def on_event(event: Event) -> None:
            if number != self._number:
                return
            match event:
                case FrameResult(_, GeneratedImage() as shown):
                    images.append(shown.image)
                case Finished():
                    done(images)
                case Failed():
                    failed(event.error())
                case Stopped() | _:
                    pass

        request = Examples(
            plan=encode_plan(plan), count=PICTURES, seed=seed, device="cpu", interactive=True
        )
        self._cancel = self._models.submit(request, on_event)

    def cancel(self) -> None:
        """Forget the last wish."""
        self._number += 1
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
