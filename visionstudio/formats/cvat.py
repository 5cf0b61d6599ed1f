"""CVAT XML 1.1, reading: annotated images, and videos as tracks of key frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np

from visionstudio.formats.collecting import Collector, Draft
from visionstudio.formats.cvat_write import write
from visionstudio.formats.dataset import Imported, ReadOptions
from visionstudio.formats.files import PictureRoot, is_picture, last_part, safe_name
from visionstudio.formats.rows import RowFault, printable, text
from visionstudio.formats.taking import (
    as_number,
    as_side,
    as_whole,
    checked_box,
    checked_polygon,
    points_of_flat,
)
from visionstudio.formats.xml_file import parse_xml
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.labels import AttributeKind, AttributeSpec, SkeletonSpec
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import (
    Ellipse,
    Mask,
    Points,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)

__all__ = ["read", "write"]

MAX_BYTES = 512 << 20
MAX_RUNS = 1 << 24
SHAPES = ("box", "polygon", "polyline", "points", "mask", "ellipse", "cuboid", "skeleton")
_COMMON = frozenset(["label", "occluded", "z_order", "group_id", "frame", "outside", "keyframe"])
_OWN = {
    "box": {"xtl", "ytl", "xbr", "ybr", "rotation"},
    "ellipse": {"cx", "cy", "rx", "ry", "rotation"},
    "mask": {"rle", "left", "top", "width", "height"},
}


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read an XML file, or a folder that holds just one (`annotations.xml`).

    Of a track only its key frames are taken. A track's end is a key frame
    'outside'. Pictures are looked up in `images/` and beside the file.
    """
    file = the_xml(src)
    try:
        tree = parse_xml(file, "annotations", MAX_BYTES)
    except RowFault as fault:
        raise FormatError(str(fault), where=str(file)) from None
    folder = images or file.parent
    collector = Collector(PictureRoot(folder, ("images",), search=images is not None))
    reader = _Reader(file, tree, collector)
    reader.labels()
    for element in tree.iterfind("image"):
        with collector.row(file, f"image {element.get('id', '?')}"):
            reader.image(element)
    tracks = tree.findall("track")
    if tracks or reader.is_video():
        reader.video(tracks)
    return collector.result(src, what="CVAT annotation")


def the_xml(src: Path) -> Path:
    """The annotation file that `src` is or holds."""
    if src.is_file():
        return src
    if not src.is_dir():
        raise FormatError("there is no such file or folder", where=str(src))
    if (src / "annotations.xml").is_file():
        return src / "annotations.xml"
    found = sorted(src.glob("*.xml"))
    if len(found) != 1:
        raise FormatError(
            f"the folder holds {len(found)} XML files, and one is needed",
            where=str(src),
            next_step="name the file",
        )
    return found[0]


class _Reader:
    """Reads one file into a collector."""

    def __init__(self, file: Path, tree: Element, collector: Collector) -> None:
        self.file = file
        self.tree = tree
        self.collector = collector
        self.points: dict[str, list[str]] = {}  # of a skeleton: the names of its points

    # labels

    def labels(self) -> None:
        """The classes with what CVAT asks about them, in their order."""
        parents = [
            e
            for path in ("task", "project", "job", ".")
            for e in self.tree.findall(f"meta/{path}/labels/label")
        ]
        for index, element in enumerate(parents):
            with self.collector.row(self.file, f"label {index + 1}"):
                if not element.findtext("parent"):
                    self._label(element, parents)

    def _label(self, element: Element, all_labels: list[Element]) -> None:
        name = (element.findtext("name") or "").strip()
        names = [
            (e.findtext("name") or "").strip()
            for e in all_labels
            if (e.findtext("parent") or "").strip() == name
        ]
        if element.findtext("type") == "skeleton" and names:
            self.points[name] = names
        extra: dict[str, Any] = {}
        for child in element:
            if child.tag in ("color", "type") and child.text:
                extra[child.tag] = text(child.text.strip(), child.tag)
        asked = tuple(_question(one) for one in element.iterfind("attributes/attribute"))
        skeleton = SkeletonSpec(tuple(names)) if name in self.points else None
        kept = {"cvat": extra} if extra else {}
        self.collector.label(name, skeleton=skeleton, attributes=asked, extra=kept)

    # pictures

    def image(self, element: Element) -> None:
        """One picture with its shapes and tags."""
        name = text(element.get("name") or "", "the name of the picture")
        subset = element.get("subset") or ""
        if subset and self.collector.pictures.find(f"{subset}/{name}"):
            name = f"{subset}/{name}"
        draft = self.collector.picture(name, self.file)
        draft.split = safe_name(subset).lower() if subset else ""
        draft.width, draft.height = as_side(element.get("width")), as_side(element.get("height"))
        for index, child in enumerate(element, start=1):
            where = f"image {element.get('id', '?')}, {child.tag} {index}"
            with self.collector.row(self.file, where):
                if child.tag == "tag":
                    draft.add(self._class(child), Tag(), where, **self._fields(child))
                elif child.tag in SHAPES:
                    self._shape(child, child, draft, where)

    def is_video(self) -> bool:
        """Whether the file is of a video, even of one without tracks."""
        return (self.tree.findtext("meta/task/mode") or "") == "interpolation"

    # tracks

    def video(self, tracks: list[Element]) -> None:
        """The file's one video: its tracks, by key frames."""
        named = (self.tree.findtext("meta/source") or "").strip()
        frames = self.collector.pictures.find_folder("images")
        kind = MediaKind.VIDEO if named and not is_picture(named) else MediaKind.FRAMES
        name = last_part(named) if named else self.file.stem
        draft = self.collector.video(name, self.file, kind=kind)
        if draft.file is None and frames is not None:
            draft.file, draft.kind = frames, MediaKind.FRAMES
            draft.path = frames.relative_to(self.collector.pictures.root).as_posix()
        draft.width = as_side(self.tree.findtext("meta/task/original_size/width"))
        draft.height = as_side(self.tree.findtext("meta/task/original_size/height"))
        draft.frames = max(as_side(self.tree.findtext("meta/task/size")), 1)
        step, start = self._step()
        extra = {"start_frame": start, "step": step} if (step, start) != (1, 0) else {}
        draft.extra |= {"cvat": extra} if extra else {}
        # A folder of exported frames holds only those that were labelled, a video all of them.
        as_index = _frame_numbers(draft.file) if draft.kind is MediaKind.FRAMES else {}
        for index, track in enumerate(tracks):
            for where, child in self._shapes_of(track):
                with self.collector.row(self.file, where):
                    frame = as_whole(child.get("frame"), "the frame")
                    if frame < 0:
                        raise RowFault(f"frames count from 0, got {frame}")
                    if child.get("keyframe", "1") != "1":
                        continue
                    number = as_index.get(frame, frame)
                    self._shape(track, child, draft, where, frame=number, track=index)

    def _step(self) -> tuple[int, int]:
        rule = self.tree.findtext("meta/task/frame_filter") or ""
        step = as_side(rule.partition("step=")[2] or "1")
        return max(step, 1), as_side(self.tree.findtext("meta/task/start_frame"))

    def _shapes_of(self, track: Element) -> Iterator[tuple[str, Element]]:
        for child in track:
            if child.tag in SHAPES:
                yield f"track {track.get('id', '?')}, frame {child.get('frame', '?')}", child

    # one shape

    def _shape(
        self, owner: Element, element: Element, draft: Draft, where: str, **place: Any
    ) -> None:
        label = self._class(owner)
        extra: dict[str, Any] = {}
        if element.tag == "cuboid":
            raise RowFault("cuboids are not taken")
        shape = (
            self._skeleton(element, label)
            if element.tag == "skeleton"
            else shape_of(element, draft.size)
        )
        fields = self._fields(element, owner)
        extra |= fields.pop("extra", {})
        if "track" in place:
            fields["flags"] = fields.get("flags", Flags.NONE) | Flags.KEYFRAME
            if element.get("outside") == "1":
                fields["flags"] |= Flags.OUTSIDE
        draft.add(label, shape, where, extra=extra, **fields, **place)

    def _class(self, element: Element) -> str:
        return self.collector.label(element.get("label") or "")

    def _fields(self, element: Element, owner: Element | None = None) -> dict[str, Any]:
        fields: dict[str, Any] = {"attributes": _attributes(element)}
        if element.get("occluded") == "1":
            fields["flags"] = Flags.OCCLUDED
        if element.get("z_order"):
            fields["z"] = as_whole(element.get("z_order"), "the z_order")
        group = element.get("group_id") or (owner.get("group_id") if owner is not None else None)
        if group:
            fields["group"] = as_whole(group, "the group_id")
        own = _COMMON | _OWN.get(element.tag, {"points"})
        kept = {k: text(v, k) for k, v in element.attrib.items() if k not in own}
        if owner is not None and owner is not element:
            kept |= {k: text(v, k) for k, v in owner.attrib.items() if k not in (*_COMMON, "id")}
        if kept:
            fields["extra"] = {"cvat": kept}
        return fields

    def _skeleton(self, element: Element, label: str) -> Skeleton:
        """Points by their own labels, in the order of the skeleton's."""
        found: dict[str, tuple[float, float, int]] = {}
        for point in element.iterfind("points"):
            name = point.get("label") or ""
            x, y = (as_number(v, "a point") for v in (point.get("points") or "").split(","))
            seen = 0 if point.get("outside") == "1" else 2 - (point.get("occluded") == "1")
            found[name] = (x, y, seen)
        names = self.points.get(label) or list(found)
        if not found:
            raise RowFault("the skeleton has no points")
        rows = [found.get(name, (0.0, 0.0, 0)) for name in names]
        return Skeleton(np.array([r[:2] for r in rows]), tuple(r[2] for r in rows))


_QUESTIONS: dict[str, AttributeKind] = {
    "checkbox": "flag",
    "select": "choice",
    "radio": "choice",
    "number": "number",
}


def _question(element: Element) -> AttributeSpec:
    """What CVAT asks about a label's objects; a number's range has no place here."""
    kind = _QUESTIONS.get((element.findtext("input_type") or "").strip(), "text")
    default: Any = text((element.findtext("default_value") or "").strip(), "a default value")
    values = (element.findtext("values") or "").strip()
    lines = values.splitlines() if "\n" in values else values.split()
    if kind == "flag":
        default = default.lower() == "true"
    elif kind == "number":
        default = as_number(default, "a default value") if default else None
    return AttributeSpec(
        text((element.findtext("name") or "").strip(), "an attribute's name"),
        kind,
        tuple(text(v.strip(), "a choice") for v in lines) if kind == "choice" else (),
        default if default != "" else None,
    )


def _frame_numbers(folder: Path | None) -> dict[int, int]:
    """CVAT names exported frames frame_000010.png: their numbers, by their places in the folder."""
    if folder is None or not folder.is_dir():
        return {}
    names = sorted(p.name for p in folder.iterdir() if is_picture(p.name))
    digits = ["".join(c for c in PurePosixPath(n).stem if c.isdigit()) for n in names]
    if not all(digits):
        return {}
    return {int(d): place for place, d in enumerate(digits) if len(d) < 16}


def _attributes(element: Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in element.iterfind("attribute"):
        name = text(one.get("name") or "", "an attribute's name")
        value = text((one.text or "").strip(), f"attribute {name}")
        found[name] = {"true": True, "false": False}.get(value.lower(), value)
    return found


def shape_of(element: Element, size: tuple[int, int]) -> Shape:
    """The shape of an element. Raises RowFault."""
    match element.tag:
        case "box":
            corners = [_at(element, k) for k in ("xtl", "ytl", "xbr", "ybr")]
            turned = as_number(element.get("rotation") or 0, "the rotation") % 360
            box = checked_box(corners[0], corners[1], corners[2], corners[3], size)
            if not turned:
                return box
            cx, cy = (box.x1 + box.x2) / 2, (box.y1 + box.y2) / 2
            return RotatedBox(cx, cy, box.width, box.height, float(np.radians(turned)))
        case "ellipse":
            cx, cy, rx, ry = (_at(element, k) for k in ("cx", "cy", "rx", "ry"))
            if rx <= 0 or ry <= 0:
                raise RowFault(f"the ellipse is empty, {rx:g} x {ry:g}")
            turned = as_number(element.get("rotation") or 0, "the rotation") % 360
            return Ellipse(cx, cy, rx, ry, float(np.radians(turned)))
        case "polygon":
            return checked_polygon([_points(element, 3)])
        case "polyline":
            return Polyline(_points(element, 2))
        case "points":
            return Points(_points(element, 1))
    return _mask(element)


def _at(element: Element, name: str) -> float:
    value = element.get(name)
    if value is None:
        raise RowFault(f"{name} is missing")
    return as_number(value, name)


def _points(element: Element, least: int) -> Any:
    pairs = (element.get("points") or "").replace(";", ",").split(",")
    values = [as_number(v, "a point") for v in pairs if v.strip()]
    return points_of_flat(values, f"the {element.tag}", least)


def _mask(element: Element) -> Mask:
    """CVAT's runs are row-major inside the mask's box, zeros first."""
    left, top, width, height = (
        as_whole(element.get(k), k) for k in ("left", "top", "width", "height")
    )
    runs = [as_whole(v, "a run") for v in (element.get("rle") or "").split(",") if v.strip()]
    if width <= 0 or height <= 0 or width * height > 1 << 31 or len(runs) > MAX_RUNS:
        raise RowFault(f"the mask is of {width}x{height}")
    if any(not 0 <= r < 2**32 for r in runs) or sum(runs) != width * height:
        raise RowFault(f"the runs of the mask sum to {printable(sum(runs))}, not {width}x{height}")
    if not any(runs[1::2]):
        raise RowFault("the mask is empty")
    return Mask(left, top, width, height, np.array(runs, dtype=np.uint32))
