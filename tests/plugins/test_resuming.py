"""A whole model, interrupted in the middle and resumed, ends as one that ran through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from visionstudio.api import Cancelled, Sample, Target
from visionstudio_classifier.params import SimpleCnnTraining
from visionstudio_classifier.simplecnn import SimpleCnn
from visionstudio_torch.fit import BEST
from visionstudio_torch.weights import load_weights

Context = Callable[..., Any]


def test_an_interrupted_classifier_ends_as_an_uninterrupted_one(
    train_context: Context, memory_data: Any
) -> None:
    found = load_digits(n_class=2)
    samples = [
        Sample(np.repeat((image * 15).astype(np.uint8)[..., None], 3, 2), Target(label=int(t)), "a")
        for image, t in zip(found.images[:48], found.target[:48], strict=True)
    ]
    data = memory_data(("zero", "one"), samples[:40], samples[40:])
    params = SimpleCnnTraining(
        epochs=4, batch=8, accumulate=2, ema=0.9, patience=9, deterministic=True, schedule="cosine"
    )
    whole, parts = train_context("whole"), train_context("parts", stop_at=5)
    SimpleCnn().train(data, params, whole)
    SimpleCnn().train(data, params, parts)
    torch.manual_seed(123)
    again = train_context("parts", resume=True)
    SimpleCnn().train(data, params, again)
    assert again.steps == whole.steps - 5
    first, _ = load_weights(whole.run_folder / BEST, "classifier/simplecnn")
    second, _ = load_weights(parts.run_folder / BEST, "classifier/simplecnn")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_cancelling_leaves_a_checkpoint_to_go_on_from(
    train_context: Context, memory_data: Any
) -> None:
    """What is killed between checkpoints goes on from the last one, and repeats what was lost."""
    image = np.zeros((8, 8, 3), np.uint8)
    samples = [Sample(image + 200 * (i % 2), Target(label=i % 2), "a") for i in range(8)]
    data = memory_data(("dark", "bright"), samples, samples)
    params = SimpleCnnTraining(epochs=6, batch=4, deterministic=True)
    whole, parts = train_context("whole"), train_context("parts", stop_at=4)
    SimpleCnn().train(data, params, whole)
    SimpleCnn().train(data, params, parts)
    killed = train_context("parts", resume=True, cancel_at=3)
    try:
        SimpleCnn().train(data, params, killed)
    except Cancelled:
        pass
    else:
        raise AssertionError("it was to be cancelled")
    SimpleCnn().train(data, params, train_context("parts", resume=True))
    first, _ = load_weights(whole.run_folder / BEST, "classifier/simplecnn")
    second, _ = load_weights(parts.run_folder / BEST, "classifier/simplecnn")
    assert all(torch.equal(first[name], second[name]) for name in first)
