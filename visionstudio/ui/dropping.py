"""What is dropped on the window: media to look at, projects, or labels to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.model.errors import VisionStudioError
    from visionstudio.ui.window import MainWindow


@dataclass(frozen=True, slots=True)
class Dropped:
    """What dropped paths are: labels of a format, or else media (files, or a folder to open)."""

    paths: tuple[Path, ...]
    format: str | None = None
    all_files: bool = False


def recognise(paths: Sequence[Path]) -> Dropped:
    """Look into the paths. Blocks.

    One file or folder is labels when a format is found in it. Class folders are
    not asked about: they are pictures first, and so is whatever holds a project.
    """
    from visionstudio.formats.detection import detect
    from visionstudio.storage.paths import is_project

    all_files = all(p.is_file() for p in paths)
    found = None
    if len(paths) == 1 and not is_project(paths[0]):
        found = detect(paths[0])
    return Dropped(tuple(paths), None if found == "imagefolder" else found, all_files)


class Dropping:
    """Opens, adds or imports what was dropped; it is looked at in a thread."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window

    def take(self, paths: Sequence[Path]) -> None:
        """Something was dropped."""
        window = self._window
        window.worker.start(lambda: recognise(paths), self._known, self._failed)

    def _known(self, dropped: Dropped) -> None:
        window = self._window
        is_open = window.project is not None
        if dropped.format is not None and is_open:
            self._import(dropped)
        elif dropped.format is not None:
            self._open_around(dropped)
        elif is_open and dropped.all_files:
            window.add_media(dropped.paths)
        else:
            window.open(dropped.paths)

    def _import(self, dropped: Dropped) -> None:
        project = self._window.project
        if project is not None and project.read_only:
            self._window.toast(tr("The project is open for reading only."), "error")
        elif dropped.format is not None:
            self._window.dialogs.open_import(dropped.paths[0], dropped.format)

    def _open_around(self, dropped: Dropped) -> None:
        """Without a project the one of the folder is opened first: its pictures lie there."""
        window = self._window
        path = dropped.paths[0]

        def opened() -> None:
            window.project_opened.disconnect(opened)
            self._import(dropped)

        window.project_opened.connect(opened)
        window.open([path.parent if dropped.all_files else path])

    def _failed(self, error: VisionStudioError) -> None:
        self._window.toast(str(error), "error")
