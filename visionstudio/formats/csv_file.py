"""CSV tables of boxes and of classes, in the many layouts that people keep.

A table with a head is read by its columns' names: a picture, a class, and a
box as corners or as corner and size, or in one column. Without a box a row is
a tag on the picture; a table of a column for each class with 0 and 1 is read
too. Without a head columns are `picture, class[, x1, y1, x2, y2]`, or
`picture, x1, y1, x2, y2, class`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from visionstudio.formats.collecting import Collector, Draft, whole_text
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    Imported,
    Losses,
    ReadOptions,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import as_box, copied, count_unsaid, pictures_only
from visionstudio.formats.files import PICTURE_SUFFIXES, PictureRoot, is_picture, the_file
from visionstudio.formats.output import write_bytes
from visionstudio.formats.rows import RowFault, printable, score, text
from visionstudio.formats.taking import as_number, as_side, checked_box
from visionstudio.model.errors import FormatError
from visionstudio.model.shapes import Box, Shape, Tag

_PICTURE: tuple[str, ...] = (
    *("filename", "file_name", "image_name", "image", "image_id", "imageid", "file", "path"),
    *("image_path", "imagepath", "filepath", "img", "img_name"),
)
_LABEL: tuple[str, ...] = (
    *("class", "label", "label_name", "labelname", "class_name", "category", "category_name"),
    *("name", "labels"),
)
_CORNERS: tuple[tuple[str, ...], ...] = (
    ("x1", "y1", "x2", "y2"),
    ("xmin", "ymin", "xmax", "ymax"),
)
_SIZED: tuple[tuple[str, ...], ...] = (
    ("x", "y", "w", "h"),
    ("x1", "y1", "w", "h"),
    ("x", "y", "width", "height"),
    ("left", "top", "width", "height"),
    ("xmin", "ymin", "w", "h"),
)
_SCORE = ("score", "confidence", "conf")
_SUBSET = ("split", "subset", "set")
_HEAD = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")
Row = list[str]


@dataclass(slots=True)
class _Columns:
    """Which column holds what; -1 where none does."""

    picture: int = 0
    label: int = -1
    box: tuple[int, ...] = ()
    sized: bool = False  # corner and size instead of two corners
    parts: bool = False  # of the picture's size (Open Images)
    one: int = -1  # all four numbers in one column
    score: int = -1
    width: int = -1
    height: int = -1
    subset: int = -1
    classes: dict[int, str] = field(default_factory=dict)
    others: dict[int, str] = field(default_factory=dict)


def read(src: Path, images: Path | None, options: ReadOptions) -> Imported:
    """Read a CSV or TXT table, or a folder that holds just one. Pictures lie beside it."""
    file = the_file(src, ".csv")
    rows = list(_rows(whole_text(file)))
    if not rows:
        raise FormatError("the table is empty", where=str(file))
    root = PictureRoot(images or file.parent, ("images",), search=images is not None)
    collector = Collector(root)
    columns = _columns(rows[0][1])
    first = 0 if columns is None else 1
    if columns is None:
        columns = _without_head(rows[0][1])
    for name in columns.classes.values():
        with collector.row(file, "head"):
            collector.label(name)
    reader = _Reader(file, columns, collector, options)
    for line, row in rows[first:]:
        with collector.row(file, f"line {line}"):
            reader.row(f"line {line}", row)
    return collector.result(src, what="table")


def _rows(content: str) -> Iterator[tuple[int, Row]]:
    """Rows with their lines. The mark between columns is the one that the first line has most."""
    lines = content.splitlines()
    head = next((line for line in lines if line.strip()), "")
    mark = max((",", ";", "\t", " "), key=lambda m: (head.count(m), m == ","))
    reader = csv.reader(io.StringIO(content), delimiter=mark, skipinitialspace=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FormatError(
                f"this is no CSV table: {error}", where=f"line {reader.line_num}"
            ) from error
        if any(cell.strip() for cell in row):
            yield reader.line_num, [cell.strip() for cell in row]


def _columns(head: Row) -> _Columns | None:
    """What the columns of a head hold; None when the row is no head."""
    names = {name.strip().lower(): place for place, name in reversed(list(enumerate(head)))}

    def first(options: tuple[str, ...]) -> int:
        return next((names[o] for o in options if o in names), -1)

    picture = first(_PICTURE)
    if picture < 0:
        return None
    found = _Columns(picture=picture, label=first(_LABEL), score=first(_SCORE))
    found.subset = first(_SUBSET)
    for sized, layouts in ((False, _CORNERS), (True, _SIZED)):
        for layout in layouts:
            if not found.box and all(n in names for n in layout):
                found.box, found.sized = tuple(names[n] for n in layout), sized
    found.parts = bool(found.box) and head[found.box[0]] == "XMin"
    found.one = first(("bbox", "box"))
    if not (found.sized and "width" in (head[i].lower() for i in found.box)):
        found.width, found.height = first(("width",)), first(("height",))
    used = {found.picture, found.label, found.score, found.one, found.width, found.height}
    used |= {found.subset, *found.box}
    others = {place: name for place, name in enumerate(head) if place not in used and name.strip()}
    if found.label < 0:
        found.classes = others
    else:
        found.others = others
    return found


def _without_head(row: Row) -> _Columns:
    if len(row) >= 6 and all(_is_number(v) for v in row[1:5]):
        return _Columns(label=5, box=(1, 2, 3, 4))
    if len(row) >= 6:
        return _Columns(label=1, box=(2, 3, 4, 5))
    if len(row) == 5 and all(_is_number(v) for v in row[1:5]):
        return _Columns(box=(1, 2, 3, 4))
    if len(row) >= 2:
        return _Columns(label=1)
    raise FormatError(
        f"no column of pictures is known in {printable(row)}",
        next_step=f"name the columns in the first row, as {', '.join(_HEAD)}",
    )


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", value) is not None


@dataclass(slots=True)
class _Reader:
    file: Path
    columns: _Columns
    collector: Collector
    options: ReadOptions

    def row(self, where: str, row: Row) -> None:
        """Take one row: one annotation, or one tag for each class that is marked."""
        columns = self.columns
        draft = self._picture(self._cell(row, columns.picture))
        if columns.width >= 0 and columns.height >= 0 and not draft.width:
            draft.width = as_side(self._cell(row, columns.width) or 0)
            draft.height = as_side(self._cell(row, columns.height) or 0)
        if columns.subset >= 0:
            draft.split = text(self._cell(row, columns.subset), "the subset")
        if columns.classes and columns.label < 0:
            self._marks(draft, where, row)
            return
        label = self._cell(row, columns.label) if columns.label >= 0 else "object"
        shape = self._shape(draft, row)
        if not label and isinstance(shape, Tag):
            return  # a picture that is looked at and holds nothing
        kept = {n: self._cell(row, p) for p, n in columns.others.items() if self._cell(row, p)}
        draft.add(
            self.collector.label(label),
            shape,
            where,
            score=self._score(row),
            attributes={text(k, "a column"): text(v, k) for k, v in kept.items()},
        )

    def _cell(self, row: Row, place: int) -> str:
        return row[place] if 0 <= place < len(row) else ""

    def _score(self, row: Row) -> float | None:
        cell = self._cell(row, self.columns.score)
        return score(as_number(cell, "the score")) if cell else None

    def _picture(self, name: str) -> Draft:
        """The picture of a name; tables often leave out its ending."""
        if not name:
            raise RowFault("the row names no picture")
        text(name, "the picture")
        if not is_picture(name):
            with_suffix = (f"{name}{suffix}" for suffix in sorted(PICTURE_SUFFIXES))
            name = next((n for n in with_suffix if self.collector.pictures.find(n)), name)
        return self.collector.picture(name, self.file)

    def _marks(self, draft: Draft, where: str, row: Row) -> None:
        for place, name in self.columns.classes.items():
            cell = self._cell(row, place).lower()
            if cell in ("1", "1.0", "true", "yes", "x"):
                draft.add(self.collector.label(name), Tag(), f"{where}, {name}")
            elif cell not in ("", "0", "0.0", "-1", "false", "no"):
                reason = f"a mark is 0 or 1, not {printable(cell)}"
                self.collector.skip(self.file, f"{where}, {name}", reason)

    def _shape(self, draft: Draft, row: Row) -> Shape:
        columns = self.columns
        if columns.one >= 0:
            cells = re.split(r"[\s,;]+", self._cell(row, columns.one).strip("[]() "))
        else:
            cells = [self._cell(row, place) for place in columns.box]
        if not any(cells):
            return Tag()
        if len(cells) != 4:
            raise RowFault(f"the box has {len(cells)} numbers instead of 4")
        x1, y1, x2, y2 = (as_number(v, "the box") for v in cells)
        if columns.sized:
            x2, y2 = x1 + x2, y1 + y2
        if columns.parts:
            if draft.file is not None and not draft.width:
                draft.width, draft.height = self.options.size_of(draft.file)
            if not draft.width:
                raise RowFault("the size of its picture is not known, and the box is parts of it")
            x1, x2 = x1 * draft.width, x2 * draft.width
            y1, y2 = y1 * draft.height, y2 * draft.height
        return checked_box(x1, y1, x2, y2, draft.size)


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write one table: a row for each box and tag, and one for a verified picture without any.

    Attributes become columns of their own. Copied pictures go beside the file.
    """
    losses = Losses()
    file = out if out.suffix.lower() == ".csv" else out / "annotations.csv"
    files = [file]
    rows = [a for item in dataset.items for a in item.annotations]
    own = (*_HEAD, "score", "split")
    names = dict.fromkeys(k for a in rows for k in a.attributes)
    head = [*own, *(n for n in names if n.lower() not in own)]
    hidden = [n for n in names if n.lower() in own]
    losses.add("attributes with the name of a column are left out", len(hidden))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(head)
    count = 0
    for item in pictures_only(dataset.items, losses):
        place = [item.path, str(item.width or ""), str(item.height or "")]
        split = options.split_of(item)
        written = 0
        for annotation in item.annotations:
            cells = _cells(annotation, losses)
            if cells is None:
                continue
            asked = [str(annotation.attributes.get(name, "")) for name in head[len(own) :]]
            writer.writerow([*place, annotation.label, *cells, split, *asked])
            written += 1
        if not written and item.verified:
            writer.writerow([*place, *[""] * 6, split, *[""] * len(head[len(own) :])])
        count += written
        if options.copy_media:
            files += copied(item, file.parent / item.path, losses)
    write_bytes(file, table.getvalue().encode("utf-8", "replace"))
    return Written(tuple(files), count, losses.all())


def _cells(annotation: DatasetAnnotation, losses: Losses) -> list[str] | None:
    """The box's and the score's columns."""
    shape = annotation.shape
    box: Box | None = None
    if not isinstance(shape, Tag):
        box = as_box(shape, losses)
        if box is None:
            return None
    count_unsaid(annotation, losses, score=True, attributes=True)
    corners = [_number(v) for v in box.bounds()] if box is not None else [""] * 4
    return [*corners, "" if annotation.score is None else repr(annotation.score)]


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
