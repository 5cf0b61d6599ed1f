"""Odd pictures and labels for each kind of model: they are learned from, or the error says why not.

Small networks and one epoch: what is looked at is that nothing breaks, not what is learned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visionstudio.engine.discovery import discover
from visionstudio.engine.events import Event, Failed, Finished, FrameFailed, FrameResult
from visionstudio.engine.host import LocalHost, run
from visionstudio.engine.requests import FrameRef, Generate, Predict
from visionstudio.engine.training import build_plan, run_training
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.edits import add
from visionstudio.model.errors import VisionStudioError
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box, Shape, Tag
from visionstudio.storage.store import ProjectStore

CLASSES = [
    LabelClass(id=1, name="cell", colour="#e69f00", order=0),
    LabelClass(id=2, name="dirt", colour="#56b4e9", order=1),
]
Pixels = np.ndarray


@dataclass(frozen=True)
class Kind:
    """A model that is quick to train, with what it learns from."""

    model: str
    params: dict[str, Any]
    tags: bool = False


KINDS = {
    "classifier": Kind("classifier/simplecnn", {"epochs": 1}, tags=True),
    "detector": Kind(
        "detector/yolov5-n", {"epochs": 1, "image_size": 64, "weights": "none", "freeze": "false"}
    ),
    "segmenter": Kind(
        "segmenter/unet",
        {"epochs": 1, "image_size": 64, "weights": "none", "batch": 2, "freeze": "false"},
    ),
    "generator": Kind(
        "generator/gan", {"epochs": 2, "image_size": 16, "width": 16, "batch": 4}, tags=True
    ),
}


def plain(index: int, height: int = 40, width: int = 50) -> Pixels:
    """An RGB picture with a bright square that `labels` knows of."""
    pixels = np.random.default_rng(index).integers(30, 90, (height, width, 3), np.uint8)
    pixels[8:28, 10 : 30 + index % 5] = 220
    return pixels


def _grey(index: int) -> Pixels:
    return plain(index)[..., 0]


def _deep(index: int) -> Pixels:
    return (plain(index)[..., 0].astype(np.uint16) * 257) + 3


def _one_by_one(index: int) -> Pixels:
    return plain(index)[8:9, 10:11]


def _huge(_index: int) -> Pixels:
    pixels = np.zeros((10_000, 10_000), np.uint8)
    pixels[8:28, 10:30] = 220
    return pixels


def project(
    folder: Path,
    kind: Kind,
    count: int = 12,
    draw: Callable[[int], Pixels] = plain,
    odd: Callable[[int], Pixels] | None = None,
    label_of: Callable[[int], int | None] = lambda i: i % 2 + 1,
) -> ProjectStore:
    """`count` pictures, the first by `odd`; `label_of` gives a class id, None for none."""
    media, rows = [], []
    (folder / "pictures").mkdir(parents=True)
    for i in range(count):
        pixels = (odd if odd is not None and i == 0 else draw)(i)
        path = folder / "pictures" / f"{i:02}.png"
        Image.fromarray(pixels).save(path, compress_level=1)
        height, width = pixels.shape[:2]
        label = label_of(i)
        verified = label is None
        item = MediaItem(
            id=i + 1, path=path.name, width=width, height=height, verified=verified, size=i
        )
        media.append(item)
        box = Box(min(10, width - 1), min(8, height - 1), min(30, width), min(28, height))
        shape: Shape = Tag() if kind.tags else box
        if label is not None:
            row = Annotation(
                id=i + 1, media_id=i + 1, class_id=label, shape=shape, state=State.EDITED
            )
            rows.append(row)
    store = ProjectStore.create(folder / "project", media_root=folder / "pictures")
    store.apply(add("test", [*CLASSES, *media, *rows]))
    return store


def train(store: ProjectStore, kind: Kind, run_folder: Path, **more: Any) -> Event:
    """The final event; what cannot even be planned is a Failed, too."""
    events: list[Event] = []
    params = kind.params | more.pop("params", {})
    try:
        plan = build_plan(store, discover().model(kind.model), params, device="cpu", **more)
    except VisionStudioError as error:
        return Failed(error.what, error.where, error.next_step, type(error).__name__)
    return run_training(plan, run_folder, events.append)


def is_clear(final: Event) -> bool:
    """Whether somebody who reads the failure knows what to do; it is no plugin's fault."""
    assert isinstance(final, Failed)
    assert final.kind in ("TrainingError", "WeightsError", "InvalidValue", "MediaError"), final
    return bool(final.what and final.next_step)


def check_predicts(kind: Kind, weights: Path, pictures: list[Path]) -> None:
    """A result for every picture, or a reason that names it; all of the generator's pictures."""
    host = LocalHost()
    try:
        common = {"model": kind.model, "weights": str(weights), "device": "cpu"}
        if kind.model.startswith("generator"):
            events = list(run(host, Generate(**common, count=2, seed=0)))
            wanted = 2
        else:
            frames = tuple(FrameRef(str(i), str(p)) for i, p in enumerate(pictures))
            events = list(run(host, Predict(**common, frames=frames)))
            wanted = len(pictures)
        assert isinstance(events[-1], Finished), events[-1]
        failed = [e for e in events if isinstance(e, FrameFailed)]
        assert not failed, failed
        assert sum(isinstance(e, FrameResult) for e in events) == wanted
    finally:
        host.close()


def _mixed(index: int) -> Pixels:
    """Grey, 16-bit and 1x1 pictures among others."""
    return {0: _grey, 1: _deep, 2: _one_by_one}.get(index, plain)(index)


def _label(index: int) -> int | None:
    """One picture without labels; a class that only one picture has, which is on one side."""
    return {3: None, 4: 2}.get(index, 1)


ODD: dict[str, dict[str, Any]] = {
    "mixed": {"draw": _mixed, "label_of": _label},
    "grey": {"draw": _grey},
    "only 1x1": {"draw": _one_by_one},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", ODD)
def test_odd_data_are_learned_from(kind: str, case: str, tmp_path: Path) -> None:
    one = KINDS[kind]
    store = project(tmp_path, one, **ODD[case])
    final = train(store, one, tmp_path / "run")
    assert isinstance(final, Finished), final
    pictures = sorted((tmp_path / "pictures").iterdir())
    check_predicts(one, Path(final.summary["weights"]), pictures)


TOO_LITTLE = {
    "one picture": {"count": 1},
    "no labels": {"label_of": lambda _: None},
    "one class": {"label_of": lambda _: 1},
}
WORDS = {
    ("classifier", "one picture"): "only one picture has labels",
    ("detector", "one picture"): "only one picture has labels",
    ("segmenter", "one picture"): "only one picture has labels",
    ("generator", "one picture"): "only one picture has labels",
    ("classifier", "no labels"): "no picture has labels",
    ("detector", "no labels"): "no picture has labels",
    ("segmenter", "no labels"): "no picture has labels",
    ("classifier", "one class"): "all tags are of one class, 'cell'",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", TOO_LITTLE)
def test_too_little_is_said_or_learned_from(kind: str, case: str, tmp_path: Path) -> None:
    """One class is enough but for telling classes apart; pictures alone are for a generator."""
    one = KINDS[kind]
    store = project(tmp_path, one, **TOO_LITTLE[case])
    final = train(store, one, tmp_path / "run")
    words = WORDS.get((kind, case))
    if words is None:
        assert isinstance(final, Finished), final
    else:
        assert is_clear(final)
        assert words in final.what


@pytest.fixture(scope="module")
def huge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("huge") / "huge.png"
    Image.fromarray(_huge(0)).save(path, compress_level=1)
    return path


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_10k_is_learned_from_and_predicted(
    kind: str, huge: Path, tmp_path: Path
) -> None:
    one = KINDS[kind]
    store = project(tmp_path, one, odd=_huge)

    def learns_from_it(seed: int) -> bool:
        model = discover().model(one.model)
        plan = build_plan(store, model, one.params, seed=seed)
        return "00.png" in {p.name for p in plan.of("train")}

    seed = next(filter(learns_from_it, range(50)))
    final = train(store, one, tmp_path / "run", seed=seed)
    assert isinstance(final, Finished), final
    check_predicts(one, Path(final.summary["weights"]), [huge])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_another_architecture(kind: str, tmp_path: Path) -> None:
    """To predict with, and to go on from: refused by name, also another size of one family."""
    one = KINDS[kind]
    other = KINDS["segmenter" if kind == "classifier" else "classifier"]
    foreign = train(project(tmp_path / "a", other), other, tmp_path / "foreign")
    assert isinstance(foreign, Finished)
    weights = str(foreign.summary["weights"])
    store = project(tmp_path / "b", one)
    final = train(store, one, tmp_path / "run", params={"weights": weights})
    assert is_clear(final)
    assert one.model in final.what + final.where + final.next_step or other.model in final.what
    host = LocalHost()
    common = partial(dict, model=one.model, weights=weights, device="cpu")
    picture = str(next((tmp_path / "b" / "pictures").iterdir()))
    request = (
        Generate(**common(count=1, seed=0))
        if kind == "generator"
        else Predict(**common(frames=(FrameRef("0", picture),)))
    )
    try:
        refused = list(run(host, request))[-1]
    finally:
        host.close()
    assert is_clear(refused)
    assert refused.kind == "WeightsError"
