"""Networks that other programs exported to ONNX, opened for onnxruntime. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from visionstudio.api import Context, WeightsError


def open_session(path: Path, ctx: Context) -> Any:
    """An InferenceSession on the context's device and threads. Raises WeightsError."""
    if not path.is_file():
        raise WeightsError(
            "the file does not exist", where=str(path), next_step="choose an existing ONNX file"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = ctx.threads
    options.log_severity_level = 4
    providers = ["CPUExecutionProvider"]
    if ctx.device.startswith("cuda"):
        providers.insert(0, "CUDAExecutionProvider")
    usable = [p for p in providers if p in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=usable)
    except Exception as error:  # onnxruntime's errors share no class
        raise WeightsError(
            f"the file is no ONNX model or cannot be used: {first_line(error)}",
            where=str(path),
            next_step="export the model again, as ONNX with weights inside the file",
        ) from error


def first_line(error: Exception) -> str:
    """What an error says, in short."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
