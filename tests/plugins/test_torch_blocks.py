"""The shared torch building blocks: backbone, transforms, data order, schedule, weights files."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from visionstudio.api import WeightsError
from visionstudio.engine.weights import read_header
from visionstudio_torch import backbone, preview, transforms
from visionstudio_torch.data import Cached, batches, epoch_order
from visionstudio_torch.pyramid import Pyramid
from visionstudio_torch.schedule import Pace, one_cycle
from visionstudio_torch.transforms import Augmentation
from visionstudio_torch.weights import (
    WeightsInfo,
    apply_weights,
    load_weights,
    read_info,
    save_weights,
    start_from,
)


def test_manifests_import_no_torch() -> None:
    code = (
        "import sys, visionstudio_detector.manifest, visionstudio_segmenter.manifest;"
        "sys.exit(any(m in sys.modules for m in ('torch', 'cv2', 'timm')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- backbone ----


def test_builtin_weights_fill_the_whole_backbone() -> None:
    assert len(backbone.builtin_state()) == 296
    net = backbone.features((8, 16, 32))
    first = net.state_dict()["conv_stem.weight"]
    assert torch.equal(first, backbone.builtin_state()["conv_stem.weight"])
    sizes = [tuple(f.shape) for f in net(torch.zeros(1, 3, 64, 96))]
    assert sizes == [(1, 40, 8, 12), (1, 112, 4, 6), (1, 320, 2, 3)]


def test_builtin_classifier_names_a_photograph() -> None:
    """scikit-image's coffee is an espresso, ImageNet class 967."""
    import cv2
    from skimage import data

    picture = data.coffee()[:, 100:500]
    net = backbone.classifier(1000).eval()
    small = cv2.resize(picture, (224, 224), interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        scores = net(backbone.normalise(transforms.to_tensor(small)[None]))
    assert int(scores.argmax()) == 967


def test_frozen_batch_norm_gives_the_same_and_holds_still() -> None:
    net = backbone.features((8,)).eval()
    x = torch.randn(1, 3, 32, 32)
    before = net(x)[0]
    backbone.freeze_batch_norm(net)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    torch.testing.assert_close(net(x)[0], before, atol=1e-3, rtol=1e-3)
    net.train()
    torch.testing.assert_close(net(x)[0], before, atol=1e-3, rtol=1e-3)


def test_a_module_that_does_not_fit_the_builtin_weights_is_refused() -> None:
    with pytest.raises(WeightsError, match="no tensor"):
        backbone.load_builtin(nn.Linear(2, 2))


def test_pyramid_levels() -> None:
    levels = Pyramid(96, pretrained=False)(torch.zeros(2, 3, 64, 64))
    assert {k: tuple(v.shape) for k, v in levels.items()} == {
        "0": (2, 96, 8, 8),
        "1": (2, 96, 4, 4),
        "2": (2, 96, 2, 2),
    }


# ---- transforms ----


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (37, 91), (480, 640), (2000, 3000)])
def test_short_side_and_letterbox_sizes(size: tuple[int, int]) -> None:
    height, width = transforms.short_side_size(*size, 320, 533)
    assert 1 <= min(height, width) <= 320
    assert max(height, width) <= 533
    boxed, matrix = transforms.letterbox(np.zeros((*size, 3), np.uint8), 64, 96)
    assert boxed.shape == (64, 96, 3)
    corners = transforms.warp_boxes(np.array([[0, 0, size[1], size[0]]]), matrix)[0]
    assert corners.min() >= 0
    assert corners[2] <= 96
    assert corners[3] <= 64


@pytest.mark.parametrize("seed", range(8))
def test_boxes_and_masks_follow_the_picture(seed: int) -> None:
    """A bright box in the picture, its label mask and its box stay together."""
    how = Augmentation(flip_x=True, flip_y=True, quarter_turns=True, scale=0.3, translate=0.1)
    image = np.zeros((96, 96, 3), np.uint8)
    labels = np.zeros((96, 96), np.uint8)
    image[30:60, 40:80], labels[30:60, 40:80] = 255, 1
    matrix = transforms.random_matrix(96, 96, how, np.random.default_rng(seed))
    assert matrix is not None
    moved = transforms.warp_image(image, matrix)
    mask = transforms.warp_labels(labels, matrix, fill=0) == 1
    box = transforms.warp_boxes(np.array([[40, 30, 80, 60]]), matrix)[0]
    bright = moved[..., 0] > 191  # half-way to the grey outside, white
    assert (bright & mask).sum() >= 0.85 * (bright | mask).sum()
    ys, xs = np.nonzero(mask)
    found = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    np.testing.assert_allclose(found, np.clip(box, 0, 96), atol=1.0)


def test_a_mirrored_picture_is_exact() -> None:
    image = np.random.default_rng(0).integers(0, 256, (21, 34, 3), np.uint8)
    how = Augmentation(flip_x=True)
    seen = set()
    for seed in range(20):
        matrix = transforms.random_matrix(21, 34, how, np.random.default_rng(seed))
        seen.add(matrix is None)
        if matrix is not None:
            np.testing.assert_array_equal(transforms.warp_image(image, matrix), image[:, ::-1])
    assert seen == {True, False}


def test_clipping_drops_what_is_hardly_visible() -> None:
    boxes = np.array([[-10, 0, 10, 20], [-90, 0, 10, 20], [5, 5, 5.2, 30], [1, 1, 9, 9]])
    clipped, keep = transforms.clip_boxes(boxes, 20, 20)
    assert keep.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(clipped[0], [0, 0, 10, 20])


def test_pad_batch_keeps_pictures_at_the_top_left() -> None:
    batch = transforms.pad_batch(
        [torch.zeros(3, 33, 10, dtype=torch.uint8), torch.ones(3, 5, 70, dtype=torch.uint8)]
    )
    assert batch.shape == (2, 3, 64, 96)
    assert int(batch[1, :, :5, :70].sum()) == 3 * 5 * 70
    assert bool((batch[0, :, 33:] == transforms.PAD).all())


# ---- data ----


def test_every_epoch_shows_every_sample_in_full_batches() -> None:
    order = epoch_order(10, 4, seed=3, epoch=0)
    assert order.shape == (3, 4)
    assert set(order.ravel()) == set(range(10))
    assert not np.array_equal(order, epoch_order(10, 4, seed=3, epoch=1))
    np.testing.assert_array_equal(order, epoch_order(10, 4, seed=3, epoch=0))


def _numbers(first: int, count: int, **more: int) -> list[list[float]]:
    items = list(range(7))
    stream = batches(
        items, lambda i, rng: i + rng.random(), list, batch=3, seed=1, first_step=first, **more
    )
    result = [next(stream) for _ in range(count)]
    stream.close()
    return result


def test_batches_depend_on_seed_and_step_alone() -> None:
    whole = _numbers(0, 8)
    assert _numbers(5, 3) == whole[5:]
    assert _numbers(0, 8, workers=4, ahead=1) == whole
    shares = [_numbers(0, 8, rank=r, world=2) for r in range(2)]
    assert [sorted(a + b) for a, b in zip(*shares, strict=True)] == [sorted(b) for b in whole]


def test_closing_a_loader_ends_its_threads() -> None:
    stream = batches([1, 2, 3], lambda i, _: i, list, batch=2, seed=0)
    next(stream)
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("loader")]


def test_an_error_in_a_loader_thread_reaches_the_caller() -> None:
    def fail(item: int, rng: np.random.Generator) -> int:
        raise WeightsError("broken sample")

    stream = batches([1, 2], fail, list, batch=1, seed=0)
    with pytest.raises(WeightsError, match="broken sample"):
        next(stream)


def test_cache_keeps_what_fits() -> None:
    loads: list[int] = []

    def load(value: int) -> np.ndarray:
        loads.append(value)
        return np.full(10, value, np.uint8)

    cached = Cached([5, 6, 7], load, lambda a: a.nbytes, limit=20)
    for _ in range(2):
        assert [int(cached[i][0]) for i in range(3)] == [5, 6, 7]
    assert loads == [5, 6, 7, 7]


# ---- schedule ----


def test_one_cycle_rises_and_falls() -> None:
    values = [one_cycle(p) for p in np.linspace(0, 1, 101)]
    assert values[0] == pytest.approx(0.04)
    assert max(values) == pytest.approx(1.0)
    assert values[-1] == pytest.approx(1e-4)
    top = int(np.argmax(values))
    assert values[: top + 1] == sorted(values[: top + 1])
    assert values[top:] == sorted(values[top:], reverse=True)


def test_pace_without_a_budget_takes_all_steps() -> None:
    pace = Pace(10, lambda: None)
    taken = 0
    while (left := pace.remaining()) > 0:
        pace.start_step()
        pace.end_step(left)
        taken += 1
    assert taken == 10
    assert pace.progress == pytest.approx(1.0)


def test_pace_ends_the_schedule_when_time_is_short() -> None:
    """1000 steps are planned, steps of a tenth of a second for three seconds are possible."""
    clock = [3.0]
    pace = Pace(1000, lambda: clock[0])
    progress = []
    while (left := pace.remaining()) > 0:
        pace.start_step()
        pace.started -= 0.1
        clock[0] -= 0.1
        pace.end_step(left)
        progress.append(pace.progress)
    assert 20 <= len(progress) <= 30
    assert progress[-1] > 0.95
    assert all(0 < b - a < 0.2 for a, b in pairwise(progress))


# ---- weights ----

INFO = WeightsInfo(
    "detector/test",
    ("Zelle", "細胞"),
    (3, 9),
    params={"lr": 0.1},
    arch={"width": 2},
    input_size=(320, 320),
    data_hash="ab",
    metrics={"AP50": 0.5},
)


def test_weights_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    save_weights(path, net.state_dict(), INFO)
    assert read_info(path) == INFO
    state, info = load_weights(path, "detector/test")
    assert info.classes == ("Zelle", "細胞")
    other = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    apply_weights(other, state, path)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name])
    assert not list(tmp_path.glob("*.part"))
    header = read_header(path)
    assert (header.model, header.classes, header.class_ids) == (
        "detector/test",
        INFO.classes,
        (3, 9),
    )
    assert header.input == {"height": 320, "width": 320, "channels": 3}
    assert math.isclose(header.normalisation["mean"][0], 127 / 255)


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, nn.Linear(2, 3).state_dict(), INFO)
    state, _ = load_weights(path, "detector/test")
    with pytest.raises(WeightsError, match="shape"):
        apply_weights(nn.Linear(2, 4), state, path)
    with pytest.raises(WeightsError, match="no tensor"):
        apply_weights(nn.Sequential(nn.Linear(2, 3)), state, path)
    with pytest.raises(WeightsError, match="not for detector/other"):
        load_weights(path, "detector/other")
    with pytest.raises(WeightsError, match="does not exist"):
        load_weights(tmp_path / "none", "detector/test")
    (tmp_path / "junk").write_bytes(b"\x80\x04junk" * 10)
    with pytest.raises(WeightsError, match="damaged"):
        load_weights(tmp_path / "junk", "detector/test")


def test_weights_without_our_facts_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "plain.safetensors")
    with pytest.raises(WeightsError, match="does not say"):
        load_weights(tmp_path / "plain.safetensors", "detector/test")


def test_going_on_with_other_classes_keeps_what_fits(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    first = nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 3))
    save_weights(path, first.state_dict(), INFO)
    second = nn.Sequential(nn.Linear(2, 8), nn.Linear(8, 5))
    assert start_from(second, path, "detector/test") == 2
    assert torch.equal(first[0].weight, second[0].weight)
    with pytest.raises(WeightsError, match="only 0 of"):
        start_from(nn.Sequential(nn.Linear(9, 9)), path, "detector/test")


# ---- preview ----


def test_previews_are_pictures() -> None:
    image = np.full((40, 60, 3), 100, np.uint8)
    drawn = preview.draw_boxes(image, np.array([[5, 5, 20, 20.0]]), np.array([0]), ["細胞"])
    assert (drawn != image).any()
    assert (image == 100).all()
    tinted = preview.draw_labels(image, np.pad(np.ones((10, 10), int), ((0, 30), (0, 50))))
    assert (tinted[:10, :10] != 100).any()
    assert (tinted[10:] == 100).all()
    assert preview.strip([drawn, tinted], 20).shape == (20, 60, 3)
