"""Which pictures and frames of a project a training can use, and on which side each is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from visionstudio.api.manifest import Task
from visionstudio.engine.training.plan import Split
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.media import MediaItem, MediaKind, MediaStatus

if TYPE_CHECKING:
    from visionstudio.storage.store import ProjectStore

_INSIDE = ("box", "rotated_box", "polygon", "ellipse", "mask")
_USES: dict[Task, tuple[str, ...]] = {
    "classifier": ("tag",),
    "generator": ("tag",),
    "segmenter": _INSIDE,
    "tracker": _INSIDE,
    "detector": (*_INSIDE, "polyline", "points", "skeleton"),
}
GONE = (MediaStatus.ERROR, MediaStatus.MISSING)


@dataclass(slots=True)
class Picture:
    """A picture or frame with the annotations that the task can use, and whether it has others."""

    item: MediaItem
    frame: int
    used: list[Annotation] = field(default_factory=list)
    others: bool = False


def labelled_pictures(store: ProjectStore, task: Task) -> list[Picture]:
    """The pictures of the run in path order."""
    media = {m.id: m for m in store.media() if m.status not in GONE}
    found: dict[tuple[int, int], Picture] = {}
    for annotation in store.iter_annotations({s for s in State if s.is_label}):
        item = media.get(annotation.media_id)
        if item is None or annotation.flags & Flags.OUTSIDE:
            continue
        key = (item.id, annotation.frame)
        picture = found.setdefault(key, Picture(item, annotation.frame))
        if is_useful(annotation, task):
            picture.used.append(annotation)
        else:
            picture.others = True
    any_used = any(p.used for p in found.values())
    for item in media.values():
        still = item.kind is MediaKind.IMAGE and (item.id, 0) not in found
        everything = task == "generator" and not any_used
        if still and (everything or (item.verified and task in ("detector", "segmenter"))):
            found[item.id, 0] = Picture(item, 0)
    if task == "generator" and not any_used:
        chosen = [p for p in found.values() if p.item.kind is MediaKind.IMAGE]
    else:
        chosen = [p for p in found.values() if p.used or not p.others]
    return sorted(chosen, key=key_of)


def is_useful(annotation: Annotation, task: Task) -> bool:
    if annotation.shape.kind not in _USES[task]:
        return False
    if annotation.shape.kind == "tag":
        return True
    x1, y1, x2, y2 = annotation.shape.bounds()
    return x2 > x1 and y2 > y1


def key_of(picture: Picture) -> tuple[str, int]:
    return picture.item.path, picture.frame


def split(
    pictures: list[Picture], holdout: float, limit: int | None, seed: int, *, by_class: bool
) -> dict[tuple[str, int], Split]:
    """Which side each picture is on; pictures beyond the limit are on none.

    Pictures are ordered by a hash of seed and path, so that adding some moves few.
    With `by_class` the share is taken within each class, so that no class is left out.
    """

    def order(picture: Picture) -> bytes:
        path, frame = key_of(picture)
        return hashlib.sha256(f"{seed}\n{frame}\n{path}".encode(errors="replace")).digest()

    groups: dict[int, list[Picture]] = {}
    for picture in sorted(pictures, key=order):
        group = picture.used[0].class_id if by_class and picture.used else 0
        groups.setdefault(group, []).append(picture)
    sides: dict[tuple[str, int], Split] = {}
    train: list[Picture] = []
    for members in groups.values():
        held = min(round(len(members) * holdout), len(members) - 1)
        if holdout and len(groups) == 1:
            held = max(1, held)
        sides |= {key_of(p): "val" for p in members[:held]}
        train += members[held:]
    if holdout and not sides:  # classes so small that no share of one is a whole picture
        sides[key_of(train.pop(max(range(len(train)), key=lambda i: order(train[i]))))] = "val"
    train.sort(key=order)
    sides |= {key_of(p): "train" for p in train[:limit]}
    return sides
