"""Annotations as `supervision.Detections`, for people who count and draw with supervision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import InvalidValue
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Box


def detections(
    annotations: Sequence[Annotation],
    names: Mapping[int, str],
    height: int,
    width: int,
    masks: bool | None = None,
) -> Any:
    """What has an inside, as Detections; see `Project.to_supervision`."""
    try:
        kind = import_module("supervision").Detections
    except ImportError:
        raise InvalidValue(
            "the package supervision is not installed",
            next_step="install it with: pip install supervision",
        ) from None
    rows = [a for a in annotations if a.shape.area() > 0]
    if not rows:
        return kind.empty()
    if masks is None:
        masks = any(not isinstance(a.shape, Box) for a in rows)
    pixels = None
    if masks:
        pixels = np.stack([to_mask(a.shape, height, width) for a in rows]).astype(bool)
    return kind(
        xyxy=np.array([a.shape.bounds() for a in rows], dtype=np.float32),
        mask=pixels,
        confidence=np.array([1 if a.score is None else a.score for a in rows], dtype=np.float32),
        class_id=np.array([a.class_id for a in rows], dtype=int),
        tracker_id=np.array([-1 if a.track_id is None else a.track_id for a in rows], dtype=int),
        data={"class_name": np.array([names[a.class_id] for a in rows])},
    )
