"""SiamFC and ATOM: their parts against independent oracles, their training, what they reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.plugins.test_tracker_regions import Frames, Quiet, crossing, leaving_clip, sequence
from visionstudio.api import Sample, Target, TrainingError, WeightsError, box_iou, samples
from visionstudio.api.conformance import KitContext
from visionstudio.engine.evaluation.sot import figures
from visionstudio.engine.tracking import track
from visionstudio_torch.backbone import features, fold_batch_norm, normalise
from visionstudio_torch.weights import load_weights
from visionstudio_tracker import siamfc_training
from visionstudio_tracker.pairs import Look, Thing, pair_maker, random_regions, read_things
from visionstudio_tracker.params import SiamFcParams, SiamFcTraining
from visionstudio_tracker.siamese import (
    AlexNetSiamese,
    BuiltinSiamese,
    builtin_network,
    correlate,
    save_builtin,
)
from visionstudio_tracker.siamfc import SiamFcTracker


class Data:
    """Training data of given samples."""

    classes = ("object",)
    class_ids = (1,)
    data_hash = "test"

    def __init__(self, train: list[Sample], val: list[Sample]) -> None:
        self.train, self.val = train, val


def photographs(count: int = 6) -> list[Sample]:
    """Photographs without labels."""
    from skimage import data

    pictures = [data.coffee(), data.astronaut(), data.chelsea(), data.rocket(), data.retina()]
    pictures += [data.immunohistochemistry()]
    small = [cv2.resize(p, (400, 300), interpolation=cv2.INTER_AREA) for p in pictures]
    return [Sample(p, Target(), f"photograph {i}") for i, p in enumerate(small[:count])]


def follow(model: Any, frames: list[np.ndarray], box: Any, weights: Path | None = None) -> Any:
    model.load(SiamFcParams(), weights, Quiet())
    return list(track(Frames(frames), model, tuple(box), ctx=Quiet()))


# -- pairs


def clip(count: int = 4) -> list[Sample]:
    """Two objects in the frames of a clip, a third in no track; the first is marked red."""
    rng = np.random.default_rng(0)
    made = []
    for i in range(count):
        frame = rng.integers(60, 120, (120, 160, 3), dtype=np.uint8)
        boxes = np.array([[20 + i, 30, 50 + i, 60], [90, 20, 110, 90], [5, 80, 25, 100]], float)
        x1, y1, x2, y2 = boxes[0].astype(int)
        frame[y1:y2, x1:x2] = (255, 0, 0)
        target = Target(
            boxes=boxes, indices=np.zeros(3, int), tracks=np.array([4, 2, -1]),
            ignore=np.zeros(3, bool),
        )  # fmt: skip
        made.append(Sample(frame, target, f"{i}", "a clip", 10 * i))
    return made


def test_boxes_of_a_track_become_one_object_and_the_rest_objects_alone() -> None:
    things = read_things([*clip(), *photographs(2)], 0, KitContext(Path()))
    tracked = [t for t in things if len(t.looks) > 1]
    assert [[look.frame for look in t.looks] for t in tracked] == [[0, 10, 20, 30]] * 2
    assert sum(len(t.looks) == 1 and not t.plain for t in things) == 4
    assert sum(t.plain for t in things) == 12
    flat = Sample(np.full((90, 90, 3), 77, np.uint8), Target(), "flat")
    assert read_things([flat], 0, KitContext(Path())) == []


def test_a_pair_shows_the_object_in_its_boxes_however_it_is_moved() -> None:
    red = next(t for t in read_things(clip(), 0, KitContext(Path())) if len(t.looks) == 4)
    make = pair_maker(
        [red], context=lambda box: 4 * float(np.sqrt((box[2:] - box[:2]).prod())),
        sizes=(64, 128), shift=0.2, grow=0.2, colour=0.0, mirror=True, others=0.5,
    )  # fmt: skip
    rng = np.random.default_rng(1)
    lefts = []
    for _ in range(40):
        pair = make(red, rng)
        assert pair.present  # there is no other object
        for view, box in ((pair.first, pair.first_box), (pair.second, pair.second_box)):
            inside = np.zeros(view.shape[:2], bool)
            x1, y1, x2, y2 = np.round(box).astype(int)
            inside[max(y1, 0) : y2, max(x1, 0) : x2] = True
            is_red = (view[..., 0] > 190) & (view[..., 1] < 70)
            assert (inside & is_red).sum() / (inside | is_red).sum() > 0.75
        lefts.append(pair.second_box[0])
    assert np.ptp(lefts) > 25


def test_pasted_regions_have_an_outline_in_the_box() -> None:
    rng = np.random.default_rng(0)
    ground = Look(np.full((120, 120, 3), 200, np.uint8), np.array([50.0, 50, 70, 70]))
    dark = Look(np.full((120, 120, 3), 10, np.uint8), np.array([40.0, 45, 80, 75]))
    things = [Thing((ground,)), Thing((dark,), plain=True)]
    make = pair_maker(
        things, context=lambda _: 110.0, sizes=(110, 110), shift=0.0, grow=0.0, colour=0.0,
        mirror=False, paste=1.0,
    )  # fmt: skip
    for _ in range(20):
        pair = make(things[1], rng)
        if pair.second.min() > 150 or pair.second.max() < 100:
            continue  # it was pasted onto its own ground
        rows, columns = np.nonzero(pair.second[..., 0] < 100)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert box_iou([seen], [pair.second_box])[0, 0] > 0.8


def test_random_regions_are_inside_and_show_something() -> None:
    picture = photographs(1)[0].image
    boxes = random_regions(picture, 6, np.random.default_rng(0))
    assert len(boxes) == 6
    assert (boxes >= 0).all()
    assert (boxes[:, 2] <= 400).all()
    assert (boxes[:, 3] <= 300).all()


# -- networks


def test_merged_batch_norm_gives_the_same_features() -> None:
    picture = torch.from_numpy(photographs(1)[0].image[:96, :128].copy()).permute(2, 0, 1)[None]
    whole, merged = features((8, 16)).eval(), fold_batch_norm(features((8, 16)).eval())
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in merged.modules())
    with torch.no_grad():
        for a, b in zip(whole(normalise(picture)), merged(normalise(picture)), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_the_response_is_highest_where_the_template_was_cut() -> None:
    net = builtin_network().eval()
    area = torch.from_numpy(photographs(1)[0].image[:224, :224].copy()).permute(2, 0, 1)[None]
    with torch.no_grad():
        for x, y in ((56, 56), (24, 80), (96, 32)):
            part = area[..., y : y + 112, x : x + 112]
            response = net(part, area)[0]
            row, column = divmod(int(response.argmax()), response.shape[1])
            # Cell 10 of 21 is the middle, and cells are 8 px wide.
            assert abs((column - 10) * 8 + 56 - x) <= 8
            assert abs((row - 10) * 8 + 56 - y) <= 8


def test_correlation_equals_its_definition() -> None:
    generator = torch.Generator().manual_seed(0)
    search = torch.randn(2, 3, 7, 8, generator=generator)
    template = torch.randn(2, 3, 3, 2, generator=generator)
    found = correlate(template, search)
    assert found.shape == (2, 5, 7)
    for n, i, j in ((0, 0, 0), (1, 4, 6), (0, 2, 3)):
        value = (search[n, :, i : i + 3, j : j + 2] * template[n]).sum()
        torch.testing.assert_close(found[n, i, j], value)
    torch.testing.assert_close(correlate(template[:1], search)[0], found[0])


def test_the_published_network_has_its_tensors_and_takes_them(tmp_path: Path) -> None:
    net = AlexNetSiamese()
    shapes = {n: tuple(t.shape) for n, t in net.state_dict().items()}
    assert shapes["backbone.conv1.0.weight"] == (96, 3, 11, 11)
    assert shapes["backbone.conv2.0.weight"] == (256, 48, 5, 5)
    assert shapes["backbone.conv4.1.running_mean"] == (384,)
    assert shapes["backbone.conv5.0.weight"] == (256, 192, 3, 3)
    assert sum(p.numel() for p in net.parameters()) == 2_336_320
    with torch.no_grad():
        assert net.eval()(torch.zeros(1, 3, 127, 127), torch.zeros(1, 3, 255, 255)).shape == (
            1, 17, 17,
        )  # fmt: skip
    import safetensors.torch

    path = tmp_path / "siamfc_alexnet_e50.safetensors"
    safetensors.torch.save_file(dict(net.state_dict()), path)
    frames = samples.moving(3)
    states = follow(SiamFcTracker(), frames, samples.MOVING_BOX, path)
    assert len(states) == 3
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(2)}, other)
    with pytest.raises(WeightsError, match="no weights of this tracker"):
        SiamFcTracker().load(SiamFcParams(), other, Quiet())


# -- SiamFC as a tracker


def test_siamfc_follows_and_says_when_the_object_has_gone() -> None:
    frames, truth = leaving_clip(count=24)
    gone = [np.full_like(frames[0], 120)] * 3
    states = follow(SiamFcTracker(), [*frames, *gone], truth[0])
    here = [t for t in states if t.frame < 24]
    assert figures(here, truth)["mean_iou"] > 0.6
    assert all(t.state.lost for t in states[24:])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_siamfc_from_stills_follows_a_person(shared_data: Path) -> None:
    """What comes with the program was trained on stills alone, never on this clip."""
    frames, truth = crossing(shared_data)
    states = follow(SiamFcTracker(), frames, truth[0])
    assert figures(states, truth)["mean_iou"] >= 0.5
    frames, truth = sequence(shared_data / "track_sot/vot15_bag", "imgs", "groundtruth.txt")
    states = follow(SiamFcTracker(), frames[:60], truth[0])
    assert figures(states, truth)["mean_iou"] >= 0.35


# -- training


def train_siamfc(folder: Path, **params: Any) -> Any:
    (folder / "run").mkdir(parents=True, exist_ok=True)
    pictures = photographs()
    data = Data([*pictures[:4], *clip()], pictures[4:])
    values = {"epochs": 4, "batch": 4, "precision": "fp32", "pairs": 32, **params}
    return SiamFcTracker().train(data, SiamFcTraining(**values), KitContext(folder))


def test_siamfc_learns_from_stills_and_tracks_and_is_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(siamfc_training, "HELD", 12)
    result = train_siamfc(tmp_path)
    assert result.metrics["norm_precision_auc"] > 0.6
    weights = tmp_path / "run" / "best.safetensors"
    state, info = load_weights(weights, "tracker/siamfc")
    # A frozen backbone stays as it is, what compares does not.
    fresh = builtin_network().state_dict()
    assert torch.equal(state["body.conv_stem.weight"], fresh["body.conv_stem.weight"])
    assert torch.equal(state["body.bn1.running_mean"], fresh["body.bn1.running_mean"])
    assert not torch.equal(state["fine.weight"], fresh["fine.weight"])
    assert info.arch["network"] == "builtin"
    states = follow(SiamFcTracker(), samples.moving(5), samples.MOVING_BOX, weights)
    assert not any(t.state.lost for t in states)
    save_builtin(weights, tmp_path / "small.safetensors")
    small, _ = load_weights(tmp_path / "small.safetensors", "tracker/siamfc")
    assert set(small) == {"fine.weight", "coarse.weight", "gain", "level"}


def test_what_siamfc_cannot_learn_from_is_told(tmp_path: Path) -> None:
    flat = Sample(np.full((90, 90, 3), 77, np.uint8), Target(), "flat")
    with pytest.raises(TrainingError, match="no picture shows an object"):
        SiamFcTracker().train(Data([flat], [flat]), SiamFcTraining(), KitContext(tmp_path))


def test_examples_show_pairs_with_their_boxes() -> None:
    data = Data(photographs(3), [])
    shown = SiamFcTracker().examples(data, SiamFcTraining(), KitContext(Path()))
    pictures = [next(shown) for _ in range(4)]
    assert all(p.dtype == np.uint8 and p.shape == (192, 384, 3) for p in pictures)
    assert any(not np.array_equal(pictures[0], p) for p in pictures[1:])


def test_the_loss_is_lowest_for_a_peak_at_the_object() -> None:
    """The target of the logistic loss lies where the object is, and nowhere if it is another."""

    class Fixed(torch.nn.Module):
        def __init__(self, row: int, column: int) -> None:
            super().__init__()
            self.at = row, column

        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            logits = torch.full((1, 21, 21), -6.0)
            logits[0, self.at[0] - 1 : self.at[0] + 2, self.at[1] - 1 : self.at[1] + 2] = 6.0
            return logits

    box = torch.tensor([[100.0, 60.0, 140.0, 100.0]])  # middle (120, 80): 1 right, 4 up of 112
    size = BuiltinSiamese(pretrained=False).search_size
    views = torch.zeros(1, 3, 112, 112), torch.zeros(1, 3, size, size)

    def loss(row: int, column: int, present: bool) -> float:
        batch = (*views, box, torch.tensor([present]))
        return float(siamfc_training._loss(Fixed(row, column), batch)["loss"])

    assert loss(6, 11, True) < loss(8, 11, True) < loss(14, 4, True)
    assert loss(6, 11, True) < loss(6, 13, True)
    assert loss(6, 11, False) == pytest.approx(loss(14, 4, False))
