"""The labels of a project as ground truth: of the chosen pictures, or of all that are
labelled or verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from visionstudio.engine.evaluation.truth import Key, Truth
from visionstudio.formats.dataset import DatasetAnnotation, DatasetItem
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import InvalidValue
from visionstudio.model.media import MediaKind
from visionstudio.session.exporting import project_dataset
from visionstudio.storage.store import ProjectStore


def truth_of(store: ProjectStore, wanted: Iterable[Key] | None = None) -> Truth:
    """The labels of pictures and frames, by default all. InvalidValue when there are none."""
    chosen = None if wanted is None else frozenset(wanted)
    media_ids = None if chosen is None else {media_id for media_id, _ in chosen}
    dataset = project_dataset(store, media_ids)
    items: list[DatasetItem] = []
    keys: dict[int, Key] = {}
    kinds: dict[int, str] = {}
    free = max((item.id or 0 for item in dataset.items), default=0) + 1
    for item in dataset.items:
        media_id = item.id or 0
        for frame, one in _frames(item):
            if chosen is not None and (media_id, frame) not in chosen:
                continue
            if item.kind is not MediaKind.IMAGE:
                one, free = replace(one, id=free), free + 1
            items.append(one)
            kinds[one.id or 0] = str(item.kind)
            keys[one.id or 0] = media_id, frame
    if not any(item.annotations for item in items):
        raise InvalidValue(
            "there are no labels to compare with",
            where=str(store.folder),
            next_step="label or import some pictures",
        )
    return Truth(replace(dataset, items=tuple(items)), keys, kinds)


def _frames(item: DatasetItem) -> Iterator[tuple[int, DatasetItem]]:
    """A picture as it is; a video as one picture for each of its labelled frames."""
    if item.kind is MediaKind.IMAGE:
        yield 0, item
        return
    by_frame: dict[int, list[DatasetAnnotation]] = {}
    for annotation in item.annotations:
        if not annotation.flags & Flags.OUTSIDE:
            by_frame.setdefault(annotation.frame, []).append(annotation)
    for frame, rows in sorted(by_frame.items()):
        path = f"{item.path}#{frame}"
        yield frame, replace(item, path=path, kind=MediaKind.IMAGE, annotations=tuple(rows))
