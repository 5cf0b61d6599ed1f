"""Changes of training pictures against torchvision's, mosaics, and the examples that are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from visionstudio.api import Sample, Target
from visionstudio_classifier.params import EfficientNetTraining, SimpleCnnTraining
from visionstudio_detector.params import FasterRcnnTrainParams
from visionstudio_segmenter.params import MaskRcnnTrainParams, UnetTrainParams
from visionstudio_torch import transforms
from visionstudio_torch.mosaic import mosaic
from visionstudio_torch.transforms import Augmentation, augmentation_of


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("angle", "scale", "shift"), [(0, 1.0, (7, -5)), (30, 1.2, (4, 9))])
def test_pictures_boxes_and_labels_move_as_torchvision_moves_them(
    flip: bool, angle: float, scale: float, shift: tuple[int, int]
) -> None:
    height, width = 90, 120
    rng = np.random.default_rng(2)
    coarse = torch.from_numpy(rng.integers(0, 255, (1, 3, 9, 12)).astype(np.float32))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    image = smooth[0].permute(1, 2, 0).numpy().astype(np.uint8)
    labels = np.zeros((height, width), np.uint8)
    labels[30:60, 40:90] = 1
    boxes = np.array([[40, 30, 90, 60], [5, 5, 20, 30]], np.float32)

    how = {"angle": angle, "translate": list(shift), "scale": scale, "shear": [0.0, 0.0]}
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    theirs = tv_tensors.BoundingBoxes(boxes, format="XYXY", canvas_size=(height, width))
    if flip:
        tensor, theirs = (
            v2.functional.horizontal_flip(tensor),
            v2.functional.horizontal_flip(theirs),
        )
    bilinear = v2.InterpolationMode.BILINEAR
    moved = v2.functional.affine(tensor, **how, interpolation=bilinear, fill=transforms.PAD)
    clamped = v2.functional.affine(theirs, **how)

    turn = np.deg2rad(angle)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    if flip:
        linear = linear @ np.diag([-1.0, 1.0])
    middle = np.array([width / 2, height / 2])
    offset = middle - linear @ middle + shift
    matrix = np.concatenate([linear, offset[:, None]], axis=1)
    ours = transforms.warp_image(image, matrix).astype(int)
    difference = np.abs(ours - moved.permute(1, 2, 0).numpy().astype(int))[8:-8, 8:-8]
    assert np.median(difference) <= 1
    own, _ = transforms.clip_boxes(transforms.warp_boxes(boxes, matrix), height, width)
    np.testing.assert_allclose(own, np.asarray(clamped), atol=0.01)
    ys, xs = np.nonzero(transforms.warp_labels(labels, matrix, fill=0))
    seen = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    np.testing.assert_allclose(seen, own[0], atol=1.6)


@pytest.mark.parametrize("seed", range(4))
def test_a_mosaic_holds_parts_of_four_pictures_and_their_boxes(seed: int) -> None:
    images, boxes = [], np.array([[20, 20, 40, 44]], np.float64)
    for i in range(4):
        image = np.full((64, 80, 3), 40, np.uint8)
        image[20:44, 20:40] = 60 * i + 70
        images.append(image)
    out, tiles = mosaic(images, 96, 128, np.random.default_rng(seed))
    assert out.shape == (96, 128, 3)
    windows = np.zeros((96, 128), int)
    for i, tile in enumerate(tiles):
        x1, y1, x2, y2 = tile.window
        windows[y1:y2, x1:x2] += 1
        (inside,), (keep,) = tile.boxes(boxes)
        bright = np.abs(out.astype(int) - (60 * i + 70)).max(axis=2) <= 2
        mask = np.zeros_like(bright)
        mask[y1:y2, x1:x2] = bright[y1:y2, x1:x2]
        if keep and mask.any():
            ys, xs = np.nonzero(mask)
            seen = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            np.testing.assert_allclose(seen, inside, atol=2.5)
    assert (windows == 1).all()


def test_common_parameters_become_an_augmentation() -> None:
    params = UnetTrainParams(flip="both", rotate=20, scale=0.2, colour=0.3, blur=1.5)
    how = augmentation_of(params, quarter_turns=True)
    assert how == Augmentation(True, True, True, 0.2, 20, 0.0, 0.3, 0.3, 0.15, blur=1.5)
    assert augmentation_of(EfficientNetTraining(flip=False)).flip_x is False
    sharp = np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)
    blurred = [
        transforms.random_look(sharp, Augmentation(blur=3.0), np.random.default_rng(i))
        for i in range(8)
    ]
    assert any(b.std() < sharp.std() / 2 for b in blurred)
    assert any((b == sharp).all() for b in blurred)


def test_every_trainer_shows_what_it_learns_from(
    train_context: Callable[..., Any], memory_data: Any
) -> None:
    """The same seed shows the same; another seed or stronger changes show something else."""
    from visionstudio_classifier.efficientnet import EfficientNetLite0
    from visionstudio_classifier.simplecnn import SimpleCnn
    from visionstudio_detector.faster_rcnn import FasterRcnn
    from visionstudio_segmenter.mask_rcnn import MaskRcnn
    from visionstudio_segmenter.unet import Unet

    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (96, 96, 3), dtype=np.uint8)
    labels = np.zeros((96, 96), np.uint8)
    labels[20:60, 30:70] = 1
    one = np.zeros(1, np.int64)
    box = Target(boxes=np.array([[30.0, 20, 70, 60]]), indices=one, ignore=np.zeros(1, bool))
    cases = [
        (FasterRcnn(), FasterRcnnTrainParams, {"image_size": 96}, box),
        (MaskRcnn(), MaskRcnnTrainParams, {"image_size": 96}, replace(box, masks=(labels > 0,))),
        (Unet(), UnetTrainParams, {"image_size": 64}, Target(semantic=labels)),
        (SimpleCnn(), SimpleCnnTraining, {}, Target(label=0)),
        (
            EfficientNetLite0(),
            EfficientNetTraining,
            {"image_size": 64, "freeze": False},
            Target(label=0),
        ),
    ]
    for trainer, kind, changes, target in cases:
        data = memory_data(("cell",), [Sample(image, target, "a")] * 2)

        def shown(
            seed: int, trainer: Any = trainer, kind: Any = kind, data: Any = data, **more: Any
        ) -> np.ndarray:
            ctx = train_context(seed=seed)
            params = kind(**more)
            return np.stack(list(islice(trainer.examples(data, params, ctx), 5)))

        first = shown(1, **changes)
        assert first.dtype == np.uint8
        assert first.shape[3] == 3
        assert (shown(1, **changes) == first).all()
        assert (shown(2, **changes) != first).any()
        assert (shown(1, **changes, rotate=45.0) != first).any()
