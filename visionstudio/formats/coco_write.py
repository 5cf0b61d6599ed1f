"""COCO JSON, writing. Ids count from 1; `area` is the area of the mask.

Polygons cannot express holes there: those are written as run lengths, with
`iscrowd` 0. Run lengths of a crowd keep `iscrowd` 1, which means "ignore".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from visionstudio.formats import coco_rle
from visionstudio.formats.coco_plain import PlainRow, plain_rows
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    LabelBlock,
    Losses,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import became, copied, count_unsaid, left_out
from visionstudio.formats.output import replacing
from visionstudio.formats.progress import EVERY
from visionstudio.model.annotations import Flags
from visionstudio.model.media import MediaKind
from visionstudio.model.shape_pixels import to_mask
from visionstudio.model.shapes import Box, Ellipse, Mask, Polygon, RotatedBox, Shape, Skeleton

Fields = dict[str, Any]


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write one file; a folder as `out` gets annotations.json, or instances_SPLIT.json.

    Copied pictures go into `images/` beside the file, under their paths. Rows are
    written as they come, and not kept.
    """
    losses = Losses()
    file = out
    if out.suffix.lower() != ".json":
        name = f"instances_{options.split}" if options.split else "annotations"
        file = out / f"{name}.json"
    content = _Content(dataset, losses)
    with replacing(file, keep_same=True) as handle:
        for number, (key, value) in enumerate(content.lists().items()):
            handle.write(b"{" if number == 0 else b",\n")
            handle.write(msgspec.json.encode(key) + b":")
            if not isinstance(value, Iterator):
                handle.write(msgspec.json.encode(value))
                continue
            handle.write(b"[")
            between = b""
            for rows in value:
                if rows:
                    handle.write(between + msgspec.json.encode(rows)[1:-1])
                    between = b",\n"
            handle.write(b"]")
        handle.write(b"}\n")
    files = [file]
    if options.copy_media:
        for item in dataset.items:
            if item.kind is MediaKind.IMAGE:
                files += copied(item, file.parent / "images" / item.path, losses)
    return Written(tuple(files), content.count, losses.all())


def to_coco(dataset: Dataset, losses: Losses | None = None) -> Fields:
    """The data set as COCO's JSON object; what it cannot say is counted in `losses`.

    Image and category ids are those of the data set where all are positive and
    different, else they count from 1.
    """
    content = _Content(dataset, losses if losses is not None else Losses())
    return {
        key: msgspec.to_builtins([row for rows in value for row in rows])
        if isinstance(value, Iterator)
        else value
        for key, value in content.lists().items()
    }


class _Content:
    """The lists of a file; `count` rows of annotations have been made so far."""

    def __init__(self, dataset: Dataset, losses: Losses) -> None:
        self.count = 0
        self._dataset = dataset
        self._losses = losses
        class_ids = _ids([c.id for c in dataset.classes])
        self._class_ids = dict(zip((c.name for c in dataset.classes), class_ids, strict=True))
        self._image_ids = _ids([i.id for i in dataset.items])
        self._class_numbers = np.array(class_ids, dtype=np.int64)
        self._image_numbers = np.array(self._image_ids, dtype=np.int64)

    def lists(self) -> dict[str, Any]:
        """What the file holds; long lists come in parts, images before annotations."""
        dataset = self._dataset
        videos = [item for item in dataset.items if item.kind is not MediaKind.IMAGE]
        frames, rows = self._frames(videos)
        ids = self._class_ids.values()
        return {
            "info": {"description": "Written by VisionStudio", "version": "1.0"},
            "licenses": [],
            **({"videos": [_video(v, n) for n, v in enumerate(videos, 1)]} if videos else {}),
            "images": chain(self._pictures(), iter([frames])),
            "annotations": chain(self._picture_rows(), self._numbered(rows)),
            "categories": [_category(i, c) for i, c in zip(ids, dataset.classes, strict=True)],
        }

    def _pictures(self) -> Iterator[list[Fields]]:
        items = self._dataset.items
        pairs = zip(self._image_ids, items, strict=True)
        for _ in range(0, len(items), EVERY):
            yield [
                _image(image_id, item)
                for image_id, item in islice(pairs, EVERY)
                if item.kind is MediaKind.IMAGE
            ]

    def _picture_rows(self) -> Iterator[list[Any]]:
        if self._dataset.blocks is not None:
            for block in self._dataset.blocks():
                yield self._block(block)
            return
        for image_id, item in zip(self._image_ids, self._dataset.items, strict=True):
            if item.kind is MediaKind.IMAGE:
                found = (self._row(a, item, image_id) for a in item.annotations)
                yield from self._numbered([row for row in found if row is not None])

    def _numbered(self, rows: list[Fields]) -> Iterator[list[Fields]]:
        """Rows with their ids, which count from 1."""
        for row in rows:
            self.count += 1
            row["id"] = self.count
        yield rows

    def _row(
        self, annotation: DatasetAnnotation, item: DatasetItem, image_id: int
    ) -> Fields | None:
        fields = _annotation(annotation, item, self._losses)
        if fields is None:
            return None
        head = {"id": 0, "image_id": image_id, "category_id": self._class_ids[annotation.label]}
        return head | fields

    def _block(self, block: LabelBlock) -> list[Any]:
        items = self._dataset.items
        others: dict[int, Fields | None] = {
            place: self._row(annotation, items[item], self._image_ids[item])
            for place, item, annotation in block.others
        }
        made = dict(zip(block.places.tolist(), self._plain(block), strict=True))
        rows: list[Any] = []
        for place in range(len(made) + len(others)):
            row = made.get(place) or others.get(place)
            if row is None:
                continue
            self.count += 1
            if isinstance(row, PlainRow):
                row.id = self.count
            else:
                row["id"] = self.count
            rows.append(row)
        return rows

    def _plain(self, block: LabelBlock) -> Iterator[PlainRow]:
        items = [self._dataset.items[i] for i in block.items.tolist()]
        images, classes = self._image_numbers[block.items], self._class_numbers[block.classes]
        return plain_rows(block, items, images.tolist(), classes.tolist())

    def _frames(self, videos: list[DatasetItem]) -> tuple[list[Fields], list[Fields]]:
        """The frames that hold anything, as COCO-VID has them, and their rows without ids.

        Frames are pictures with a video and a number.
        """
        images: list[Fields] = []
        found: list[Fields] = []
        known = zip(self._image_ids, self._dataset.items, strict=True)
        image_id = max((i for i, item in known if item.kind is MediaKind.IMAGE), default=0)
        for number, item in enumerate(videos, 1):
            by_frame: dict[int, list[DatasetAnnotation]] = {}
            for annotation in item.annotations:
                by_frame.setdefault(annotation.frame, []).append(annotation)
            for frame, rows in sorted(by_frame.items()):
                image_id += 1
                name = f"{item.path}/{frame:06d}.jpg"
                place = {"video_id": number, "frame_id": frame}
                images.append({**_image(image_id, item), "file_name": name, **place})
                made = (self._row(a, item, image_id) for a in rows)
                found += [row for row in made if row is not None]
        return images, found


def _video(item: DatasetItem, number: int) -> Fields:
    fields: Fields = {"id": number, "name": item.path, "length": item.frames}
    return fields | {"width": item.width, "height": item.height}


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
    as_runs = crowd or isinstance(shape, Mask) or any(shape.holes)
    part, x, y = _pixels(shape, item)
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
