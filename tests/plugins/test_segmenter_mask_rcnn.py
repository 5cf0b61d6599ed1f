"""segmenter/mask-rcnn: masks move with pictures, come back to the frame, and are learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.models import detection
from torchvision.models.detection.roi_heads import RoIHeads, paste_masks_in_image

from visionstudio.api import Sample, Target, TrainingError, WeightsError
from visionstudio.engine.weights import usable_weights
from visionstudio_segmenter import instances
from visionstudio_segmenter.instances import (
    augmenter,
    load,
    mask_overlap,
    pasted,
    to_masks,
    truth_of,
)
from visionstudio_segmenter.mask_rcnn import MaskRcnn, MaskRcnnResnet50
from visionstudio_segmenter.params import (
    InstanceParams,
    MaskRcnnTrainParams,
    TorchvisionMaskRcnnTrainParams,
)
from visionstudio_torch.rcnn import Heads, RcnnNet
from visionstudio_torch.torchvision_rcnn import build
from visionstudio_torch.transforms import Augmentation
from visionstudio_torch.two_stage import collate

SMALL = MaskRcnnTrainParams(epochs=1, batch=2, image_size=64)


def sample(image: NDArray[np.uint8], masks: list[NDArray[np.bool_]], kinds: list[int]) -> Sample:
    boxes = []
    for mask in masks:
        x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
        boxes.append([x, y, x + w, y + h])
    target = Target(
        boxes=np.array(boxes, float).reshape(-1, 4),
        indices=np.array(kinds, np.int64),
        ignore=np.zeros(len(masks), bool),
        masks=tuple(masks),
    )
    return Sample(image, target, "made up")


def discs(seed: int, size: int = 96) -> Sample:
    """Bright discs that touch in pairs, on noise."""
    rng = np.random.default_rng(seed)
    image = rng.integers(60, 110, (size, size, 3), np.uint8)
    masks = []
    for row in range(2):
        radius = int(rng.integers(9, 13))
        y, x = size // 4 + row * size // 2, int(rng.integers(radius + 2, size - 3 * radius - 2))
        for middle in (x, x + 2 * radius):
            mask = np.zeros((size, size), np.uint8)
            cv2.circle(mask, (middle, y), radius, 1, -1)
            image[mask > 0] = rng.integers(170, 250, 3)
            masks.append(mask > 0)
    return sample(image, masks, [0] * len(masks))


def nuclei(folder: Path, count: int) -> list[Sample]:
    """The first pictures of dsb2018 and a mask for every nucleus."""
    home = folder / "dsb2018"
    found = []
    for path in sorted((home / "images").glob("*.png"))[:count]:
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        ids = cv2.imread(str(home / "instances" / path.name), cv2.IMREAD_UNCHANGED)
        masks = [ids == i for i in np.unique(ids[ids > 0])]
        found.append(sample(image, masks, [0] * len(masks)))
    return found


def test_items_keep_every_object_and_leave_out_empty_ones() -> None:
    one = discs(0)
    item = load(one, 48)
    assert item.image.shape == (48, 48, 3)
    assert len(item.objects) == len(one.target.masks)
    for kept, mask in zip(item.objects, one.target.masks, strict=True):
        assert kept.mask.sum() == pytest.approx(mask.sum() / 4, rel=0.15)
        assert kept.mask[0].any()
        assert kept.mask[:, -1].any()
    tiny = np.zeros((96, 96), bool)
    tiny[5, 5] = True  # vanishes at a third of the size
    assert len(load(sample(one.image, [tiny], [0]), 16).objects) in (0, 1)
    boxes_only = Sample(one.image, Target(boxes=one.target.boxes, indices=one.target.indices), "b")
    with pytest.raises(TrainingError, match="no masks"):
        load(boxes_only, 48)


def test_masks_move_with_the_picture() -> None:
    item = load(discs(1), 96)
    how = Augmentation(flip_x=True, rotate=30, scale=0.3, translate=0.1)
    for seed in range(6):
        image, target = augmenter(how)(item, np.random.default_rng(seed))
        masks = target["masks"].numpy() > 0
        assert masks.shape[1:] == tuple(image.shape[1:])
        bright = image.numpy().max(axis=0) > 150
        inside = masks.any(axis=0)
        assert (bright & inside).sum() > 0.9 * inside.sum()
        for mask, box in zip(masks, target["boxes"].numpy(), strict=True):
            x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
            np.testing.assert_array_equal(box, [x, y, x + w, y + h])


def test_pasting_agrees_with_torchvision() -> None:
    rng = np.random.default_rng(0)
    cells = cv2.GaussianBlur(rng.random((28, 28)).astype(np.float32), (0, 0), 3)
    cells = (cells - cells.min()) / (cells.max() - cells.min())
    for box in ([10.0, 12.0, 60.0, 90.0], [-8.0, 3.5, 30.25, 41.0]):
        x, y, mask = pasted(cells, np.array(box), 100, 100)
        whole = np.zeros((100, 100), bool)
        whole[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
        wanted = paste_masks_in_image(
            torch.from_numpy(cells)[None, None], torch.tensor([box]), (100, 100)
        )
        expected = wanted[0, 0].numpy() >= 0.5
        # torchvision rounds a box to whole pixels, so its masks are up to a pixel off.
        assert (whole ^ expected).sum() <= 0.08 * expected.sum()
    full = np.ones((28, 28), np.float32)
    _, _, mask = pasted(full, np.array([3.0, 4.0, 9.0, 6.0]), 20, 20)
    assert mask.shape == (2, 6)
    assert mask.all()
    assert pasted(full, np.array([30.0, 4.0, 39.0, 6.0]), 20, 20)[2].size == 0


def test_overlap_of_masks() -> None:
    item = load(discs(2), 96)
    masks = np.stack([np.roll(m, 3, axis=1) for m in discs(2).target.masks])
    found = mask_overlap(masks, item, len(truth_of(item).boxes))
    wanted = [[(m & t).sum() / (m | t).sum() for t in discs(2).target.masks] for m in masks]
    np.testing.assert_allclose(found, wanted, atol=1e-9)


def test_a_huge_frame_gets_the_surest_masks_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instances, "_MASK_BYTES", 2 * 50 * 40)
    found = {
        "boxes": torch.tensor([[0.0, 0, 10, 10], [10, 10, 20, 20], [20, 20, 30, 30]]),
        "scores": torch.tensor([0.2, 0.9, 0.5]),
        "labels": torch.tensor([0, 1, 0]),
        "masks": torch.ones(3, 1, 28, 28),
    }
    frame = np.zeros((50, 40, 3), np.uint8)
    masks = to_masks(found, frame, np.eye(2, 3), ("a", "b"))
    assert masks.indices.tolist() == [1, 0]
    assert masks.masks[0, 10:20, 10:20].all()
    assert masks.masks[0].sum() == 100


def test_odd_data_trains_and_any_frame_is_answered(
    train_context: Callable[..., Any], memory_data: Any
) -> None:
    empty = sample(discs(0).image, [], [])
    tiny = sample(np.zeros((1, 1, 3), np.uint8), [np.ones((1, 1), bool)], [1])
    wide = sample(np.zeros((4, 300, 3), np.uint8), [np.ones((4, 300), bool)], [0])
    ctx = train_context()
    data = memory_data(("a", "never"), [empty, tiny, wide, discs(1)], [empty])
    MaskRcnn().train(data, SMALL, ctx)
    assert all(np.isfinite(list(m.values())).all() for _, m in ctx.metrics)
    model = MaskRcnn()
    model.load(InstanceParams(), ctx.run_folder / "best.safetensors", ctx)
    for shape in [(1, 1), (3, 200), (75, 61)]:
        frame = np.zeros((*shape, 3), np.uint8)
        (found,) = model.predict([frame], InstanceParams(max_detections=5), ctx)
        assert found.masks.shape[1:] == shape
        assert found.classes == ("a", "never")
        assert len(found.masks) <= 5
        assert found.masks.any(axis=(1, 2)).all()
    with pytest.raises(TrainingError, match="no class"):
        MaskRcnn().train(memory_data((), [discs(0)]), SMALL, ctx)
    detector = MaskRcnnResnet50()
    with pytest.raises(WeightsError, match="for segmenter/mask-rcnn"):
        detector.load(InstanceParams(), ctx.run_folder / "best.safetensors", ctx)


def test_a_few_masks_at_once_are_learned_as_torchvision_learns_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = RcnnNet(1, pretrained=False, masks=True).train()
    vary = augmenter(Augmentation())
    rng = np.random.default_rng(0)
    images, targets = collate([vary(load(discs(i), 64), rng) for i in range(2)])
    seen = []
    net.roi_heads.mask_head.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))

    def losses() -> dict[str, torch.Tensor]:
        torch.manual_seed(1)
        found: dict[str, torch.Tensor] = net(images, targets)
        return found

    ours = losses()
    with monkeypatch.context() as patch:
        patch.setattr(Heads, "forward", RoIHeads.forward)
        theirs = losses()
    assert ours.keys() == theirs.keys()
    for name, loss in theirs.items():
        torch.testing.assert_close(ours[name], loss)
    net.roi_heads.masks_learned = 3
    losses()
    assert seen[0] == seen[1] > 6
    assert seen[2] == 2 * 3


def test_sizes_are_those_that_torchvision_publishes() -> None:
    assert sum(p.numel() for p in RcnnNet(1, pretrained=False, masks=True).parameters()) > 4.5e6
    published = {
        "resnet50": detection.MaskRCNN_ResNet50_FPN_Weights.COCO_V1,
        "resnet50-v2": detection.MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
    }
    for name, weights in published.items():
        with torch.device("meta"):
            net = build(name, 90, frozen_norms=name == "resnet50", masks=True)
        assert sum(p.numel() for p in net.parameters()) == weights.meta["num_params"]


@pytest.mark.slow
def test_a_published_file_finds_what_torchvision_finds(
    tmp_path: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    torch.manual_seed(0)
    published = detection.maskrcnn_resnet50_fpn(
        weights=None, weights_backbone=None, num_classes=91, min_size=96, max_size=160
    ).eval()
    with torch.no_grad():  # an untrained head that is sure of something
        published.roi_heads.box_predictor.cls_score.bias[18] = 4
    path = tmp_path / "maskrcnn.pth"
    torch.save(published.state_dict(), path)
    model, ctx = MaskRcnnResnet50(), train_context()
    file = usable_weights(path, "segmenter/mask-rcnn-resnet50")
    model.load(InstanceParams(), file, ctx)
    model._side = 96
    frame = np.ascontiguousarray(discs(3).image)
    (found,) = model.predict([frame], InstanceParams(max_detections=8), ctx)
    assert len(found.classes) == 90
    with torch.no_grad():
        (expected,) = published([torch.from_numpy(frame).permute(2, 0, 1).float() / 255])
    count = min(len(found.scores), len(expected["scores"]), 8)
    assert count > 3
    np.testing.assert_allclose(found.scores[:count], expected["scores"][:count], atol=1e-3)
    wanted = expected["masks"][:count, 0].numpy() >= 0.5
    assert (found.masks[:count] == wanted).mean() > 0.97
    params = TorchvisionMaskRcnnTrainParams(
        epochs=1, batch=1, image_size=64, weights=str(file), freeze=True
    )
    MaskRcnnResnet50().train(memory_data(("disc",), [discs(0)]), params, train_context("more"))
    with pytest.raises(TrainingError, match="come with the program"):
        MaskRcnnResnet50().train(
            memory_data(("disc",), [discs(0)]), replace(params, weights="builtin"), ctx
        )


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.figures
@pytest.mark.timeout(1200)
def test_it_overfits_a_few_pictures_of_nuclei(
    shared_data: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    samples = nuclei(shared_data, 4)
    data = memory_data(("nucleus",), samples, samples)
    params = MaskRcnnTrainParams(epochs=8, batch=1, image_size=256, flip="none", colour=0.0)
    result = MaskRcnn().train(data, params, train_context(threads=1))
    assert result.metrics["AP50"] >= 0.4
