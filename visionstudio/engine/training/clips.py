"""What a tracker learns from: objects through clips, and pictures that show anything at all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from visionstudio.engine.training.pictures import GONE, Picture, is_useful, key_of
from visionstudio.engine.training.plan import Split
from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.interpolation import all_filled
from visionstudio.model.media import MediaItem, MediaKind

if TYPE_CHECKING:
    from visionstudio.storage.store import ProjectStore

MOST_FRAMES = 600  # of a clip with objects; more are taken evenly
FEW_FRAMES = 12  # of a clip without labels
MOST_PLAIN = 400  # pictures and frames without labels


def following(store: ProjectStore, seed: int) -> list[Picture]:
    """The pictures and frames for a tracker, in path order. Blocks: it reads the project.

    All that have a shape with an inside that is no proposal, objects between key frames
    included; and as much of what has no labels as is useful beside them.
    """
    found: list[Picture] = []
    plain: list[Picture] = []
    known = store.summaries()
    for item in store.media():
        if item.status in GONE:
            continue
        rows = store.annotations(item.id) if item.id in known else []
        seen = _frames(item, [a for a in rows if a.state.is_label])
        if seen:
            found += _evenly(seen, MOST_FRAMES)
        elif item.kind is MediaKind.IMAGE:
            plain.append(Picture(item, 0))
        elif item.frames:
            count = min(FEW_FRAMES, item.frames)
            numbers = {round(i * (item.frames - 1) / max(count - 1, 1)) for i in range(count)}
            plain += [Picture(item, n) for n in sorted(numbers)]
    plain.sort(key=lambda picture: _order(seed, *key_of(picture)))
    return sorted([*found, *plain[:MOST_PLAIN]], key=key_of)


def _frames(item: MediaItem, labels: Iterable[Annotation]) -> list[Picture]:
    """The frames of a clip that show an object, in order."""
    rows = all_filled(labels) if item.kind is not MediaKind.IMAGE else labels
    frames: dict[int, Picture] = {}
    for annotation in rows:
        if is_useful(annotation, "tracker") and not annotation.flags & Flags.OUTSIDE:
            picture = frames.setdefault(annotation.frame, Picture(item, annotation.frame))
            picture.used.append(annotation)
    return [frames[n] for n in sorted(frames)]


def _evenly(pictures: list[Picture], most: int) -> list[Picture]:
    if len(pictures) <= most:
        return pictures
    return [pictures[i * len(pictures) // most] for i in range(most)]


def split_clips(
    pictures: list[Picture], holdout: float, limit: int | None, seed: int
) -> dict[tuple[str, int], Split]:
    """Which side each picture is on; those beyond the limit are on none.

    Frames of a clip look alike, so whole clips and pictures are held out, in the order of a
    hash of seed and path. Where all are too long the last frames of the longest are.
    """
    groups: dict[str, list[Picture]] = {}
    for picture in pictures:
        groups.setdefault(picture.item.path, []).append(picture)
    wanted = max(round(len(pictures) * holdout), 1) if holdout else 0
    held: list[Picture] = []
    for path in sorted(groups, key=lambda p: _order(seed, p, 0)):
        if len(held) + len(groups[path]) <= min(wanted, len(pictures) - 1):
            held += groups[path]
    if wanted and not held:
        longest = max(groups.values(), key=len)
        held = longest[-min(wanted, len(longest) - 1) :]
    chosen = {key_of(p) for p in held}
    train = [p for p in pictures if key_of(p) not in chosen]
    sides: dict[tuple[str, int], Split] = dict.fromkeys(chosen, "val")
    return sides | {key_of(p): "train" for p in _evenly(train, limit or len(train))}


def _order(seed: int, path: str, frame: int) -> bytes:
    return hashlib.sha256(f"{seed}\n{frame}\n{path}".encode(errors="replace")).digest()
