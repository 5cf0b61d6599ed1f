"""``evaluate``: models, runs and files of results against labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.opening import parameters, project_store, results_of
from visionstudio.app.cli.predict import Device, Params, Weights, check_task
from visionstudio.app.cli.reply import ProgressLine, Reply, figures
from visionstudio.app.cli.train import find_run

if TYPE_CHECKING:
    from visionstudio.engine.training import RunInfo
    from visionstudio.session.evaluating import Figures, Truth
    from visionstudio.storage.store import ProjectStore

_SPLITS = ("train", "val", "all")
_FILE_TASKS = ("detect", "segment", "keypoints", "mot")


def evaluate(
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The project whose labels are the truth.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="ID", help="The model to measure.")] = None,
    weights: Weights = None,
    run: Annotated[
        Path | None, typer.Option(metavar="RUN", help="A training run: its weights and its split.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What predict --out wrote.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="train, val or all; for a run val, else all.")
    ] = None,
    param: Params = None,
    device: Device = "auto",
    gt: Annotated[Path | None, typer.Option(metavar="FILE", help="Ground truth, COCO.")] = None,
    dt: Annotated[Path | None, typer.Option(metavar="FILE", help="Results, COCO.")] = None,
    task: Annotated[
        str | None, typer.Option(help="detect, segment, keypoints or mot, with --gt and --dt.")
    ] = None,
) -> Reply:
    """Measure how well results fit labels."""
    if gt is not None or dt is not None or task is not None:
        if folder is not None or gt is None or dt is None or task is None:
            raise typer.BadParameter("files are compared with --gt FILE --dt FILE --task TASK")
        return _reply(_of_files(gt, dt, task))
    if folder is None:
        raise typer.BadParameter("name a project, or give --gt, --dt and --task")
    if sum(x is not None for x in (model, run, predictions)) != 1:
        raise typer.BadParameter("give one of --model, --run and --predictions")
    if split is not None and split not in _SPLITS:
        raise typer.BadParameter(f"'{split}' is none of train, val, all", param_hint="--split")
    with project_store(folder, read_only=True) as store:
        if predictions is not None:
            return _reply(_of_predictions(store, predictions, split))
        measured = _Measured.of(folder, model, weights, run)
        return _reply(measured.figures(store, split, parameters(param or ()), device))


def _reply(measured: Figures) -> Reply:
    task, metrics = measured
    return Reply({"task": task, "metrics": metrics}, figures(metrics))


def _of_files(gt: Path, dt: Path, task: str) -> Figures:
    from visionstudio.engine.evaluation import evaluate_files
    from visionstudio.model.errors import InvalidValue

    if task == "mot":
        raise InvalidValue(
            "figures of many-object tracks (MOTA, IDF1, HOTA) are not in this version",
            where="--task mot",
            next_step="measure one object's track with: visionstudio track … --gt FILE",
        )
    if task not in _FILE_TASKS:
        raise typer.BadParameter(f"'{task}' is none of {', '.join(_FILE_TASKS)}")
    return task, evaluate_files(gt, dt, task)  # type: ignore[arg-type]  # checked above


def _of_predictions(store: ProjectStore, predictions: Path, split: str | None) -> Figures:
    from visionstudio.model.errors import FormatError
    from visionstudio.session.evaluating import measure_file, truth_of

    if split not in (None, "all"):
        raise _no_split(split)
    if not predictions.exists():
        raise FormatError(
            "there is no such file of predictions",
            where=str(predictions),
            next_step="make one with: visionstudio predict … --out FILE",
        )
    return measure_file(truth_of(store), predictions)


def _no_split(split: str | None) -> Exception:
    from visionstudio.model.errors import InvalidValue

    return InvalidValue(
        f"only a training run knows its split '{split}'",
        next_step="give --run RUN, or weights that lie in the folder of their run",
    )


class _Measured:
    """The model to measure, with the run that trained it where that is known."""

    def __init__(self, model: str, weights: Path | None, run: RunInfo | None, is_run: bool) -> None:
        self.model = model
        self.weights = weights
        self.run = run
        self.is_run = is_run

    @classmethod
    def of(
        cls, folder: Path, model: str | None, weights: Path | None, run: Path | None
    ) -> _Measured:
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

    def figures(
        self, store: ProjectStore, split: str | None, params: dict[str, Any], device: str
    ) -> Figures:
        """Predict on the pictures of the split and compare."""
        from visionstudio.engine.discovery import discover
        from visionstudio.session.evaluating import measure, truth_of

        info = discover().model(self.model)
        check_task(info)
        truth = truth_of(store, self._keys(split))
        results = self._results(store, truth, params, device)
        return measure(truth, results, info.output)

    def _keys(self, split: str | None) -> list[tuple[int, int]] | None:
        split = split or ("val" if self.is_run else "all")
        if self.run is None:
            if split != "all":
                raise _no_split(split)
            return None
        if split == "all" and not self.is_run:
            return None
        return self.run.of(split)

    def _results(
        self, store: ProjectStore, truth: Truth, params: dict[str, Any], device: str
    ) -> dict[int, Any]:
        from visionstudio.engine.events import FrameFailed, FrameResult
        from visionstudio.engine.requests import FrameRef, Predict
        from visionstudio.model.errors import MediaError

        kinds = {m.id: str(m.kind) for m in store.media()}
        frames = []
        for item in truth.dataset.items:
            if item.file is not None and item.id is not None:
                media_id, frame = truth.keys[item.id]
                path = str(item.file.absolute())
                frames.append(FrameRef(str(item.id), path, kinds[media_id], frame))
        if not frames:
            raise MediaError(
                "none of the labelled pictures is there",
                where=truth.dataset.items[0].path,
                next_step="put them back or connect their drive",
            )
        request = Predict(
            model=self.model,
            frames=tuple(frames),
            weights=str(self.weights.absolute()) if self.weights is not None else None,
            params=params,
            device=device,
        )
        results: dict[int, Any] = {}
        failed: list[str] = []
        for event in results_of(request, ProgressLine()):
            if isinstance(event, FrameResult):
                results[int(event.key)] = event.result
            elif isinstance(event, FrameFailed):
                failed.append(event.reason)
        if failed and not results:
            raise MediaError("none of the pictures could be predicted", where=failed[0])
        return results
