"""last.ckpt: all that training needs to go on as if it had never stopped."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from visionstudio.api import TrainingError
from visionstudio_torch.weights import write_atomically

NAME = "last.ckpt"


def save_checkpoint(folder: Path, state: Mapping[str, Any]) -> None:
    """Write tensors, numbers and texts atomically to ``last.ckpt``, with torch's RNG states."""
    rng = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        rng["cuda"] = torch.cuda.get_rng_state()
    buffer = io.BytesIO()
    torch.save({**state, "rng": rng}, buffer)
    write_atomically(folder / NAME, buffer.getvalue())


def load_checkpoint(folder: Path, fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Read ``last.ckpt`` without running code from it.

    `fingerprint` are the facts that must be the same as when it was saved. Raises
    TrainingError when they differ or the file cannot be read.
    """
    path = folder / NAME
    again = "start a new training run"
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        saved = dict(state["fingerprint"])
    # What torch.load raises for a damaged file depends on where it is damaged.
    except Exception as error:
        raise TrainingError(
            f"the checkpoint cannot be read ({type(error).__name__})",
            where=str(path),
            next_step=again,
        ) from error
    for key, value in fingerprint.items():
        if saved.get(key) != value:
            raise TrainingError(
                f"the checkpoint was made with another {key.replace('_', ' ')}",
                where=str(path),
                next_step=again,
            )
    return state


def restore_rng(state: Mapping[str, Any]) -> None:
    """Put torch's random generators where they were when the checkpoint was saved."""
    torch.set_rng_state(state["rng"]["cpu"])
    if "cuda" in state["rng"] and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["rng"]["cuda"])
