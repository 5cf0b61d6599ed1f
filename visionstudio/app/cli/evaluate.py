"""``evaluate``: models, runs and files of results against labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from visionstudio.app.cli import completing
from visionstudio.app.cli.opening import parameters, project_store
from visionstudio.app.cli.predict import Device, Params, Weights
from visionstudio.app.cli.reply import ProgressLine, Reply, columns, figures

if TYPE_CHECKING:
    from visionstudio.engine.evaluation import Evaluation
    from visionstudio.engine.evaluation.truth import Key
    from visionstudio.session.subject import Subject
    from visionstudio.storage.store import ProjectStore

_SPLITS = ("train", "val", "all")
_FILE_TASKS = ("detect", "segment", "keypoints", "mot")
_SHOWN = ("AP", "AP50", "IoU", "boundary F", "precision", "recall", "F1")


def evaluate(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR", help="The project whose labels are the truth; or a clip, for sot."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="ID", help="The model to measure.", autocompletion=completing.models),
    ] = None,
    weights: Weights = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RUN", help="A training run: its weights and its split. Several are compared."
        ),
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What predict --out wrote.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, val or all; for a run val, else all.",
            autocompletion=completing.one_of("train", "val", "all"),
        ),
    ] = None,
    param: Params = None,
    device: Device = "auto",
    gt: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Ground truth: COCO or MOT text, for sot OTB's or VOT's."
        ),
    ] = None,
    dt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Results, COCO or MOT text.")
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="detect, segment, keypoints or mot, with --gt and --dt; sot, with --trackers.",
            autocompletion=completing.one_of("detect", "segment", "keypoints", "mot", "sot"),
        ),
    ] = None,
    trackers: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Trackers of one object; ID=FILE gives one its weights."),
    ] = None,
    roi: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="For sot: the box to start with, if not the truth."),
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="For sot: ope, or tre and sre for other starts and boxes.")
    ] = "ope",
    inception: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Inception v3 weights: a generator also gets FID, KID."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what was found as one HTML file.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="For sot: write the curves as a table.")
    ] = None,
) -> Reply:
    """Measure how well results fit labels."""
    if task == "sot" or trackers is not None:
        from visionstudio.app.cli.evaluate_trackers import evaluate_trackers

        return evaluate_trackers(folder, trackers, gt, roi, protocol, device, report, csv)
    if gt is not None or dt is not None or task is not None:
        if folder is not None or gt is None or dt is None or task is None:
            raise typer.BadParameter("files are compared with --gt FILE --dt FILE --task TASK")
        return (
            _of_tracks(gt, dt, report) if task == "mot" else _reply(_of_files(gt, dt, task), report)
        )
    if folder is None:
        raise typer.BadParameter("name a project, or give --gt, --dt and --task")
    if sum(x is not None for x in (model, run or None, predictions)) != 1:
        raise typer.BadParameter("give one of --model, --run and --predictions")
    if split is not None and split not in _SPLITS:
        raise typer.BadParameter(f"'{split}' is none of train, val, all", param_hint="--split")
    from visionstudio.session.subject import Subject

    with project_store(folder, read_only=True) as store:
        if predictions is not None:
            return _reply(_of_predictions(store, predictions, split), report)
        if run is not None and len(run) > 1:
            subjects = [Subject.of(folder, None, None, one) for one in run]
            return _compare(store, subjects, split, device, report)
        subject = Subject.of(folder, model, weights, run[0] if run else None)
        if subject.model.startswith("generator/"):
            from visionstudio.app.cli.evaluate_generator import evaluate_generator

            keys = subject.run.of("all") if subject.run is not None else None
            values = parameters(param or ())
            found = evaluate_generator(
                store, subject.model, subject.weights, keys, values, device, inception
            )
            return _reply(found, report, subject)
        found = _measured(subject, store, subject.keys(split), parameters(param or ()), device)
        found = _with_split(found, subject.split(split))
        if subject.is_run and subject.run is not None and found.split == "val":
            from visionstudio.engine.reports import keep_evaluation

            keep_evaluation(subject.run, found)
        return _reply(found, report, subject)


def _measured(
    subject: Subject,
    store: ProjectStore,
    keys: list[Key] | None,
    params: dict[str, Any],
    device: str,
) -> Evaluation:
    progress = ProgressLine()
    try:
        return subject.evaluate(store, keys, params, device, progress)
    finally:
        progress.close()


def _with_split(evaluation: Evaluation, split: str) -> Evaluation:
    """The evaluation, with the side of the split that it is about."""
    return msgspec.structs.replace(evaluation, split=split)


def _reply(found: Evaluation, report: Path | None, subject: Subject | None = None) -> Reply:
    document = found.summary()
    if report is not None:
        from visionstudio.engine.reports import write_evaluation_report

        run = subject.run if subject is not None else None
        document["report"] = str(write_evaluation_report(report, found, run))
    parts = [figures(found.metrics), _class_table(found)]
    return Reply(document, "\n\n".join(filter(None, parts)))


def _class_table(found: Evaluation) -> str:
    """The figures of each class as aligned text, where there are several."""
    if len(found.classes) < 2:
        return ""
    names = [n for n in _SHOWN if any(n in c.figures for c in found.classes)]
    rows = [("class", "labelled", "found", *names)]
    for one in found.classes:
        values = (f"{one.figures[n]:.3f}" if n in one.figures else "-" for n in names)
        rows.append((one.name, str(one.truths), str(one.found), *values))
    return columns(rows)


def _compare(
    store: ProjectStore,
    subjects: list[Subject],
    split: str | None,
    device: str,
    report: Path | None,
) -> Reply:
    """Several runs on the same pictures: those that none of them has learned from."""
    from visionstudio.engine.evaluation.comparison import best_of, compare
    from visionstudio.model.errors import InvalidValue

    keys = set(subjects[0].keys(split) or ())
    for subject in subjects[1:]:
        keys &= set(subject.keys(split) or ())
    if not keys:
        raise InvalidValue(
            "the runs have no picture of that split in common",
            next_step="train with the same seed and holdout, or give --split all",
        )
    found = [_measured(s, store, sorted(keys), {}, device) for s in subjects]
    found = [_with_split(f, s.split(split)) for f, s in zip(found, subjects, strict=True)]
    names = [s.run.folder.name if s.run is not None else s.model for s in subjects]
    table = compare(names, found)
    best = best_of(found)
    document: dict[str, Any] = {
        "task": found[best].task,
        "metrics": found[best].metrics,
        "best": names[best],
        "pictures": len(keys),
        "runs": [
            {"run": n, "model": f.model, "weights": f.weights, "task": f.task, "metrics": f.metrics}
            for n, f in zip(names, found, strict=True)
        ],
    }
    if report is not None:
        from visionstudio.engine.reports import write_comparison_report

        document["report"] = str(write_comparison_report(report, names, found))
    return Reply(document, columns(table))


def _of_tracks(gt: Path, dt: Path, report: Path | None) -> Reply:
    from visionstudio.engine.evaluation.mot import evaluate_tracks, read_tracks

    if report is not None:
        raise typer.BadParameter("tracks have figures only", param_hint="--report")
    metrics = evaluate_tracks(read_tracks(gt, truth=True), read_tracks(dt))
    return Reply({"task": "mot", "metrics": metrics}, figures(metrics))


def _of_files(gt: Path, dt: Path, task: str) -> Evaluation:
    from visionstudio.engine.evaluation.coco import read_input
    from visionstudio.engine.evaluation.detection import analyse_objects

    if task not in _FILE_TASKS:
        raise typer.BadParameter(f"'{task}' is none of {', '.join(_FILE_TASKS)}")
    return analyse_objects(read_input(gt, dt, task))  # type: ignore[arg-type]  # checked above


def _of_predictions(store: ProjectStore, predictions: Path, split: str | None) -> Evaluation:
    from visionstudio.engine.evaluation import analyse_file
    from visionstudio.model.errors import FormatError
    from visionstudio.session.evaluating import truth_of
    from visionstudio.session.subject import no_split

    if split not in (None, "all"):
        raise no_split(split)
    if not predictions.exists():
        raise FormatError(
            "there is no such file of predictions",
            where=str(predictions),
            next_step="make one with: visionstudio predict … --out FILE",
        )
    return analyse_file(truth_of(store), predictions)
