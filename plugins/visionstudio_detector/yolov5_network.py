"""YOLOv5's network (release 6), written from its published description.

Modules stand in the places and under the names that the public checkpoints use
("model.0.conv.weight" … "model.24.m.2.bias"), so a state dict of one fits the other.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from visionstudio_detector.grid import GridNet, decode_bounded, expect_little, split_anchors
from visionstudio_detector.layers import Conv

SIZES = {  # factors on the number of bottlenecks and on channels
    "n": (0.33, 0.25),
    "s": (0.33, 0.50),
    "m": (0.67, 0.75),
    "l": (1.0, 1.0),
    "x": (1.33, 1.25),
}
BACKBONE = tuple(f"model.{i}." for i in range(10))  # what comes before the pyramid, by name
HEAD = "model.24"
# Width and height in pixels at strides 8, 16 and 32, found on COCO at 640 px.
ANCHORS = (
    ((10, 13), (16, 30), (33, 23)),
    ((30, 61), (62, 45), (59, 119)),
    ((116, 90), (156, 198), (373, 326)),
)


class Bottleneck(nn.Module):
    """A 1×1 and a 3×3 convolution, added to their input where `shortcut`."""

    def __init__(self, channels: int, shortcut: bool) -> None:
        super().__init__()
        self.cv1 = Conv(channels, channels, 1)
        self.cv2 = Conv(channels, channels, 3)
        self.add = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C3(nn.Module):
    """A cross-stage-partial block: one half goes through `count` bottlenecks, one past them."""

    def __init__(self, inside: int, out: int, count: int, shortcut: bool = True) -> None:
        super().__init__()
        half = out // 2
        self.cv1 = Conv(inside, half)
        self.cv2 = Conv(inside, half)
        self.cv3 = Conv(2 * half, out)
        self.m = nn.Sequential(*(Bottleneck(half, shortcut) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.cv3(torch.cat([self.m(self.cv1(x)), self.cv2(x)], dim=1))
        return y


class SPPF(nn.Module):
    """Pooling over 5, 9 and 13 pixels side by side, as three poolings over 5 in a row."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.cv1 = Conv(channels, channels // 2)
        self.cv2 = Conv(2 * channels, channels)
        self.m = nn.MaxPool2d(5, stride=1, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(self.m(parts[-1]))
        y: Tensor = self.cv2(torch.cat(parts, dim=1))
        return y


class Join(nn.Module):
    """The layer before and an earlier one, by channels. The network knows which."""

    def __init__(self, *layers: int) -> None:
        super().__init__()
        self.layers = layers


class Heads(nn.Module):
    """One 1×1 convolution per scale, and the anchors in units of its stride."""

    anchors: Tensor

    def __init__(self, classes: int, channels: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        self.outputs = 5 + classes
        each = torch.tensor(strides, dtype=torch.float32)[:, None, None]
        self.register_buffer("anchors", torch.tensor(ANCHORS, dtype=torch.float32) / each)
        self.m = nn.ModuleList(
            nn.Conv2d(c, len(ANCHORS[0]) * self.outputs, kernel_size=1) for c in channels
        )

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        pairs = zip(self.m, features, strict=True)
        return [split_anchors(layer(feature), self.outputs) for layer, feature in pairs]


class YoloV5Net(GridNet):
    """Pictures (N, 3, H, W) in [0, 255] → three scales of (N, 3, H/s, W/s, 5 + classes).

    `size` is n, s, m, l or x: 1.9, 7.2, 21.2, 46.6 or 86.7 million parameters.
    """

    decode = staticmethod(decode_bounded)
    _HEADS: ClassVar[tuple[int, ...]] = (17, 20, 23)

    def __init__(self, classes: int, size: str = "s") -> None:
        super().__init__()
        depth, width = SIZES[size]
        c2, c3, c4, c5, c6 = (8 * math.ceil(c * width / 8) for c in (64, 128, 256, 512, 1024))
        n3, n6, n9 = (max(round(n * depth), 1) for n in (3, 6, 9))
        self.model = nn.ModuleList(
            [
                Conv(3, c2, 6, 2, pad=2),
                Conv(c2, c3, 3, 2),
                C3(c3, c3, n3),
                Conv(c3, c4, 3, 2),
                C3(c4, c4, n6),
                Conv(c4, c5, 3, 2),
                C3(c5, c5, n9),
                Conv(c5, c6, 3, 2),
                C3(c6, c6, n3),
                SPPF(c6),
                Conv(c6, c5),
                nn.Upsample(scale_factor=2),
                Join(6),
                C3(2 * c5, c5, n3, shortcut=False),
                Conv(c5, c4),
                nn.Upsample(scale_factor=2),
                Join(4),
                C3(2 * c4, c4, n3, shortcut=False),
                Conv(c4, c4, 3, 2),
                Join(14),
                C3(2 * c4, c5, n3, shortcut=False),
                Conv(c5, c5, 3, 2),
                Join(10),
                C3(2 * c5, c6, n3, shortcut=False),
                Heads(classes, (c4, c5, c6), self.strides),
            ]
        )
        expect_little(self.heads.m, self.strides, classes)

    @property
    def heads(self) -> Heads:
        last = self.model[-1]
        assert isinstance(last, Heads)
        return last

    def anchor_sizes(self) -> Tensor:
        strides = torch.tensor(self.strides, device=self.heads.anchors.device)
        return self.heads.anchors * strides[:, None, None]

    def forward(self, images: Tensor) -> list[Tensor]:
        x = images.to(self.heads.anchors.dtype) / 255
        kept: dict[int, Tensor] = {}
        for i, layer in enumerate(self.model[:-1]):
            if isinstance(layer, Join):
                x = torch.cat([x, *(kept[k] for k in layer.layers)], dim=1)
            else:
                x = layer(x)
            if i in (4, 6, 10, 14, *self._HEADS):
                kept[i] = x
        found: list[Tensor] = self.heads([kept[i] for i in self._HEADS])
        return found
