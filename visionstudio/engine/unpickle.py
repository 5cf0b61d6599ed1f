"""A one-shot child that turns a pickled checkpoint into safetensors without running its code.

    python -m visionstudio.engine.unpickle SOURCE TARGET

torch lists what the pickle would import; anything outside a short list of module
classes is refused, and those on the list are bound to inert stubs. The file is
then read with ``weights_only=True`` and its tensors are all that is kept. On
failure the reason is the last line of stdout.
"""

from __future__ import annotations

import re
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from visionstudio.engine.weights import METADATA_KEY, WeightsHeader
from visionstudio.model.errors import WeightsError, one_line

# Classes whose pickles are only attribute dictionaries; none of them is ever imported.
_HARMLESS = re.compile(
    r"""(torch\.nn\.(modules|parallel|quantized)\.[\w.]+
      |torchvision\.(models|ops)\.[\w.]+
      |timm\.[\w.]+
      |segmentation_models_pytorch\.[\w.]+
      |models\.(yolo|common|experimental)\.\w+
      |ultralytics\.nn\.[\w.]+
      |utils\.\w+\.\w+
      |argparse\.Namespace
      |pathlib\.\w*Path
      |numpy\.(_?core\.multiarray\.scalar|dtype|dtypes\.\w+)
      |_codecs\.encode
      )\Z""",
    re.VERBOSE,
)
_STATE_KEYS = ("ema", "state_dict", "model_state_dict", "model", "module", "net", "weights")
_MAX_DEPTH = 60
# The number with which torch's files before 1.6 begin, as pickle writes it.
_LEGACY_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")


class Inert:
    """Stands for any class of a checkpoint: takes whatever it is given and does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


def convert(source: Path, target: Path) -> None:
    """Write the tensors of `source` to `target`. Raises WeightsError."""
    state, names = read_checkpoint(source)
    save_state(state, target, source.stem, names)


def read_checkpoint(source: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Names and tensors of a checkpoint, and its class names. Raises WeightsError."""
    _refuse_others(source)
    import torch

    cap_memory(source.stat().st_size)
    stubs: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = []
    if zipfile.is_zipfile(source):
        try:
            names = torch.serialization.get_unsafe_globals_in_checkpoint(str(source))
        except Exception as error:
            raise WeightsError(f"it cannot be inspected: {one_line(error)}") from error
        refused = sorted(n for n in names if not _HARMLESS.match(n))
        if refused:
            raise WeightsError(f"it would run code when loaded ({', '.join(refused[:3])})")
        stubs = [(_stub(name), name) for name in names]
    try:
        with torch.serialization.safe_globals(stubs):
            content = torch.load(source, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        text = one_line(error).split("\n")[0][:200]
        raise WeightsError(f"it is damaged or unsafe: {text}") from error
    state = find_state(content)
    if not state:
        raise WeightsError("it holds no weights")
    return state, find_names(content)


def _stub(name: str) -> type:
    module, _, short = name.rpartition(".")
    return type(short, (Inert,), {"__module__": module})


def _refuse_others(source: Path) -> None:
    """Refuse what is no checkpoint before torch sees it."""
    if not zipfile.is_zipfile(source):
        with source.open("rb") as file:
            if _LEGACY_MAGIC not in file.read(64):
                raise WeightsError("it is no checkpoint of torch")
        return
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise WeightsError(f"it is damaged: {error}") from error
    # torch stores tensors uncompressed, so what unpacks to more is no checkpoint.
    if sum(entry.file_size for entry in entries) > source.stat().st_size + 2**20:
        raise WeightsError("it unpacks to more than its size: not a checkpoint")
    if any(entry.filename.endswith("/constants.pkl") for entry in entries):
        raise WeightsError("it is a TorchScript program, which holds code")


def cap_memory(size: int) -> None:
    """Let this process have a few times the file's size, where the system can be told so."""
    try:
        import resource

        status = Path("/proc/self/status").read_text(encoding="ascii")
        used = int(re.search(r"VmData:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]
    except (ImportError, OSError, TypeError):
        return
    limit = used + 4 * size + 2**30
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def find_state(content: Any) -> dict[str, Any]:
    """Names and tensors in what a checkpoint holds: a state dict, a module, or either inside."""
    if isinstance(content, Inert):
        found: dict[str, Any] = {}
        _walk(content, "", found, 0)
        return found
    if not isinstance(content, Mapping):
        return {}
    for key in _STATE_KEYS:
        if isinstance(content.get(key), (Inert, Mapping)) and (state := find_state(content[key])):
            return state
    return {str(k): v for k, v in content.items() if _is_tensor(v)}


def find_names(content: Any) -> tuple[str, ...]:
    """The class names that a module or a checkpoint around one tells, () without."""
    if isinstance(content, Mapping):
        own = content.get("names") or content.get("classes") or content.get("CLASSES")
        inner = [content.get(key) for key in (*_STATE_KEYS, "meta")]
    else:
        own, inner = vars(content).get("names") if isinstance(content, Inert) else None, []
    if isinstance(own, Mapping) and all(isinstance(k, int) for k in own):
        own = [own[k] for k in sorted(own)]
    if isinstance(own, list | tuple) and own and all(isinstance(n, str) for n in own):
        return tuple(own)
    parts = (find_names(i) for i in inner if isinstance(i, Inert | Mapping))
    return next((names for names in parts if names), ())


def _walk(module: Inert, prefix: str, found: dict[str, Any], depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise WeightsError("its modules are nested too deeply")
    parts = vars(module)
    for group in ("_parameters", "_buffers"):
        for name, value in dict(parts.get(group) or {}).items():
            if _is_tensor(value):
                found[f"{prefix}{name}"] = value
    for name, child in dict(parts.get("_modules") or {}).items():
        if isinstance(child, Inert):
            _walk(child, f"{prefix}{name}.", found, depth + 1)


def _is_tensor(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor)


def save_state(
    state: dict[str, Any], target: Path, title: str, classes: tuple[str, ...] = ()
) -> None:
    """Write tensors as a weights file of no known model. Raises WeightsError for NaN values."""
    import torch
    from safetensors.torch import save_file

    tensors = {k: v.detach().contiguous().clone() for k, v in state.items()}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise WeightsError(f"it holds values that are no numbers, in '{name}'")
    extra = {"source_sha256": target.stem, "name": title}
    header = WeightsHeader(classes=classes, extra=extra)
    part = target.with_suffix(".part")
    save_file(tensors, part, {METADATA_KEY: msgspec.json.encode(header).decode()})
    part.replace(target)


def main() -> int:
    """0 when the target was written."""
    source, target = (Path(a) for a in sys.argv[1:3])
    try:
        convert(source, target)
    except WeightsError as error:
        print(error.what)  # noqa: T201  the parent reads it
        return 1
    except MemoryError:
        print("it needs more memory than a checkpoint of its size may")  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
