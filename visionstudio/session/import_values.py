"""What a person chooses before an import, what it would do, and what it did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from visionstudio.formats.dataset import Imported, Skipped
from visionstudio.formats.progress import Progress
from visionstudio.model.edits import Edit
from visionstudio.storage.bulk import NewRows

Rule = Literal["skip", "keep", "replace"]

__all__ = ["Census", "Choices", "ImportPlan", "ImportReport", "Merge", "Progress", "Rule"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person may choose before an import.

    `rule` is for rows that are in the project already: 'skip' takes none of
    them, 'keep' takes them as further annotations, 'replace' skips equal ones
    and puts rows of the same number (as COCO has them) in the place of what
    they were. `classes` maps a class of the file to one of the project; several
    to one merge them, None leaves its rows out. `splits`, where given, are the
    only subsets to take; what belongs to none is in ''.
    """

    rule: Rule = "skip"
    classes: Mapping[str, str | None] = field(default_factory=dict)
    splits: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Census:
    """What a file holds, before anything is chosen: annotations by class, pictures by subset."""

    pictures: int
    classes: Mapping[str, int]
    splits: Mapping[str, int]

    @classmethod
    def of(cls, imported: Imported) -> Census:
        """Counts of what was read; classes that no annotation has are there with 0."""
        dataset = imported.dataset
        classes = Counter({c.name: 0 for c in dataset.classes})
        for item in dataset.items:
            classes.update(row.label for row in item.annotations)
        if imported.stream is not None:
            classes.update(imported.stream.census)
        splits = Counter(item.split for item in dataset.items)
        return cls(len(dataset.items), classes, splits)


@dataclass(frozen=True, slots=True)
class Merge:
    """A row of the file that replaces an annotation of the project: where, and what changes.

    `corrected` says that a person has changed the annotation since it was imported.
    """

    path: str
    where: str
    what: str
    corrected: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do. Rows of the file = annotations + skipped.

    `media` counts the file's pictures that are in the project now, of which
    `added_media` are new; `annotations` counts annotations that are new, or
    were replaced (`replaced`). `per_class` counts them by class. `unresolved`
    are pictures that were not found; `notes` say what a person may want to know.
    `there` counts the skipped rows that are in the project already; `merges` are
    the first of the replaced ones.
    """

    media: int
    added_media: int
    annotations: int
    skipped: tuple[Skipped, ...]
    unresolved: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    replaced: int = 0
    per_class: Mapping[str, int] = field(default_factory=dict)
    there: int = 0
    merges: tuple[Merge, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """An import that can be looked at before it is done. `edit` is None when nothing changes.

    `new` are the annotations that it adds. `origin` says what was read, in
    which format and with which choices. `class_extra` are fields of formats
    about classes, by their ids. `after` gives the report anew once the import is
    done, where rows are counted only while they are stored.
    """

    edit: Edit | None
    report: ImportReport
    origin: Mapping[str, Any] = field(default_factory=dict)
    new: NewRows | None = None
    class_extra: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    after: Callable[[], ImportReport] | None = None
