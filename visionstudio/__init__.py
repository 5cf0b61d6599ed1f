"""VisionStudio: look at, label and measure pictures and video with models at hand.

The Python API opens the same projects as the window and the command line:

    import visionstudio as vs

    with vs.open("cells") as project:
        for item in project.media:
            print(item.id, item.path, item.width, item.height, item.frames)
        with project.edit("a box"):
            project.add(item.id, vs.Box(10, 20, 50, 60), "RBC")
        project.undo()

Importing it loads neither Qt nor torch; names are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from visionstudio.model.annotations import Annotation, Flags, State
    from visionstudio.model.errors import VisionStudioError
    from visionstudio.model.labels import LabelClass
    from visionstudio.model.media import MediaItem, MediaKind, MediaStatus
    from visionstudio.model.shapes import (
        Box,
        Ellipse,
        Mask,
        Points,
        Polygon,
        Polyline,
        RotatedBox,
        Shape,
        Skeleton,
        Tag,
    )
    from visionstudio.pyapi import Project, create, open
    from visionstudio.storage.runs import RunRecord

_HOMES = {
    "visionstudio.pyapi": "Project create open",
    "visionstudio.model.shapes": (
        "Box Ellipse Mask Points Polygon Polyline RotatedBox Shape Skeleton Tag"
    ),
    "visionstudio.model.annotations": "Annotation Flags State",
    "visionstudio.model.labels": "LabelClass",
    "visionstudio.model.media": "MediaItem MediaKind MediaStatus",
    "visionstudio.model.errors": "VisionStudioError",
    "visionstudio.storage.runs": "RunRecord",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "Annotation",
    "Box",
    "Ellipse",
    "Flags",
    "LabelClass",
    "Mask",
    "MediaItem",
    "MediaKind",
    "MediaStatus",
    "Points",
    "Polygon",
    "Polyline",
    "Project",
    "RotatedBox",
    "RunRecord",
    "Shape",
    "Skeleton",
    "State",
    "Tag",
    "VisionStudioError",
    "create",
    "open",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("visionstudio")
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'visionstudio' has no attribute '{name}'")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
