"""Pictures that a trained generator draws, added to a classifier's training pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

from visionstudio.api.context import Context
from visionstudio.api.data import Sample, Target, TrainingData
from visionstudio.api.tasks import GenerateRequest
from visionstudio.engine.implementations import find_spec, implementation
from visionstudio.engine.registry import Registry
from visionstudio.engine.training.plan import PlanDrawn
from visionstudio.engine.weights import read_header
from visionstudio.model.errors import InvalidValue, TrainingError, WeightsError

MOST_BYTES = 2 << 30  # of drawn pictures; they are kept in memory


def plan_drawn(weights: Path, count: int, registry: Registry) -> PlanDrawn:
    """What a plan says about drawn pictures: `count` of each class, by a generator's weights.

    Raises WeightsError for weights of anything but a generator that knows classes,
    InvalidValue for a count below 1.
    """
    if count < 1:
        raise InvalidValue(f"at least one picture of each class is to be drawn, not {count}")
    header = read_header(weights)
    info = registry.models.get(header.model)
    if info is None or info.task != "generator":
        raise WeightsError(
            f"the weights are for '{header.model or 'another program'}', which draws no pictures",
            where=str(weights),
            next_step="choose the weights of a generator that was trained on tagged pictures",
        )
    if not header.classes:
        raise WeightsError(
            "the generator has not learned any classes",
            where=str(weights),
            next_step="train it on tagged pictures, with By class switched on",
        )
    return PlanDrawn(
        model=info.id,
        plugin=info.plugin,
        factory=info.factory,
        manifest=info.manifest,
        weights=str(weights.absolute()),
        count=count,
        digest=hashlib.sha256(weights.read_bytes()).hexdigest(),
    )


def with_drawn(data: TrainingData, drawn: PlanDrawn, ctx: Context) -> TrainingData:
    """The data with `drawn.count` more training pictures of each class that can be drawn.

    What is held out stays as it is: a model is judged on real pictures only. Raises
    TrainingError when the generator knows none of the classes.
    """
    spec = find_spec(drawn.manifest, drawn.model, drawn.plugin)
    params = spec.params()
    generator = implementation(drawn.factory)()
    path = Path(drawn.weights)
    known = read_header(path).classes
    wanted = [(i, name) for i, name in enumerate(data.classes) if name in known]
    if not wanted:
        raise TrainingError(
            f"the generator knows none of the classes; it knows {', '.join(known)}",
            where=drawn.weights,
            next_step="choose a generator that was trained on pictures of these classes",
        )
    generator.load(params, path, ctx)
    more: list[Sample] = []
    size = 0
    for number, (index, name) in enumerate(wanted):
        ctx.report(number / len(wanted), f"drawing pictures of {name}")
        request = GenerateRequest(drawn.count, ctx.seed + number * drawn.count, name)
        for picture in generator.generate(request, params, ctx):
            size += picture.image.nbytes
            if size > MOST_BYTES:
                raise TrainingError(
                    "so many drawn pictures do not fit into memory",
                    where=drawn.weights,
                    next_step="have fewer drawn of each class",
                )
            more.append(Sample(picture.image, Target(label=index), f"drawn {name}"))
    generator.unload()
    return _More(data, more)


class _More:
    """Training data with further training pictures."""

    def __init__(self, data: TrainingData, more: Sequence[Sample]) -> None:
        self._data = data
        self._train = _Joined(data.train, more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._data, name)

    @property
    def train(self) -> Sequence[Sample]:
        return self._train


class _Joined(Sequence[Sample]):
    """One sequence after the other."""

    def __init__(self, first: Sequence[Sample], second: Sequence[Sample]) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        known = len(self._first)
        return self._first[index] if index < known else self._second[index - known]
