"""The model manager: which weights are here, importing, downloading and removing them.

Weights are looked for in the models folder, then where torch and Hugging Face
keep theirs. A download goes on where it stopped, is hashed while it streams and
renamed when its hash is right. Nothing is ever fetched without being asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from visionstudio.engine.registry import ModelInfo, Registry, WeightsInfo
from visionstudio.engine.weights import (
    convert,
    file_hash,
    is_pickle,
    models_folder,
    read_header,
    set_header,
    tensor_shapes,
)
from visionstudio.model.errors import StorageFull, UnknownModel, WeightsError

BLOCK = 256 * 1024
TIMEOUT = 30.0
ID_LENGTH = 12

OnProgress = Callable[[float | None, str], None]
"""Fraction or None, and words. It may raise Cancelled: what has come so far is kept."""


@dataclass(frozen=True, slots=True)
class WeightsEntry:
    """One row of the list: a weights file that a model names, or one that was imported."""

    name: str
    bytes: int
    sha256: str
    licence: str
    source: str
    path: Path | None = None

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


def list_models(registry: Registry) -> list[ModelEntry]:
    """All usable models with their own and the imported weights."""
    imported = list_imported()
    return [_entry(info, imported) for info in registry.models.values()]


def _entry(info: ModelInfo, imported: list[Imported]) -> ModelEntry:
    named = [
        WeightsEntry(w.name, w.bytes, w.sha256, w.licence, w.source, find_weights(w))
        for w in info.weights
    ]
    own = [
        WeightsEntry(
            i.name or i.id, i.weights.stat().st_size, i.weights.stem, "", "import", i.weights
        )
        for i in imported
        if i.architecture == info.id
    ]
    return ModelEntry(info, (*named, *own))


def list_imported() -> list[Imported]:
    """The weights files in the models folder; damaged ones are left out."""
    found = []
    for path in sorted(models_folder().glob("*.safetensors")):
        try:
            found.append(_described(path))
        except WeightsError:
            continue
    return found


def _described(path: Path) -> Imported:
    header = read_header(path)
    name = str(header.extra.get("name", ""))
    return Imported(path.stem[:ID_LENGTH], path, header.model, header.classes, name)


def import_weights(path: Path, registry: Registry | None = None) -> Imported:
    """Take a weights file into the models folder. Blocks.

    A pickled checkpoint is converted without running its code; a safetensors file
    is checked and copied. A file that does not name its model gets the one of the
    `registry` whose tensors it holds. Raises WeightsError for anything else, StorageFull.
    """
    target = _take(path)
    header = read_header(target)
    model = recognise(tensor_shapes(target), registry or Registry())
    if model and not header.model:
        set_header(target, msgspec.structs.replace(header, model=model))
    return _described(target)


def recognise(shapes: Mapping[str, tuple[int, ...]], registry: Registry) -> str:
    """The id of the model that tensors of these names and shapes are for, '' for none known."""

    def has(name: str, wanted: tuple[int, ...]) -> bool:
        found = shapes.get(name, ())
        return len(found) == len(wanted) and all(
            w in (-1, n) for w, n in zip(wanted, found, strict=True)
        )

    for info in registry.models.values():
        if info.marks and all(has(name, shape) for name, shape in info.marks):
            return info.id
    return ""


def _take(path: Path) -> Path:
    if not path.is_file():
        raise WeightsError(
            "the weights file is missing", where=str(path), next_step="give the path of a file"
        )
    if is_pickle(path):
        return convert(path)
    if not tensor_shapes(path):
        raise WeightsError("the file holds no weights", where=str(path))
    target = models_folder() / f"{file_hash(path)}.safetensors"
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


def find_weights(weights: WeightsInfo) -> Path | None:
    """Where a named weights file is on this machine, None when it is not."""
    if weights.source.startswith("package:"):
        return _in_package(weights)
    places = [models_folder() / _file_name(weights)]
    torch_home = os.environ.get("TORCH_HOME") or str(Path.home() / ".cache" / "torch")
    base = Path(unquote(urlsplit(weights.source).path)).name
    places.append(Path(torch_home) / "hub" / "checkpoints" / base)
    hub = os.environ.get("HF_HUB_CACHE") or str(Path.home() / ".cache" / "huggingface" / "hub")
    if base and Path(hub).is_dir():
        places += sorted(Path(hub).glob(f"models--*/snapshots/*/{base}"))
    for place in places:
        with contextlib.suppress(OSError, WeightsError):
            if place.is_file() and _is_right(place, weights):
                return place
    return None


def _is_right(place: Path, weights: WeightsInfo) -> bool:
    if weights.bytes and place.stat().st_size != weights.bytes:
        return False
    ours = place.parent == models_folder()  # its hash was checked when it came
    return ours or not weights.sha256 or file_hash(place) == weights.sha256


def _in_package(weights: WeightsInfo) -> Path | None:
    """The largest file of a distribution that looks like weights."""
    try:
        files = metadata.distribution(weights.source.removeprefix("package:")).files or []
    except metadata.PackageNotFoundError:
        return None
    suffixes = {".pth", ".pt", ".safetensors", ".onnx", ".bin"}
    paths = [Path(str(f.locate())) for f in files if f.suffix in suffixes]
    return max((p for p in paths if p.is_file()), key=lambda p: p.stat().st_size, default=None)


def _file_name(weights: WeightsInfo) -> str:
    suffix = Path(urlsplit(weights.source).path).suffix or ".bin"
    key = weights.sha256 or hashlib.sha256(weights.source.encode()).hexdigest()
    return f"download-{key[:ID_LENGTH]}{suffix}"


def download(
    registry: Registry, model_id: str, on_progress: OnProgress | None = None
) -> list[Path]:
    """Fetch the weights that a model names and that are not here. Blocks.

    Raises UnknownModel, WeightsError (no network, wrong hash) and StorageFull.
    """
    info = registry.model(model_id)
    if not info.weights:
        raise WeightsError(
            "the model names no weights to download",
            where=model_id,
            next_step="train it, or import a weights file",
        )
    report = on_progress or (lambda _fraction, _words: None)
    return [find_weights(w) or _fetch(w, report) for w in info.weights]


def _fetch(weights: WeightsInfo, report: OnProgress) -> Path:
    scheme = urlsplit(weights.source).scheme
    if scheme not in ("https", "http", "file"):
        raise WeightsError(
            "the weights cannot be downloaded from there",
            where=weights.source,
            next_step="install what provides them, or import a file",
        )
    target = models_folder() / _file_name(weights)
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = _stream(weights, part, report)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise WeightsError(
            f"the weights cannot be downloaded: {reason}",
            where=weights.source,
            next_step="connect to the network and try again (it goes on where it stopped),"
            " or: visionstudio models import FILE",
        ) from error
    except OSError as error:
        raise StorageFull(
            f"the weights cannot be stored: {error.strerror}",
            where=str(part),
            next_step="make room; the download goes on where it stopped",
        ) from error
    if weights.sha256 and digest != weights.sha256:
        part.unlink(missing_ok=True)
        raise WeightsError(
            f"the downloaded file is not the right one: SHA-256 {digest}",
            where=weights.source,
            next_step="try again later, or import a file that you trust",
        )
    part.replace(target)
    return target


def _stream(weights: WeightsInfo, part: Path, report: OnProgress) -> str:
    """Append to the part file what is missing; the SHA-256 of the whole."""
    digest = hashlib.sha256()
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(weights.source, headers={"User-Agent": "visionstudio"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:  # 416: the part is already whole
            raise
        return file_hash(part)
    with answer:
        resumed = have and getattr(answer, "status", 200) == 206
        if resumed:
            with part.open("rb") as old:
                while block := old.read(BLOCK):
                    digest.update(block)
        else:
            have = 0
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else weights.bytes
        with part.open("ab" if resumed else "wb") as out:
            while block := answer.read(BLOCK):
                out.write(block)
                digest.update(block)
                have += len(block)
                report(have / total if total else None, f"{weights.name}: {have / 2**20:.1f} MB")
    if total and have < total:
        raise ConnectionError("the connection ended early")
    return digest.hexdigest()


def remove(registry: Registry, name: str) -> list[Path]:
    """Delete imported weights by id, or what was downloaded for a model. The files removed.

    Raises UnknownModel when nothing of ours has that name.
    """
    doomed = [i.weights for i in list_imported() if name in (i.id, i.weights.stem)]
    if name in registry.models:
        for weights in registry.models[name].weights:
            place = models_folder() / _file_name(weights)
            doomed += [p for p in (place, place.with_name(f"{place.name}.part")) if p.exists()]
    if not doomed:
        raise UnknownModel(
            f"no imported or downloaded weights are named '{name}'",
            next_step="see: visionstudio models list",
        )
    for path in doomed:
        path.unlink(missing_ok=True)
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
    "remove",
]
