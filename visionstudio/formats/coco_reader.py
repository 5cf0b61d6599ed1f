"""COCO JSON, the rows of one file: categories, pictures, videos, annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionstudio.formats import coco_panoptic
from visionstudio.formats.coco_shapes import shape_of, skeleton_spec
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    Skipped,
)
from visionstudio.formats.files import PictureRoot, safe_name, safe_parts
from visionstudio.formats.progress import EVERY, tick
from visionstudio.formats.rows import (
    Row,
    RowFault,
    number,
    plain,
    printable,
    score,
    text,
)
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import InvalidValue
from visionstudio.model.media import MediaKind

KNOWN = frozenset(
    ["id", "image_id", "category_id", "bbox", "area", "segmentation", "iscrowd"]
    + ["keypoints", "num_keypoints", "score", "attributes", "track_id"]
)
TRACKS = frozenset(("track_id", "instance_id"))
Key = int | str


def pictures_of(file: Path, images: Path | None) -> PictureRoot:
    subset = file.stem.rsplit("_", 1)[-1]
    also = ("images", f"images/{subset}", subset, f"{subset}/images")
    if images is not None:
        return PictureRoot(images, (subset,), search=True)
    folder = file.parent
    return PictureRoot(folder.parent if folder.name == "annotations" else folder, also)


@dataclass(slots=True)
class CocoImage:
    path: str
    file: Path | None
    width: int
    height: int
    number: int | None
    outside: str
    rows: list[DatasetAnnotation] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    video: Key | None = None
    frame: int = 0

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height


class CocoReader:
    """Collects what the rows of one file say; `result` is all of it."""

    def __init__(self, file: Path, pictures: PictureRoot, split: str) -> None:
        self.file = str(file)
        self.split = split
        self.videos: dict[Key, dict[str, Any]] = {}
        self.pictures = pictures
        self.classes: dict[Key, DatasetClass] = {}
        self.images: dict[Key, CocoImage] = {}
        self.bad: dict[str, dict[Key, str]] = {"images": {}, "categories": {}, "videos": {}}
        kinds = ("images", "categories", "videos", "annotations")
        self.faults: dict[str, list[Skipped]] = {kind: [] for kind in kinds}
        self.blamed: Counter[Key] = Counter()

    def take(self, name: str, rows: list[Row], use: Callable[[dict[str, Any], str], None]) -> None:
        """Give every row to `use`, and remember those that it or the parser refused."""
        for index, row in enumerate(rows):
            if index % EVERY == 0:
                tick(index / len(rows), f"{Path(self.file).name}: {name}")
            reason = row.fault
            if not reason and not isinstance(row.value, dict):
                reason = f"it is no object: {printable(row.value)}"
            if not reason:
                try:
                    use(row.value, row.where)
                    continue
                except (RowFault, InvalidValue) as fault:
                    reason = str(fault)
                if name != "annotations":
                    self._remember_bad(name, row, reason)
                    continue
            self.faults[name].append(Skipped(self.file, row.where, reason))

    def _remember_bad(self, name: str, row: Row, reason: str) -> None:
        key = row.value.get("id")
        by_name: dict[str, Mapping[Key, Any]] = {
            "images": self.images,
            "categories": self.classes,
            "videos": self.videos,
        }
        known = by_name[name]
        if isinstance(key, int | str) and key not in known and key not in self.bad[name]:
            # Its annotations are reported instead, one entry each.
            self.bad[name][key] = f"{row.where}: {reason}"
            return
        self.faults[name].append(Skipped(self.file, row.where, reason))

    def category(self, row: dict[str, Any], where: str) -> None:
        key = _key(row.get("id"), "the id")
        if key in self.classes:
            raise RowFault(f"the id {printable(key)} is there twice")
        name = text(row.get("name"), "the name")
        if not name.strip():
            raise RowFault("the name is empty")
        known = ("id", "name", "keypoints", "skeleton")
        extra = {text(k, "a field"): plain(v, k) for k, v in row.items() if k not in known}
        self.classes[key] = DatasetClass(
            name=name,
            id=key if isinstance(key, int) else None,
            skeleton=skeleton_spec(row),
            extra={"coco": extra} if extra else {},
        )

    def image(self, row: dict[str, Any], where: str) -> None:
        key = _key(row.get("id"), "the id")
        if key in self.images:
            raise RowFault(f"the id {printable(key)} is there twice")
        name = text(row.get("file_name"), "the file_name")
        width, height = _side(row.get("width", 0), "width"), _side(row.get("height", 0), "height")
        file = self.pictures.find(name)
        parts = safe_parts(name)
        path = self.pictures.relative(file) if file else "/".join(parts or (safe_name(name),))
        number = key if isinstance(key, int) else None
        outside = name if parts is None and file is None else ""
        image = CocoImage(path, file, width, height, number, outside)
        own = ("id", "file_name", "width", "height", "video_id", "frame_id")
        image.extra = {text(k, "a field"): plain(v, k) for k, v in row.items() if k not in own}
        video = row.get("video_id")
        if file is None and isinstance(video, int | str) and video in self.videos:
            # its frames are not there as pictures
            image.video, image.frame = video, _side(row.get("frame_id"), "frame_id")
        self.images[key] = image

    def video(self, row: dict[str, Any], where: str) -> None:
        key = _key(row.get("id"), "the id")
        if key in self.videos:
            raise RowFault(f"the id {printable(key)} is there twice")
        text(row.get("file_name", row.get("name")), "the name")
        self.videos[key] = plain(row, "the video")

    def annotation(self, row: dict[str, Any], where: str) -> None:
        image_id = _key(row.get("image_id"), "the image_id")
        if image_id in self.bad["images"] and image_id not in self.images:
            self.blamed[image_id] += 1
            raise RowFault(f"its picture was not taken: {self.bad['images'][image_id]}")
        if image_id not in self.images:
            raise RowFault(f"no picture has the id {printable(image_id)}")
        image = self.images[image_id]
        if "segments_info" in row:
            self._panoptic(row, where, image)
            return
        label = self._class(row)
        crowd = row.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise RowFault(f"iscrowd is 0 or 1, not {printable(crowd)}")
        shape, kept = shape_of(row, image.size)
        kept |= {k: v for k, v in row.items() if k not in KNOWN}
        attributes = row.get("attributes")
        if attributes is not None and not isinstance(attributes, dict):
            raise RowFault(f"the attributes are no object: {printable(attributes)}")
        extra = {text(k, "a field"): plain(v, k) for k, v in kept.items()}
        image.rows.append(
            DatasetAnnotation(
                label=label,
                frame=image.frame,
                track=_track(row),
                shape=shape,
                score=score(row.get("score")),
                z=len(image.rows),
                flags=Flags.CROWD if crowd else Flags.NONE,
                attributes=plain(attributes or {}, "the attributes"),
                extra={"coco": extra} if extra else {},
                where=where,
                key=_row_key(row.get("id")),
            )
        )

    def _class(self, row: dict[str, Any]) -> str:
        class_id = _key(row.get("category_id"), "the category_id")
        if class_id in self.classes:
            return self.classes[class_id].name
        why = self.bad["categories"].get(class_id)
        if why:
            raise RowFault(f"its category was not taken: {why}")
        raise RowFault(f"no category has the id {printable(class_id)}")

    def _panoptic(self, row: dict[str, Any], where: str, image: CocoImage) -> None:
        """Each segment of a picture's PNG is a row."""
        for place, fields, mask in coco_panoptic.segments(row, where, Path(self.file)):
            try:
                if isinstance(mask, str):
                    raise RowFault(mask)
                flags = Flags.CROWD if fields.get("iscrowd") == 1 else Flags.NONE
                label, z = self._class(fields), len(image.rows)
                image.rows.append(
                    DatasetAnnotation(label=label, shape=mask, where=place, z=z, flags=flags)
                )
            except RowFault as fault:
                self.faults["annotations"].append(Skipped(self.file, place, str(fault)))

    def result(self) -> Imported:
        items = [
            DatasetItem(
                path=image.path,
                annotations=tuple(image.rows),
                id=image.number,
                width=image.width,
                height=image.height,
                file=image.file,
                source=self.file,
                outside=image.outside,
                split=self.split,
                extra={"coco": image.extra} if image.extra else {},
            )
            for image in self.images.values()
            if image.video is None
        ]
        items += self._videos()
        silent = [
            Skipped(self.file, "images", reason)
            for key, reason in self.bad["images"].items()
            if not self.blamed[key]
        ]
        skipped = [s for faults in self.faults.values() for s in faults] + silent
        origin = {"file": str(Path(self.file).absolute())}
        return Imported(Dataset(_once(self.classes), tuple(items)), tuple(skipped), origin)

    def _videos(self) -> Iterator[DatasetItem]:
        """Videos, each with the annotations of its frames."""
        for key, fields in self.videos.items():
            frames = [image for image in self.images.values() if image.video == key]
            if not frames:
                continue
            name = str(fields.get("file_name", fields.get("name")))
            file = self.pictures.find(name)
            parts = safe_parts(name)
            path = self.pictures.relative(file) if file else "/".join(parts or (safe_name(name),))
            length = fields.get("length")
            count = length if isinstance(length, int) and 0 < length < 2**31 else 1
            yield DatasetItem(
                path=path,
                annotations=tuple(row for image in frames for row in image.rows),
                id=key if isinstance(key, int) else None,
                kind=MediaKind.VIDEO,
                width=frames[0].width,
                height=frames[0].height,
                frames=max(count, *(image.frame + 1 for image in frames)),
                file=file,
                source=self.file,
                outside=name if parts is None and file is None else "",
            )


def _track(row: dict[str, Any]) -> int | None:
    value = row.get("track_id", row.get("instance_id"))
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**53:
        return None
    return value


def _once(classes: dict[Key, DatasetClass]) -> tuple[DatasetClass, ...]:
    """Categories of one name are one class, the first."""
    by_name: dict[str, DatasetClass] = {}
    for one in classes.values():
        by_name.setdefault(one.name, one)
    return tuple(by_name.values())


def _key(value: Any, what: str) -> Key:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise RowFault(f"{what} is missing" if value is None else f"{what} is {printable(value)}")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise RowFault(f"{what} has too many digits")
    return value


def _row_key(value: Any) -> str:
    """The row's number, by which a later import finds it again; rows may have none."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _side(value: Any, what: str) -> int:
    if value is None:
        return 0
    side = number(value, f"the {what}")
    if side < 0 or side != int(side) or side >= 2**31:
        raise RowFault(f"the {what} of the picture is {printable(value)}")
    return int(side)
