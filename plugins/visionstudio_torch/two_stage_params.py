"""Parameters that the two-stage networks share: boxes with or without masks. Without torch."""

from __future__ import annotations

from dataclasses import dataclass

from visionstudio_torch.params import (
    FitParams,
    batch_param,
    blur_param,
    colour_param,
    flip_param,
    image_size_param,
    lr_param,
    rotate_param,
    scale_param,
    translate_param,
)


@dataclass(frozen=True)
class TwoStageParams(FitParams):
    """How to train on a backbone with a feature pyramid."""

    lr: float = lr_param(6e-4)
    batch: int = batch_param(4)
    image_size: int = image_size_param(
        320,
        low=64,
        title="Short side",
        help="Pictures are resized to this short side. Larger finds smaller objects, slower.",
    )
    flip: str = flip_param("horizontal")
    rotate: float = rotate_param()
    translate: float = translate_param()
    scale: float = scale_param(0.0)
    colour: float = colour_param(0.1)
    blur: float = blur_param()
