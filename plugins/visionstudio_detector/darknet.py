"""Darknet's ``.weights``: a header of 20 bytes, then the numbers of one layer after the other.

Header: major, minor and revision as int32, then how many pictures were seen, as int64 (int32
before version 0.2). A convolution with batch norm is bias, scale, mean, variance, weights;
one without is bias, weights. All little-endian float32.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import WeightsError
from visionstudio_torch.weights import write_atomically

SUFFIX = ".weights"


def _tensors(net: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors of a network's convolutions in darknet's order."""
    norms = {name: m for name, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)}
    for name, module in net.named_modules():
        if not isinstance(module, nn.Conv2d):
            continue
        norm_name = name.removesuffix("conv") + "bn"
        if module.bias is not None:
            yield f"{name}.bias", module.bias
        else:
            for part in ("bias", "weight", "running_mean", "running_var"):
                yield f"{norm_name}.{part}", getattr(norms[norm_name], part)
        yield f"{name}.weight", module.weight


def count_floats(net: nn.Module) -> int:
    """How many numbers the network's ``.weights`` file holds."""
    return sum(t.numel() for _, t in _tensors(net))


def write_darknet(net: nn.Module, path: Path, seen: int = 0) -> None:
    """Write a network's ``.weights`` file, so that it is either whole or not there."""
    parts = [struct.pack("<iiiq", 0, 2, 0, seen)]
    parts += [t.detach().float().cpu().numpy().astype("<f4").tobytes() for _, t in _tensors(net)]
    write_atomically(path, b"".join(parts))


def read_darknet(path: Path, build: Callable[[int], nn.Module]) -> dict[str, Tensor]:
    """The state dict of a ``.weights`` file for the networks that `build` makes.

    The number of classes follows from the file's length. Raises WeightsError for a file of
    another network, a truncated one, and one with values that are no numbers.
    """
    values = _floats(path)
    with torch.device("meta"):
        one, two = build(1), build(2)
    each = count_floats(two) - count_floats(one)
    classes, rest = divmod(len(values) - count_floats(one), each)
    classes += 1
    if rest or classes < 1:
        raise WeightsError(
            f"the file holds {len(values)} numbers, which are no weights of this network",
            where=str(path),
            next_step="use another copy, or weights of this model",
        )
    with torch.device("meta"):
        net = build(classes)
    state, at = {}, 0
    for name, tensor in _tensors(net):
        part = values[at : at + tensor.numel()]
        state[name] = torch.from_numpy(part.reshape(tensor.shape).copy())
        at += tensor.numel()
    for name, tensor in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.zeros((), dtype=tensor.dtype)
    return state


def _floats(path: Path) -> NDArray[np.float32]:
    try:
        with path.open("rb") as file:
            head = file.read(12)
            major, minor, _ = struct.unpack("<iii", head)
            file.read(8 if 2 <= 10 * major + minor < 2000 else 4)
            data = file.read()
    except (OSError, struct.error) as error:
        raise WeightsError(
            f"the weights file cannot be read: {error}",
            where=str(path),
            next_step="use another copy",
        ) from error
    values = np.frombuffer(data[: len(data) // 4 * 4], "<f4")
    if len(values) * 4 != len(data) or not np.isfinite(values).all():
        raise WeightsError(
            "the weights file is damaged: it is cut off or holds values that are no numbers",
            where=str(path),
            next_step="use another copy",
        )
    return values.astype(np.float32)
