"""The code behind a model: its entry in the plugin's manifest, and the class that it names."""

from __future__ import annotations

import importlib
import logging
from typing import Any

from visionstudio.api.manifest import Manifest, ModelSpec
from visionstudio.model.errors import OutOfMemory, PluginError, one_line

log = logging.getLogger(__name__)


def find_spec(manifest: str, model: str, plugin: str) -> ModelSpec:
    """A model's own spec, from its plugin's manifest. PluginError when it is gone."""
    module_name, _, attribute = manifest.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute or "MANIFEST")
    except Exception as error:
        raise PluginError(
            f"plugin '{plugin}' cannot be imported: {one_line(error)}",
            where=model,
            next_step="install it again",
        ) from error
    if isinstance(found, Manifest):
        for spec in found.models:
            if spec.id == model:
                return spec
    raise PluginError(
        f"plugin '{plugin}' no longer offers the model",
        where=model,
        next_step="restart the program",
    )


def implementation(factory: str) -> Any:
    """The class of a factory ``package.module:Class``. PluginError when it is not there."""
    module_name, _, attribute = factory.partition(":")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        log.exception("importing %s", factory)
        raise PluginError(
            f"its implementation cannot be imported: {one_line(error)}",
            where=factory,
            next_step="install what it needs, or install the plugin again",
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of torch, numpy or Python says that memory ran out."""
    if isinstance(error, (MemoryError, OutOfMemory)):
        return True
    text = str(error).lower()
    is_runtime = isinstance(error, RuntimeError)  # torch.OutOfMemoryError is one
    return is_runtime and any(
        words in text for words in ("out of memory", "not enough memory", "can't allocate memory")
    )
