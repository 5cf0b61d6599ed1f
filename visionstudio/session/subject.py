"""The model to measure on a project's labels, and the side of its run's split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from visionstudio.engine.discovery import discover
from visionstudio.engine.evaluation import Collector
from visionstudio.engine.evaluation.evaluation import Evaluation
from visionstudio.engine.evaluation.truth import Key
from visionstudio.engine.events import FrameFailed, FrameResult
from visionstudio.engine.host import answers
from visionstudio.engine.requests import Predict
from visionstudio.engine.training import load_run
from visionstudio.engine.training.runs import RunInfo
from visionstudio.formats.progress import Progress
from visionstudio.model.errors import InvalidValue, MediaError, TrainingError
from visionstudio.session.batch import check_task
from visionstudio.session.evaluating import truth_of
from visionstudio.session.runs import find_run
from visionstudio.storage.store import ProjectStore


def no_split(split: str | None) -> InvalidValue:
    """What is wrong with asking for a side of a split that nobody knows."""
    return InvalidValue(
        f"only a training run knows its split '{split}'",
        next_step="give --run RUN, or weights that lie in the folder of their run",
    )


class Subject:
    """The model to measure, with the run that trained it where that is known."""

    def __init__(self, model: str, weights: Path | None, run: RunInfo | None, is_run: bool) -> None:
        self.model = model
        self.weights = weights
        self.run = run
        self.is_run = is_run

    @classmethod
    def of(cls, folder: Path, model: str | None, weights: Path | None, run: Path | None) -> Subject:
        """By a run, or by model and weights; weights in a run's folder know their run."""
        if run is not None:
            found = load_run(find_run(folder, run))
            if found.weights is None:
                raise TrainingError(
                    "the run has no weights yet",
                    where=str(found.folder),
                    next_step=f"go on with: visionstudio train {folder} --resume {found.folder}",
                )
            return cls(found.model, weights or found.weights, found, True)
        near = None
        if weights is not None:
            try:
                near = load_run(weights.parent)
            except TrainingError:
                near = None
        return cls(model or "", weights, near, False)

    def evaluate(
        self,
        store: ProjectStore,
        keys: list[Key] | None,
        params: Mapping[str, Any],
        device: str,
        progress: Progress | None = None,
    ) -> Evaluation:
        """Predict on the pictures of the split and compare."""
        info = discover().model(self.model)
        check_task(info)
        collector = Collector(truth_of(store, keys), info.output)
        self._predict(collector, params, device, progress)
        weights = str(self.weights.absolute()) if self.weights is not None else ""
        found = collector.evaluate()
        return msgspec.structs.replace(found, model=self.model, weights=weights)

    def split(self, split: str | None) -> str:
        """The side of the split that is meant."""
        return split or ("val" if self.is_run else "all")

    def keys(self, split: str | None) -> list[Key] | None:
        """The pictures of a side of the split, None for all that are labelled."""
        split = self.split(split)
        if self.run is None:
            if split != "all":
                raise no_split(split)
            return None
        if split == "all" and not self.is_run:
            return None
        return self.run.of(split)

    def _predict(
        self,
        collector: Collector,
        params: Mapping[str, Any],
        device: str,
        progress: Progress | None,
    ) -> None:

        request = Predict(
            model=self.model,
            frames=collector.truth.frames(),
            weights=str(self.weights.absolute()) if self.weights is not None else None,
            params=dict(params),
            device=device,
        )
        failed: list[str] = []
        for event in answers(request, progress):
            if isinstance(event, FrameResult):
                collector.add(int(event.key), event.result)
            elif isinstance(event, FrameFailed):
                failed.append(event.reason)
        if failed and not len(collector):
            raise MediaError("none of the pictures could be predicted", where=failed[0])
