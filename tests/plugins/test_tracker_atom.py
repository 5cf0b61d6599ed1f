"""ATOM: precise pooling, Gauss-Newton, boxes that climb, what it reaches, its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.ops import roi_align

from tests.plugins.test_tracker_regions import Quiet, crossing, leaving_clip, sequence
from tests.plugins.test_trackers_learning import Data, follow, photographs
from visionstudio.api import box_iou, samples
from visionstudio.api.conformance import KitContext
from visionstudio.engine.evaluation.sot import figures
from visionstudio_torch.weights import load_weights
from visionstudio_tracker import atom_training
from visionstudio_tracker.atom import AtomTracker
from visionstudio_tracker.filter_learning import conjugate_gradients, gauss_newton
from visionstudio_tracker.iou_net import BUILTIN, MODEL, IouNet
from visionstudio_tracker.known import draw_pairs, known_pairs, stack
from visionstudio_tracker.pairs import read_things
from visionstudio_tracker.params import AtomTraining
from visionstudio_tracker.roi_pool import precise_roi_pool
from visionstudio_tracker.views import jittered


def test_precise_pooling_is_the_limit_of_ever_more_samples() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 12, 15, generator=generator, dtype=torch.float64)
    boxes = torch.tensor(
        [[[10.0, 20, 90, 80], [33.3, 40.1, 70.7, 66.6]], [[5.5, 9, 20, 21], [40, 8, 110, 90]]],
        dtype=torch.float64,
    )
    found = precise_roi_pool(features, boxes, 4, 8)
    errors = []
    for samples_per_bin in (2, 16, 64):
        other = roi_align(
            features, list(boxes), 4, 1 / 8, sampling_ratio=samples_per_bin, aligned=True
        )
        errors.append(float((found.flatten(0, 1) - other).abs().max()))
    assert errors[2] < 1e-3
    assert errors[2] < errors[1] < errors[0]
    small = boxes[:1, :1].clone().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda b: precise_roi_pool(features[:1], b, 2, 8.0), small)


def test_conjugate_gradients_are_exact_after_as_many_steps_as_unknowns() -> None:
    generator = torch.Generator().manual_seed(1)
    root = torch.randn(9, 6, generator=generator, dtype=torch.float64)
    matrix, right = root.T @ root, torch.randn(6, generator=generator, dtype=torch.float64)
    found = conjugate_gradients(lambda v: matrix @ v, right, 6)
    torch.testing.assert_close(found, torch.linalg.solve(matrix, right), rtol=1e-6, atol=1e-6)


def test_gauss_newton_solves_least_squares() -> None:
    generator = torch.Generator().manual_seed(2)
    a = torch.randn(30, 8, generator=generator, dtype=torch.float64)
    y = torch.randn(30, generator=generator, dtype=torch.float64)
    start = torch.zeros(2, 4, dtype=torch.float64)
    (linear,) = gauss_newton(lambda w: a @ w.flatten() - y, (start,), 1, 8)
    wanted = torch.linalg.lstsq(a, y).solution
    torch.testing.assert_close(linear.flatten(), wanted, rtol=1e-5, atol=1e-5)
    # A product of two unknowns, which is not linear: y = exp(p) · (a · q), and it is found.
    p, q = torch.tensor(0.7, dtype=torch.float64), wanted

    def residuals(log_scale: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
        fit = torch.exp(log_scale) * (a @ direction) - torch.exp(p) * (a @ q)
        return torch.cat([fit, 1e-3 * direction])

    guess = (torch.zeros((), dtype=torch.float64), q + 0.3)
    found = gauss_newton(residuals, guess, 12, 9)
    assert float(residuals(*found).square().sum()) < 1e-4 * float(residuals(*guess).square().sum())


def test_boxes_climb_towards_the_object() -> None:
    """Gradient ascent of the predicted overlap raises the true one."""
    things = read_things(photographs(6), 3, KitContext(Path()))
    params = AtomTraining(paste=1.0)
    pairs = draw_pairs(things, atom_training._maker(things, params), 12, 9)
    known = known_pairs(pairs, KitContext(Path()), "pair")
    head = IouNet()
    state, _ = load_weights(BUILTIN, MODEL)
    head.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    rng = np.random.default_rng(0)
    boxes = np.stack(
        [jittered(k.second_box, 8, rng, move=0.12, grow=0.15, stretch=0.12) for k in known]
    )
    reference = torch.from_numpy(np.stack([k.first_box for k in known])).float()
    with torch.no_grad():
        vectors = head.modulate(stack([k.first for k in known]), reference)
        prepared = head.prepare(stack([k.second for k in known]))
    climbed, expected = head.climb(vectors, prepared, torch.from_numpy(boxes).float())

    def mean_iou(found: np.ndarray) -> float:
        each = [box_iou([k.second_box], b)[0].mean() for k, b in zip(known, found, strict=True)]
        return float(np.mean(each))

    assert mean_iou(climbed.numpy()) > mean_iou(boxes) + 0.1
    with torch.no_grad():
        before = head.predict(vectors, prepared, torch.from_numpy(boxes).float())
    assert (expected >= before).all()


@pytest.mark.slow
def test_atom_follows_says_when_its_object_has_gone_and_repeats_itself() -> None:
    frames, truth = leaving_clip(count=5)
    gone = [np.full_like(frames[0], 120)] * 2
    runs = [follow(AtomTracker(), [*frames, *gone], truth[0]) for _ in range(2)]
    assert figures(runs[0][:5], truth)["mean_iou"] > 0.6
    assert all(t.state.lost for t in runs[0][5:])
    assert [t.state for t in runs[0]] == [t.state for t in runs[1]]


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.timeout(600)
def test_atom_follows_a_person_and_a_bag(shared_data: Path) -> None:
    frames, truth = crossing(shared_data)
    assert figures(follow(AtomTracker(), frames, truth[0]), truth)["mean_iou"] >= 0.5
    frames, truth = sequence(shared_data / "track_sot/vot15_bag", "imgs", "groundtruth.txt")
    assert figures(follow(AtomTracker(), frames[:40], truth[0]), truth[:40])["mean_iou"] >= 0.35


@pytest.mark.slow
def test_atom_learns_overlap_and_is_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atom_training, "HELD", 8)
    (tmp_path / "run").mkdir()
    params: dict[str, Any] = {"epochs": 2, "batch": 4, "pairs": 8, "precision": "fp32"}
    pictures = photographs(4)
    result = AtomTracker().train(
        Data(pictures[:3], pictures[3:]), AtomTraining(**params), KitContext(tmp_path)
    )
    assert set(result.metrics) == {"climbed_iou", "jittered_iou", "iou_error"}
    assert 0 < result.metrics["iou_error"] < 0.3
    weights = tmp_path / "run" / "best.safetensors"
    model = AtomTracker()
    model.load(AtomTracker()._params, weights, Quiet())
    frames = samples.moving(3)
    model.start(frames[0], samples.MOVING_BOX, Quiet())
    assert not model.update(frames[1], Quiet()).lost
