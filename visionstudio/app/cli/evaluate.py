"""``evaluate``: models, runs and files of results against labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from visionstudio.app.cli.opening import parameters, project_store, results_of
from visionstudio.app.cli.predict import Device, Params, Weights, check_task
from visionstudio.app.cli.reply import ProgressLine, Reply, columns, figures
from visionstudio.app.cli.train import find_run

if TYPE_CHECKING:
    from visionstudio.engine.evaluation import Collector, Evaluation
    from visionstudio.engine.evaluation.truth import Key
    from visionstudio.engine.training import RunInfo
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
    model: Annotated[str | None, typer.Option(metavar="ID", help="The model to measure.")] = None,
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
        str | None, typer.Option(help="train, val or all; for a run val, else all.")
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
            help="detect, segment, keypoints or mot, with --gt and --dt; sot, with --trackers."
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
    with project_store(folder, read_only=True) as store:
        if predictions is not None:
            return _reply(_of_predictions(store, predictions, split), report)
        if run is not None and len(run) > 1:
            subjects = [_Subject.of(folder, None, None, one) for one in run]
            return _compare(store, subjects, split, device, report)
        subject = _Subject.of(folder, model, weights, run[0] if run else None)
        if subject.model.startswith("generator/"):
            from visionstudio.app.cli.evaluate_generator import evaluate_generator

            keys = subject.run.of("all") if subject.run is not None else None
            values = parameters(param or ())
            found = evaluate_generator(
                store, subject.model, subject.weights, keys, values, device, inception
            )
            return _reply(found, report, subject)
        found = subject.evaluate(store, subject.keys(split), parameters(param or ()), device)
        found = _with_split(found, subject.split(split))
        if subject.is_run and subject.run is not None and found.split == "val":
            from visionstudio.engine.reports import keep_evaluation

            keep_evaluation(subject.run, found)
        return _reply(found, report, subject)


def _with_split(evaluation: Evaluation, split: str) -> Evaluation:
    """The evaluation, with the side of the split that it is about."""
    return msgspec.structs.replace(evaluation, split=split)


def _reply(found: Evaluation, report: Path | None, subject: _Subject | None = None) -> Reply:
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
    subjects: list[_Subject],
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
    found = [s.evaluate(store, sorted(keys), {}, device) for s in subjects]
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

    if split not in (None, "all"):
        raise _no_split(split)
    if not predictions.exists():
        raise FormatError(
            "there is no such file of predictions",
            where=str(predictions),
            next_step="make one with: visionstudio predict … --out FILE",
        )
    return analyse_file(truth_of(store), predictions)


def _no_split(split: str | None) -> Exception:
    from visionstudio.model.errors import InvalidValue

    return InvalidValue(
        f"only a training run knows its split '{split}'",
        next_step="give --run RUN, or weights that lie in the folder of their run",
    )


class _Subject:
    """The model to measure, with the run that trained it where that is known."""

    def __init__(self, model: str, weights: Path | None, run: RunInfo | None, is_run: bool) -> None:
        self.model = model
        self.weights = weights
        self.run = run
        self.is_run = is_run

    @classmethod
    def of(
        cls, folder: Path, model: str | None, weights: Path | None, run: Path | None
    ) -> _Subject:
        """By a run, or by model and weights; weights in a run's folder know their run."""
        from visionstudio.engine.training import load_run
        from visionstudio.model.errors import TrainingError

        if run is not None:
            found = load_run(find_run(folder, run))
            if found.weights is None:
                raise TrainingError(
                    "the run has no weights yet",
                    where=str(found.folder),
                    next_step=f"go on with: visionstudio train {folder} --resume {found.folder}",
                )
            return cls(found.model, weights or found.weights, found, True)
        near = None
        if weights is not None:
            try:
                near = load_run(weights.parent)
            except TrainingError:
                near = None
        return cls(model or "", weights, near, False)

    def evaluate(
        self,
        store: ProjectStore,
        keys: list[Key] | None,
        params: dict[str, Any],
        device: str,
    ) -> Evaluation:
        """Predict on the pictures of the split and compare."""
        from visionstudio.engine.discovery import discover
        from visionstudio.engine.evaluation import Collector
        from visionstudio.session.evaluating import truth_of

        info = discover().model(self.model)
        check_task(info)
        collector = Collector(truth_of(store, keys), info.output)
        self._predict(collector, params, device)
        weights = str(self.weights.absolute()) if self.weights is not None else ""
        found = collector.evaluate()
        return msgspec.structs.replace(found, model=self.model, weights=weights)

    def split(self, split: str | None) -> str:
        """The side of the split that is meant."""
        return split or ("val" if self.is_run else "all")

    def keys(self, split: str | None) -> list[Key] | None:
        """The pictures of a side of the split, None for all that are labelled."""
        split = self.split(split)
        if self.run is None:
            if split != "all":
                raise _no_split(split)
            return None
        if split == "all" and not self.is_run:
            return None
        return self.run.of(split)

    def _predict(self, collector: Collector, params: dict[str, Any], device: str) -> None:
        from visionstudio.engine.events import FrameFailed, FrameResult
        from visionstudio.engine.requests import Predict
        from visionstudio.model.errors import MediaError

        request = Predict(
            model=self.model,
            frames=collector.truth.frames(),
            weights=str(self.weights.absolute()) if self.weights is not None else None,
            params=params,
            device=device,
        )
        failed: list[str] = []
        for event in results_of(request, ProgressLine()):
            if isinstance(event, FrameResult):
                collector.add(int(event.key), event.result)
            elif isinstance(event, FrameFailed):
                failed.append(event.reason)
        if failed and not len(collector):
            raise MediaError("none of the pictures could be predicted", where=failed[0])
