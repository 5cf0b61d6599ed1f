"""Pascal VOC XML: one file per picture with upright boxes.

Coordinates are read as they are: labelImg and its heirs count from 0 and mean
the edges. Official VOC files count pixels from 1 and include the last one;
`one_based` reads those. What is written is labelImg's dialect.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    Losses,
    ReadOptions,
    Skipped,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import as_box, copied, count_unsaid, pictures_only
from visionstudio.formats.files import (
    PICTURE_SUFFIXES,
    PictureRoot,
    last_part,
    safe_name,
    safe_parts,
)
from visionstudio.formats.output import replacing, write_bytes
from visionstudio.formats.rows import RowFault, number, printable, text
from visionstudio.formats.taking import checked_box
from visionstudio.formats.voc_masks import with_masks
from visionstudio.formats.xml_file import parse_xml, xml_text
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import Box

MAX_BYTES = 64 << 20  # of one picture's XML
MAX_DEPTH = 16
_FLAGS = {
    "truncated": Flags.TRUNCATED,
    "difficult": Flags.DIFFICULT,
    "occluded": Flags.OCCLUDED,
}
_SAID = Flags.TRUNCATED | Flags.DIFFICULT | Flags.OCCLUDED


def read(src: Path, images: Path | None, options: ReadOptions) -> Imported:
    """Read an XML file or a folder of them (`Annotations/` where there is one).

    Pictures are looked up beneath `images`; without it in `JPEGImages/`, `images/`
    or beside the XML. A file that is no VOC XML is one skipped row.
    """
    files, root = _files(src)
    also = ("JPEGImages", "images")
    folder = root if images is None else images
    pictures = PictureRoot(folder, () if images else also, search=images is not None)
    items: list[DatasetItem] = []
    skipped: list[Skipped] = []
    for file, inner in files:
        try:
            tree = parse_xml(file, "annotation", MAX_BYTES)
        except RowFault as fault:
            skipped.append(Skipped(str(file), "file", str(fault)))
            continue
        reader = _Picture(file, inner, tree, pictures, options)
        faults, item = reader.read()
        skipped += faults
        items.append(item)
    if not items:
        reason = skipped[0].reason if skipped else "there is no XML file"
        where = skipped[0].file if skipped else str(src)
        raise FormatError(f"no VOC annotation could be read: {reason}", where=where)
    items, faults = with_masks(root, items)
    skipped += faults
    names = sorted({a.label for item in items for a in item.annotations})
    classes = tuple(DatasetClass(name=n) for n in _listed_first(src, names))
    origin = {"file": str(src.absolute()), "one_based": options.one_based}
    return Imported(Dataset(classes, tuple(items)), tuple(skipped), origin)


def _files(src: Path) -> tuple[list[tuple[Path, str]], Path]:
    """The XML files with the sub-folder each lies in, and the data set's folder."""
    if src.is_file():
        folder = src.parent
        return [(src, "")], folder.parent if folder.name == "Annotations" else folder
    if not src.is_dir():
        raise FormatError("there is no such file or folder", where=str(src))
    folder = src / "Annotations" if (src / "Annotations").is_dir() else src
    files = sorted(p for p in folder.rglob("*.xml") if p.is_file())
    if not files:
        raise FormatError("the folder holds no XML files", where=str(folder))
    inner = [f.parent.relative_to(folder).as_posix() for f in files]
    return list(zip(files, inner, strict=True)), src.parent if src.name == "Annotations" else src


def _listed_first(src: Path, names: list[str]) -> list[str]:
    """The classes in the order of a labels file beside the data, if there is one."""
    for name in ("labels.txt", "classes.txt", "predefined_classes.txt"):
        try:
            lines = (src / name).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        listed = dict.fromkeys(line.strip() for line in lines if line.strip())
        return list(listed) + [n for n in names if n not in listed]
    return names


class _Picture:
    """Reads one annotation file."""

    def __init__(
        self, file: Path, inner: str, tree: Element, pictures: PictureRoot, options: ReadOptions
    ) -> None:
        self.file = file
        self.inner = "" if inner == "." else f"{inner}/"
        self.tree = tree
        self.pictures = pictures
        self.one_based = options.one_based

    def read(self) -> tuple[list[Skipped], DatasetItem]:
        skipped: list[Skipped] = []
        named, found = self._locate()
        parts = safe_parts(named)
        path = self.pictures.relative(found) if found else "/".join(parts or (safe_name(named),))
        width, height = self._size("width"), self._size("height")
        annotations = []
        for index, element in enumerate(self.tree.findall("object"), start=1):
            where = f"object {index}"
            try:
                annotations.append(self._object(element, where, (width, height)))
            except RowFault as fault:
                skipped.append(Skipped(str(self.file), where, str(fault)))
        item = DatasetItem(
            path=path,
            annotations=tuple(annotations),
            width=width,
            height=height,
            file=found,
            source=str(self.file),
            outside=named if found is None and parts is None else "",
        )
        return skipped, item

    def _locate(self) -> tuple[str, Path | None]:
        """The picture's name and file, by the name in the XML, else by the XML's own name."""
        named = (self.tree.findtext("filename") or "").strip()
        bases = list(_bases(named, self.file.stem))
        names = ([named] if named else []) + [f"{base}{s}" for base in bases for s in _SUFFIXES]
        if self.inner:
            names = [f"{self.inner}{name}" for name in names] + names
        for name in names:
            found = self.pictures.find(name)
            if found is not None:
                return name, found
        return f"{self.inner}{named}" if named else f"{self.inner}{self.file.stem}.jpg", None

    def _size(self, name: str) -> int:
        try:
            size = _float(self.tree.findtext(f"size/{name}") or "0", name)
        except RowFault:
            return 0  # the picture's own header is asked later
        return int(size) if 0 <= size < 2**31 else 0

    def _object(self, element: Element, where: str, size: tuple[int, int]) -> DatasetAnnotation:
        name = text((element.findtext("name") or "").strip(), "the name")
        if not name:
            raise RowFault("the object has no name")
        flags = Flags.NONE
        for tag, flag in _FLAGS.items():
            if (element.findtext(tag) or "").strip() in ("1", "true", "True"):
                flags |= flag
        extra = _kept(element)
        return DatasetAnnotation(
            label=name,
            shape=self._box(element, size),
            flags=flags,
            attributes=_attributes(element),
            extra={"voc": extra} if extra else {},
            where=where,
        )

    def _box(self, element: Element, size: tuple[int, int]) -> Box:
        found = element.find("bndbox")
        if found is None:
            raise RowFault("the object has no <bndbox>")
        corners = [_float(found.findtext(k), k) for k in ("xmin", "ymin", "xmax", "ymax")]
        x1, y1, x2, y2 = corners
        if self.one_based:
            x1, y1 = x1 - 1, y1 - 1
        return checked_box(x1, y1, x2, y2, size)


_SUFFIXES = tuple(s for suffix in sorted(PICTURE_SUFFIXES) for s in (suffix, suffix.upper()))


def _bases(named: str, stem: str) -> Iterator[str]:
    """Names without suffix: labelImg writes some `filename`s so, and renamed pictures differ."""
    if named and PurePosixPath(last_part(named)).suffix.lower() not in PICTURE_SUFFIXES:
        yield named
    yield stem


def _float(value: str | None, what: str) -> float:
    if value is None:
        raise RowFault(f"<{what}> is missing")
    try:
        return number(float(value), f"<{what}>")
    except ValueError:
        raise RowFault(f"<{what}> is no number: {printable(value)}") from None


def _attributes(element: Element) -> dict[str, Any]:
    """labelImg's heirs (CVAT, datumaro) nest `attributes/attribute/{name,value}`."""
    found = {}
    for one in element.findall("attributes/attribute"):
        name = text((one.findtext("name") or "").strip(), "an attribute's name")
        if name:
            found[name] = text((one.findtext("value") or "").strip(), f"attribute {name}")
    return found


def _kept(element: Element) -> dict[str, Any]:
    known = {"name", "bndbox", "attributes", *_FLAGS}
    return {child.tag: _plain(child) for child in element if child.tag not in known}


def _plain(element: Element, depth: int = 0) -> Any:
    """An element that is only kept: its text, or its children by tag, twice the same as a list."""
    if depth > MAX_DEPTH:
        raise RowFault(f"<{element.tag[:40]}> is nested too deeply")
    if len(element) == 0:
        return (element.text or "").strip()
    found: dict[str, Any] = {}
    for child in element:
        value = _plain(child, depth + 1)
        if child.tag in found:
            before = found[child.tag]
            found[child.tag] = [*before, value] if isinstance(before, list) else [before, value]
        else:
            found[child.tag] = value
    return found


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write `Annotations/*.xml`, `labels.txt`, and with a split `ImageSets/Main/SPLIT.txt`.

    Copied pictures go into `JPEGImages/`. Whatever has an inside becomes its
    upright box; the rest is left out. Both are counted.
    """
    losses = Losses()
    files: list[Path] = []
    stems: dict[str, None] = {}
    count = 0
    for item in pictures_only(dataset.items, losses):
        boxes = list(_boxes(item.annotations, losses))
        stem = _stem(item.path, stems)
        stems[stem] = None
        target = out / "Annotations" / f"{stem}.xml"
        write_bytes(target, _xml(item, boxes))
        files.append(target)
        count += len(boxes)
        if options.copy_media:
            files += copied(item, out / "JPEGImages" / item.path, losses)
    files.append(_lines(out / "labels.txt", [c.name for c in dataset.classes]))
    if options.split:
        files.append(_lines(out / "ImageSets" / "Main" / f"{options.split}.txt", list(stems)))
    return Written(tuple(files), count, losses.all())


def _stem(path: str, taken: Container[str]) -> str:
    """The path without its suffix; with it where another picture has that name already."""
    stem = str(PurePosixPath(path).with_suffix(""))
    return path if stem in taken else stem


def _lines(path: Path, lines: list[str]) -> Path:
    with replacing(path) as handle:
        handle.write("".join(f"{line}\n" for line in lines).encode("utf-8"))
    return path


def _boxes(
    annotations: Iterable[DatasetAnnotation], losses: Losses
) -> Iterator[tuple[DatasetAnnotation, Box]]:
    for annotation in annotations:
        box = as_box(annotation.shape, losses)
        if box is not None:
            count_unsaid(annotation, losses, attributes=True, flags=_SAID)
            yield annotation, box


def _xml(item: DatasetItem, boxes: list[tuple[DatasetAnnotation, Box]]) -> bytes:
    root = Element("annotation")
    path = PurePosixPath(item.path)
    _add(root, "folder", str(path.parent) if len(path.parts) > 1 else "")
    _add(root, "filename", path.name)
    source = SubElement(root, "source")
    _add(source, "database", "Unknown")
    size = SubElement(root, "size")
    for name, value in (("width", item.width), ("height", item.height), ("depth", 3)):
        _add(size, name, str(value))
    _add(root, "segmented", "0")
    for annotation, box in boxes:
        _add_object(root, annotation, box)
    indent(root, "\t")
    return bytes(tostring(root, encoding="utf-8", xml_declaration=False)) + b"\n"


def _add_object(root: Element, annotation: DatasetAnnotation, box: Box) -> None:
    element = SubElement(root, "object")
    kept = dict(annotation.extra.get("voc", {}))
    _add(element, "name", annotation.label)
    _add(element, "pose", str(kept.pop("pose", "Unspecified")))
    _add(element, "truncated", str(int(bool(annotation.flags & Flags.TRUNCATED))))
    _add(element, "difficult", str(int(bool(annotation.flags & Flags.DIFFICULT))))
    if annotation.flags & Flags.OCCLUDED:
        _add(element, "occluded", "1")
    bndbox = SubElement(element, "bndbox")
    corners = zip(("xmin", "ymin", "xmax", "ymax"), box.bounds(), strict=True)
    for name, value in corners:
        _add(bndbox, name, str(int(value)) if value.is_integer() else f"{value:.1f}")
    if annotation.attributes:
        attributes = SubElement(element, "attributes")
        for name, value in annotation.attributes.items():
            one = SubElement(attributes, "attribute")
            _add(one, "name", name)
            _add(one, "value", str(value))
    for tag, value in kept.items():
        _add_kept(element, tag, value)


def _add_kept(parent: Element, tag: str, value: Any) -> None:
    if isinstance(value, list):
        for one in value:
            _add_kept(parent, tag, one)
    elif isinstance(value, dict):
        element = SubElement(parent, tag)
        for name, inner in value.items():
            _add_kept(element, name, inner)
    else:
        _add(parent, tag, str(value))


def _add(parent: Element, tag: str, value: str) -> None:
    SubElement(parent, tag).text = xml_text(value)
