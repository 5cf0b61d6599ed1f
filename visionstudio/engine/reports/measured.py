"""The parts of a report that tell how good results are and where they go wrong."""

from __future__ import annotations

import base64

from visionstudio.engine.evaluation.crops import caption, crop, frame_of
from visionstudio.engine.evaluation.evaluation import (
    BACKGROUND,
    KINDS,
    Case,
    Confusion,
    Evaluation,
    Kind,
)
from visionstudio.engine.reports.charts import Line, chart
from visionstudio.engine.reports.page import (
    facts,
    number,
    section,
    table,
    text,
    tiles,
)
from visionstudio.model.errors import VisionStudioError

_MOST_CLASSES = 40  # of a matrix that a page can show
_PER_KIND = 18  # crops of each kind of mistake
_MAIN = 6
_KIND_TITLES: dict[Kind, str] = {
    "missed": "Missed",
    "false": "Found where there is nothing",
    "class": "Taken for another class",
    "place": "Badly placed",
    "duplicate": "Found twice",
}
_WHOLE: tuple[float, float] = (0.0, 1.0)


def lead(found: Evaluation) -> str:
    """What was compared, in a sentence."""
    side = {"val": "held-out ", "train": "training "}.get(found.split, "")
    count = len(found.pictures)
    return f"{found.task}, {count} {side}picture{'s' if count != 1 else ''}"


def evaluation_parts(found: Evaluation) -> str:
    """Figures, classes, curves, confusion, sizes and mistakes."""
    main = dict(list(found.metrics.items())[:_MAIN])
    rest = {k: number(v) for k, v in list(found.metrics.items())[_MAIN:]}
    if found.threshold is not None:
        rest["Threshold with the best F1"] = number(found.threshold)
    if found.calibration is not None:
        rest["Expected calibration error"] = number(found.calibration.ece)
    return "".join(
        [
            tiles(main),
            facts(rest) if rest else "",
            section("Classes", _classes(found)),
            section("Curves", quality_curves(found)),
            section(
                "Confusion",
                confusion_matrix(found.confusion),
                "Rows are what is labelled, columns what was found.",
            ),
            section("By size", _buckets(found)),
            _mistakes(found),
        ]
    )


def _classes(found: Evaluation) -> str:
    names = list(dict.fromkeys(n for c in found.classes for n in c.figures))
    rows = [
        [c.name, c.truths, c.found, *(c.figures.get(n, -1.0) for n in names)] for c in found.classes
    ]
    return table(["Class", "Labelled", "Found", *names], rows)


def quality_curves(found: Evaluation) -> str:
    """Precision over recall and F1 over the threshold by class, and calibration."""
    curves = [(c.name, c.curve) for c in found.classes if c.curve and c.curve.recall]
    curves.sort(key=lambda pair: -pair[1].average_precision)
    parts = [
        chart(
            "Precision over recall",
            [Line(n, c.recall, c.precision) for n, c in curves],
            "recall",
            x_range=_WHOLE,
            y_range=_WHOLE,
        ),
        chart(
            "F1 over the threshold",
            [Line(n, c.thresholds, c.f1) for n, c in curves],
            "threshold",
            x_range=_WHOLE,
            y_range=_WHOLE,
        ),
    ]
    if found.calibration is not None:
        one = found.calibration
        parts.append(
            chart(
                "Reliability: share of right answers over their score",
                [Line("reliability", one.scores, one.rights, marks=True)],
                "score",
                x_range=_WHOLE,
                y_range=_WHOLE,
                diagonal=True,
            )
        )
    return "".join(parts)


def confusion_matrix(confusion: Confusion | None) -> str:
    """The confusion matrix with shaded cells, only its rows and columns that hold something."""
    if confusion is None:
        return ""
    names = [*confusion.classes, *([BACKGROUND] if confusion.background else [])]
    counts = confusion.counts
    used = [i for i in range(len(names)) if any(counts[i]) or any(r[i] for r in counts)]
    if not used:
        return ""
    used.sort(key=lambda i: i if i < len(confusion.classes) else len(names))
    if len(used) > _MOST_CLASSES:
        busiest = sorted(used, key=lambda i: -sum(counts[i]))[:_MOST_CLASSES]
        used = [i for i in used if i in busiest]
    head = "".join(f"<th>{text(names[i])}" for i in used)
    rows = []
    for i in used:
        total = sum(counts[i]) or 1
        cells = []
        for j in used:
            share = counts[i][j] / total
            shade = (
                f"color-mix(in srgb,{'#009e73' if i == j else '#d55e00'} {share:.0%},transparent)"
            )
            cells.append(f'<td style="background:{shade}">{counts[i][j] or ""}')
        rows.append(f"<tr><th class=row>{text(names[i])}{''.join(cells)}")
    left_out = len(names) - len(used)
    note = f"<p>{left_out} classes without an entry are left out.</p>" if left_out > 1 else ""
    return (
        f"<div class=scroll><table class=matrix><tr><td>{head}{''.join(rows)}</table></div>{note}"
    )


def _buckets(found: Evaluation) -> str:
    rows = [
        [
            b.name,
            f"{b.low**0.5:g}²–{b.high**0.5:g}²" if b.high < 1e9 else f"from {b.low**0.5:g}²",
            b.truths,
            b.recall,
            b.average_precision,
        ]
        for b in found.buckets
    ]
    return table(["Size", "Area in px", "Labelled", "Found", "AP"], rows)


def _mistakes(found: Evaluation) -> str:
    """Crops of the worst mistakes of each kind, as data URIs."""
    from visionstudio.engine.frames import FrameReader

    reader = FrameReader()
    mistakes = found.mistakes()
    parts = []
    try:
        for kind in KINDS:
            own = [c for c in mistakes if c.kind == kind]
            shown = "".join(_figure(found, c, reader) for c in own[:_PER_KIND])
            if shown:
                parts.append(f"<h3>{_KIND_TITLES[kind]} ({len(own)})</h3>{shown}")
    finally:
        reader.close()
    about = "Worst first. Green is the label, orange what was found."
    return section("Mistakes", "".join(parts), about)


def _figure(found: Evaluation, case: Case, reader: object) -> str:
    import cv2

    from visionstudio.engine.frames import FrameReader

    picture = found.pictures[case.picture]
    if not picture.file or not isinstance(reader, FrameReader):
        return ""
    try:
        image = reader.read(frame_of(picture))
    except VisionStudioError:
        return ""
    done, data = cv2.imencode(".jpg", crop(image, case)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        return ""
    source = base64.b64encode(data.tobytes()).decode("ascii")
    words = f"{caption(found, case)} · {picture.path}"
    return (
        f'<figure><img alt="{text(words)}" src="data:image/jpeg;base64,{source}">'
        f"<figcaption>{text(words)}</figcaption></figure>"
    )
