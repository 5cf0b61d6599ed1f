"""The labels that results are compared with, whether from a project or from a training plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from visionstudio.engine.evaluation.evaluation import Picture
from visionstudio.engine.evaluation.semantic import IGNORE, IndexMap
from visionstudio.engine.requests import FrameRef
from visionstudio.formats.coco_write import to_coco
from visionstudio.formats.dataset import Dataset, DatasetItem
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import MediaError
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Tag

Key = tuple[int, int]
"""Media id and frame; the frame of a picture is 0."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The labels to compare with: an item for each picture and each labelled frame.

    The ids of pictures and classes are the project's; frames have ids behind
    them. `keys` says what each item is, `kinds` of which kind its file is, by item id.
    """

    dataset: Dataset
    keys: dict[int, Key]
    kinds: dict[int, str] = field(default_factory=dict)

    @property
    def class_ids(self) -> dict[str, int]:
        """The project's id of every class name."""
        return {c.name: c.id for c in self.dataset.classes if c.id is not None}

    def picture(self, item: DatasetItem) -> Picture:
        """What an item is, for whoever wants to look at it."""
        item_id = item.id or 0
        media_id, frame = self.keys.get(item_id, (item_id, 0))
        file = str(item.file.absolute()) if item.file is not None else ""
        return Picture(media_id, frame, item.path, self.kinds.get(item_id, "image"), file)

    def frames(self) -> tuple[FrameRef, ...]:
        """What to predict on: the pictures that are there, keyed by item id. MediaError if none."""
        found = []
        for item in self.dataset.items:
            picture = self.picture(item)
            if picture.file and item.id is not None:
                found.append(FrameRef(str(item.id), picture.file, picture.kind, picture.frame))
        if not found:
            raise MediaError(
                "none of the labelled pictures is there",
                where=self.dataset.items[0].path if self.dataset.items else "",
                next_step="put them back or connect their drive",
            )
        return tuple(found)

    def tags(self) -> dict[int, str]:
        """The first tag of every picture that has one, by item id."""
        found = {}
        for item in self.dataset.items:
            tags = [a.label for a in item.annotations if isinstance(a.shape, Tag)]
            if tags:
                found[item.id or 0] = tags[0]
        return found


def coco_truth(dataset: Dataset) -> dict[str, Any]:
    """COCO's JSON object in which difficult objects, like crowds, are neither right nor wrong."""
    marked = [
        replace(
            item,
            annotations=tuple(
                replace(a, flags=a.flags | Flags.CROWD) if a.flags & Flags.DIFFICULT else a
                for a in item.annotations
            ),
        )
        for item in dataset.items
    ]
    return to_coco(replace(dataset, items=tuple(marked)))


def class_names(items: Sequence[DatasetItem]) -> set[str]:
    """The classes of everything that has an extent."""
    return {a.label for i in items for a in i.annotations if not isinstance(a.shape, Tag)}


def unlabelled_share(items: Sequence[DatasetItem], index: Mapping[str, int]) -> float:
    """The share of pixels that no label covers; 1 where sizes are unknown."""
    free = total = 0
    for item in items:
        if item.width and item.height:
            labels = truth_map(item, index, IGNORE, item.height, item.width)
            free += int((labels == IGNORE).sum())
            total += labels.size
    return free / total if total else 1.0


def truth_map(
    item: DatasetItem, index: Mapping[str, int], nothing: int, height: int, width: int
) -> IndexMap:
    """The labels' class index per pixel, later ones on top; `nothing` where there is none."""
    labels = np.full((height, width), nothing, np.uint8)
    for annotation in sorted(item.annotations, key=lambda a: a.z):
        if isinstance(annotation.shape, Tag):
            continue
        ignore = bool(annotation.flags & (Flags.CROWD | Flags.DIFFICULT))
        covered = to_mask(annotation.shape, height, width)
        labels[covered] = IGNORE if ignore else index[annotation.label]
    return labels
