"""What is in a weights file that somebody chose: found out by a one-shot child.

    python -m visionstudio.engine.contents < Question

The child reads the file without running its code, finds the model that it is for and
loads it there, so that what is shown is known to work. A file that hangs or takes all
memory harms nobody.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from visionstudio.engine.children import child_environment, exit_text, kill_group, quiet_threads
from visionstudio.engine.registry import ModelInfo, Registry
from visionstudio.engine.weights import check_weights, is_pickle, read_header, tensor_shapes
from visionstudio.model.errors import VisionStudioError, WeightsError, one_line

SECONDS = 300.0
SUFFIXES = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".onnx", ".weights")

Kind = Literal["safetensors", "checkpoint", "onnx", "darknet"]
_OTHERS: dict[str, Kind] = {".safetensors": "safetensors", ".onnx": "onnx", ".weights": "darknet"}


class Contents(msgspec.Struct, frozen=True, kw_only=True):
    """What a weights file holds. `model` is the id of the model that it fits, '' for none.

    `usable` says that this model has loaded it; if not, `problem` is the reason. `input_size`
    is height and width in pixels, 0 where any will do or nobody knows.
    """

    kind: Kind
    model: str = ""
    usable: bool = False
    problem: str = ""
    classes: tuple[str, ...] = ()
    input_size: tuple[int, int] = (0, 0)
    tensors: int = 0
    parameters: int = 0
    notes: tuple[str, ...] = ()


class _Question(msgspec.Struct, frozen=True):
    path: list[str]
    file: str
    kind: Kind
    models: tuple[ModelInfo, ...]


class _Answer(msgspec.Struct, frozen=True):
    contents: Contents | None = None
    error: str = ""


def kind_of(path: Path) -> Kind:
    """The kind of a weights file, by name and first bytes. WeightsError for other files."""
    if not path.is_file():
        raise WeightsError(
            "the weights file is missing", where=str(path), next_step="give the path of a file"
        )
    if is_pickle(path):
        return "checkpoint"
    if path.suffix.lower() in _OTHERS:
        return _OTHERS[path.suffix.lower()]
    raise WeightsError(
        "this is no kind of weights file that the program knows",
        where=str(path),
        next_step=f"choose a file ending with {', '.join(SUFFIXES)}",
    )


def recognise(shapes: Mapping[str, tuple[int, ...]], models: Iterable[ModelInfo]) -> str:
    """The id of the model that tensors of these names and shapes are for, '' for none known."""

    def has(name: str, wanted: tuple[int, ...]) -> bool:
        found = shapes.get(name, ())
        return len(found) == len(wanted) and all(
            w in (-1, n) for w, n in zip(wanted, found, strict=True)
        )

    fitting = [m for m in models if m.marks and all(has(n, shape) for n, shape in m.marks)]
    # A network with one more head is not the one without it.
    return max(fitting, key=lambda m: len(m.marks)).id if fitting else ""


def inspect_weights(path: Path, registry: Registry) -> Contents:
    """Look into a weights file in a child of its own. Blocks, at most SECONDS.

    Raises WeightsError for a file that is damaged, would run code or holds no weights.
    """
    kind = kind_of(path)
    question = _Question(
        [p for p in sys.path if p], str(path.absolute()), kind, tuple(registry.models.values())
    )
    child = subprocess.Popen(
        [sys.executable, "-m", "visionstudio.engine.contents"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,
    )
    try:
        out, _ = child.communicate(msgspec.json.encode(question), timeout=SECONDS)
    except subprocess.TimeoutExpired:
        kill_group(child)
        raise _refused(path, f"looking into it took more than {SECONDS:g} s") from None
    try:
        answer = msgspec.json.decode(out, type=_Answer)
    except msgspec.MsgspecError:
        how = f"the process that looked into it {exit_text(child.returncode)}"
        raise _refused(path, how) from None
    if answer.contents is None:
        raise _refused(path, answer.error)
    return answer.contents


def _refused(path: Path, why: str) -> WeightsError:
    return WeightsError(
        f"the file is not usable: {why}",
        where=str(path),
        next_step="use another copy, or a file from a source you trust",
    )


# -- in the child ---------------------------------------------------------------------------------


def _look(question: _Question, folder: Path) -> Contents:
    path = Path(question.file)
    match question.kind:
        case "checkpoint":
            return _look_at_tensors(_converted(path, folder), question)
        case "safetensors":
            return _look_at_tensors(path, question)
        case "onnx":
            return _look_at_onnx(path, question)
        case "darknet":
            return _look_at_darknet(path, question)


def _converted(path: Path, folder: Path) -> Path:
    from visionstudio.engine import unpickle

    state, names = unpickle.read_checkpoint(path)
    target = folder / "converted.safetensors"
    unpickle.save_state(state, target, path.stem, names)
    return target


def _look_at_tensors(path: Path, question: _Question) -> Contents:
    shapes, header = tensor_shapes(path), read_header(path)
    if not shapes:
        raise WeightsError("it holds no weights")
    model = header.model or recognise(shapes, question.models)
    if model:
        check_weights(path, model)
    height, width = (int(header.input.get(k) or 0) for k in ("height", "width"))
    found = Contents(
        kind=question.kind,
        model=model,
        classes=header.classes,
        input_size=(height, width),
        tensors=len(shapes),
        parameters=sum(_product(s) for s in shapes.values()),
    )
    return _tried(found, path, [m for m in question.models if m.id == model])


def _product(shape: tuple[int, ...]) -> int:
    count = 1
    for length in shape:
        count *= length
    return count


def _look_at_onnx(path: Path, question: _Question) -> Contents:
    import onnxruntime

    from visionstudio.engine.implementations import implementation
    from visionstudio.engine.unpickle import cap_memory

    readers = _readers(path, question)
    for info in readers:
        implementation(info.factory)  # what it imports is not the file's memory
    cap_memory(path.stat().st_size)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime's errors share no class
        raise WeightsError(f"it is no ONNX model: {one_line(error)[:200]}") from None
    notes = [f"input {i.name} {_dimensions(i.shape)}" for i in session.get_inputs()]
    notes += [f"output {o.name} {_dimensions(o.shape)}" for o in session.get_outputs()]
    found = Contents(kind="onnx", notes=tuple(notes[:12]))
    return _tried(found, path, readers)


def _dimensions(shape: list[Any]) -> str:
    return "×".join(str(n) if n is not None else "?" for n in shape)


def _look_at_darknet(path: Path, question: _Question) -> Contents:
    numbers = max(0, path.stat().st_size - 20) // 4
    found = Contents(kind="darknet", parameters=numbers)
    return _tried(found, path, _readers(path, question))


def _readers(path: Path, question: _Question) -> list[ModelInfo]:
    return [m for m in question.models if path.suffix.lower() in m.files]


def _tried(found: Contents, path: Path, models: list[ModelInfo]) -> Contents:
    """With what the first model that loads the file says of it."""
    problem = ""
    for info in models:
        try:
            facts = _loaded(info, path)
        except Exception as error:
            what = error.what if isinstance(error, VisionStudioError) else one_line(error)
            problem = problem or f"{info.title}: {what}"
            continue
        changes: dict[str, Any] = {"model": info.id, "usable": True}
        if facts is not None:
            changes |= {"classes": facts.classes, "input_size": facts.input_size}
        return msgspec.structs.replace(found, **changes)
    if not problem:
        named = f"it is for '{found.model}', which is not installed" if found.model else ""
        problem = named or "no model here is known to fit it"
    return msgspec.structs.replace(found, problem=problem)


def _loaded(info: ModelInfo, path: Path) -> Any:
    """Load a file into its model; the model's facts, None when it tells none."""
    from visionstudio.engine.context import JobContext
    from visionstudio.engine.implementations import find_spec, implementation
    from visionstudio.settings.folders import cache_folder

    spec = find_spec(info.manifest, info.id, info.plugin)
    model = implementation(info.factory)()
    ctx = JobContext("cpu", 1, 0, cache_folder(), lambda _event: None)
    model.load(spec.params(), path, ctx)
    tell = getattr(model, "facts", None)
    return tell() if callable(tell) else None


def _answer(question: _Question) -> _Answer:
    try:
        with tempfile.TemporaryDirectory() as folder:
            return _Answer(_look(question, Path(folder)))
    except VisionStudioError as error:
        return _Answer(error=error.what)
    except MemoryError:
        return _Answer(error="it needs more memory than a file of its size may")
    except Exception as error:
        return _Answer(error=one_line(error))


def main() -> int:
    """Answer on the real stdout; whatever else prints gets one that leads nowhere."""
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=_Question)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.path[:] = question.path
    quiet_threads()
    with os.fdopen(answer, "wb") as out:
        out.write(msgspec.json.encode(_answer(question)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
