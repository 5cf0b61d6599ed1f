"""Which plugins and models are installed, found without importing any of their code here.

Each distribution's manifests are read once in a child process with a time limit
(`probe`) and kept in the cache folder until its version or its files change. When
nothing was installed or removed, `discover` reads one small file.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import msgspec

import visionstudio
from visionstudio.api.manifest import ENTRY_POINT_GROUP
from visionstudio.engine.children import child_environment, exit_text, kill_group
from visionstudio.engine.probe import Probe, Question
from visionstudio.engine.registry import ModelInfo, PluginInfo, Registry
from visionstudio.engine.switches import disabled_plugins
from visionstudio.settings.folders import cache_folder

PROBE_SECONDS = 10.0
"""How long reading a distribution's manifests may take before it counts as hanging."""

RETRY_SECONDS = 60.0
"""How long a plugin that failed is left alone, if nothing was installed meanwhile."""

_HOME = "visionstudio"  # the distribution whose plugins come first


class _Entry(msgspec.Struct, frozen=True):
    """An entry point: what identifies it, and when its distribution was installed."""

    name: str
    value: str
    distribution: str
    version: str
    installed: float


class _Known(msgspec.Struct, frozen=True):
    """An entry point with what its probe answered. `changed` are the source files' times."""

    entry: _Entry
    probe: Probe
    changed: tuple[int, ...]
    probed: float


class _Cache(msgspec.Struct, frozen=True):
    """`places` are the import path's folders with their times: the same means nothing changed."""

    places: list[tuple[str, int]]
    known: list[_Known]
    program: str = ""


def discover(*, refresh: bool = False) -> Registry:
    """All plugins and the models of the enabled ones. Blocks for a probe when something is new.

    `refresh` reads every manifest again. A plugin that cannot be used is listed as
    disabled with its reason; no plugin can make this raise.
    """
    cache = _read_cache()
    places = _places()
    same = cache.places == places and cache.program == _program()
    entries = [k.entry for k in cache.known] if same and not refresh else _entries()
    known = {k.entry: k for k in cache.known} if cache.program == _program() else {}
    stale = [e for e in entries if refresh or not _is_fresh(known.get(e), same)]
    if stale:
        groups = [list(g) for _, g in itertools.groupby(stale, key=lambda e: e.distribution)]
        with ThreadPoolExecutor(max_workers=min(4, len(groups))) as pool:
            for probed in pool.map(_probe, groups):
                known |= {k.entry: k for k in probed}
    current = [known[e] for e in entries]
    if stale or not same:
        _write_cache(_Cache(places, current, _program()))
    return _registry(current, disabled_plugins())


def _program() -> str:
    return f"{visionstudio.__file__} {sys.version}"


def _places() -> list[tuple[str, int]]:
    return [(p, _changed(p)) for p in sys.path if p and Path(p).is_dir()]


def _changed(path: str) -> int:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return 0


def _entries() -> list[_Entry]:
    """The installed entry points, ours first, then by time of installation."""
    found: dict[tuple[str, str], _Entry] = {}
    for distribution in metadata.distributions():
        points = [p for p in distribution.entry_points if p.group == ENTRY_POINT_GROUP]
        if not points:
            continue
        name, version = str(distribution.metadata["Name"] or "?"), str(distribution.version)
        folder = getattr(distribution, "_path", None)
        installed = _changed(str(folder)) / 1e9 if folder else 0.0
        for point in points:
            entry = _Entry(point.name, point.value, name, version, installed)
            found.setdefault((name, point.name), entry)
    order = list(found.values())
    home = [e for e in order if e.distribution == _HOME]
    others = [e for e in order if e.distribution != _HOME]
    return home + sorted(others, key=lambda e: (e.installed, e.distribution, e.name))


def _is_fresh(known: _Known | None, same_places: bool) -> bool:
    if known is None:
        return False
    if _times(known.probe) != known.changed:
        return False
    # What failed may work once another distribution is there, or on a calmer machine.
    failed = bool(known.probe.error)
    return not failed or (same_places and time.time() - known.probed < RETRY_SECONDS)


def _probe(entries: Sequence[_Entry]) -> list[_Known]:
    """Read manifests of one distribution; who ends or hangs the child is left out of the next."""
    probes: list[Probe] = []
    while len(probes) < len(entries):
        answers, how = _ask([e.value for e in entries[len(probes) :]])
        probes += answers
        if len(probes) < len(entries):
            probes.append(Probe(error=how))
    return [_Known(e, p, _times(p), time.time()) for e, p in zip(entries, probes, strict=True)]


def _times(probe: Probe) -> tuple[int, ...]:
    return tuple(_changed(path) for path in probe.origins)


def _ask(values: list[str]) -> tuple[list[Probe], str]:
    """Manifests read by a child of its own group, and why it read no more."""
    child = subprocess.Popen(
        [sys.executable, "-m", "visionstudio.engine.probe"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
        start_new_session=True,
    )
    question = msgspec.json.encode(Question([p for p in sys.path if p], values))
    try:
        out, _ = child.communicate(question, timeout=PROBE_SECONDS)
        how = f"the process that read its manifest {exit_text(child.returncode)}"
    except subprocess.TimeoutExpired as late:
        kill_group(child)
        out = late.stdout or b""
        how = f"its manifest was not read within {PROBE_SECONDS:g} s: it hangs"
    probes = []
    for line in out.splitlines():
        try:
            probes.append(msgspec.json.decode(line, type=Probe))
        except msgspec.MsgspecError:
            break
    return probes[: len(values)], how


def _registry(known: Sequence[_Known], off: dict[str, str]) -> Registry:
    plugins: list[PluginInfo] = []
    models: dict[str, ModelInfo] = {}
    for item in known:
        plugin, offered = _plugin(item)
        if plugin.enabled and plugin.name in off:
            plugin = replace(plugin, enabled=False, error=off[plugin.name])
        if plugin.enabled:
            clash = _clash(plugin, offered, plugins, models)
            if clash:
                plugin = replace(plugin, enabled=False, error=clash)
        if plugin.enabled:
            models |= {m.id: m for m in offered}
        plugins.append(plugin)
    return Registry(tuple(plugins), models)


def _plugin(item: _Known) -> tuple[PluginInfo, tuple[ModelInfo, ...]]:
    entry, probe = item.entry, item.probe
    info = PluginInfo(
        name=probe.name or entry.name,
        version=probe.version or entry.version,
        distribution=entry.distribution,
        models=tuple(m.id for m in probe.models),
        enabled=not probe.error,
        error=probe.error,
        description=probe.description,
        licence=probe.licence,
        manifest=entry.value,
    )
    return info, probe.models


def _clash(
    plugin: PluginInfo,
    offered: Iterable[ModelInfo],
    earlier: Iterable[PluginInfo],
    models: dict[str, ModelInfo],
) -> str:
    for other in earlier:
        if other.name == plugin.name:
            return f"{other.distribution} also has a plugin named '{plugin.name}', installed first"
    taken = {name: m for m in models.values() for name in (m.id, *m.aliases)}
    for model in (name for m in offered for name in (m.id, *m.aliases)):
        if model in taken:
            first = taken[model].plugin
            return f"model '{model}' of '{plugin.name}' is also in '{first}', installed first"
    return ""


def _cache_file() -> Path:
    return cache_folder() / "plugins.json"


def _read_cache() -> _Cache:
    try:
        return msgspec.json.decode(_cache_file().read_bytes(), type=_Cache)
    except (OSError, msgspec.MsgspecError):
        return _Cache([], [])


def _write_cache(cache: _Cache) -> None:
    """Keep the cache if possible: without it discovery is only slower."""
    path = _cache_file()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(msgspec.json.encode(cache))
        part.replace(path)
