"""How far two people agree on the same pictures: by objects, by classes, by tags.

Objects are paired by IoU. Krippendorff's alpha (Krippendorff, "Computing Krippendorff's
Alpha-Reliability", 2011, nominal metric) tells how much better the agreement is than
chance: 1 is perfect, 0 is what chance gives.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from visionstudio.formats.progress import Progress
from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import ProjectError
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Tag
from visionstudio.session.team.pairing import SameMedia, pair
from visionstudio.storage.reading import ProjectReader

NOTHING = ""
"""The class of an object that the other person did not mark."""


@dataclass(frozen=True, slots=True)
class ClassAgreement:
    """Agreement on one class. Counts are of objects, or of pictures for tags.

    `both` were marked by both with this class; `f1` is 2·both / (mine + theirs);
    `overlap` is the mean IoU of those, NaN for tags; `alpha` is Krippendorff's for
    "is it of this class", NaN where the class did not vary.
    """

    name: str
    mine: int
    theirs: int
    both: int
    f1: float
    overlap: float
    alpha: float


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An object on which the two differ; a class is `NOTHING` where one did not mark it."""

    media: MediaItem
    mine: Annotation | None
    theirs: Annotation | None
    mine_class: str
    theirs_class: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two people's labels compared. `alpha` is Krippendorff's over all classes."""

    pictures: int
    alpha: float
    classes: tuple[ClassAgreement, ...]
    confusion: Mapping[tuple[str, str], int]
    disagreements: tuple[Disagreement, ...]

    def to_document(self) -> dict[str, Any]:
        """The figures as plain values."""
        fields = ("name", "mine", "theirs", "both", "f1", "overlap", "alpha")
        return {
            "pictures": self.pictures,
            "alpha": self.alpha,
            "classes": [{f: getattr(c, f) for f in fields} for c in self.classes],
            "confusion": [
                {"mine": a, "theirs": b, "count": n} for (a, b), n in sorted(self.confusion.items())
            ],
            "disagreements": len(self.disagreements),
        }

    def to_csv(self) -> str:
        """One line for every class."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["class", "mine", "theirs", "both", "F1", "mean IoU", "alpha"])
        for c in self.classes:
            figures = [_number(v) for v in (c.f1, c.overlap, c.alpha)]
            writer.writerow([c.name, c.mine, c.theirs, c.both, *figures])
        return out.getvalue()


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"


def agreement(
    ours: ProjectReader,
    others: ProjectReader,
    *,
    least: float = 0.5,
    progress: Progress | None = None,
) -> Agreement:
    """Compare the labels of all pictures that both have looked at: verified, or with labels.

    Objects that overlap by `least` (IoU) are taken for the same. Raises ProjectError when
    the projects have no such picture in common. `progress` may raise to give up.
    """
    same = SameMedia(ours)
    units = _Units()
    names = {c.id: c.name for c in ours.classes()}
    their_names = {c.id: c.name for c in others.classes()}
    known = {name: class_id for class_id, name in names.items()}
    foreign = {  # their classes that we lack get ids of their own
        c: known.get(name, -c) for c, name in their_names.items()
    }
    names |= {-c: name for c, name in their_names.items() if name not in known}
    items = others.media()
    pictures = 0
    for n, item in enumerate(items):
        if progress is not None and n % 20 == 0:
            progress(n / len(items), item.path)
        mine = same.find(others, item)
        if mine is None:
            continue
        left = [a for a in ours.annotations(mine.id) if a.state.is_label]
        right = [a for a in others.annotations(item.id) if a.state.is_label]
        if not ((left or mine.verified) and (right or item.verified)):
            continue
        pictures += 1
        right = [_of_class(a, foreign[a.class_id]) for a in right]
        units.take(mine, left, right, names, least)
    if not pictures:
        raise ProjectError(
            "the projects have no picture in common that both have labelled or verified",
            where=str(others.folder),
            next_step="mark pictures without objects as verified (Space)",
        )
    return units.result(pictures)


def _of_class(annotation: Annotation, class_id: int) -> Annotation:
    return replace(annotation, class_id=class_id)


class _Units:
    """What two people said about every object, and about every tag of every picture."""

    def __init__(self) -> None:
        self.objects: list[tuple[str, str]] = []
        self.overlaps: dict[str, list[float]] = defaultdict(list)
        self.tags: list[tuple[frozenset[str], frozenset[str]]] = []
        self.disagreements: list[Disagreement] = []

    def take(
        self,
        media: MediaItem,
        left: list[Annotation],
        right: list[Annotation],
        names: Mapping[int, str],
        least: float,
    ) -> None:
        self._take_tags(media, left, right, names)
        found = pair(
            [a for a in left if not isinstance(a.shape, Tag)],
            [a for a in right if not isinstance(a.shape, Tag)],
            (media.width, media.height),
            least=least,
            by_id=False,
        )
        for both in found.both:
            said = names[both.mine.class_id], names[both.theirs.class_id]
            self._say(media, both.mine, both.theirs, said)
            if said[0] == said[1]:
                self.overlaps[said[0]].append(both.overlap)
        for one in found.mine:
            self._say(media, one, None, (names[one.class_id], NOTHING))
        for one in found.theirs:
            self._say(media, None, one, (NOTHING, names[one.class_id]))

    def _say(
        self,
        media: MediaItem,
        mine: Annotation | None,
        theirs: Annotation | None,
        said: tuple[str, str],
    ) -> None:
        self.objects.append(said)
        if said[0] != said[1]:
            self.disagreements.append(Disagreement(media, mine, theirs, *said))

    def _take_tags(
        self,
        media: MediaItem,
        left: list[Annotation],
        right: list[Annotation],
        names: Mapping[int, str],
    ) -> None:
        sides = [
            {names[a.class_id]: a for a in side if isinstance(a.shape, Tag)}
            for side in (left, right)
        ]
        self.tags.append((frozenset(sides[0]), frozenset(sides[1])))
        for name in sorted(set(sides[0]) ^ set(sides[1])):
            mine, theirs = sides[0].get(name), sides[1].get(name)
            said = (name, NOTHING) if mine is not None else (NOTHING, name)
            self.disagreements.append(Disagreement(media, mine, theirs, *said))

    def result(self, pictures: int) -> Agreement:
        tagged = {name for both in self.tags for side in both for name in side}
        marked = {name for said in self.objects for name in said if name != NOTHING}
        classes = [self._of_tag(name) for name in sorted(tagged - marked)]
        classes += [self._of_objects(name) for name in sorted(marked)]
        units = list(self.objects)
        for mine, theirs in self.tags if tagged else ():
            if len(mine) <= 1 and len(theirs) <= 1:  # one statement about the picture
                units.append((next(iter(mine), NOTHING), next(iter(theirs), NOTHING)))
            else:
                units += [
                    (name if name in mine else NOTHING, name if name in theirs else NOTHING)
                    for name in mine | theirs
                ]
        return Agreement(
            pictures,
            alpha(units),
            tuple(classes),
            Counter(units),
            tuple(self.disagreements),
        )

    def _of_tag(self, name: str) -> ClassAgreement:
        said = [(name in mine, name in theirs) for mine, theirs in self.tags]
        return _figures(name, said, math.nan)

    def _of_objects(self, name: str) -> ClassAgreement:
        said = [(a == name, b == name) for a, b in self.objects]
        values = self.overlaps[name]
        return _figures(name, said, sum(values) / len(values) if values else math.nan)


def _figures(name: str, said: Sequence[tuple[bool, bool]], overlap: float) -> ClassAgreement:
    mine, theirs = sum(a for a, _ in said), sum(b for _, b in said)
    both = sum(a and b for a, b in said)
    f1 = 2 * both / (mine + theirs) if mine + theirs else math.nan
    return ClassAgreement(name, mine, theirs, both, f1, overlap, alpha(said))


def alpha(units: Iterable[Sequence[Any]]) -> float:
    """Krippendorff's alpha for nominal values: `units` hold what each coder said, None for nothing.

    1 − observed / expected disagreement. NaN where all said the same one value, or fewer
    than two values can be paired: there is nothing that chance could explain.
    """
    together: Counter[tuple[Any, Any]] = Counter()
    for unit in units:
        said = [v for v in unit if v is not None]
        counts = Counter(said)
        for a, n in counts.items():
            for b, m in counts.items():
                pairs = n * (m - (a == b))
                if pairs:
                    together[a, b] += pairs / (len(said) - 1)
    totals: Counter[Any] = Counter()
    for (a, _), weight in together.items():
        totals[a] += weight
    n = sum(totals.values())
    expected = n * n - sum(v * v for v in totals.values())
    if n <= 1 or expected <= 0:
        return math.nan
    observed = sum(w for (a, b), w in together.items() if a != b)
    return 1.0 - (n - 1) * observed / expected
