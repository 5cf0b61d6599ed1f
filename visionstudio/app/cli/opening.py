"""What several commands need: projects, parameters, models at work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from visionstudio.app.cli.reply import ProgressLine

if TYPE_CHECKING:
    from visionstudio.engine.events import Finished, FrameFailed, FrameResult
    from visionstudio.engine.host import Host
    from visionstudio.engine.requests import AnyRequest
    from visionstudio.storage.store import ProjectStore


@contextmanager
def project_store(folder: Path, *, read_only: bool = False) -> Iterator[ProjectStore]:
    """The project of a folder. Raises ProjectError when there is none."""
    from visionstudio.model.errors import ProjectError
    from visionstudio.storage.paths import is_project, project_folder
    from visionstudio.storage.store import ProjectStore

    found = project_folder(folder)
    if not is_project(found):
        raise ProjectError(
            "there is no project",
            where=str(folder),
            next_step=f"make one with: visionstudio init {folder} --media PATH",
        )
    if read_only:
        with ProjectStore.open_to_read(found) as store:
            yield store
        return
    with ProjectStore.open(found) as store, _at_work(store):
        yield store


@contextmanager
def new_or_old_project(folder: Path, *, media_root: Path | None = None) -> Iterator[ProjectStore]:
    """The project of a folder, made in that very folder when there is none.

    `media_root` is what a new one names its media relative to.
    """
    from visionstudio.storage.paths import is_project, project_folder
    from visionstudio.storage.store import ProjectStore

    found = project_folder(folder)
    if is_project(found):
        with ProjectStore.open(found) as store, _at_work(store):
            yield store
    else:
        with ProjectStore.create(folder, media_root=media_root) as store, _at_work(store):
            yield store


@contextmanager
def _at_work(store: ProjectStore) -> Iterator[None]:
    """The journal gets the person's name; an export that is kept follows at the end."""
    from visionstudio.session.live_export import followed
    from visionstudio.settings.store import Settings

    store.author = Settings().author
    with followed(store):
        yield


def parameters(texts: Sequence[str]) -> dict[str, Any]:
    """The values of ``--param k=v``, as text."""
    values: dict[str, Any] = {}
    for text in texts:
        name, found, value = text.partition("=")
        if not found or not name.strip():
            raise typer.BadParameter(f"a parameter looks like name=value, got '{text}'")
        values[name.strip()] = value
    return values


def results_of(
    request: AnyRequest, progress: ProgressLine, host: Host | None = None
) -> Iterator[FrameResult | FrameFailed | Finished]:
    """What a request gives, run in this process; progress is shown, a failure raised.

    A `host` that is given keeps its models for the next request.
    """
    from visionstudio.engine.host import answers

    try:
        yield from answers(request, progress, host)
    finally:
        progress.close()
