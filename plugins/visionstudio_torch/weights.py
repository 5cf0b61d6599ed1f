"""Weights files: one safetensors that holds all that is needed to predict."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor, nn

from visionstudio.api import WeightsError

_KEY = "visionstudio"  # the one metadata key, which holds JSON
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class WeightsInfo:
    """What a weights file says about itself.

    `input_size` is (height, width) in pixels, or one number for a short side as both;
    `mean` and `std` normalise RGB in [0, 1]; `params` are the training parameters and
    `arch` what the builder needs besides the classes; `data_hash` names the training data.
    """

    model: str
    classes: tuple[str, ...]
    class_ids: tuple[int, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    arch: Mapping[str, Any] = field(default_factory=dict)
    input_size: tuple[int, int] = (224, 224)
    mean: tuple[float, ...] = (127 / 255,) * 3
    std: tuple[float, ...] = (128 / 255,) * 3
    data_hash: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)

    def metadata(self) -> dict[str, str]:
        """As safetensors metadata: one key with JSON."""
        height, width = self.input_size
        facts = {
            "format": _FORMAT,
            "model": self.model,
            "classes": list(self.classes),
            "class_ids": list(self.class_ids),
            "params": dict(self.params),
            "input": {"height": height, "width": width, "channels": 3},
            "normalisation": {"mean": list(self.mean), "std": list(self.std)},
            "data_hash": self.data_hash,
            "extra": {"arch": dict(self.arch), "metrics": dict(self.metrics)},
        }
        return {_KEY: json.dumps(facts, ensure_ascii=False)}


def save_weights(path: Path, state: Mapping[str, Tensor], info: WeightsInfo) -> None:
    """Write a weights file so that it is either whole or not there."""
    tensors = {n: t.detach().cpu().contiguous() for n, t in state.items()}
    data = safetensors.torch.save(tensors, metadata=info.metadata())
    write_atomically(path, data)


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the file, then put it in the old one's place."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_info(path: Path) -> WeightsInfo:
    """What a weights file says about itself. Raises WeightsError."""
    with _opened(path) as file:
        return _info(file.metadata() or {}, path)


def load_weights(
    path: Path, model: str, *, foreign: bool = False
) -> tuple[dict[str, Tensor], WeightsInfo]:
    """The tensors and facts of a weights file of `model`. Raises WeightsError.

    With `foreign` also of a file that another program wrote: then the model may be '',
    the classes are what it tells of them, and the input size is (0, 0).
    """
    with _opened(path) as file:
        info = _info(file.metadata() or {}, path, foreign)
        if info.model != model and not (foreign and not info.model):
            raise WeightsError(
                f"these weights are for {info.model}, not for {model}",
                where=str(path),
                next_step=f"choose the model {info.model} or another weights file",
            )
        return {name: file.get_tensor(name) for name in file.keys()}, info  # noqa: SIM118


@contextlib.contextmanager
def _opened(path: Path) -> Any:
    if not path.is_file():
        raise WeightsError(
            "the weights file does not exist", where=str(path), next_step="choose an existing file"
        )
    try:
        with safetensors.safe_open(str(path), framework="pt", device="cpu") as file:
            yield file
    except (safetensors.SafetensorError, OSError) as error:
        raise WeightsError(
            f"the weights file is damaged or no safetensors file ({error})",
            where=str(path),
            next_step="train again or choose another file",
        ) from error


def _info(metadata: Mapping[str, str], path: Path, foreign: bool = False) -> WeightsInfo:
    try:
        facts = json.loads(metadata.get(_KEY, "{}") if foreign else metadata[_KEY])
        if foreign and not facts.get("input"):
            classes = tuple(str(c) for c in facts.get("classes", ()))
            return WeightsInfo(str(facts.get("model", "")), classes, input_size=(0, 0))
        if facts["format"] != _FORMAT:
            raise ValueError(facts["format"])
        return WeightsInfo(
            model=str(facts["model"]),
            classes=tuple(str(c) for c in facts["classes"]),
            class_ids=tuple(int(i) for i in facts["class_ids"]),
            params=dict(facts["params"]),
            arch=dict(facts["extra"].get("arch", {})),
            input_size=(int(facts["input"]["height"]), int(facts["input"]["width"])),
            mean=tuple(float(v) for v in facts["normalisation"]["mean"]),
            std=tuple(float(v) for v in facts["normalisation"]["std"]),
            data_hash=str(facts["data_hash"]),
            metrics=dict(facts["extra"].get("metrics", {})),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WeightsError(
            "the weights file does not say which model made it",
            where=str(path),
            next_step="choose a file that this program trained or imported",
        ) from error


def apply_weights(module: nn.Module, state: Mapping[str, Tensor], where: Path | str) -> None:
    """Load tensors into a module that must match them exactly. Raises WeightsError."""
    wanted = module.state_dict()
    for name in sorted(set(wanted) | set(state)):
        if name not in state:
            problem = f"it has no tensor '{name}'"
        elif name not in wanted:
            problem = f"its tensor '{name}' has no place in the model"
        elif wanted[name].shape != state[name].shape:
            problem = (
                f"its tensor '{name}' has shape {tuple(state[name].shape)}, "
                f"the model wants {tuple(wanted[name].shape)}"
            )
        else:
            continue
        raise WeightsError(
            f"the weights do not fit the model: {problem}",
            where=str(where),
            next_step="choose weights that were trained with this model",
        )
    module.load_state_dict(dict(state))


def start_from(module: nn.Module, path: Path, model: str, *, foreign: bool = False) -> int:
    """Take every tensor of a weights file that fits by name and shape; returns how many.

    For going on with other classes: the head of other size stays new. `foreign` as in
    `load_weights`. Raises WeightsError when fewer than half of the model's tensors fit.
    """
    state, _ = load_weights(path, model, foreign=foreign)
    return take_fitting(module, state, path)


def take_fitting(module: nn.Module, state: Mapping[str, Tensor], path: Path) -> int:
    """Take every tensor that fits by name and shape, as `start_from` does."""
    own = module.state_dict()
    fitting = {n: t for n, t in state.items() if n in own and own[n].shape == t.shape}
    if 2 * len(fitting) < len(own):
        raise WeightsError(
            f"only {len(fitting)} of the model's {len(own)} tensors are in the weights",
            where=str(path),
            next_step="choose weights of this model, or builtin",
        )
    module.load_state_dict({**own, **fitting})
    return len(fitting)
