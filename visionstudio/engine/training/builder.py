"""From a project to a training plan: which pictures, which targets, which side of the split."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from visionstudio.api.manifest import Task
from visionstudio.api.params import validate
from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.training.clips import following, split_clips
from visionstudio.engine.training.pictures import Picture, key_of, labelled_pictures, split
from visionstudio.engine.training.plan import (
    PlanClass,
    PlanDrawn,
    PlanPicture,
    PlanTarget,
    Split,
    TrainPlan,
)
from visionstudio.model import shape_codec
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import InvalidValue, TrainingError
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaKind

if TYPE_CHECKING:
    from visionstudio.storage.store import ProjectStore

_IGNORED = Flags.CROWD | Flags.DIFFICULT
_ADVICE: dict[Task, str] = {
    "classifier": "tag some pictures, with at least two classes",
    "detector": "draw boxes in some pictures",
    "segmenter": "draw polygons or masks in some pictures",
    "tracker": "track an object, draw boxes, or add pictures to the project",
    "generator": "add pictures to the project",
}


# Alike for both, so that a generator has not seen what a classifier is judged on.
_BY_CLASS = ("classifier", "generator")


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
    drawn: PlanDrawn | None = None,
) -> TrainPlan:
    """Freeze what a training run depends on. Blocks: it reads the project.

    Training data are the pictures and frames with at least one annotation that the
    task can use and that is no proposal (tags to classify and generate, shapes to
    detect and segment), and verified pictures without any annotation, which are
    examples of nothing. A generator without tags gets all pictures; a tracker gets tracks also
    between their key frames, and what has no labels too (see `following`). The share
    `holdout` is for validation; 0 validates on the training pictures. `limit` bounds
    the training pictures. The same seed gives the same split. With `find_lr` the run is to
    look for a learning rate only; `drawn` adds pictures to those a classifier learns from.

    Raises TrainingError when the model cannot be trained or there is too little data,
    InvalidValue for wrong parameters.
    """
    if model.train_params is None:
        raise TrainingError(
            "the model cannot be trained", where=model.id, next_step="choose a trainable one"
        )
    if not 0 <= holdout < 1:
        raise InvalidValue(f"holdout lies in [0, 1), got {holdout:g}")
    if drawn is not None and model.task != "classifier":
        raise InvalidValue(
            f"drawn pictures have a class and nothing else: no use to a {model.task}",
            where=model.id,
            next_step="train it without them",
        )
    values = validate(model.train_params, params)
    pictures = (
        following(store, seed) if model.task == "tracker" else labelled_pictures(store, model.task)
    )
    classes = _classes(store.classes(), pictures)
    _check(model, pictures, classes)
    if model.task == "tracker":
        sides = split_clips(pictures, holdout, limit, seed)
    else:
        sides = split(pictures, holdout, limit, seed, by_class=model.task in _BY_CLASS)
    index = {c.id: i for i, c in enumerate(classes)}
    planned = tuple(
        _planned(store, picture, side, index, model.task)
        for picture in pictures
        if (side := sides.get(key_of(picture))) is not None
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
        data_hash=_data_hash(planned, pictures, classes, drawn),
        holdout=holdout,
        seed=seed,
        device=device,
        minutes=minutes,
        find_lr=find_lr,
        drawn=drawn,
    )


def _classes(classes: Iterable[LabelClass], pictures: list[Picture]) -> list[LabelClass]:
    """The project's classes that occur in the data, in the project's order."""
    occurring = {a.class_id for p in pictures for a in p.used}
    return [c for c in classes if c.id in occurring]


def _check(model: ModelInfo, pictures: list[Picture], classes: list[LabelClass]) -> None:
    labelled = sum(bool(p.used) for p in pictures)
    advice = _ADVICE[model.task]
    if model.task in ("generator", "tracker"):
        labelled = len(pictures)
    if labelled < 2:
        what = "no picture has labels to train on"
        if labelled == 1:
            what = "only one picture has labels to train on"
        raise TrainingError(what, where=model.id, next_step=advice)
    if model.task == "classifier" and len(classes) < 2:
        raise TrainingError(
            f"all tags are of one class, '{classes[0].name}'", where=model.id, next_step=advice
        )


def _planned(
    store: ProjectStore, picture: Picture, side: Split, index: dict[int, int], task: Task
) -> PlanPicture:
    item = picture.item
    used = sorted(picture.used, key=lambda a: (a.z, a.id))
    if task in ("classifier", "generator"):
        used = used[:1]
    targets = []
    for annotation in used:
        kind, data = shape_codec.encode(annotation.shape)
        ignore = bool(annotation.flags & _IGNORED)
        track = annotation.track_id if annotation.track_id is not None else -1
        targets.append(PlanTarget(index[annotation.class_id], kind, data, ignore, track))
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
    planned: tuple[PlanPicture, ...],
    pictures: list[Picture],
    classes: list[LabelClass],
    drawn: PlanDrawn | None,
) -> str:
    """SHA-256 of what was learned from: files (by size and head), labels, classes, split, and
    what was drawn in addition."""
    digest = hashlib.sha256("\n".join(c.name for c in classes).encode())
    if drawn is not None:
        digest.update(f"{drawn.digest}|{drawn.count}".encode())
    files = {(p.item.id, p.frame): p.item for p in pictures}
    for picture in planned:
        item = files[picture.media_id, picture.frame]
        head = f"{item.path}|{item.size}|{item.head_hash}|{picture.frame}|{picture.split}"
        digest.update(head.encode(errors="replace"))
        for target in picture.targets:
            track = f"{target.track}|" if target.track >= 0 else ""
            digest.update(f"{target.index}|{target.kind}|{target.ignore}|{track}".encode())
            digest.update(target.shape)
    return digest.hexdigest()
