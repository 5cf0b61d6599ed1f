"""Prediction of a box's overlap with the object, and boxes that climb to the highest one.

Danelljan, Bhat, Khan, Felsberg: ATOM: Accurate Tracking by Overlap Maximization, CVPR 2019,
after IoU-Net (Jiang et al., ECCV 2018). The reference picture's features of the object
modulate those of the present picture, channel by channel.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from visionstudio_torch.weights import load_weights, save_weights
from visionstudio_tracker.known import STRIDES, Maps
from visionstudio_tracker.roi_pool import precise_roi_pool

MODEL = "tracker/atom"
BUILTIN = Path(__file__).with_name("atom.safetensors")
VIEW, CONTEXT = 256, 5.0  # px of a view, and how many sides of the object it shows
BACKBONE = (40, 112)  # channels at these strides
BINS = (5, 3)
CLIMB, STEPS = 0.12, 6  # step length in sides of the box per slope of the IoU, and how many


class IouNet(nn.Module):
    """From features of two pictures, at strides 8 and 16, to the IoU of boxes in the second."""

    WIDTH, HIDDEN = 32, 64

    def __init__(self) -> None:
        super().__init__()
        width = self.WIDTH
        self.reference = nn.ModuleList(_layer(c, width) for c in BACKBONE)
        self.present = nn.ModuleList(
            nn.Sequential(_layer(c, width), _layer(width, width)) for c in BACKBONE
        )
        self.modulation = nn.ModuleList(nn.Linear(2 * width, width) for _ in BACKBONE)
        self.judge = nn.ModuleList(nn.Linear(width * b * b, self.HIDDEN) for b in BINS)
        self.overlap = nn.Linear(2 * self.HIDDEN, 1)

    def modulate(self, maps: Maps, boxes: Tensor) -> list[Tensor]:
        """What the object in boxes (N, 4) looks like: a vector (N, width) for each stride."""
        pooled = [
            precise_roi_pool(layer(m), boxes[:, None], 1, s).flatten(1)
            for layer, m, s in zip(self.reference, maps, STRIDES, strict=True)
        ]
        both = torch.cat(pooled, dim=1)
        return [layer(both) for layer in self.modulation]

    def prepare(self, maps: Maps) -> list[Tensor]:
        """The present picture's features, once for all boxes."""
        return [layer(m) for layer, m in zip(self.present, maps, strict=True)]

    def predict(self, vectors: list[Tensor], prepared: list[Tensor], boxes: Tensor) -> Tensor:
        """The IoU expected of boxes (N, M, 4), (N, M)."""
        found = []
        for vector, features, judge, bins, stride in zip(
            vectors, prepared, self.judge, BINS, STRIDES, strict=True
        ):
            modulated = features * vector[..., None, None]
            pooled = precise_roi_pool(modulated, boxes, bins, stride).flatten(2)
            found.append(torch.relu(judge(pooled)))
        overlap: Tensor = self.overlap(torch.cat(found, dim=-1))[..., 0]
        return (overlap + 1) / 2

    def forward(self, first: Maps, second: Maps, reference: Tensor, boxes: Tensor) -> Tensor:
        """IoU (N, M) of boxes (N, M, 4) in the second picture with the object of the first."""
        return self.predict(self.modulate(first, reference), self.prepare(second), boxes)

    def climb(
        self,
        vectors: list[Tensor],
        prepared: list[Tensor],
        boxes: Tensor,
        steps: int = STEPS,
        length: float = CLIMB,
    ) -> tuple[Tensor, Tensor]:
        """Boxes (N, M, 4) after gradient ascent of their IoU, and the IoU expected of them.

        A step is in proportion to the box's own sides; one that does not help is undone and
        halves the step.
        """
        sides = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1.0).repeat(1, 1, 2)
        rate = torch.full_like(boxes[..., :1], length)
        with torch.no_grad():
            best = boxes.clone()
            value = self.predict(vectors, prepared, best)
        for _ in range(steps):
            with torch.enable_grad():
                moving = best.detach().clone().requires_grad_(True)
                total = self.predict(vectors, prepared, moving).sum()
                (gradient,) = torch.autograd.grad(total, moving)
            with torch.no_grad():
                moved = best + rate * gradient * sides**2
                flat = ((moved[..., 2:] - moved[..., :2]) < 2).any(dim=-1)
                found = self.predict(vectors, prepared, moved)
                better = (found > value) & ~flat
                best = torch.where(better[..., None], moved, best)
                value = torch.where(better, found, value)
                rate = torch.where(better[..., None], rate, rate / 2)
        return best, value


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.GroupNorm(8, outputs),
        nn.ReLU(),
    )


def save_builtin(trained: Path, out: Path = BUILTIN) -> None:
    """Write a trained overlap predictor at half the size, as float16."""
    state, info = load_weights(trained, MODEL)
    save_weights(out, {name: tensor.half() for name, tensor in state.items()}, info)
