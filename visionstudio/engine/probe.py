"""The child process that reads a distribution's manifests, so that a bad one harms nobody.

    python -m visionstudio.engine.probe < {"path": […], "values": ["package.module:MANIFEST"]}

Answers one line of JSON, a `Probe`, per manifest as soon as it is read. Whatever
the plugin prints is thrown away.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

import msgspec

from visionstudio.api.manifest import Manifest, ModelSpec
from visionstudio.api.params import describe
from visionstudio.engine.registry import ModelInfo, WeightsInfo
from visionstudio.model.errors import one_line


class Question(msgspec.Struct, frozen=True):
    """What to read: the parent's import path and the entry points' values."""

    path: list[str]
    values: list[str]


class Probe(msgspec.Struct, frozen=True):
    """A manifest as plain data, or why there is none. `origins` are its source files."""

    name: str = ""
    version: str = ""
    description: str = ""
    licence: str = ""
    models: tuple[ModelInfo, ...] = ()
    origins: tuple[str, ...] = ()
    error: str = ""


def read_manifest(value: str) -> Probe:
    """Import ``package.module:ATTRIBUTE`` and describe the manifest there. Never raises."""
    module_name, _, attribute = value.partition(":")
    try:
        module = importlib.import_module(module_name)
        manifest = getattr(module, attribute or "MANIFEST", None)
        if not isinstance(manifest, Manifest):
            return _refused(module_name, f"{value} is no visionstudio.api.Manifest")
        models = tuple(_model(spec, manifest.name, value) for spec in manifest.models)
    except SystemExit:
        return _refused(module_name, "it exits when its manifest is imported")
    except (Exception, KeyboardInterrupt) as error:
        return _refused(module_name, f"its manifest cannot be read: {one_line(error)}")
    return Probe(
        name=manifest.name,
        version=manifest.version,
        description=manifest.description,
        licence=manifest.licence,
        models=models,
        origins=_origins(module_name),
    )


def _refused(module_name: str, reason: str) -> Probe:
    return Probe(origins=_origins(module_name), error=reason)


def _origins(module_name: str) -> tuple[str, ...]:
    """Source files of what was imported from the plugin's own package."""
    top = module_name.split(".", 1)[0]
    loaded = [m for n, m in sys.modules.items() if n == top or n.startswith(f"{top}.")]
    return tuple(sorted(f for m in loaded if (f := getattr(m, "__file__", None))))


def _model(spec: ModelSpec, plugin: str, manifest: str) -> ModelInfo:
    weights = tuple(
        WeightsInfo(w.name, w.source, w.bytes, w.sha256, w.licence, w.metric) for w in spec.weights
    )
    return ModelInfo(
        id=spec.id,
        task=spec.task,
        title=spec.title,
        description=spec.description,
        licence=spec.licence,
        factory=spec.factory,
        plugin=plugin,
        manifest=manifest,
        output=spec.result_kind,
        ready=spec.ready,
        params=describe(spec.params),
        train_params=None if spec.train_params is None else describe(spec.train_params),
        weights=weights,
        aliases=spec.aliases,
        marks=spec.marks,
        files=spec.files,
    )


def main() -> int:
    """Answer on the real stdout; the plugin gets one that leads nowhere."""
    answer = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=Question)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    sys.path[:] = question.path
    with contextlib.suppress(OSError), os.fdopen(answer, "wb") as out:
        for value in question.values:
            out.write(msgspec.json.encode(read_manifest(value)) + b"\n")
            out.flush()
    # A plugin may have left threads or exit handlers behind: end without asking them.
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
