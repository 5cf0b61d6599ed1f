"""MDNet: a layer that many objects share, what it is worth for another one, and that it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.plugins.test_tracker_regions import Quiet, leaving_clip
from tests.plugins.test_trackers_learning import Data, photographs
from visionstudio.api import Sample, Target, WeightsError, box_iou
from visionstudio.api.conformance import KitContext
from visionstudio_torch.weights import load_weights, save_weights
from visionstudio_tracker import mdnet_training
from visionstudio_tracker.mdnet import MdNetTracker
from visionstudio_tracker.mdnet_regions import MODEL, background
from visionstudio_tracker.mdnet_training import MultiDomain, Regions, _start_from, _validate
from visionstudio_tracker.params import MdNetParams, MdNetTraining


def clip_samples(count: int) -> list[Sample]:
    """Every frame of an object that moves over a panned photograph, as a track."""
    frames, truth = leaving_clip(leave=1000, count=count)
    return [
        Sample(
            f,
            Target(boxes=b[None], indices=np.zeros(1, np.int64), tracks=np.array([4])),
            f"frame {n}",
            clip="film",
            frame=n,
        )
        for n, (f, b) in enumerate(zip(frames, truth, strict=True))
    ]


def test_each_domain_has_its_own_last_layer() -> None:
    torch.manual_seed(0)
    net = MultiDomain(6, 3).eval()
    seen = torch.randn(2, 5, 6)
    both = net(torch.tensor([2, 0]), seen)
    assert both.shape == (2, 5, 2)
    for row, domain in enumerate((2, 0)):
        alone = torch.relu(seen[row] @ net.shared.weight.T + net.shared.bias)
        wanted = alone @ net.last[domain].T + net.bias[domain]
        torch.testing.assert_close(both[row], wanted)


def test_one_look_tells_apart_what_can_be_told_apart() -> None:
    """Against what is known: separated clouds are all right, equal ones are a coin's throw."""
    rng = torch.Generator().manual_seed(0)
    net = MultiDomain(20, 1)

    def looks(apart: float) -> list[Regions]:
        def cloud(count: int, level: float) -> torch.Tensor:
            return torch.randn(count, 20, generator=rng) + level

        return [Regions(n // 2, cloud(64, apart / 2), cloud(192, -apart / 2)) for n in range(12)]

    assert _validate(net, looks(3.0))["one_look"] > 0.99
    assert _validate(net, looks(0.0))["one_look"] == pytest.approx(0.5, abs=0.06)


def test_regions_beside_the_object_overlap_it_little() -> None:
    box = np.array([50.0, 60, 90, 120])
    found = background(box, 200, np.random.default_rng(0))
    assert len(found) == 200
    assert box_iou([box], found).max() < 0.3


@pytest.mark.slow
def test_training_from_tracks_and_pictures_is_used_when_tracking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mdnet_training, "HELD", 4)
    (tmp_path / "run").mkdir()
    params: dict[str, Any] = {"epochs": 3, "batch": 4, "looks": 12, "precision": "fp32"}
    data = Data([*clip_samples(4), *photographs(1)], photographs(4)[2:])
    result = MdNetTracker().train(data, MdNetTraining(**params), KitContext(tmp_path))
    assert result.metrics["one_look"] > 0.6
    weights = tmp_path / "run" / "best.safetensors"
    state, info = load_weights(weights, MODEL)
    assert info.model == MODEL

    model = MdNetTracker()
    model.load(MdNetParams(), weights, Quiet())
    frames, truth = leaving_clip(count=4)
    monkeypatch.setattr("visionstudio_tracker.mdnet.FIRST_STEPS", 0)
    model.start(frames[0], tuple(truth[0]), Quiet())
    torch.testing.assert_close(model._head[0].weight, state["shared.weight"])
    monkeypatch.undo()
    model.start(frames[0], tuple(truth[0]), Quiet())
    for frame in frames[1:]:
        assert not model.update(frame, Quiet()).lost
    # Training can go on from it, and another model's weights are refused.
    net = MultiDomain(state["shared.weight"].shape[1], 2)
    _start_from(net, weights)
    torch.testing.assert_close(net.shared.weight.detach(), state["shared.weight"])
    other = tmp_path / "other.safetensors"
    save_weights(other, state, type(info)(model="tracker/atom", classes=()))
    with pytest.raises(WeightsError, match="tracker/atom"):
        model.load(MdNetParams(), other, Quiet())
