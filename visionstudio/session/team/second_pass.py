"""A blind second pass: some of the pictures, with the classes and without the labels."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from visionstudio.model import edits
from visionstudio.model.errors import InvalidValue, ProjectError
from visionstudio.model.media import MediaItem, MediaStatus
from visionstudio.storage.paths import is_project
from visionstudio.storage.reading import ProjectReader
from visionstudio.storage.store import ProjectStore

ORIGIN = "second_pass"
"""The project's setting: of which project it is a second pass, how many, which seed."""


def sample(items: list[MediaItem], count: int, seed: int) -> list[MediaItem]:
    """So many of the media, drawn by chance, in their order."""
    chosen = random.Random(seed).sample(range(len(items)), min(count, len(items)))
    return [items[n] for n in sorted(chosen)]


def make_second_pass(
    first: ProjectReader, folder: Path, *, count: int, seed: int = 0
) -> list[MediaItem]:
    """Make a project in `folder` of `count` labelled or verified pictures of another.

    It has the classes but no label, so that whoever works on it is not influenced; the
    pictures stay where they are. Raises ProjectError when there is a project already or
    nothing has been labelled, InvalidValue for a count below 1.
    """
    if count < 1:
        raise InvalidValue(f"a second pass needs at least 1 picture, got {count}")
    if is_project(folder):
        raise ProjectError(
            "there is a project already", where=str(folder), next_step="name another folder"
        )
    labelled = first.summaries()
    done = [
        m
        for m in first.media()
        if m.status is not MediaStatus.ERROR
        and (m.verified or (m.id in labelled and labelled[m.id].labels))
    ]
    if not done:
        raise ProjectError(
            "nothing has been labelled yet that could be labelled again",
            where=str(first.folder),
            next_step="label or verify some pictures first",
        )
    chosen = sample(done, count, seed)
    with ProjectStore.create(folder, media_root=first.media_root) as store:
        classes = first.classes()
        if classes:
            store.apply(edits.add("Classes", classes))
        start = store.reserve_ids("media", len(chosen))
        store.add_media(
            replace(
                item,
                id=start + n,
                path=store.media_path(first.path_of(item)),
                verified=False,
                extra={},
            )
            for n, item in enumerate(chosen)
        )
        store.set_setting(ORIGIN, {"of": str(first.folder), "count": len(chosen), "seed": seed})
        return store.media()
