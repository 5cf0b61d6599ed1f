"""YOLOv3 on Darknet-53 (Redmon and Farhadi, 2018), written from the paper and its layer list."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from visionstudio_detector.grid import GridNet, decode_exponential, expect_little, split_anchors
from visionstudio_detector.layers import Conv

# Width and height in pixels at strides 8, 16 and 32, found on COCO at 416 px.
ANCHORS = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)
_conv = partial(Conv, leaky=0.1, eps=1e-5, momentum=0.1)


class Residual(nn.Module):
    """Half as many channels by 1×1, back by 3×3, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = _conv(channels, channels // 2, 1)
        self.widen = _conv(channels // 2, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.widen(self.squeeze(x))
        return y


def _stage(inside: int, count: int) -> nn.Sequential:
    """Halve the size, double the channels, then `count` residual blocks."""
    blocks = (Residual(2 * inside) for _ in range(count))
    return nn.Sequential(_conv(inside, 2 * inside, 3, 2), *blocks)


class Neck(nn.Module):
    """Five convolutions, alternately 1×1 and 3×3, from any number of channels to `out`."""

    def __init__(self, inside: int, out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(inside, out, 1),
            _conv(out, 2 * out, 3),
            _conv(2 * out, out, 1),
            _conv(out, 2 * out, 3),
            _conv(2 * out, out, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y


class Head(nn.Module):
    """A 3×3 convolution, then the linear layer whose outputs are the answers of a scale."""

    def __init__(self, inside: int, outputs: int) -> None:
        super().__init__()
        self.widen = _conv(inside, 2 * inside, 3)
        self.answer = nn.Conv2d(2 * inside, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.answer(self.widen(x))
        return y


class YoloV3Net(GridNet):
    """Pictures (N, 3, H, W) in [0, 255] → three scales of (N, 3, H/s, W/s, 5 + classes).

    Its convolutions are registered in the order in which darknet stores them. `width` scales
    all channels: 1 is the published network.
    """

    decode = staticmethod(decode_exponential)

    def __init__(self, classes: int, width: float = 1.0) -> None:
        super().__init__()
        self.outputs = 5 + classes
        answers = 3 * self.outputs
        first, c8, c16, c32 = (max(8, round(c * width)) for c in (32, 256, 512, 1024))
        self.stem = _conv(3, first, 3)
        self.early = nn.Sequential(_stage(first, 1), _stage(2 * first, 2))
        self.stage8 = _stage(4 * first, 8)
        self.stage16 = _stage(8 * first, 8)
        self.stage32 = _stage(16 * first, 4)
        self.neck32 = Neck(32 * first, c32 // 2)
        self.head32 = Head(c32 // 2, answers)
        self.lift32 = _conv(c32 // 2, c32 // 4, 1)
        self.neck16 = Neck(c32 // 4 + 16 * first, c16 // 2)
        self.head16 = Head(c16 // 2, answers)
        self.lift16 = _conv(c16 // 2, c16 // 4, 1)
        self.neck8 = Neck(c16 // 4 + 8 * first, c8 // 2)
        self.head8 = Head(c8 // 2, answers)
        self.grow = nn.Upsample(scale_factor=2)
        self._anchors = torch.tensor(ANCHORS, dtype=torch.float32, device="cpu")
        heads = [self.head8.answer, self.head16.answer, self.head32.answer]
        expect_little(heads, self.strides, classes)

    def anchor_sizes(self) -> Tensor:
        return self._anchors.to(self.head8.answer.weight.device)

    def forward(self, images: Tensor) -> list[Tensor]:
        x = images.to(self.head8.answer.weight.dtype) / 255
        at8 = self.stage8(self.early(self.stem(x)))
        at16 = self.stage16(at8)
        at32 = self.neck32(self.stage32(at16))
        up = self.neck16(torch.cat([self.grow(self.lift32(at32)), at16], dim=1))
        fine = self.neck8(torch.cat([self.grow(self.lift16(up)), at8], dim=1))
        raw = [self.head8(fine), self.head16(up), self.head32(at32)]
        return [split_anchors(one, self.outputs) for one in raw]
