"""The model manager: which weights are here, importing, downloading and removing them.

Imported files lie in the models folder under their SHA-256: checkpoints as safetensors,
files of other kinds as they are, with what is known of them in a JSON file beside.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from visionstudio.api import WeightsSpec
from visionstudio.engine.contents import Contents, inspect_weights, kind_of, recognise
from visionstudio.engine.published import (
    ID_LENGTH,
    OnProgress,
    can_download,
    fetch,
    file_name,
    find_weights,
    part_of,
)
from visionstudio.engine.registry import ModelInfo, Registry, WeightsInfo
from visionstudio.engine.weights import (
    WeightsHeader,
    convert,
    file_hash,
    models_folder,
    read_header,
    set_header,
    tensor_shapes,
)
from visionstudio.model.errors import StorageFull, UnknownModel, WeightsError

_TAKEN = "imported"  # set in a converted checkpoint that was imported
_ASIDE = (".onnx", ".weights")  # kinds that cannot hold what we know of them


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One row of the list: a weights file that a model names, or one that was imported.

    `id` removes it: of an imported file its own, else the model's. `remote` says that it
    can be downloaded, `begun` how many bytes of it have come before a download stopped.
    """

    name: str
    bytes: int
    sha256: str
    licence: str
    source: str
    path: Path | None = None
    metric: str = ""
    id: str = ""
    remote: bool = False
    begun: int = 0
    classes: tuple[str, ...] = ()

    @property
    def present(self) -> bool:
        return self.path is not None


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model with the weights it can use."""

    info: ModelInfo
    weights: tuple[WeightsEntry, ...]


@dataclass(frozen=True, slots=True)
class Imported:
    """A file in the models folder: `id` removes it, `architecture` is the model's id or ''."""

    id: str
    weights: Path
    architecture: str
    classes: tuple[str, ...]
    name: str = ""

    def entry(self) -> WeightsEntry:
        """As a row of the list."""
        return WeightsEntry(
            self.name or self.id,
            self.weights.stat().st_size,
            self.weights.stem,
            "",
            "import",
            self.weights,
            id=self.id,
            classes=self.classes,
        )


def list_models(registry: Registry) -> list[ModelEntry]:
    """All usable models with their own and the imported weights. Reads files."""
    imported = list_imported()
    return [_entry(info, imported) for info in registry.models.values()]


def _entry(info: ModelInfo, imported: list[Imported]) -> ModelEntry:
    named = []
    for w in info.weights:
        path = find_weights(w)
        remote = can_download(w)
        part = part_of(models_folder() / file_name(w))
        begun = part.stat().st_size if remote and part.is_file() else 0
        size = path.stat().st_size if path is not None else w.bytes
        named.append(
            WeightsEntry(
                w.name, size, w.sha256, w.licence, w.source, path, w.metric, info.id, remote, begun
            )
        )
    own = [i.entry() for i in imported if i.architecture == info.id]
    return ModelEntry(info, (*named, *own))


def published_weights(weights: Iterable[WeightsInfo | WeightsSpec]) -> Path | None:
    """The first of the weights that a model names and that are here, None without any."""
    return next((path for w in weights if (path := find_weights(w)) is not None), None)


def list_imported() -> list[Imported]:
    """The imported files in the models folder; damaged ones are left out. Reads files."""
    found = []
    for path in sorted(models_folder().glob("*")):
        if path.suffix in (".safetensors", *_ASIDE) and not path.name.startswith("download-"):
            with contextlib.suppress(WeightsError, OSError):
                if not _is_by_product(path):
                    found.append(_described(path))
    return found


def _is_by_product(path: Path) -> bool:
    """Whether a file was only made to use a checkpoint that lies elsewhere."""
    if path.suffix != ".safetensors":
        return False
    extra = read_header(path).extra
    return "source_sha256" in extra and not extra.get(_TAKEN)


def _described(path: Path) -> Imported:
    header = read_header(path) if path.suffix == ".safetensors" else _beside(path)
    name = str(header.extra.get("name", ""))
    return Imported(path.stem[:ID_LENGTH], path, header.model, header.classes, name)


def _beside(path: Path) -> WeightsHeader:
    """What is known of a file that cannot say it itself."""
    try:
        return msgspec.json.decode(_note_of(path).read_bytes(), type=WeightsHeader)
    except (OSError, msgspec.MsgspecError):
        return WeightsHeader()


def _by_products(sha256: str) -> list[Path]:
    """What was made of a downloaded checkpoint to use it."""
    found = []
    for path in models_folder().glob(f"{sha256.lower()}*.safetensors"):
        with contextlib.suppress(WeightsError):
            found += [path] if _is_by_product(path) else []
    return found


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def import_weights(path: Path, registry: Registry | None = None, model: str = "") -> Imported:
    """Take a weights file into the models folder. Blocks.

    A pickled checkpoint is converted without running its code; a safetensors file
    is checked and copied, as are ONNX and darknet's files. A file that does not name its
    model gets `model`, or the one of the `registry` that it fits. Raises WeightsError for
    anything else, UnknownModel, StorageFull.
    """
    known = registry or Registry()
    if model:
        model = known.model(model).id
    kind = kind_of(path)
    if kind in ("onnx", "darknet"):
        return _take_aside(path, model, inspect_weights(path, known))
    target = convert(path) if kind == "checkpoint" else _copied(path)
    header = read_header(target)
    # A file that says what it is for is believed; only an earlier import may be corrected.
    if header.model and not (model and header.extra.get(_TAKEN)):
        model = header.model
    else:
        model = model or recognise(tensor_shapes(target), known.models.values())
    extra = {"name": path.stem, **header.extra}
    if kind == "checkpoint":
        extra[_TAKEN] = True
    changed = msgspec.structs.replace(header, model=model or header.model, extra=extra)
    if changed != header:
        set_header(target, changed)
    return _described(target)


def _take_aside(path: Path, model: str, contents: Contents) -> Imported:
    """Copy a file with what is known of it beside."""
    target = _copied(path, path.suffix.lower())
    height, width = contents.input_size
    note = WeightsHeader(
        model=model or contents.model,
        classes=contents.classes,
        input={"height": height, "width": width} if height else {},
        extra={"name": path.stem},
    )
    _note_of(target).write_bytes(msgspec.json.encode(note))
    return _described(target)


def _copied(path: Path, suffix: str = ".safetensors") -> Path:
    if suffix == ".safetensors" and not tensor_shapes(path):
        raise WeightsError("the file holds no weights", where=str(path))
    target = models_folder() / f"{file_hash(path)}{suffix}"
    if not target.exists():
        part = target.with_suffix(".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise StorageFull(
                f"the weights cannot be copied: {error.strerror}",
                where=str(target.parent),
                next_step="make room there",
            ) from error
    return target


def download(
    registry: Registry, model_id: str, on_progress: OnProgress | None = None
) -> list[Path]:
    """Fetch the weights that a model names and that are not here. Blocks.

    Raises UnknownModel, WeightsError (no network, refused, wrong hash) and StorageFull.
    """
    info = registry.model(model_id)
    if not info.weights:
        raise WeightsError(
            "the model names no weights to download",
            where=model_id,
            next_step="train it, or import a weights file",
        )
    report = on_progress or (lambda _fraction, _words: None)
    return [find_weights(w) or fetch(w, report) for w in info.weights]


def remove(registry: Registry, name: str) -> list[Path]:
    """Delete imported weights by id, or what was downloaded for a model. The files removed.

    Raises UnknownModel when nothing of ours has that name.
    """
    doomed = [i.weights for i in list_imported() if name in (i.id, i.weights.stem)]
    if name in registry.models:
        for weights in registry.models[name].weights:
            place = models_folder() / file_name(weights)
            doomed += [p for p in (place, part_of(place)) if p.exists()]
            if weights.sha256:
                doomed += _by_products(weights.sha256)
    if not doomed:
        raise UnknownModel(
            f"no imported or downloaded weights are named '{name}'",
            next_step="see: visionstudio models list",
        )
    for path in doomed:
        path.unlink(missing_ok=True)
        _note_of(path).unlink(missing_ok=True)
    return doomed


__all__ = [
    "Imported",
    "ModelEntry",
    "WeightsEntry",
    "download",
    "find_weights",
    "import_weights",
    "list_imported",
    "list_models",
    "published_weights",
    "remove",
]
