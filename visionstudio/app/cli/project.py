"""``init`` and ``info``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.opening import new_or_old_project, project_store
from visionstudio.app.cli.reply import ProgressLine, Reply, columns, count

if TYPE_CHECKING:
    from visionstudio.storage.store import ProjectStore

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the project.")]


def init(
    folder: Folder,
    media: Annotated[
        list[Path],
        typer.Option(
            "--media",
            metavar="PATH",
            help="A picture, video or folder. Give it as often as needed.",
        ),
    ],
    as_video: Annotated[
        bool, typer.Option("--as-video", help="Take a folder of pictures as one video.")
    ] = False,
) -> Reply:
    """Make a project of pictures and videos, or add some to it."""
    from visionstudio.media.scan import find_media
    from visionstudio.model.errors import MediaError
    from visionstudio.model.media import MediaStatus
    from visionstudio.pyapi import common_folder
    from visionstudio.session.library import add_media, probe_media
    from visionstudio.storage.paths import absolute

    paths = [absolute(path) for path in media]
    if not find_media(paths, as_video=as_video):
        raise MediaError(
            "there are no pictures or videos",
            where=", ".join(map(str, media)),
            next_step="name a folder that holds some",
        )
    progress = ProgressLine()
    with new_or_old_project(folder, media_root=common_folder(paths)) as store:
        new, _ = add_media(store, paths, as_video=as_video)
        items, done = store.media(), 0
        for batch in probe_media(store, items):
            done += len(batch)
            progress(done / len(items), "reading headers")
        progress.close()
        failed = [(m.path, m.reason) for m in store.media() if m.status is MediaStatus.ERROR]
        document = summary(store) | {
            "failed": [{"file": file, "reason": reason} for file, reason in failed]
        }
        lines = [f"{count(len(new), 'item')} added to {store.folder}"]
    lines += [f"cannot be read: {file}: {reason}" for file, reason in failed]
    return Reply(document, "\n".join(lines))


def info(folder: Folder) -> Reply:
    """Count what a project holds."""
    with project_store(folder, read_only=True) as store:
        document = summary(store)
    rows = [(c["name"], str(c["count"])) for c in document["classes"]]
    head = (
        f"{count(document['media'], 'item')}, {count(document['annotations'], 'annotation')},"
        f" {count(document['proposals'], 'proposal')}"
    )
    return Reply(document, "\n".join(filter(None, [head, columns(rows)])))


def summary(store: ProjectStore) -> dict[str, Any]:
    """The JSON of ``init`` and ``info``."""
    counts = store.counts()
    return {
        "media": counts.media,
        "annotations": counts.annotations,
        "proposals": counts.proposals,
        "classes": [
            {"id": c.id, "name": c.name, "count": counts.per_class.get(c.id, 0)}
            for c in store.classes()
        ],
    }
