"""From a project to a training plan: which pictures, which targets, which side of the split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from visionstudio.api.manifest import Task
from visionstudio.api.params import validate
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.training.plan import (
    PlanClass,
    PlanPicture,
    PlanTarget,
    Split,
    TrainPlan,
)
from visionstudio.model import shapes
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.errors import InvalidValue, TrainingError
from visionstudio.model.labels import LabelClass
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
_IGNORED = Flags.CROWD | Flags.DIFFICULT
_ADVICE: dict[Task, str] = {
    "classifier": "tag some pictures, with at least two classes",
    "detector": "draw boxes in some pictures",
    "segmenter": "draw polygons or masks in some pictures",
    "tracker": "draw boxes in some frames of a video",
    "generator": "add pictures to the project",
}


@dataclass(slots=True)
class _Picture:
    """A picture or frame with the annotations that the task can use, and whether it has others."""

    item: MediaItem
    frame: int
    used: list[Annotation] = field(default_factory=list)
    others: bool = False


def build_plan(
    store: ProjectStore,
    model: ModelInfo,
    params: Mapping[str, Any],
    *,
    holdout: float = 0.2,
    limit: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    device: str = "auto",
    find_lr: bool = False,
) -> TrainPlan:
    """Freeze what a training run depends on. Blocks: it reads the project.

    Training data are the pictures and frames with at least one annotation that the
    task can use and that is no proposal (tags to classify and generate, shapes to
    detect and segment), and verified pictures without any annotation, which are
    examples of nothing. A generator without tags gets all pictures. The share
    `holdout` is for validation; 0 validates on the training pictures. `limit` bounds
    the training pictures. The same seed gives the same split. With `find_lr` the run is to
    look for a learning rate only.

    Raises TrainingError when the model cannot be trained or there is too little data,
    InvalidValue for wrong parameters.
    """
    if model.train_params is None:
        raise TrainingError(
            "the model cannot be trained", where=model.id, next_step="choose a trainable one"
        )
    if not 0 <= holdout < 1:
        raise InvalidValue(f"holdout lies in [0, 1), got {holdout:g}")
    values = validate(model.train_params, params)
    pictures = _pictures(store, model.task)
    classes = _classes(store.classes(), pictures)
    _check(model, pictures, classes)
    sides = split(pictures, holdout, limit, seed, by_class=model.task == "classifier")
    index = {c.id: i for i, c in enumerate(classes)}
    planned = tuple(
        _planned(store, picture, side, index, model.task)
        for picture in pictures
        if (side := sides.get(_key(picture))) is not None
    )
    return TrainPlan(
        model=model.id,
        plugin=model.plugin,
        task=model.task,
        output=model.output,
        factory=model.factory,
        manifest=model.manifest,
        params=values,
        classes=tuple(PlanClass(c.id, c.name) for c in classes),
        pictures=planned,
        data_hash=_data_hash(planned, pictures, classes),
        holdout=holdout,
        seed=seed,
        device=device,
        minutes=minutes,
        find_lr=find_lr,
    )


def _pictures(store: ProjectStore, task: Task) -> list[_Picture]:
    """The pictures of the run in path order."""
    media = {m.id: m for m in store.media() if m.status not in _GONE}
    found: dict[tuple[int, int], _Picture] = {}
    for annotation in store.iter_annotations({s for s in State if s.is_label}):
        item = media.get(annotation.media_id)
        if item is None or annotation.flags & Flags.OUTSIDE:
            continue
        key = (item.id, annotation.frame)
        picture = found.setdefault(key, _Picture(item, annotation.frame))
        if _is_useful(annotation, task):
            picture.used.append(annotation)
        else:
            picture.others = True
    any_used = any(p.used for p in found.values())
    for item in media.values():
        still = item.kind is MediaKind.IMAGE and (item.id, 0) not in found
        everything = task == "generator" and not any_used
        if still and (everything or (item.verified and task in ("detector", "segmenter"))):
            found[item.id, 0] = _Picture(item, 0)
    if task == "generator" and not any_used:
        chosen = [p for p in found.values() if p.item.kind is MediaKind.IMAGE]
    else:
        chosen = [p for p in found.values() if p.used or not p.others]
    return sorted(chosen, key=_key)


_GONE = (MediaStatus.ERROR, MediaStatus.MISSING)


def _is_useful(annotation: Annotation, task: Task) -> bool:
    if annotation.shape.kind not in _USES[task]:
        return False
    if annotation.shape.kind == "tag":
        return True
    x1, y1, x2, y2 = annotation.shape.bounds()
    return x2 > x1 and y2 > y1


def _key(picture: _Picture) -> tuple[str, int]:
    return picture.item.path, picture.frame


def _classes(classes: Iterable[LabelClass], pictures: list[_Picture]) -> list[LabelClass]:
    """The project's classes that occur in the data, in the project's order."""
    occurring = {a.class_id for p in pictures for a in p.used}
    return [c for c in classes if c.id in occurring]


def _check(model: ModelInfo, pictures: list[_Picture], classes: list[LabelClass]) -> None:
    labelled = sum(bool(p.used) for p in pictures)
    advice = _ADVICE[model.task]
    if model.task == "generator":
        labelled = len(pictures)
    if labelled < 2:
        have = "no picture has" if labelled == 0 else "only one picture has"
        raise TrainingError(f"{have} labels to train on", where=model.id, next_step=advice)
    if model.task == "classifier" and len(classes) < 2:
        raise TrainingError(
            f"all tags are of one class, '{classes[0].name}'", where=model.id, next_step=advice
        )


def split(
    pictures: list[_Picture], holdout: float, limit: int | None, seed: int, *, by_class: bool
) -> dict[tuple[str, int], Split]:
    """Which side each picture is on; pictures beyond the limit are on none.

    Pictures are ordered by a hash of seed and path, so that adding some moves few.
    With `by_class` the share is taken within each class, so that no class is left out.
    """

    def order(picture: _Picture) -> bytes:
        path, frame = _key(picture)
        return hashlib.sha256(f"{seed}\n{frame}\n{path}".encode(errors="replace")).digest()

    groups: dict[int, list[_Picture]] = {}
    for picture in sorted(pictures, key=order):
        group = picture.used[0].class_id if by_class and picture.used else 0
        groups.setdefault(group, []).append(picture)
    sides: dict[tuple[str, int], Split] = {}
    train: list[_Picture] = []
    for members in groups.values():
        held = min(round(len(members) * holdout), len(members) - 1)
        if holdout and len(groups) == 1:
            held = max(1, held)
        sides |= {_key(p): "val" for p in members[:held]}
        train += members[held:]
    if holdout and not sides:  # classes so small that no share of one is a whole picture
        sides[_key(train.pop(max(range(len(train)), key=lambda i: order(train[i]))))] = "val"
    train.sort(key=order)
    sides |= {_key(p): "train" for p in train[:limit]}
    return sides


def _planned(
    store: ProjectStore, picture: _Picture, side: Split, index: dict[int, int], task: Task
) -> PlanPicture:
    item = picture.item
    used = sorted(picture.used, key=lambda a: (a.z, a.id))
    if task in ("classifier", "generator"):
        used = used[:1]
    targets = []
    for annotation in used:
        kind, data = shapes.encode(annotation.shape)
        ignore = bool(annotation.flags & _IGNORED)
        targets.append(PlanTarget(index[annotation.class_id], kind, data, ignore))
    return PlanPicture(
        media_id=item.id,
        path=str((store.media_root / item.path).absolute()),
        kind=str(item.kind),
        frame=picture.frame,
        width=item.width,
        height=item.height,
        split=side,
        name=item.name if item.kind is MediaKind.IMAGE else f"{item.name} #{picture.frame}",
        targets=tuple(targets),
    )


def _data_hash(
    planned: tuple[PlanPicture, ...], pictures: list[_Picture], classes: list[LabelClass]
) -> str:
    """SHA-256 of what was learned from: files (by size and head), labels, classes, split."""
    digest = hashlib.sha256("\n".join(c.name for c in classes).encode())
    files = {(p.item.id, p.frame): p.item for p in pictures}
    for picture in planned:
        item = files[picture.media_id, picture.frame]
        head = f"{item.path}|{item.size}|{item.head_hash}|{picture.frame}|{picture.split}"
        digest.update(head.encode(errors="replace"))
        for target in picture.targets:
            digest.update(f"{target.index}|{target.kind}|{target.ignore}|".encode())
            digest.update(target.shape)
    return digest.hexdigest()
