"""A project's labelled pictures as a data set for PyTorch, for people who write their own loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from visionstudio.media.image import read_rgb
from visionstudio.model.annotations import Annotation, Flags
from visionstudio.model.errors import InvalidValue
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Tag

Task = Literal["detect", "segment", "classify"]
TASKS: tuple[Task, ...] = ("detect", "segment", "classify")
Transform = Callable[[torch.Tensor, Any], Any]


@dataclass(frozen=True, slots=True)
class Example:
    """A picture with its labels; `media_id` is the project's."""

    media_id: int
    path: Path
    annotations: tuple[Annotation, ...]


class ProjectPictures(Dataset[Any]):
    """Labelled pictures in the order of the media list, decoded when they are asked for.

    An element is (picture, target): a uint8 tensor (3, H, W), RGB and upright,
    and for `detect` and `segment` a dict as torchvision's detectors take it:

    - `boxes` float32 (n, 4), x1 y1 x2 y2 in pixels; `labels` int64 (n,), the class's
      place in `classes` + 1, as 0 is the background there; `area` float32 (n,);
      `iscrowd` int64 (n,); `image_id` int64;
    - `segment` also has `masks` uint8 (n, H, W), 0 or 1.

    For `classify` the target is the place of the picture's first tag. A
    `transform` is called with (picture, target), and what it returns is the
    element. The labels are those at the time when the data set was made; it can
    be sent to the workers of a DataLoader.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        classes: Sequence[tuple[int, str]],
        task: Task,
        transform: Transform | None = None,
    ) -> None:
        if task not in TASKS:
            raise InvalidValue(f"'{task}' is no task", next_step=f"known are: {', '.join(TASKS)}")
        self.task = task
        self.transform = transform
        self.classes = tuple(name for _, name in classes)
        self._places = {class_id: place for place, (class_id, _) in enumerate(classes)}
        self.examples = [e for e in examples if task != "classify" or _tags(e)]

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Any:
        """Element `index`. Raises MediaError when its picture cannot be read."""
        example = self.examples[index]
        pixels = read_rgb(example.path)
        picture = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
        target: Any
        if self.task == "classify":
            target = self._places[_tags(example)[0].class_id]
        else:
            target = self._target(example, pixels.shape[0], pixels.shape[1])
        return (picture, target) if self.transform is None else self.transform(picture, target)

    def _target(self, example: Example, height: int, width: int) -> dict[str, Any]:
        rows = [a for a in example.annotations if a.shape.area() > 0]
        boxes = np.array([a.shape.bounds() for a in rows], dtype=np.float32).reshape(-1, 4)
        labels = [self._places[a.class_id] + 1 for a in rows]
        crowds = [int(bool(a.flags & Flags.CROWD)) for a in rows]
        target: dict[str, Any] = {
            "boxes": torch.from_numpy(boxes),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "area": torch.tensor([a.shape.area() for a in rows], dtype=torch.float32),
            "iscrowd": torch.tensor(crowds, dtype=torch.int64),
            "image_id": torch.tensor(example.media_id, dtype=torch.int64),
        }
        if self.task == "segment":
            masks = np.zeros((len(rows), height, width), dtype=np.uint8)
            for place, row in enumerate(rows):
                masks[place] = to_mask(row.shape, height, width)
            target["masks"] = torch.from_numpy(masks)
        return target


def _tags(example: Example) -> list[Annotation]:
    return [a for a in example.annotations if isinstance(a.shape, Tag)]
