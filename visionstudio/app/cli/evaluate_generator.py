"""``evaluate`` of a generator: what it draws beside the project's pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionstudio.app.cli.opening import results_of
from visionstudio.app.cli.reply import ProgressLine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from visionstudio.engine.evaluation import Evaluation
    from visionstudio.engine.evaluation.truth import Key
    from visionstudio.storage.store import ProjectStore

MOST = 1000  # real pictures that are compared


def evaluate_generator(
    store: ProjectStore,
    model: str,
    weights: Path | None,
    keys: list[Key] | None,
    params: dict[str, Any],
    device: str,
    inception: Path | None,
) -> Evaluation:
    """Draw as many pictures as there are real ones and compare their features."""
    from visionstudio.engine.evaluation import Evaluation
    from visionstudio.engine.evaluation.features import picture_features
    from visionstudio.engine.evaluation.generation import generation_figures
    from visionstudio.model.errors import InvalidValue
    from visionstudio.session.generations import real_pictures

    progress = ProgressLine()
    real = real_pictures(store, None if keys is None else {k[0] for k in keys}, MOST)
    if not real:
        raise InvalidValue(
            "there are no pictures to compare with",
            where=str(store.folder),
            next_step="add the pictures that it learned from to the project",
        )
    features = picture_features(
        _read(real), inception, lambda n: progress(n / len(real) / 2, f"real picture {n}")
    )
    drawn = picture_features(
        _drawn(model, weights, params, device, len(real)),
        inception,
        lambda n: progress(0.5 + n / len(real) / 2, f"generated picture {n}"),
    )
    progress.close()
    return Evaluation(
        task="generate",
        metrics=generation_figures(features, drawn, inception=inception is not None),
        model=model,
        weights=str(weights or ""),
    )


def _read(paths: list[Path]) -> Iterator[NDArray[np.uint8]]:
    from visionstudio.media.image import read_rgb
    from visionstudio.model.errors import MediaError

    for path in paths:
        try:
            yield read_rgb(path)
        except MediaError:
            continue


def _drawn(
    model: str, weights: Path | None, params: dict[str, Any], device: str, count: int
) -> Iterator[NDArray[np.uint8]]:
    from visionstudio.api import GeneratedImage
    from visionstudio.engine.events import FrameResult
    from visionstudio.engine.requests import Generate

    request = Generate(
        model=model,
        count=count,
        weights=str(weights.absolute()) if weights is not None else None,
        params=params,
        device=device,
    )
    for event in results_of(request, ProgressLine()):
        if isinstance(event, FrameResult) and isinstance(event.result, GeneratedImage):
            yield event.result.image
