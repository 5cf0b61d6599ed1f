"""The boundary that plugins' results must pass before anybody sees them.

Results check themselves when they are made; here they are checked against the
frames they belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from visionstudio.api.results import (
    Classification,
    Detections,
    GeneratedImage,
    Masks,
    Result,
    SemanticMap,
    TrackState,
)
from visionstudio.api.tasks import Frame
from visionstudio.model.errors import PluginError

_KINDS: dict[str, tuple[type, ...]] = {
    "classes": (Classification,),
    "boxes": (Detections,),
    "masks": (Masks, SemanticMap),
    "semantic": (Masks, SemanticMap),
    "track": (TrackState,),
    "tracks": (TrackState,),
    "images": (GeneratedImage,),
    "edit": (GeneratedImage,),
}


def check_count(results: Any, count: int) -> Sequence[Any]:
    """The results as a sequence of `count`. PluginError otherwise."""
    try:
        values = list(results)
    except TypeError:
        raise PluginError(f"returned {type(results).__name__}, not a sequence") from None
    if len(values) != count:
        raise PluginError(f"returned {len(values)} results for {count} frames")
    return values


def check_result(result: Any, frame: Frame, output: str) -> Result:
    """The result, clipped to its frame. PluginError (or InvalidValue) if it cannot belong to it."""
    kinds = _KINDS.get(output, ())
    if not isinstance(result, kinds):
        wanted = " or ".join(k.__name__ for k in kinds)
        raise PluginError(f"returned {type(result).__name__} where {wanted} is expected")
    height, width = frame.shape[:2]
    match result:
        case Detections():
            return result.within(height, width)
        case Masks():
            if len(result.masks) and result.masks.shape[1:] != (height, width):
                raise PluginError(
                    f"returned masks of shape {result.masks.shape[1:]}"
                    f" for a frame of {(height, width)}"
                )
        case SemanticMap():
            if result.labels.shape != (height, width):
                raise PluginError(
                    f"returned a map of shape {result.labels.shape}"
                    f" for a frame of {(height, width)}"
                )
        case TrackState():
            return check_track(result, height, width)
    return result  # type: ignore[no-any-return]


def check_track(state: Any, height: int, width: int) -> TrackState:
    """A track state whose box, unless the object is lost, overlaps the frame. PluginError."""
    if not isinstance(state, TrackState):
        raise PluginError(f"returned {type(state).__name__} where TrackState is expected")
    if state.box is not None and not state.lost:
        x1, y1, x2, y2 = state.box
        if x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0:
            box = ", ".join(f"{v:g}" for v in state.box)
            raise PluginError(f"says that box ({box}) is in the {width}x{height} frame")
    return state
