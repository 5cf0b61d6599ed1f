"""detector/fast-rcnn: features once per picture, regions from selective search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from visionstudio.api import Context, Exportable, ModelError, Sample, TrainContext
from visionstudio_detector.examples import Item, load
from visionstudio_detector.faster_rcnn import BOXES, PICTURES
from visionstudio_detector.selective_search import propose, propose_all
from visionstudio_torch.data import Cached
from visionstudio_torch.preview import picture_of
from visionstudio_torch.two_stage import State, TwoStage, built_in

MODEL = "detector/fast-rcnn"


class FastRcnn(TwoStage[Item]):
    """On the built-in backbone."""

    def __init__(self) -> None:
        super().__init__(built_in(MODEL, PICTURES, finds_regions=False), BOXES)

    def export(self) -> Exportable:
        """Raises ModelError: whoever runs it elsewhere would have to find the same regions."""
        raise ModelError(
            "a network that is given its regions cannot be written as ONNX",
            where=MODEL,
            next_step="write it as safetensors",
        )

    def _prepared(
        self, samples: Sequence[Sample], params: Any, ctx: TrainContext
    ) -> Cached[Any, Item]:
        """The pictures whose regions are known by now: all, or those the time was enough for."""
        mode, side = params.regions, params.image_size
        usable = propose_all(len(samples), lambda i: load(samples[i], side).image, mode, ctx)

        def read(index: int) -> Item:
            item = load(samples[index], side)
            return replace(item, regions=propose(item.image, mode, ctx.cache))

        return Cached(usable, read, lambda item: item.bytes)

    def _find(
        self, net: Any, images: list[Tensor], trained: Mapping[str, Any], ctx: Context
    ) -> Sequence[State]:
        regions = []
        for image in images:
            ctx.report(message="looking for regions")
            mode = str(trained.get("regions", "fast"))
            boxes = propose(picture_of(image.cpu()), mode, ctx.cache)
            regions.append(torch.from_numpy(boxes).to(image.device))
        found: Sequence[State] = net(images, regions=regions)
        return found
