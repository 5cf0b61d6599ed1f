"""A plan's pictures as the `TrainingData` that trainers get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from visionstudio.api.data import Sample, Target
from visionstudio.api.manifest import Task
from visionstudio.engine.frames import FrameReader
from visionstudio.engine.requests import FrameRef
from visionstudio.engine.training.plan import PlanPicture, PlanTarget, TrainPlan
from visionstudio.model import shape_codec, shape_pixels
from visionstudio.model.errors import TrainingError, VisionStudioError, one_line
from visionstudio.model.media import MediaKind

IGNORE = 255


class PlanData:
    """Training data over a frozen plan. Pictures that cannot be read are left out first."""

    def __init__(self, plan: TrainPlan) -> None:
        self._reader = FrameReader()
        self._plan = plan
        self.unreadable: list[str] = []
        readable = [p for p in plan.pictures if self._can_read(p)]
        self._train = PlanSamples([p for p in readable if p.split == "train"], plan, self._reader)
        held = [p for p in readable if p.split == "val"]
        self._val = PlanSamples(held, plan, self._reader) if held else self._train
        if not len(self._train):
            raise TrainingError(
                "none of the training pictures can be read",
                where="; ".join(self.unreadable[:3]),
                next_step="check that the pictures are where the project expects them",
            )

    def _can_read(self, picture: PlanPicture) -> bool:
        """Whether the header is good; decoding all would take long."""
        from visionstudio.media.probe import probe

        try:
            probe(Path(picture.path), MediaKind(picture.kind))
        except (VisionStudioError, OSError) as error:
            self.unreadable.append(f"{picture.name}: {one_line(error)}")
            return False
        return True

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(c.name for c in self._plan.classes)

    @property
    def class_ids(self) -> tuple[int, ...]:
        return tuple(c.id for c in self._plan.classes)

    @property
    def train(self) -> Sequence[Sample]:
        return self._train

    @property
    def val(self) -> Sequence[Sample]:
        """The pictures held out; the training pictures when none are."""
        return self._val

    @property
    def data_hash(self) -> str:
        return self._plan.data_hash


class PlanSamples(Sequence[Sample]):
    """Samples of one side of the split, decoded when asked for. Safe for several threads."""

    def __init__(
        self, pictures: Sequence[PlanPicture], plan: TrainPlan, reader: FrameReader
    ) -> None:
        self._pictures = list(pictures)
        self._plan = plan
        self._reader = reader

    def __len__(self) -> int:
        return len(self._pictures)

    @overload
    def __getitem__(self, index: int) -> Sample: ...

    @overload
    def __getitem__(self, index: slice) -> PlanSamples: ...

    def __getitem__(self, index: int | slice) -> Sample | PlanSamples:
        if isinstance(index, slice):
            return PlanSamples(self._pictures[index], self._plan, self._reader)
        picture = self._pictures[index]
        image = self._reader.read(FrameRef(picture.name, picture.path, picture.kind, picture.frame))
        height, width = image.shape[:2]
        target = make_target(picture.targets, self._plan.task, self._plan.output, height, width)
        still = picture.kind == MediaKind.IMAGE
        return Sample(image, target, picture.name, "" if still else picture.path, picture.frame)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))


def make_target(
    targets: Sequence[PlanTarget], task: Task, output: str, height: int, width: int
) -> Target:
    """The targets of a picture of (height, width) as the task's trainers expect them."""
    if task in ("classifier", "generator"):
        return Target(label=targets[0].index if targets else None)
    if output == "semantic":
        return Target(semantic=semantic_map(targets, height, width))
    limits = np.array([width, height, width, height], dtype=np.float64)
    bounds = [shape_codec.decode(t.kind, t.shape).bounds() for t in targets]
    boxes = np.clip(np.array(bounds, dtype=np.float64).reshape(-1, 4), 0, limits)
    inside = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    kept = [t for t, keep in zip(targets, inside, strict=True) if keep]
    masks: Sequence[NDArray[np.bool_]] = ()
    if output == "masks":
        masks = LazyMasks(kept, height, width)
    return Target(
        boxes=boxes[inside],
        indices=np.array([t.index for t in kept], dtype=np.int64),
        tracks=np.array([t.track for t in kept], dtype=np.int64),
        ignore=np.array([t.ignore for t in kept], dtype=bool),
        masks=masks,
    )


def semantic_map(targets: Sequence[PlanTarget], height: int, width: int) -> NDArray[np.uint8]:
    """Class index + 1 per pixel, 0 background, 255 where ignored; later targets lie on top."""
    labels = np.zeros((height, width), np.uint8)
    for target in targets:
        if target.index + 1 >= IGNORE:
            raise TrainingError(f"a semantic map holds at most {IGNORE - 1} classes")
        shape = shape_codec.decode(target.kind, target.shape)
        labels[shape_pixels.to_mask(shape, height, width)] = (
            IGNORE if target.ignore else target.index + 1
        )
    return labels


class LazyMasks(Sequence[NDArray[np.bool_]]):
    """Masks (H, W) of targets, made when asked for: a crowded picture would take much memory."""

    def __init__(self, targets: Sequence[PlanTarget], height: int, width: int) -> None:
        self._targets = list(targets)
        self._size = height, width

    def __len__(self) -> int:
        return len(self._targets)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.bool_]: ...

    @overload
    def __getitem__(self, index: slice) -> LazyMasks: ...

    def __getitem__(self, index: int | slice) -> NDArray[np.bool_] | LazyMasks:
        if isinstance(index, slice):
            return LazyMasks(self._targets[index], *self._size)
        target = self._targets[index]
        return shape_pixels.to_mask(shape_codec.decode(target.kind, target.shape), *self._size)
