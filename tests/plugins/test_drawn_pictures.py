"""Drawn pictures among the training pictures: of the right classes, never among those held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from visionstudio.api import Sample, Target, TrainingError, WeightsError
from visionstudio.engine.discovery import discover
from visionstudio.engine.training.drawn import plan_drawn, with_drawn
from visionstudio.model.errors import InvalidValue
from visionstudio_generator.gan import Gan
from visionstudio_generator.manifest import GanTraining
from visionstudio_torch.weights import load_weights, save_weights


def halves(count: int) -> list[Sample]:
    """Pictures of 8 px, bright on the left (class 0) or on the right (class 1)."""
    samples = []
    for i in range(count):
        image = np.zeros((8, 8, 3), np.uint8)
        image[:, 4 * (i % 2) : 4 * (i % 2) + 4] = 230
        samples.append(Sample(image, Target(label=i % 2), str(i)))
    return samples


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator that has learned the classes left and right."""
    from tests.plugins.conftest import MemoryData, RecordingContext

    ctx = RecordingContext(tmp_path_factory.mktemp("gan"))
    data = MemoryData(("left", "right"), halves(32))
    Gan().train(data, GanTraining(epochs=150, batch=16, width=64, lr=0.001), ctx)
    return ctx.run_folder / "best.safetensors"


def test_each_known_class_gets_its_share(
    generator: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    real = halves(2)
    data = memory_data(("right", "middle", "left"), real, halves(4))
    drawn = plan_drawn(generator, 5, discover())
    more = with_drawn(data, drawn, train_context())
    assert len(more.train) == 12
    assert more.train[0] is real[0]
    labels = [s.target.label for s in more.train[2:]]
    assert labels == [0] * 5 + [2] * 5
    for sample in more.train[2:]:
        left, right = sample.image[:, :4].mean(), sample.image[:, 4:].mean()
        assert (right > left) == (sample.target.label == 0)
    assert more.val is data.val
    assert (more.classes, more.data_hash) == (data.classes, data.data_hash)
    again = with_drawn(data, drawn, train_context())
    np.testing.assert_array_equal(again.train[-1].image, more.train[-1].image)
    other = with_drawn(data, drawn, train_context(seed=1))
    assert (other.train[-1].image != more.train[-1].image).any()


def test_what_is_of_no_use_is_refused(
    generator: Path, train_context: Callable[..., Any], memory_data: Any, tmp_path: Path
) -> None:
    registry = discover()
    drawn = plan_drawn(generator, 5, registry)
    with pytest.raises(TrainingError, match="knows none of the classes; it knows left, right"):
        with_drawn(memory_data(("cat",), halves(2)), drawn, train_context())
    with pytest.raises(InvalidValue, match="at least one"):
        plan_drawn(generator, 0, registry)
    state, info = load_weights(generator, "generator/gan")
    file = tmp_path / "other.safetensors"
    save_weights(file, state, replace(info, model="classifier/simplecnn"))
    with pytest.raises(WeightsError, match="draws no pictures"):
        plan_drawn(file, 5, registry)
    save_weights(file, state, replace(info, classes=()))
    with pytest.raises(WeightsError, match="any classes"):
        plan_drawn(file, 5, registry)
    file.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"other\.safetensors"):
        plan_drawn(file, 5, registry)
