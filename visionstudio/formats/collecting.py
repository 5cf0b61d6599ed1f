"""What a reader gathers while it goes through files: pictures, classes, and rows not taken.

Every row of a file is read inside `Collector.row`, which turns a fault into one
entry of the report and goes on: rows read = annotations + rows skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetClass,
    DatasetItem,
    Imported,
    Skipped,
)
from visionstudio.formats.files import PictureRoot, safe_name, safe_parts
from visionstudio.formats.progress import tick
from visionstudio.formats.rows import RowFault, text
from visionstudio.model.errors import FormatError, InvalidValue
from visionstudio.model.labels import AttributeSpec, SkeletonSpec
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import Shape

MAX_TEXT = 256 << 20  # bytes of one text file of rows


@dataclass(slots=True)
class Draft:
    """A picture or video while its rows are read; `add` puts one in."""

    path: str
    source: str
    file: Path | None = None
    outside: str = ""
    width: int = 0
    height: int = 0
    id: int | None = None
    kind: MediaKind = MediaKind.IMAGE
    frames: int = 1
    verified: bool = True
    split: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    rows: list[DatasetAnnotation] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, 0 where unknown."""
        return self.width, self.height

    def add(self, label: str, shape: Shape, where: str, **fields: Any) -> None:
        """Put in an annotation; `fields` as in DatasetAnnotation."""
        fields.setdefault("z", len(self.rows))
        self.rows.append(DatasetAnnotation(label=label, shape=shape, where=where, **fields))

    def item(self) -> DatasetItem:
        """The finished value."""
        return DatasetItem(
            path=self.path,
            annotations=tuple(self.rows),
            id=self.id,
            kind=self.kind,
            width=self.width,
            height=self.height,
            frames=self.frames,
            verified=self.verified,
            file=self.file,
            source=self.source,
            outside=self.outside,
            split=self.split,
            extra=self.extra,
        )


class Collector:
    """Gathers drafts, classes and skipped rows; pictures are looked up in `pictures`."""

    def __init__(self, pictures: PictureRoot) -> None:
        self.pictures = pictures
        self.skipped: list[Skipped] = []
        self._drafts: dict[str, Draft] = {}
        self._classes: dict[str, DatasetClass] = {}
        self._taken: set[str] = set()

    @contextmanager
    def row(self, file: Path | str, where: str) -> Iterator[None]:
        """Read one row: its faults become an entry of the report."""
        try:
            yield
        except (RowFault, InvalidValue) as fault:
            self.skip(file, where, str(fault))

    def skip(self, file: Path | str, where: str, reason: str) -> None:
        """Report a row as not taken."""
        self.skipped.append(Skipped(str(file), where, reason))

    def label(
        self,
        name: Any,
        *,
        number: int | None = None,
        skeleton: SkeletonSpec | None = None,
        attributes: tuple[AttributeSpec, ...] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """Note a class and return its name. Raises RowFault for what can be none."""
        found = text(name, "the class").strip()
        if not found:
            raise RowFault("the class is empty")
        if found not in self._classes:
            self._classes[found] = DatasetClass(
                name=found,
                id=number,
                skeleton=skeleton,
                attributes=attributes,
                extra=extra or {},
            )
        return found

    def picture(self, name: str, source: Path | str, **fields: Any) -> Draft:
        """The draft of a picture by its name in the file; the same again for the same name."""
        if name in self._drafts:
            return self._drafts[name]
        file = self.pictures.find(name)
        parts = safe_parts(name)
        draft = Draft(
            path=self.pictures.relative(file) if file else "/".join(parts or (safe_name(name),)),
            source=str(source),
            file=file,
            outside=name if parts is None and file is None else "",
            **fields,
        )
        self._drafts[name] = draft
        return draft

    def found_picture(self, file: Path, source: Path | str, **fields: Any) -> Draft:
        """The draft of a picture that the reader found by itself beneath the picture root."""
        name = str(file)
        if name not in self._drafts:
            self._drafts[name] = Draft(
                path=self.pictures.relative(file), source=str(source), file=file, **fields
            )
        return self._drafts[name]

    def video(self, name: str, source: Path | str, **fields: Any) -> Draft:
        """The draft of a video, or of a folder of frames, by its name in the file."""
        draft = self.picture(name, source, **fields)
        if draft.file is None and draft.kind is MediaKind.FRAMES:
            folder = self.pictures.find_folder(name)
            if folder is not None:
                draft.file, draft.path = folder, self.pictures.relative(folder)
        return draft

    def drop(self, draft: Draft) -> None:
        """Forget a picture that turned out to be none."""
        self._drafts = {n: d for n, d in self._drafts.items() if d is not draft}

    @property
    def drafts(self) -> Iterable[Draft]:
        """All pictures and videos so far."""
        return self._drafts.values()

    def result(self, src: Path, *, what: str, **origin: Any) -> Imported:
        """Everything gathered. FormatError when not even one picture was described."""
        if not self._drafts:
            reason = self.skipped[0].reason if self.skipped else "it holds none"
            raise FormatError(f"no {what} could be read: {reason}", where=str(src))
        items = tuple(draft.item() for draft in self._drafts.values())
        dataset = Dataset(tuple(self._classes.values()), items)
        return Imported(dataset, tuple(self.skipped), {"file": str(src.absolute()), **origin})


def read_text(file: Path) -> str:
    """A text file of rows, at most MAX_TEXT. Raises RowFault when it cannot be read."""
    tick(None, file.name)
    try:
        if file.stat().st_size > MAX_TEXT:
            raise RowFault(f"the file is larger than {MAX_TEXT >> 20} MB")
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RowFault("the file is not UTF-8 text") from None
    except OSError as error:
        raise RowFault(f"cannot read the file: {error.strerror or error}") from None


def whole_text(file: Path) -> str:
    """`read_text` where the file is all there is: raises FormatError."""
    try:
        return read_text(file)
    except RowFault as fault:
        raise FormatError(str(fault), where=str(file)) from None


def listed_names(file: Path) -> list[str]:
    """The lines of a list of classes in their order, [] where there is none.

    Their order is their meaning: empty lines inside keep their places.
    """
    try:
        return [line.strip() for line in read_text(file).rstrip().splitlines()]
    except RowFault:
        return []


def stem_of(path: str) -> str:
    """A path without its suffix, with forward slashes."""
    return str(PurePosixPath(path).with_suffix(""))
