"""COCO JSON, writing. Ids count from 1; `area` is the area of the mask.

Polygons cannot express holes there: those are written as run lengths, with
`iscrowd` 0. Run lengths of a crowd keep `iscrowd` 1, which means "ignore".
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from visionstudio.formats import coco_rle
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Losses,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import became, copied, count_unsaid, left_out
from visionstudio.formats.output import write_bytes
from visionstudio.model.annotations import Flags
from visionstudio.model.media import MediaKind
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Box, Ellipse, Mask, Polygon, RotatedBox, Shape, Skeleton

Fields = dict[str, Any]


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write one file; a folder as `out` gets annotations.json, or instances_SPLIT.json.

    Copied pictures go into `images/` beside the file, under their paths.
    """
    losses = Losses()
    content = to_coco(dataset, losses)
    file = out
    if out.suffix.lower() != ".json":
        name = f"instances_{options.split}" if options.split else "annotations"
        file = out / f"{name}.json"
    write_bytes(file, msgspec.json.encode(content))
    files = [file]
    if options.copy_media:
        for item in dataset.items:
            if item.kind is MediaKind.IMAGE:
                files += copied(item, file.parent / "images" / item.path, losses)
    return Written(tuple(files), len(content["annotations"]), losses.all())


def to_coco(dataset: Dataset, losses: Losses | None = None) -> Fields:
    """The data set as COCO's JSON object; what it cannot say is counted in `losses`.

    Image and category ids are those of the data set where all are positive and
    different, else they count from 1.
    """
    losses = losses if losses is not None else Losses()
    class_ids = _ids([c.id for c in dataset.classes])
    ids = dict(zip((c.name for c in dataset.classes), class_ids, strict=True))
    images: list[Fields] = []
    annotations: list[Fields] = []
    videos: list[tuple[DatasetItem, Fields]] = []
    for image_id, item in zip(_ids([i.id for i in dataset.items]), dataset.items, strict=True):
        if item.kind is not MediaKind.IMAGE:
            videos.append(_video(item, len(videos) + 1))
            continue
        images.append(_image(image_id, item))
        for annotation in item.annotations:
            fields = _annotation(annotation, item, losses)
            if fields is not None:
                head = {"id": len(annotations) + 1, "image_id": image_id}
                annotations.append(head | {"category_id": ids[annotation.label]} | fields)
    _add_frames(videos, images, annotations, ids, losses)
    categories = [_category(i, c) for i, c in zip(class_ids, dataset.classes, strict=True)]
    return {
        "info": {"description": "Written by VisionStudio", "version": "1.0"},
        "licenses": [],
        **({"videos": [fields for _, fields in videos]} if videos else {}),
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }


def _video(item: DatasetItem, number: int) -> tuple[DatasetItem, Fields]:
    fields: Fields = {"id": number, "name": item.path, "length": item.frames}
    return item, fields | {"width": item.width, "height": item.height}


def _add_frames(
    videos: list[tuple[DatasetItem, Fields]],
    images: list[Fields],
    annotations: list[Fields],
    ids: dict[str, int],
    losses: Losses,
) -> None:
    """The frames that hold anything, as COCO-VID has them: pictures with a video and a number."""
    image_id = max((i["id"] for i in images), default=0)
    for item, video in videos:
        by_frame: dict[int, list[DatasetAnnotation]] = {}
        for annotation in item.annotations:
            by_frame.setdefault(annotation.frame, []).append(annotation)
        for frame, rows in sorted(by_frame.items()):
            image_id += 1
            name = f"{item.path}/{frame:06d}.jpg"
            place = {"video_id": video["id"], "frame_id": frame}
            images.append({**_image(image_id, item), "file_name": name, **place})
            for annotation in rows:
                fields = _annotation(annotation, item, losses)
                if fields is not None:
                    head = {"id": len(annotations) + 1, "image_id": image_id}
                    annotations.append(head | {"category_id": ids[annotation.label]} | fields)


def _ids(ids: list[int | None]) -> list[int]:
    known = [i for i in ids if i is not None and i > 0]
    if len(set(known)) == len(ids):
        return known
    return list(range(1, len(ids) + 1))


def _image(image_id: int, item: DatasetItem) -> Fields:
    fields = {"id": image_id, "file_name": item.path, "width": item.width, "height": item.height}
    return fields | {k: v for k, v in item.extra.get("coco", {}).items() if k not in fields}


def _category(class_id: int, label: DatasetClass) -> Fields:
    fields: Fields = {"id": class_id, "name": label.name, "supercategory": ""}
    fields |= label.extra.get("coco", {})
    if label.skeleton is not None:
        fields["keypoints"] = list(label.skeleton.names)
        fields["skeleton"] = [[a + 1, b + 1] for a, b in label.skeleton.edges]
    return fields


def _annotation(annotation: DatasetAnnotation, item: DatasetItem, losses: Losses) -> Fields | None:
    shape = annotation.shape
    kept: Fields = dict(annotation.extra.get("coco", {}))
    crowd = bool(annotation.flags & Flags.CROWD)
    match shape:
        case Box():
            geometry = _box_fields(shape) | {"segmentation": [], "area": shape.area()}
        case Skeleton():
            geometry = _skeleton_fields(shape, kept)
        case Polygon() | Mask() | RotatedBox() | Ellipse():
            drawn = _as_outline(shape, losses)
            outline = _outline_fields(drawn, item, crowd, losses)
            if outline is None:
                return None
            geometry = outline
        case _:
            left_out(shape, losses)
            return None
    count_unsaid(annotation, losses, score=True, track=True, attributes=True, flags=Flags.CROWD)
    fields = kept | geometry | {"iscrowd": int(crowd)}
    if annotation.track is not None:
        fields["track_id"] = annotation.track
    if annotation.score is not None:
        fields["score"] = annotation.score
    if annotation.attributes:
        fields["attributes"] = dict(annotation.attributes)
    return fields


def _box_fields(shape: Shape) -> Fields:
    x1, y1, x2, y2 = shape.bounds()
    return {"bbox": [x1, y1, x2 - x1, y2 - y1]}


def _skeleton_fields(shape: Skeleton, kept: Fields) -> Fields:
    triples = np.column_stack([shape.xy, shape.visibility]).reshape(-1).tolist()
    fields: Fields = {"keypoints": triples, "num_keypoints": sum(v > 0 for v in shape.visibility)}
    fields |= _box_fields(shape)
    fields |= {k: kept[k] for k in ("bbox", "segmentation", "area") if k in kept}
    if "area" not in fields:
        fields["area"] = fields["bbox"][2] * fields["bbox"][3]
    return fields


def _as_outline(shape: Polygon | Mask | RotatedBox | Ellipse, losses: Losses) -> Polygon | Mask:
    if isinstance(shape, Polygon | Mask):
        return shape
    became(shape, "polygons", losses)
    ring = shape.outline() if isinstance(shape, Ellipse) else shape.points()
    return Polygon((ring,))


def _outline_fields(
    shape: Polygon | Mask, item: DatasetItem, crowd: bool, losses: Losses
) -> Fields | None:
    part, x, y = _pixels(shape, item)
    as_runs = crowd or isinstance(shape, Mask) or any(shape.holes)
    if as_runs and not (item.width and item.height):
        losses.add("masks of pictures of unknown size are left out")
        return None
    if as_runs and not part.any():
        losses.add("masks without a pixel in the picture are left out")
        return None
    fields = _box_fields(Mask.from_array(part, x, y) if isinstance(shape, Mask) else shape)
    fields["area"] = int(part.sum()) or shape.area()
    if as_runs and isinstance(shape, Polygon):
        losses.add("polygons with holes, or of crowds, became masks")
    if as_runs:
        fields["segmentation"] = coco_rle.encode_part(part, x, y, item.height, item.width)
    elif isinstance(shape, Polygon):
        fields["segmentation"] = [ring.reshape(-1).tolist() for ring in shape.rings]
    return fields


def _pixels(shape: Polygon | Mask, item: DatasetItem) -> tuple[NDArray[np.bool_], int, int]:
    """The pixels that the shape covers in the picture: a part of it and its top left."""
    x1, y1, x2, y2 = shape.bounds()
    left, top = max(int(np.floor(x1)), 0), max(int(np.floor(y1)), 0)
    right, bottom = int(np.ceil(x2)), int(np.ceil(y2))
    right = min(right, item.width) if item.width else right
    bottom = min(bottom, item.height) if item.height else bottom
    size = max(bottom - top, 0), max(right - left, 0)
    return to_mask(shape.translated(-left, -top), *size), left, top
