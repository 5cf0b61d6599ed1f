"""segmenter/unet: learns, any size in and out, odd data, weights, tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from tests.plugins.pictures import discs, membranes
from visionstudio.api import ModelError, Sample, Target, TrainingError, WeightsError
from visionstudio_segmenter import maps
from visionstudio_segmenter.examples import IGNORE, cropper, load, survey
from visionstudio_segmenter.manifest import MANIFEST
from visionstudio_segmenter.maps import probabilities
from visionstudio_segmenter.network import losses
from visionstudio_segmenter.params import SegmentParams, UnetTrainParams
from visionstudio_segmenter.semantic import background_name
from visionstudio_segmenter.unet import Plain, Unet, build
from visionstudio_torch.data import Cached
from visionstudio_torch.transforms import Augmentation
from visionstudio_torch.weights import WeightsInfo, load_weights, read_info, save_weights

SMALL = UnetTrainParams(epochs=1, batch=2, image_size=64)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained net of two classes."""
    path = tmp_path_factory.mktemp("weights") / "best.safetensors"
    torch.manual_seed(0)
    net = build(3, {"encoder": "builtin"}, True)
    arch = {"encoder": "builtin", "background": True}
    info = WeightsInfo("segmenter/unet", ("a", "b"), (1, 2), params={"max_side": 256}, arch=arch)
    save_weights(path, net.state_dict(), info)
    return path


def test_manifest_and_parameters() -> None:
    assert MANIFEST.models[0].result_kind == "semantic"
    count = sum(p.numel() for p in build(2, {}, False).parameters())
    assert 5e6 < count < 7e6


@pytest.mark.parametrize("encoder", ["builtin", "none"])
@pytest.mark.parametrize("size", [(1, 1), (2, 77), (31, 31), (64, 96), (101, 63)])
def test_output_has_the_size_of_the_input(encoder: str, size: tuple[int, int]) -> None:
    net = build(3, {"encoder": encoder}, False).eval()
    with torch.no_grad():
        logits = net(torch.zeros(2, 3, *size, dtype=torch.uint8))
    assert logits.shape == (2, 3, *size)
    assert bool(torch.isfinite(logits).all())


def test_plain_skips_are_concatenated() -> None:
    net = Plain(2, (4, 8, 16))
    assert [stage[0].in_channels for stage in net.up] == [16, 8]
    assert net(torch.zeros(1, 3, 32, 32)).shape == (1, 2, 32, 32)


def test_losses_ignore_what_is_not_known() -> None:
    logits = torch.randn(1, 3, 4, 4)
    labels = torch.full((1, 4, 4), IGNORE)
    nothing = losses(logits, labels)
    assert all(float(v) == 0 for v in nothing.values())
    labels[0, 0] = 2
    changed = logits.clone()
    changed[:, :, 1:] += 5 * torch.randn(1, 3, 3, 4)
    for name, value in losses(logits, labels).items():
        assert float(value) == pytest.approx(float(losses(changed, labels)[name]), abs=1e-6)
    perfect = torch.full((1, 3, 4, 4), -20.0)
    perfect[:, 2] = 20.0
    assert sum(float(v) for v in losses(perfect, labels).values()) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("start", ["builtin", "none"])
def test_it_learns_discs(start: str, train_context: Callable[..., Any], memory_data: Any) -> None:
    data = memory_data(("disc",), [discs(i) for i in range(6)], [discs(10), discs(11)])
    ctx = train_context()
    params = replace(SMALL, epochs=12, weights=start, batch=4)
    result = Unet().train(data, params, ctx)
    assert result.metrics["mIoU"] > 0.7
    assert set(result.metrics) == {"mIoU", "IoU background", "IoU disc"}
    assert ctx.previews["validation"].ndim == 3
    model = Unet()
    model.load(SegmentParams(), ctx.run_folder / "best.safetensors", ctx)
    sample = discs(12, 70, 131)
    (found,) = model.predict([sample.image], SegmentParams(), ctx)
    assert found.classes == ("background", "disc")
    assert found.labels.shape == (70, 131)
    truth = sample.target.semantic == 1
    assert (truth & (found.labels == 1)).sum() > 0.6 * (truth | (found.labels == 1)).sum()


@pytest.mark.slow
def test_classes_that_cover_everything_need_no_background(
    train_context: Callable[..., Any], memory_data: Any
) -> None:
    samples = [discs(i, covered=True) for i in range(4)]
    labels = samples[0].target.semantic
    assert labels is not None
    seam = labels.copy()
    seam[40, :20] = 0
    samples[0] = replace(samples[0], target=Target(semantic=seam))
    ctx = train_context()
    data = memory_data(("disc", "rest"), samples, samples[:2])
    result = Unet().train(data, replace(SMALL, epochs=2), ctx)
    assert set(result.metrics) == {"mIoU", "IoU disc", "IoU rest"}
    assert read_info(ctx.run_folder / "best.safetensors").arch["background"] is False
    model = Unet()
    model.load(SegmentParams(), ctx.run_folder / "best.safetensors", ctx)
    (found,) = model.predict([samples[1].image], SegmentParams(), ctx)
    assert found.classes == ("background", "disc", "rest")
    assert 0 not in found.labels


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (37, 91), (480, 640)])
def test_any_frame_gives_a_map_of_its_size(
    shape: tuple[int, int], weights: Path, train_context: Callable[..., Any]
) -> None:
    model, ctx = Unet(), train_context()
    model.load(SegmentParams(), weights, ctx)
    frame = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    frame.flags.writeable = False
    first, second = model.predict([frame, frame], SegmentParams(), ctx)
    assert first.labels.shape == shape
    assert first.confidence is not None
    assert first.confidence.min() >= 1 / 3 - 1e-6
    np.testing.assert_array_equal(first.labels, second.labels)
    (strict,) = model.predict([frame], SegmentParams(threshold=0.9), ctx)
    sure = first.confidence >= 0.9
    np.testing.assert_array_equal(strict.labels, np.where(sure, first.labels, 0))


def test_large_pictures_in_tiles_equal_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """With tiles large against the receptive field, blended shares come near the whole's."""
    torch.manual_seed(0)
    net = build(2, {"encoder": "none"}, False).eval()
    image = cv2.resize(discs(1).image, (500, 400))
    whole = probabilities(net, image, "cpu")
    monkeypatch.setattr(maps, "TILE", 256)
    assert maps._starts(500) == [0, 122, 244]
    tiled = probabilities(net, image, "cpu")
    assert tiled.shape == whole.shape == (400, 500, 2)
    np.testing.assert_allclose(tiled.sum(axis=2), 1, atol=1e-5)
    assert np.abs(tiled - whole).mean() < 0.01


def test_crops_keep_labels_on_the_picture() -> None:
    how = Augmentation(flip_x=True, flip_y=True, quarter_turns=True, scale=0.2)
    item = load(discs(3, 150, 200), 1024)
    crop = cropper(64, how)
    for seed in range(8):
        image, labels = crop(item, np.random.default_rng(seed))
        assert image.shape == (3, 64, 64)
        bright, marked = image[0] > 165, labels == 1
        known = labels != IGNORE
        assert int(((bright != marked) & known).sum()) < 0.06 * 64 * 64


def test_a_crop_without_changes_is_exact() -> None:
    item = load(discs(3, 64, 64), 1024)
    image, labels = cropper(64, Augmentation())(
        replace(item, labels=np.zeros_like(item.labels)), np.random.default_rng(0)
    )
    np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), item.image)
    assert not labels.any()


def test_small_pictures_are_padded_with_ignored_labels() -> None:
    item = load(discs(3, 20, 30), 1024)
    _, labels = cropper(64, Augmentation())(item, np.random.default_rng(1))
    assert int((labels != IGNORE).sum()) <= 20 * 30


def test_survey_finds_background_and_crop_count() -> None:
    def cached(samples: list[Sample]) -> Cached[Any, Any]:
        return Cached(samples, lambda s: load(s, 1024), lambda item: item.bytes)

    assert survey(cached([discs(0, 256, 256)]), 64) == (True, 16)
    assert survey(cached([discs(0, 128, 128, covered=True)]), 64) == (False, 4)
    assert survey(cached([discs(0, 8, 8)] * 40), 64)[1] == 1
    blank = Sample(discs(0).image, Target(semantic=np.zeros((96, 96), np.uint8)), "blank")
    with pytest.raises(TrainingError, match="no pixel"):
        survey(cached([blank]), 64)


def test_reduction_to_the_largest_side() -> None:
    item = load(discs(0, 300, 500), 256)
    assert item.image.shape == (154, 256, 3)
    assert item.labels.shape == (154, 256)


def test_odd_training_data(train_context: Callable[..., Any], memory_data: Any) -> None:
    tiny = Sample(np.zeros((1, 1, 3), np.uint8), Target(semantic=np.ones((1, 1), np.uint8)), "1x1")
    unknown = Sample(
        discs(0).image, Target(semantic=np.full((96, 96), IGNORE, np.uint8)), "unknown"
    )
    samples = [tiny, unknown, discs(1, 40, 700)]
    ctx = train_context()
    Unet().train(memory_data(("a",), samples, samples), SMALL, ctx)
    assert all(np.isfinite(list(m.values())).all() for _, m in ctx.metrics)


def test_resuming_is_bit_exact(train_context: Callable[..., Any], memory_data: Any) -> None:
    data = memory_data(("disc",), [discs(i) for i in range(2)])
    params = replace(SMALL, epochs=2)
    whole, parts = train_context("whole"), train_context("parts", stop_at=2)
    Unet().train(data, params, whole)
    Unet().train(data, params, parts)
    Unet().train(data, params, train_context("parts", resume=True))
    states = [
        torch.load(c.run_folder / "last.ckpt", weights_only=True)["model"] for c in (whole, parts)
    ]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_weights_choices(
    weights: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    data = memory_data(("x",), [discs(0)])
    ctx = train_context("frozen")
    Unet().train(data, replace(SMALL, weights=str(weights), freeze=True), ctx)
    state, _ = load_weights(ctx.run_folder / "best.safetensors", "segmenter/unet")
    first, _ = load_weights(weights, "segmenter/unet")
    stem = "body.encoder.model.conv_stem.weight"
    assert torch.equal(state[stem], first[stem])


def test_errors_say_what_to_do(
    tmp_path: Path, weights: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    model, ctx = Unet(), train_context()
    with pytest.raises(WeightsError, match="train it"):
        model.load(SegmentParams(), None, ctx)
    with pytest.raises(ModelError, match="not loaded"):
        model.predict([discs(0).image], SegmentParams(), ctx)
    with pytest.raises(TrainingError, match="classes"):
        model.train(memory_data((), [discs(0)]), SMALL, ctx)
    with pytest.raises(TrainingError, match="masks or polygons"):
        model.train(memory_data(("a",), [Sample(discs(0).image, Target(), "x")]), SMALL, ctx)
    other = tmp_path / "other.safetensors"
    state, info = load_weights(weights, "segmenter/unet")
    save_weights(other, state, replace(info, model="detector/faster-rcnn"))
    with pytest.raises(WeightsError, match="for detector/faster-rcnn"):
        model.load(SegmentParams(), other, ctx)
    save_weights(other, state, replace(info, arch={"encoder": "none", "background": True}))
    with pytest.raises(WeightsError, match="do not fit"):
        model.load(SegmentParams(), other, ctx)


def test_background_has_a_name_of_its_own() -> None:
    assert background_name(("cell",)) == "background"
    assert background_name(("background", "cell")) == "(background)"


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.shared_data
@pytest.mark.timeout(1200)
def test_membranes(shared_data: Path, train_context: Callable[..., Any], memory_data: Any) -> None:
    """First 24 to learn from, last 6 held out. `benchmarks/learning.py` has times."""
    train = membranes(shared_data, range(24))
    val = membranes(shared_data, range(24, 30))
    data = memory_data(("membrane",), train, val)
    result = Unet().train(data, UnetTrainParams(epochs=6), train_context(threads=2))
    assert result.metrics["IoU background"] >= 0.88
    assert result.metrics["IoU membrane"] >= 0.60
