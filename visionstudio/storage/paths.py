"""Where projects lie, and how they name the files they look at."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from visionstudio.settings.folders import data_folder
from visionstudio.storage.backups import DATABASE

BENEATH = ".visionstudio"
"""The project's folder inside a folder of media."""


def absolute(path: Path) -> Path:
    """The path from the root, without '..', links left as they are: the name people know."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would follow links)


def is_project(folder: Path) -> bool:
    """Whether a folder holds a project."""
    return (folder / DATABASE).is_file()


def project_folder(path: Path) -> Path:
    """Where the project of a path lies, whether it exists yet or not.

    A project is itself, as is its project.db. A folder of media has its project
    beneath it, a single file beside it; both in the user's data folder when
    theirs cannot be written.
    """
    path = absolute(path.expanduser())
    if path.name == DATABASE and path.is_file():
        return path.parent
    if is_project(path) or path.name == BENEATH:
        return path
    home = path if path.is_dir() else path.parent
    if is_project(home):
        return home
    beneath = home / BENEATH
    if is_project(beneath) or _can_write(home):
        return beneath
    name = "".join(c if c.isalnum() or c in "-_" else "_" for c in home.name) or "folder"
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]
    return data_folder() / "projects" / f"{name}-{digest}"


def default_media_root(folder: Path) -> Path:
    """The folder that a project beneath belongs to; the project's own folder otherwise."""
    folder = absolute(folder)
    return folder.parent if folder.name == BENEATH else folder


def stored_path(path: Path, root: Path) -> str:
    """A file as the project names it: relative to the root with '/', absolute when elsewhere."""
    path = absolute(path)
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()


def stored_root(root: Path, folder: Path) -> str:
    """The media root as the project stores it.

    Relative when it is near the project, so that both can be moved together;
    absolute otherwise, so that the project alone can be.
    """
    root, folder = absolute(root), absolute(folder)
    if root.is_relative_to(folder.parent):
        return Path(os.path.relpath(root, folder)).as_posix()
    return root.as_posix()


def _can_write(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
