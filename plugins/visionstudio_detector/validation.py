"""Validation figures of a detector on the held-out pictures, and a preview of the first ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.api import TrainContext
from visionstudio_detector.examples import Item
from visionstudio_torch import preview
from visionstudio_torch.data import Cached
from visionstudio_torch.found import found_in
from visionstudio_torch.metrics import Found, Truth, box_figures
from visionstudio_torch.two_stage import Find

_PREVIEWS = 4


def box_validation(
    find: Find,
    held: Cached[Any, Item],
    classes: tuple[str, ...],
    batch: int,
    ctx: TrainContext,
) -> dict[str, float]:
    """AP and AP50 over the held-out pictures, {} when there are none."""
    if len(held) == 0:
        return {}
    truths: list[Truth] = []
    found: list[Found] = []
    pictures: list[NDArray[np.uint8]] = []
    for item, answer in found_in(find, held, batch, ctx):
        one = Found(
            answer["boxes"].double().cpu().numpy(),
            answer["labels"].cpu().numpy(),
            answer["scores"].float().cpu().numpy(),
        )
        marked = np.repeat([False, True], [len(item.boxes), len(item.ignore)])
        boxes = np.concatenate([item.boxes, item.ignore]).astype(np.float64)
        indices = np.concatenate([item.indices, item.ignore_indices])
        truths.append(Truth(boxes, indices, marked))
        found.append(one)
        if len(pictures) < _PREVIEWS:
            sure = one.scores >= 0.5
            pictures.append(
                preview.draw_boxes(item.image, one.boxes[sure], one.indices[sure], classes)
            )
    ctx.preview("validation", preview.strip(pictures))
    return box_figures(truths, found, classes)
