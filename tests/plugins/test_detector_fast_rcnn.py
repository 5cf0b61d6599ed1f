"""detector/fast-rcnn: learns from regions of selective search, keeps them where objects are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.plugins.pictures import bccd, odd_samples, squares
from visionstudio.api import WeightsError
from visionstudio_detector import selective_search
from visionstudio_detector.examples import augmenter, load
from visionstudio_detector.fast_rcnn import FastRcnn
from visionstudio_detector.faster_rcnn import FasterRcnn
from visionstudio_detector.params import DetectParams, FastRcnnTrainParams
from visionstudio_torch.metrics import overlaps
from visionstudio_torch.transforms import Augmentation

SMALL = FastRcnnTrainParams(epochs=1, batch=2, image_size=64)


@pytest.fixture
def small_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' pictures are small; nothing is gained by searching them enlarged."""
    monkeypatch.setattr(selective_search, "SIDE", 96)


def test_it_trains_on_regions_and_predicts_any_size(
    small_search: None, train_context: Callable[..., Any], memory_data: Any
) -> None:
    data = memory_data(("square", "disc"), [squares(0, 64), squares(1, 64)], [squares(2, 64)])
    ctx = train_context()
    assert FastRcnn().train(data, SMALL, ctx).epochs == 1
    weights = ctx.run_folder / "best.safetensors"
    model = FastRcnn()
    model.load(DetectParams(), weights, ctx)
    for shape in ((1, 1), (1, 300), (37, 91)):
        (found,) = model.predict([np.full((*shape, 3), 90, np.uint8)], DetectParams(), ctx)
        assert found.within(*shape).classes == ("square", "disc")
    with pytest.raises(WeightsError, match="for detector/fast-rcnn"):
        FasterRcnn().load(DetectParams(), weights, ctx)


@pytest.mark.slow
def test_it_learns_to_find_shapes(
    small_search: None, train_context: Callable[..., Any], memory_data: Any
) -> None:
    data = memory_data(("square", "disc"), [squares(i) for i in range(8)], [squares(3), squares(5)])
    ctx = train_context()
    result = FastRcnn().train(data, replace(SMALL, epochs=14, batch=4, image_size=96), ctx)
    assert result.metrics["AP50"] > 0.7
    weights = ctx.run_folder / "best.safetensors"
    model = FastRcnn()
    model.load(DetectParams(), weights, ctx)
    hits = 0
    for sample in data.train:
        (found,) = model.predict([sample.image], DetectParams(), ctx)
        overlap = overlaps(sample.target.boxes, found.above(0.4).boxes)
        hits += int((overlap.max(axis=1, initial=0) > 0.5).all())
    assert hits >= 6


@pytest.mark.slow
def test_odd_training_data(
    small_search: None, train_context: Callable[..., Any], memory_data: Any
) -> None:
    odd = odd_samples()
    ctx = train_context()
    params = replace(SMALL, translate=0.5, mosaic=0.5)
    assert FastRcnn().train(memory_data(("a",), odd, odd), params, ctx).epochs == 1
    assert all(np.isfinite(list(m.values())).all() for _, m in ctx.metrics)


def test_regions_move_with_the_picture() -> None:
    """However a picture is varied, its objects' own boxes among the regions stay on them."""
    item = load(squares(4, 96), 96)
    item = replace(item, regions=item.boxes)
    how = Augmentation(flip_x=True, flip_y=True, scale=0.3, rotate=20, translate=0.1, mosaic=0.5)
    for seed in range(6):
        _, target = augmenter(how, [item])(item, np.random.default_rng(seed))
        np.testing.assert_allclose(target["regions"], target["boxes"], atol=1e-3)


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.shared_data
@pytest.mark.timeout(900)
def test_it_learns_from_eight_blood_cell_pictures(
    shared_data: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    samples = bccd(shared_data)[:8]
    data = memory_data(("RBC", "WBC", "Platelets"), samples, samples)
    params = FastRcnnTrainParams(epochs=8, batch=2, flip="none", colour=0.0)
    result = FastRcnn().train(data, params, train_context(threads=2))
    assert result.metrics["AP50"] >= 0.75
