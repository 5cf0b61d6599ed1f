"""What discovery found, as plain data: nothing of a plugin's code is needed to look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from visionstudio.api.manifest import Task
from visionstudio.api.params import ParamSpec
from visionstudio.model.errors import PluginError, UnknownModel


@dataclass(frozen=True, slots=True)
class WeightsInfo:
    """A weights file that a plugin names: see `visionstudio.api.WeightsSpec`."""

    name: str
    source: str
    bytes: int = 0
    sha256: str = ""
    licence: str = ""
    metric: str = ""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as the window sees it. `output` is the kind of its results, see ModelSpec.

    `manifest` is where its plugin's manifest is, ``package.module:ATTRIBUTE``.
    """

    id: str
    task: Task
    title: str
    description: str
    licence: str
    factory: str
    plugin: str
    manifest: str
    output: str
    ready: bool
    params: tuple[ParamSpec, ...]
    train_params: tuple[ParamSpec, ...] | None = None
    weights: tuple[WeightsInfo, ...] = ()
    aliases: tuple[str, ...] = ()
    marks: tuple[tuple[str, tuple[int, ...]], ...] = ()
    files: tuple[str, ...] = ()

    @property
    def trainable(self) -> bool:
        return self.train_params is not None


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """An installed plugin. `error` says why it or one of its models is not usable.

    `name` is the manifest's name, or the entry point's when there is no manifest;
    `manifest` is where it is, ``package.module:ATTRIBUTE``.
    """

    name: str
    version: str
    distribution: str
    models: tuple[str, ...] = ()
    enabled: bool = True
    error: str = ""
    description: str = ""
    licence: str = ""
    manifest: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """All plugins in the order they were installed, and the models of the enabled ones by id."""

    plugins: tuple[PluginInfo, ...] = ()
    models: Mapping[str, ModelInfo] = field(default_factory=dict)

    def model(self, model_id: str) -> ModelInfo:
        """The model of that id or alias. UnknownModel says what there is instead."""
        if model_id in self.models:
            return self.models[model_id]
        for info in self.models.values():
            if model_id in info.aliases:
                return info
        for plugin in self.plugins:
            if model_id in plugin.models and not plugin.enabled:
                raise UnknownModel(
                    f"plugin '{plugin.name}' is disabled: {plugin.error or 'by you'}",
                    where=model_id,
                    next_step=f"run: visionstudio plugins enable {plugin.name}",
                )
        task = model_id.split("/", 1)[0]
        known = [m for m in self.models if m.startswith(f"{task}/")] or list(self.models)
        raise UnknownModel(
            f"unknown model '{model_id}'", next_step=f"known are: {', '.join(known) or 'none'}"
        )

    def plugin(self, name: str) -> PluginInfo:
        """The plugin of that name. PluginError when it is not installed."""
        for plugin in self.plugins:
            if plugin.name == name:
                return plugin
        known = ", ".join(p.name for p in self.plugins) or "none"
        raise PluginError(f"no plugin is named '{name}'", next_step=f"installed are: {known}")
