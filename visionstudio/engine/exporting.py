"""Models for other programs: ONNX that was checked against torch, or safetensors; with a card.

    python -m visionstudio.engine.exporting < Question

ONNX is written by a child process: it loads the model on the CPU, as torch is only
imported in children and in the vision host.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from visionstudio.engine.children import child_environment, exit_text, kill_group, quiet_threads
from visionstudio.engine.model_cards import model_card
from visionstudio.engine.published import find_weights
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.weights import WeightsHeader, read_header, usable_weights
from visionstudio.model.errors import ModelError, StorageFull, VisionStudioError, one_line

Format = Literal["onnx", "safetensors"]
FORMATS: tuple[Format, ...] = ("onnx", "safetensors")
SECONDS = 900.0
TOLERANCE = 1e-4
OPSET = 17


@dataclass(frozen=True, slots=True)
class Exported:
    """The files that were written; `difference` is how far ONNX and torch were apart at most,
    relative to the largest value where that is above 1, None for safetensors."""

    files: tuple[Path, ...]
    difference: float | None = None


class _Question(msgspec.Struct, frozen=True):
    path: list[str]
    model: ModelInfo
    weights: str | None
    out: str


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    error: str = ""
    next_step: str = ""
    difference: float = 0.0
    classes: tuple[str, ...] = ()
    input_size: tuple[int, int] = (0, 0)
    meaning: str = ""
    inputs: str = ""


def export_model(info: ModelInfo, weights: Path | None, form: Format, out: Path) -> Exported:
    """Write a model with its weights (None: its own) to a file, with a card beside it. Blocks.

    The card, ``OUT.md``, tells classes, figures, data hash and licence. Raises WeightsError,
    ModelError when the model cannot be written so, StorageFull.
    """
    if weights is None:
        named = (find_weights(w) for w in info.weights)
        weights = next((path for path in named if path is not None), None)
        if weights is not None and info.ready:
            weights = weights if form == "safetensors" else None
    if weights is not None:
        weights = usable_weights(weights, info.id)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return _write(info, weights, form, out)
    except OSError as error:
        raise StorageFull(
            f"the model cannot be written: {error.strerror}",
            where=str(out),
            next_step="make room there, or choose another folder",
        ) from error


def _write(info: ModelInfo, weights: Path | None, form: Format, out: Path) -> Exported:
    header = _header(weights)
    difference: float | None = None
    use = ""
    if form == "onnx":
        answer = _ask(info, weights, out)
        difference = answer.difference
        use = f"Input {answer.inputs}. Output: {answer.meaning}"
        height, width = answer.input_size
        shown = {"height": height, "width": width, "channels": 3}
        header = msgspec.structs.replace(header, classes=answer.classes, input=shown)
    elif weights is None or weights.suffix != ".safetensors":
        raise ModelError(
            "there are no weights to be written as safetensors",
            where=info.id,
            next_step="train the model, or give --weights FILE",
        )
    else:
        part = out.with_name(f"{out.name}.part")
        shutil.copyfile(weights, part)
        part.replace(out)
    card = out.with_name(f"{out.name}.md")
    card.write_text(model_card(info, header, out, use, difference), encoding="utf-8")
    return Exported((out, card), difference)


def _header(weights: Path | None) -> WeightsHeader:
    if weights is None or weights.suffix != ".safetensors":
        return WeightsHeader()
    return read_header(weights)


def _ask(info: ModelInfo, weights: Path | None, out: Path) -> _Answer:
    """Let a child write the ONNX file beside its place, then put it there."""
    part = out.with_name(f"{out.name}.part")
    path = None if weights is None else str(weights.absolute())
    question = _Question([p for p in sys.path if p], info, path, str(part.absolute()))
    child = subprocess.Popen(
        [sys.executable, "-m", "visionstudio.engine.exporting"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,
    )
    try:
        answered, _ = child.communicate(msgspec.json.encode(question), timeout=SECONDS)
        answer = msgspec.json.decode(answered, type=_Answer)
    except subprocess.TimeoutExpired:
        kill_group(child)
        answer = _Answer(error=f"it took more than {SECONDS:g} s")
    except msgspec.MsgspecError:
        answer = _Answer(error=f"the process that wrote it {exit_text(child.returncode)}")
    if answer.error:
        part.unlink(missing_ok=True)
        raise ModelError(
            f"the model was not written as ONNX: {answer.error}",
            where=info.id,
            next_step=answer.next_step or "write it as safetensors",
        )
    part.replace(out)
    return answer


# -- in the child ---------------------------------------------------------------------------------


def _export(question: _Question) -> _Answer:
    from visionstudio.engine.context import JobContext
    from visionstudio.engine.implementations import find_spec, implementation
    from visionstudio.settings.folders import cache_folder

    info = question.model
    spec = find_spec(info.manifest, info.id, info.plugin)
    model = implementation(info.factory)()
    if not callable(getattr(model, "export", None)):
        raise ModelError("this kind of model has no such form")
    ctx = JobContext("cpu", 1, 0, cache_folder(), lambda _event: None)
    model.load(spec.params(), Path(question.weights) if question.weights else None, ctx)
    what = model.export()
    out = Path(question.out)
    write_onnx(what, out, info.id)
    return _Answer(
        difference=compare(what, out),
        classes=what.classes,
        input_size=what.input_size,
        meaning=what.meaning,
        inputs=_told(what),
    )


def write_onnx(what: Any, out: Path, model: str) -> None:
    """Write an `Exportable` with its class names in the way that exporters of YOLO have."""
    import onnx
    import torch

    given = example(what, 1, 1)
    axes = {name: {0: "batch"} for name in (*given, *what.outputs)} if what.batch else {}
    if not what.batch:
        axes = {name: {0: "found"} for name in what.outputs}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        # The newer exporter needs another package, and does not know torchvision's detectors.
        torch.onnx.export(
            what.module,
            tuple(given.values()),
            str(out),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(given),
            output_names=list(what.outputs),
            dynamic_axes=axes,
        )
    graph = onnx.load(str(out))
    names = dict(enumerate(what.classes))
    onnx.helper.set_model_props(
        graph, {"names": repr(names), "visionstudio": model, "description": what.meaning}
    )
    onnx.save(graph, str(out))


def example(what: Any, seed: int, count: int) -> dict[str, Any]:
    """Inputs of an `Exportable` by name: pictures of noise, or what it says that it takes."""
    import torch

    rng = torch.Generator().manual_seed(seed)
    if not what.inputs:
        return {"images": torch.rand(count, 3, *what.input_size, generator=rng)}
    return {
        one.name: torch.randint(one.choices, (count,), generator=rng)
        if one.choices
        else torch.randn(count, *one.shape, generator=rng)
        for one in what.inputs
    }


def _told(what: Any) -> str:
    """The inputs in words, for the card."""
    if not what.inputs:
        return "`images`: float32 (N, 3, height, width), RGB in [0, 1]"
    return "; ".join(
        f"`{one.name}`: int64 (N,), 0 to {one.choices - 1}"
        if one.choices
        else f"`{one.name}`: float32 (N, {', '.join(map(str, one.shape))}), standard normal"
        for one in what.inputs
    )


def compare(what: Any, path: Path) -> float:
    """How far ONNX and torch are apart at most, on three examples. ModelError above TOLERANCE."""
    import numpy as np
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for seed in (1, 2, 3):
        count = 2 if what.batch and seed == 3 else 1
        given = example(what, seed, count)
        with torch.inference_mode():
            expected = what.module(*given.values())
        expected = expected if isinstance(expected, tuple | list) else (expected,)
        found = session.run(None, {name: tensor.numpy() for name, tensor in given.items()})
        for one, other in zip(expected, found, strict=True):
            array = one.numpy()
            if array.shape != other.shape:
                raise ModelError(f"ONNX gives {other.shape} where torch gives {array.shape}")
            scale = max(1.0, float(np.abs(array).max(initial=0)))
            apart = np.abs(array.astype(np.float64) - other).max(initial=0)
            worst = max(worst, float(apart) / scale)
    if worst > TOLERANCE:
        raise ModelError(f"ONNX and torch are {worst:.1e} apart")
    return worst


def main() -> int:
    """Answer on the real stdout; whatever else prints gets one that leads nowhere."""
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=_Question)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.path[:] = question.path
    quiet_threads()
    try:
        result = _export(question)
    except VisionStudioError as error:
        result = _Answer(error=error.what, next_step=error.next_step)
    except Exception as error:
        result = _Answer(error=one_line(error)[:300])
    with os.fdopen(answer, "wb") as out:
        out.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
