"""Weights that models name: finding them on this machine, and fetching them when asked.

They are looked for in the models folder, then where torch and Hugging Face keep theirs. A
download goes on where it stopped, is hashed while it streams and renamed when its hash is
right. Nothing is ever fetched without being asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from visionstudio.api import WeightsSpec
from visionstudio.engine.registry import WeightsInfo
from visionstudio.engine.weights import file_hash, models_folder
from visionstudio.model.errors import StorageFull, WeightsError

BLOCK = 256 * 1024
TIMEOUT = 30.0
ID_LENGTH = 12
_ROUNDED = 0.02  # by which a named size may be off where a hash tells what is right

Weights = WeightsInfo | WeightsSpec
OnProgress = Callable[[float | None, str], None]
"""Fraction or None, and words. It may raise Cancelled: what has come so far is kept."""

_hashes: dict[tuple[str, int, int], str] = {}  # by path, time and size: large files hash slowly


def find_weights(weights: Weights) -> Path | None:
    """Where a named weights file is on this machine, None when it is not. Reads files."""
    if weights.source.startswith("package:"):
        return _in_package(weights)
    places = [models_folder() / file_name(weights)]
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


def can_download(weights: WeightsInfo) -> bool:
    """Whether a weights file comes from an address."""
    return urlsplit(weights.source).scheme in ("https", "http", "file")


def _is_right(place: Path, weights: Weights) -> bool:
    size = place.stat().st_size
    if weights.sha256:
        if weights.bytes and abs(size - weights.bytes) > _ROUNDED * weights.bytes:
            return False
    elif weights.bytes and size != weights.bytes:
        return False
    ours = place.parent == models_folder()  # its hash was checked when it came
    return ours or _matches(_known_hash(place), weights)


def _matches(digest: str, weights: Weights) -> bool:
    return digest.startswith(weights.sha256.lower())


def _known_hash(place: Path) -> str:
    stat = place.stat()
    key = (str(place), stat.st_mtime_ns, stat.st_size)
    if key not in _hashes:
        _hashes[key] = file_hash(place)
    return _hashes[key]


def _in_package(weights: Weights) -> Path | None:
    """The largest file of a distribution that looks like weights."""
    try:
        files = metadata.distribution(weights.source.removeprefix("package:")).files or []
    except metadata.PackageNotFoundError:
        return None
    suffixes = {".pth", ".pt", ".safetensors", ".onnx", ".bin"}
    paths = [Path(str(f.locate())) for f in files if f.suffix in suffixes]
    return max((p for p in paths if p.is_file()), key=lambda p: p.stat().st_size, default=None)


def file_name(weights: Weights) -> str:
    """The name of a downloaded file in the models folder."""
    suffix = Path(urlsplit(weights.source).path).suffix or ".bin"
    key = weights.sha256 or hashlib.sha256(weights.source.encode()).hexdigest()
    return f"download-{key[:ID_LENGTH].lower()}{suffix}"


def part_of(target: Path) -> Path:
    """Where what has come of a download is kept until it is whole."""
    return target.with_name(f"{target.name}.part")


def fetch(weights: WeightsInfo, report: OnProgress) -> Path:
    """Download a weights file into the models folder. Blocks.

    Raises WeightsError (no such address, no network, refused, wrong hash), StorageFull, and
    what `report` raises.
    """
    if not can_download(weights):
        raise WeightsError(
            "the weights cannot be downloaded from there",
            where=weights.source,
            next_step="install what provides them, or import a file",
        )
    target = models_folder() / file_name(weights)
    part = part_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        digest = _stream(weights, part, report)
    except urllib.error.HTTPError as error:
        raise WeightsError(
            f"the server refused the download: {error.code} {error.reason}",
            where=weights.source,
            next_step="try again later, or: visionstudio models import FILE",
        ) from error
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
    if not _matches(digest, weights):
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
        exact = have + int(length) if length and length.isdigit() else 0
        total = exact or weights.bytes
        with part.open("ab" if resumed else "wb") as out:
            while block := answer.read(BLOCK):
                out.write(block)
                digest.update(block)
                have += len(block)
                share = min(have / total, 1.0) if total else None
                report(share, f"{weights.name}: {have / 2**20:.1f} MB")
    if exact and have < exact:
        raise ConnectionError("the connection ended early")
    return digest.hexdigest()
