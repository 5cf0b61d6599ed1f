"""Where settings, caches and the user's data lie.

`VISIONSTUDIO_HOME` puts all three under one folder, for tests and portable
installations; otherwise each system's usual places are used.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

_APP = "visionstudio"


def _folder(kind: str, usual: Path) -> Path:
    home = os.environ.get("VISIONSTUDIO_HOME")
    return Path(home) / kind if home else usual


def config_folder() -> Path:
    """Settings and window layouts."""
    return _folder("config", platformdirs.user_config_path(_APP, appauthor=False))


def data_folder() -> Path:
    """Projects of read-only folders, the sample project, imported weights."""
    return _folder("data", platformdirs.user_data_path(_APP, appauthor=False))


def cache_folder() -> Path:
    """Thumbnails and other derived files that may vanish at any time."""
    return _folder("cache", platformdirs.user_cache_path(_APP, appauthor=False))


def log_folder() -> Path:
    """Log files of the window, hosts and training children."""
    return _folder("log", platformdirs.user_log_path(_APP, appauthor=False))


def resource(*parts: str) -> Path:
    """A file that ships with the program, in the wheel or in a checkout."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "_resources"
    base = shipped if shipped.is_dir() else package.parent / "resources"
    return base.joinpath(*parts)
