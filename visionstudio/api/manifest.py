"""What a plugin says about itself, without importing what it does.

A distribution offers a `Manifest` under the entry-point group
``visionstudio.plugins``. Importing the manifest's module must be cheap: it must
not import torch or the implementation, which `ModelSpec.factory` only names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from visionstudio.api.params import describe
from visionstudio.model.errors import InvalidValue

ENTRY_POINT_GROUP = "visionstudio.plugins"

Task = Literal["classifier", "detector", "segmenter", "tracker", "generator"]
TASKS: tuple[Task, ...] = ("classifier", "detector", "segmenter", "tracker", "generator")

_ID = re.compile(r"(classifier|detector|segmenter|tracker|generator)/[a-z0-9][a-z0-9_.+-]*\Z")
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*\Z")


@dataclass(frozen=True, slots=True)
class WeightsSpec:
    """A weights file that a model can use.

    `source` is a URL, or ``package:DISTRIBUTION`` for a file inside an installed
    package. `bytes` may be rounded where `sha256` is given; that may be the first
    eight or more digits only, as publishers put them into file names. `metric` is the
    published figure, in words.
    """

    name: str
    source: str
    bytes: int = 0
    sha256: str = ""
    licence: str = ""
    metric: str = ""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model: its id ``task/name``, what it is, and where its class is.

    `factory` is ``package.module:Class``, imported only in the vision host.
    `params` describe prediction and `train_params` training (None: not trainable).
    `output` says what results look like: 'classes', 'boxes', 'masks', 'semantic',
    'track' (one object), 'tracks' (many objects), 'images' or 'edit'.
    `ready` is True when it gives useful results without training or weights.
    `aliases` are other ids by which it may be called. `marks` tell the weights that
    other programs wrote for it: names and shapes of tensors that no other model
    has, -1 for a length that depends on the classes; of models that fit the one with the
    most marks is meant. `files` are the suffixes of other weights files than safetensors
    and checkpoints that it reads, such as '.onnx'.
    """

    id: str
    task: Task
    title: str
    description: str
    licence: str
    factory: str
    params: type
    train_params: type | None = None
    weights: tuple[WeightsSpec, ...] = ()
    output: str = ""
    ready: bool = False
    aliases: tuple[str, ...] = ()
    marks: tuple[tuple[str, tuple[int, ...]], ...] = ()
    files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.id, *self.aliases):
            if not _ID.match(name):
                raise InvalidValue(f"a model id looks like detector/name, got '{name}'")
            if name.split("/", 1)[0] != self.task:
                raise InvalidValue(f"model '{name}' says its task is {self.task}")
        if not _FACTORY.match(self.factory):
            raise InvalidValue(f"a factory looks like package.module:Class, got '{self.factory}'")
        describe(self.params)
        if self.train_params is not None:
            describe(self.train_params)

    @property
    def result_kind(self) -> str:
        """`output`, or the usual one of the task."""
        usual = {
            "classifier": "classes",
            "detector": "boxes",
            "segmenter": "masks",
            "tracker": "track",
            "generator": "images",
        }
        return self.output or usual[self.task]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A plugin: its name, version and models, possibly of several tasks."""

    name: str
    version: str
    models: tuple[ModelSpec, ...]
    description: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.version:
            raise InvalidValue("a manifest needs a name and a version")
        ids = [name for m in self.models for name in (m.id, *m.aliases)]
        if len(ids) != len(set(ids)):
            raise InvalidValue(f"plugin '{self.name}' names a model id twice")
