"""Which plugins are switched off, and why: one small file in the settings folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from visionstudio.model.errors import StorageFull
from visionstudio.settings.folders import config_folder


def _file() -> Path:
    return config_folder() / "plugins.json"


def disabled_plugins() -> dict[str, str]:
    """Names of the plugins that are switched off, each with the reason ('' when by the user)."""
    try:
        return msgspec.json.decode(_file().read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return {}


def set_enabled(plugin: str, enabled: bool, reason: str = "") -> None:
    """Switch a plugin on or off for later `discover` calls. StorageFull if that cannot be kept."""
    switches = disabled_plugins()
    if enabled:
        switches.pop(plugin, None)
    else:
        switches[plugin] = reason
    path = _file()
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(msgspec.json.encode(switches))
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise StorageFull(
            f"plugin '{plugin}' cannot be switched: {error.strerror}",
            where=str(path),
            next_step="make room or allow writing there",
        ) from error
