"""Weights files: one safetensors whose metadata hold all that prediction needs.

The metadata have one key, ``visionstudio``, with JSON: model id, class names and
their project ids, parameters, input size, normalisation and data hash. Headers
are read without torch. Pickled checkpoints never get near a model: they are
converted once, in a child process (`unpickle`), and only the result is used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from visionstudio.engine.children import child_environment, kill_group
from visionstudio.model.errors import WeightsError
from visionstudio.settings.folders import data_folder

METADATA_KEY = "visionstudio"
MAX_HEADER = 64 * 2**20
CONVERT_SECONDS = 600.0

_PICKLES = {".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".tar"}
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1}
_ITEM_BYTES |= {"U64": 8, "U32": 4, "U16": 2, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}


class WeightsHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a weights file says about itself.

    `model` is the id of the model it is for, '' for a file from elsewhere. `input`
    is the input size ('height', 'width', 'channels' or 'short_side'), `normalisation`
    'mean' and 'std' per channel for values in [0, 1]. `extra` is the model's own.
    """

    format: int = 1
    model: str = ""
    classes: tuple[str, ...] = ()
    class_ids: tuple[int, ...] = ()
    params: dict[str, Any] = msgspec.field(default_factory=dict)
    input: dict[str, Any] = msgspec.field(default_factory=dict)
    normalisation: dict[str, Any] = msgspec.field(default_factory=dict)
    data_hash: str = ""
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


class _Tensor(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def read_header(path: Path) -> WeightsHeader:
    """The metadata of a safetensors file. WeightsError if it is missing, damaged or truncated."""
    return _read(path)[0]


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a safetensors file. WeightsError as `read_header`."""
    return {name: tensor.shape for name, tensor in _read(path)[1].items()}


def _read(path: Path) -> tuple[WeightsHeader, dict[str, _Tensor], int]:
    """Header, tensors and where their data begin; every offset is checked against the file."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else MAX_HEADER + 1
            if length > min(MAX_HEADER, size - 8):
                raise _damaged(path, "it is truncated or no safetensors file")
            raw = file.read(length)
    except FileNotFoundError:
        raise WeightsError(
            "the weights file is missing", where=str(path), next_step="give the path of a file"
        ) from None
    except OSError as error:
        raise WeightsError(
            f"the weights file cannot be read: {error.strerror}", where=str(path)
        ) from error
    try:
        entries = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        metadata = msgspec.json.decode(entries.pop("__metadata__", b"{}"), type=dict[str, str])
        tensors = {k: msgspec.json.decode(v, type=_Tensor) for k, v in entries.items()}
        header = msgspec.json.decode(metadata.get(METADATA_KEY, "{}"), type=WeightsHeader)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise _damaged(path, f"its header is not valid ({error})") from None
    begin = 8 + length
    for name, tensor in tensors.items():
        _check_tensor(path, name, tensor, size - begin)
    return header, tensors, begin


def _check_tensor(path: Path, name: str, tensor: _Tensor, room: int) -> None:
    first, last = tensor.data_offsets
    if not 0 <= first <= last <= room:
        raise _damaged(path, f"it is truncated: tensor '{name}' ends behind the file")
    count = 1
    for length in tensor.shape:
        count *= length
    item = _ITEM_BYTES.get(tensor.dtype)
    if min(tensor.shape, default=0) < 0 or (item is not None and count * item != last - first):
        raise _damaged(path, f"tensor '{name}' does not fit its shape {tensor.shape}")


def _damaged(path: Path, why: str) -> WeightsError:
    return WeightsError(
        f"the weights file is damaged: {why}",
        where=str(path),
        next_step="use another copy, or train again",
    )


def check_weights(path: Path, model: str) -> WeightsHeader:
    """The header of a safetensors file that `model` may load.

    Raises WeightsError when it is missing, damaged, made for another model, or
    holds values that are not finite numbers.
    """
    header, tensors, begin = _read(path)
    if header.model and header.model != model:
        raise WeightsError(
            f"the weights are for '{header.model}', not for '{model}'",
            where=str(path),
            next_step=f"choose --model {header.model}, or other weights",
        )
    data = np.memmap(path, np.uint8, mode="r") if tensors else np.zeros(0, np.uint8)
    for name, tensor in tensors.items():
        first, last = tensor.data_offsets
        if not _all_finite(data[begin + first : begin + last], tensor.dtype):
            raise WeightsError(
                f"the weights hold values that are no numbers, in tensor '{name}'",
                where=str(path),
                next_step="train again with a lower learning rate, or use other weights",
            )
    return header


def _all_finite(data: np.ndarray[Any, Any], dtype: str) -> bool:
    """Whether no value is NaN or infinite: none has all exponent bits set."""
    kinds: dict[str, tuple[type[np.unsignedinteger[Any]], int]] = {
        "F64": (np.uint64, 0x7FF0_0000_0000_0000),
        "F32": (np.uint32, 0x7F80_0000),
        "F16": (np.uint16, 0x7C00),
        "BF16": (np.uint16, 0x7F80),
    }
    if dtype not in kinds:
        return True
    kind, exponent = kinds[dtype]
    step = 64 * 2**20
    for start in range(0, len(data), step):
        bits = np.frombuffer(data[start : start + step].tobytes(), kind)
        if ((bits & kind(exponent)) == exponent).any():
            return False
    return True


def usable_weights(path: Path, model: str) -> Path:
    """The file that `model` may load for the file a person chose.

    A safetensors file is checked, a pickled checkpoint converted to one; other
    kinds (ONNX, darknet) are the model's own business. Raises WeightsError.
    """
    if not path.is_file():
        raise WeightsError(
            "the weights file is missing", where=str(path), next_step="give the path of a file"
        )
    if is_pickle(path):
        path = convert(path)
    if path.suffix == ".safetensors":
        check_weights(path, model)
    return path


def is_pickle(path: Path) -> bool:
    """Whether a file is, by name or by content, something that torch would unpickle."""
    if path.suffix.lower() in _PICKLES:
        return True
    if path.suffix.lower() in {".safetensors", ".onnx", ".weights"}:
        return False
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError:
        return False
    return head[:2] == b"PK" or head[:1] == b"\x80"


def models_folder() -> Path:
    """Where imported, converted and downloaded weights lie."""
    return data_folder() / "models"


def set_header(path: Path, header: WeightsHeader) -> None:
    """Replace what a safetensors file says about itself; its tensors stay as they are."""
    _, _, begin = _read(path)
    with path.open("rb") as file:
        raw = msgspec.json.decode(file.read(begin)[8:], type=dict[str, msgspec.Raw])
        raw["__metadata__"] = msgspec.Raw(
            msgspec.json.encode({METADATA_KEY: msgspec.json.encode(header).decode()})
        )
        head = msgspec.json.encode(raw)
        head += b" " * (-len(head) % 8)  # tensors begin at a multiple of 8
        part = path.with_suffix(".part")
        with part.open("wb") as out:
            out.write(struct.pack("<Q", len(head)) + head)
            shutil.copyfileobj(file, out, 2**20)
    part.replace(path)


def file_hash(path: Path) -> str:
    """SHA-256 of a file in hex. WeightsError when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(
            f"the file cannot be read: {error.strerror}",
            where=str(path),
            next_step="give the path of a readable file",
        ) from error
    return digest.hexdigest()


def convert(path: Path) -> Path:
    """A pickled checkpoint as safetensors, keyed by its SHA-256; converted at most once.

    Runs in a one-shot child with capped memory and time. Raises WeightsError for
    a file that would run code, is damaged, or holds no weights.
    """
    target = models_folder() / f"{file_hash(path)}.safetensors"
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen(
        [sys.executable, "-m", "visionstudio.engine.unpickle", str(path), str(target)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,
    )
    try:
        answer, _ = child.communicate(timeout=CONVERT_SECONDS)
    except subprocess.TimeoutExpired:
        kill_group(child)
        raise WeightsError("converting it took too long", where=str(path)) from None
    if child.returncode == 0 and target.is_file():
        return target
    reason = answer.decode("utf-8", "replace").strip().splitlines()[-1:] or [
        "it needs more memory than a checkpoint of its size may"
    ]
    raise WeightsError(
        f"the checkpoint is not usable: {reason[0]}",
        where=str(path),
        next_step="use a safetensors file, or a checkpoint from a source you trust",
    )
