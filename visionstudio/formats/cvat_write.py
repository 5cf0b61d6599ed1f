"""CVAT XML 1.1, writing: pictures as `image` elements, a video as tracks of key frames."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import numpy as np

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Losses,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import copied, count_unsaid, left_out, one_ring
from visionstudio.formats.files import safe_name
from visionstudio.formats.output import write_bytes
from visionstudio.formats.xml_file import xml_text
from visionstudio.model.annotations import Flags
from visionstudio.model.labels import AttributeSpec
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Skeleton,
    Tag,
)

_SAID = Flags.OCCLUDED


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write `annotations.xml` for the pictures, and `NAME.xml` for every video.

    Copied pictures go into `images/`.
    """
    losses = Losses()
    pictures = [item for item in dataset.items if item.kind is MediaKind.IMAGE]
    videos = [item for item in dataset.items if item.kind is not MediaKind.IMAGE]
    files: list[Path] = []
    count = 0
    if pictures or not videos:
        root = _head(dataset, "annotation", len(pictures))
        for index, item in enumerate(pictures):
            count += _image(root, index, item, dataset, losses, options)
            if options.copy_media:
                files += copied(item, out / "images" / item.path, losses)
        files.append(_save(root, out / "annotations.xml"))
    for item in videos:
        count += _video(item, dataset, out, losses, files)
    return Written(tuple(files), count, losses.all())


def _save(root: Element, file: Path) -> Path:
    indent(root)
    write_bytes(file, bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n")
    return file


def _head(dataset: Dataset, mode: str, size: int) -> Element:
    root = Element("annotations")
    SubElement(root, "version").text = "1.1"
    task = SubElement(SubElement(root, "meta"), "task")
    SubElement(task, "size").text = str(size)
    SubElement(task, "mode").text = mode
    labels = SubElement(task, "labels")
    for one in dataset.classes:
        _label(labels, one)
    return root


def _label(labels: Element, one: DatasetClass) -> None:
    kept = one.extra.get("cvat", {})
    kept = kept if isinstance(kept, Mapping) else {}
    element = SubElement(labels, "label")
    SubElement(element, "name").text = xml_text(one.name)
    if "color" in kept:
        SubElement(element, "color").text = xml_text(str(kept["color"]))
    SubElement(element, "type").text = "skeleton" if one.skeleton else "any"
    asked = SubElement(element, "attributes")
    for attribute in one.attributes:
        described = SubElement(asked, "attribute")
        for tag, value in _question(attribute):
            SubElement(described, tag).text = xml_text(value)
    for point in one.skeleton.names if one.skeleton else ():
        sub = SubElement(labels, "label")
        SubElement(sub, "name").text = xml_text(point)
        SubElement(sub, "type").text = "points"
        SubElement(sub, "attributes")
        SubElement(sub, "parent").text = xml_text(one.name)


_QUESTIONS = {"flag": "checkbox", "choice": "select", "number": "number", "text": "text"}


def _question(spec: AttributeSpec) -> Iterator[tuple[str, str]]:
    default = "" if spec.default is None else str(spec.default)
    yield "name", spec.name
    yield "mutable", "False"
    yield "input_type", _QUESTIONS[spec.kind]
    yield "default_value", default.lower() if spec.kind == "flag" else default
    yield "values", "false" if spec.kind == "flag" else "\n".join(spec.choices)


def _image(
    root: Element,
    index: int,
    item: DatasetItem,
    dataset: Dataset,
    losses: Losses,
    options: WriteOptions,
) -> int:
    element = SubElement(root, "image", id=str(index), name=xml_text(item.path))
    split = options.split_of(item)
    if split:
        element.set("subset", xml_text(split))
    element.set("width", str(item.width))
    element.set("height", str(item.height))
    written = 0
    for annotation in item.annotations:
        made = shape_element(annotation, dataset, losses)
        if made is not None:
            made.set("label", xml_text(annotation.label))
            count_unsaid(annotation, losses, group=True, attributes=True, flags=_SAID)
            element.append(made)
            written += 1
    return written


def _video(
    item: DatasetItem, dataset: Dataset, out: Path, losses: Losses, files: list[Path]
) -> int:
    root = _head(dataset, "interpolation", item.frames)
    meta = root.find("meta")
    if meta is not None:
        task = meta.find("task")
        size = SubElement(task if task is not None else meta, "original_size")
        SubElement(size, "width").text = str(item.width)
        SubElement(size, "height").text = str(item.height)
        SubElement(meta, "source").text = xml_text(item.path)
    tracks: dict[tuple[Any, ...], list[DatasetAnnotation]] = {}
    for index, annotation in enumerate(item.annotations):
        # What belongs to no track is one of a single frame.
        key = (annotation.track,) if annotation.track is not None else (None, index)
        tracks.setdefault((annotation.label, *key), []).append(annotation)
    written = 0
    for number, rows in enumerate(tracks.values()):
        track = Element("track", id=str(number), label=xml_text(rows[0].label))
        written += _track(track, sorted(rows, key=lambda a: a.frame), item, dataset, losses)
        if len(track):
            root.append(track)
    files.append(_save(root, out / f"{safe_name(item.path)}.xml"))
    return written


def _track(
    track: Element,
    rows: list[DatasetAnnotation],
    item: DatasetItem,
    dataset: Dataset,
    losses: Losses,
) -> int:
    """Every row as a key frame; a row in a single frame ends in the next, as CVAT has it."""
    written = 0
    for annotation in rows:
        made = shape_element(annotation, dataset, losses)
        if made is None or made.tag == "tag":
            if made is not None:
                left_out(annotation.shape, losses)
            continue
        flags = Flags.KEYFRAME | Flags.OUTSIDE | _SAID
        count_unsaid(annotation, losses, group=True, track=True, attributes=True, flags=flags)
        made.set("frame", str(annotation.frame))
        made.set("outside", str(int(bool(annotation.flags & Flags.OUTSIDE))))
        made.set("keyframe", "1")
        track.append(made)
        written += 1
    last = rows[-1]
    if len(track) and last.track is None and last.frame + 1 < item.frames:
        end = shape_element(last, dataset, Losses())
        if end is not None:
            end.set("frame", str(last.frame + 1))
            end.set("outside", "1")
            end.set("keyframe", "1")
            track.append(end)
    return written


def shape_element(
    annotation: DatasetAnnotation, dataset: Dataset, losses: Losses
) -> Element | None:
    """The element of an annotation without its label, None where CVAT has nothing for it."""
    made = _geometry(annotation, dataset, losses)
    if made is None:
        return None
    kept = annotation.extra.get("cvat", {})
    for name, value in kept.items() if isinstance(kept, Mapping) else ():
        if name not in made.attrib:
            made.set(name, xml_text(str(value)))
    if made.tag != "tag":
        made.set("occluded", str(int(bool(annotation.flags & Flags.OCCLUDED))))
        made.set("z_order", str(annotation.z))
    if annotation.group is not None:
        made.set("group_id", str(annotation.group))
    for name, value in annotation.attributes.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        SubElement(made, "attribute", name=xml_text(name)).text = xml_text(text)
    return made


def _geometry(annotation: DatasetAnnotation, dataset: Dataset, losses: Losses) -> Element | None:
    match annotation.shape:
        case Tag():
            return Element("tag")
        case Box() as box if box.area() > 0:
            return _corners(box)
        case RotatedBox(cx, cy, w, h, angle) if w > 0 and h > 0:
            made = _corners(Box(cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2))
            made.set("rotation", f"{math.degrees(angle) % 360:.6f}")
            return made
        case Ellipse(cx, cy, rx, ry, angle) if rx > 0 and ry > 0:
            places = zip(("cx", "cy", "rx", "ry"), (cx, cy, rx, ry), strict=True)
            made = Element("ellipse", {k: _number(v) for k, v in places})
            if angle:
                made.set("rotation", f"{math.degrees(angle) % 360:.6f}")
            return made
        case Polygon() as polygon:
            return Element("polygon", points=_points(one_ring(polygon, losses)))
        case Polyline(line):
            return Element("polyline", points=_points(line))
        case Points(xy):
            return Element("points", points=_points(xy))
        case Mask(x, y, width, height, counts) if width:
            places = zip(("left", "top", "width", "height"), (x, y, width, height), strict=True)
            made = Element("mask", rle=", ".join(map(str, counts.tolist())))
            for name, value in places:
                made.set(name, str(value))
            return made
        case Skeleton() as skeleton:
            return _skeleton(annotation.label, skeleton, dataset)
    left_out(annotation.shape, losses)
    return None


def _skeleton(label: str, shape: Skeleton, dataset: Dataset) -> Element:
    spec = next((c.skeleton for c in dataset.classes if c.name == label), None)
    names = list(spec.names) if spec else []
    made = Element("skeleton")
    for index, ((x, y), seen) in enumerate(zip(shape.xy, shape.visibility, strict=True)):
        point = SubElement(made, "points", points=f"{_number(x)},{_number(y)}")
        point.set("label", xml_text(names[index] if index < len(names) else str(index + 1)))
        point.set("outside", str(int(seen == 0)))
        point.set("occluded", str(int(seen == 1)))
    return made


def _corners(box: Box) -> Element:
    places = zip(("xtl", "ytl", "xbr", "ybr"), box.bounds(), strict=True)
    return Element("box", {name: _number(value) for name, value in places})


def _points(points: Any) -> str:
    return ";".join(f"{_number(x)},{_number(y)}" for x, y in np.asarray(points))


def _number(value: float) -> str:
    """Two decimals, as CVAT writes, or more where the value has more."""
    short = f"{value:.2f}"
    return short if float(short) == value else repr(float(value))
