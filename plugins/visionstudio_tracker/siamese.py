"""Networks that find a template in a search area by cross-correlation of their features.

Bertinetto, Valmadre, Henriques, Vedaldi, Torr: Fully-Convolutional Siamese Networks for
Object Tracking, ECCV-W 2016.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from visionstudio.api import WeightsError
from visionstudio_torch.backbone import features, fold_batch_norm, freeze, normalise
from visionstudio_torch.weights import apply_weights, load_weights, save_weights
from visionstudio_tracker.known import Maps

MODEL = "tracker/siamfc"
BUILTIN = Path(__file__).with_name("siamfc.safetensors")
STRIDE = 8  # px of the search area per cell of a response, for both networks
_EARLY = ("conv_stem", "bn1", "blocks.0", "blocks.1")  # of the backbone, strides 2 and 4
_FINE, _COARSE = 40, 112  # channels of the backbone at strides 8 and 16


class BuiltinSiamese(nn.Module):
    """On the built-in backbone: its features at strides 8 and 16, projected and normalised.

    The backbone pads, so the template is looked at with what is around it and only the
    middle of its features is kept. A response is the mean cosine similarity over the
    template's cells, times a learned gain, plus a learned level. The projection begins as
    the features themselves, so that the network is of use before it has learned anything.
    """

    name: ClassVar[str] = "builtin"

    def __init__(self, search_size: int = 224, *, pretrained: bool = True) -> None:
        """For search areas of `search_size` pixels, a multiple of 32, and templates of half."""
        super().__init__()
        self.search_size, self.template_size = search_size, search_size // 2
        self.body = features((8, 16), pretrained=pretrained)
        self.fine = nn.Conv2d(_FINE, _FINE + _COARSE, 1, bias=False)
        self.coarse = nn.Conv2d(_COARSE, _FINE + _COARSE, 1, bias=False)
        with torch.no_grad():
            both = torch.eye(_FINE + _COARSE)[..., None, None]
            self.fine.weight.copy_(both[:, :_FINE])
            self.coarse.weight.copy_(both[:, _FINE:])
        self.gain = nn.Parameter(torch.tensor(12.0))
        self.level = nn.Parameter(torch.tensor(-6.0))

    def freeze(self, whole: bool) -> None:
        """Keep the backbone as it is, all of it or its first layers."""
        freeze(self.body, () if whole else _EARLY)

    def train(self, mode: bool = True) -> BuiltinSiamese:
        """As usual, but the backbone's batch norm keeps ImageNet's statistics."""
        super().train(mode)
        self.body.eval()
        return self

    def quicken(self) -> None:
        """Make it faster, for one that is not trained any more."""
        fold_batch_norm(self.body)

    def embed(self, pictures: Tensor | Maps) -> Tensor:
        """(N, 3, S, S) in [0, 255] → (N, C, S/8, S/8); S is a multiple of 16.

        Or of what the backbone makes of pictures, where that is known already.
        """
        if isinstance(pictures, tuple):
            fine, coarse = pictures
        else:
            fine, coarse = self.body(normalise(pictures))
        # Both kinds of features count alike, whatever their scale.
        fine, coarse = functional.normalize(fine, dim=1), functional.normalize(coarse, dim=1)
        coarse = functional.interpolate(
            coarse, scale_factor=2.0, mode="bilinear", align_corners=False
        )
        return functional.normalize(self.fine(fine) + self.coarse(coarse), dim=1)

    def template(self, pictures: Tensor | Maps) -> Tensor:
        """What is looked for: (N, 3, S, S) → (N, C, k, k), the middle half of its features."""
        whole = self.embed(pictures)
        edge = whole.shape[-1] // 4
        return whole[..., edge : whole.shape[-1] - edge, edge : whole.shape[-1] - edge]

    def forward(self, first: Tensor | Maps, second: Tensor | Maps) -> Tensor:
        """Templates and search areas (N, 3, S, S), or their features → logits (N, n, n)."""
        return self.respond(self.template(first), self.embed(second))

    def respond(self, template: Tensor, search: Tensor) -> Tensor:
        """Features (N, C, k, k) and (N, C, m, m) → logits (N, m - k + 1, m - k + 1)."""
        cells = template.shape[-1] * template.shape[-2]
        return correlate(template, search) * (self.gain / cells) + self.level


class AlexNetSiamese(nn.Module):
    """The network of the publication, without padding, from scratch.

    Its tensors are named as in the widely used PyTorch version of it (siamfc-pytorch), whose
    weights it takes; that one saw RGB from 0 to 255 and has no parameters behind the
    correlation.
    """

    name: ClassVar[str] = "alexnet"
    template_size, search_size = 127, 255
    SCALE = 1e-3

    def __init__(self) -> None:
        super().__init__()
        self.backbone = nn.ModuleDict(
            {
                "conv1": _stage(3, 96, 11, stride=2, pool=True),
                "conv2": _stage(96, 256, 5, groups=2, pool=True),
                "conv3": _stage(256, 384, 3),
                "conv4": _stage(384, 384, 3, groups=2),
                "conv5": nn.Sequential(nn.Conv2d(384, 256, 3, groups=2)),
            }
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def freeze(self, whole: bool) -> None:
        """Keep the first two stages, where going on from weights."""
        if whole:
            freeze(self.backbone, ("conv1", "conv2"))

    def quicken(self) -> None:
        fold_batch_norm(self.backbone)

    def embed(self, pictures: Tensor) -> Tensor:
        """(N, 3, S, S) in [0, 255] → (N, 256, (S - 87) / 8 + 1, …) for S = 127 or 255."""
        found = pictures.float()
        for stage in self.backbone.values():
            found = stage(found)
        return found

    def template(self, pictures: Tensor) -> Tensor:
        """What is looked for: (N, 3, 127, 127) → (N, 256, 6, 6)."""
        return self.embed(pictures)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Templates and search areas (N, 3, S, S) → logits (N, 17, 17)."""
        return self.respond(self.template(first), self.embed(second))

    def respond(self, template: Tensor, search: Tensor) -> Tensor:
        """Features (N, C, 6, 6) and (N, C, 22, 22) → logits (N, 17, 17)."""
        return correlate(template, search) * self.SCALE


Siamese = BuiltinSiamese | AlexNetSiamese


def _stage(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1, pool: bool = False
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, groups=groups),
        nn.BatchNorm2d(outputs, eps=1e-6, momentum=0.05),
        nn.ReLU(inplace=True),
    ]
    if pool:
        layers.append(nn.MaxPool2d(3, 2))
    return nn.Sequential(*layers)


def correlate(template: Tensor, search: Tensor) -> Tensor:
    """Cross-correlation of each pair: (N, C, k, l) and (N, C, m, n) → (N, m-k+1, n-l+1).

    One template (1, C, k, l) is correlated with all N search areas.
    """
    if len(template) == 1:
        return functional.conv2d(search, template)[:, 0]
    count, channels = search.shape[:2]
    flat = search.reshape(1, count * channels, *search.shape[2:])
    return functional.conv2d(flat, template, groups=count)[0]


def template_side(box: NDArray[np.float64]) -> float:
    """The side in pixels that a template shows of a box x1, y1, x2, y2: half as much around it."""
    w, h = np.maximum(box[2:] - box[:2], 1.0)
    margin = (w + h) / 2
    return float(np.sqrt((w + margin) * (h + margin)))


def builtin_network(search_size: int = 224) -> BuiltinSiamese:
    """On the built-in backbone, with the small part behind it that comes with the program.

    It was trained on photographs and microscopy without labels: see docs/tracking.md.
    """
    net = BuiltinSiamese(search_size)
    state, _ = load_weights(BUILTIN, MODEL)
    net.load_state_dict(state, strict=False)
    return net


def save_builtin(trained: Path, out: Path = BUILTIN) -> None:
    """Write what training with a frozen backbone learned, without the backbone."""
    state, info = load_weights(trained, MODEL)
    own = {name: tensor for name, tensor in state.items() if not name.startswith("body.")}
    save_weights(out, own, info)


def network_of(weights: Path) -> Siamese:
    """The network of a weights file, ours or SiamFC's published one. Raises WeightsError."""
    state, info = load_weights(weights, MODEL, foreign=True)
    names = set(state)
    net: Siamese
    if "backbone.conv1.0.weight" in names:
        net = AlexNetSiamese()
    elif "gain" in names:
        net = BuiltinSiamese(info.input_size[0] or 224, pretrained=False)
    else:
        raise WeightsError(
            "the file holds no weights of this tracker",
            where=str(weights),
            next_step="choose weights that were trained with tracker/siamfc, or SiamFC's own",
        )
    apply_weights(net, state, weights)
    return net
