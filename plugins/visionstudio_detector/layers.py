"""The layer that detectors on grids are made of."""

from __future__ import annotations

from torch import Tensor, nn


class Conv(nn.Module):
    """Convolution, batch norm and activation: SiLU, or leaky ReLU for `leaky` > 0."""

    def __init__(
        self,
        inside: int,
        out: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        pad: int = -1,
        leaky: float = 0.0,
        eps: float = 1e-3,
        momentum: float = 0.03,
    ) -> None:
        super().__init__()
        padding = kernel // 2 if pad < 0 else pad
        self.conv = nn.Conv2d(inside, out, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out, eps=eps, momentum=momentum)
        self.act = nn.LeakyReLU(leaky, inplace=True) if leaky else nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(self.bn(self.conv(x)))
        return y
