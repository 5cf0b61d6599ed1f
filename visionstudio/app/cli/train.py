"""``train``: a run on a project's labels, here in this process or under torchrun."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.opening import parameters, project_store
from visionstudio.app.cli.predict import Device, ModelId, Params
from visionstudio.app.cli.project import Folder
from visionstudio.app.cli.reply import ProgressLine, Reply, figures

if TYPE_CHECKING:
    from visionstudio.engine.events import Event
    from visionstudio.engine.training import TrainPlan
    from visionstudio.engine.training.steering import Control


def train(
    folder: Folder,
    model: ModelId,
    param: Params = None,
    holdout: Annotated[
        float, typer.Option(help="The share of pictures that is held out to measure.")
    ] = 0.2,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Train on N pictures only.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(metavar="M", min=0.0, help="A budget of time.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="S", help="Makes split and training repeatable.")
    ] = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None, typer.Option(metavar="RUN", help="The run's folder, if not in the project.")
    ] = None,
    drawn: Annotated[
        Path | None,
        typer.Option(
            metavar="WEIGHTS", help="Add pictures that this generator draws, of each class."
        ),
    ] = None,
    drawn_count: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many pictures of each class it draws.")
    ] = 100,
    find_lr: Annotated[
        bool, typer.Option("--find-lr", help="Only look for a learning rate; keep nothing.")
    ] = False,
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run that was interrupted.")
    ] = None,
) -> Reply | None:
    """Train a model on a project's labels. Ctrl-C once ends it and keeps the best weights."""
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.training import build_plan
    from visionstudio.engine.training.drawn import plan_drawn
    from visionstudio.engine.training.plan import load_plan
    from visionstudio.model.errors import TrainingError
    from visionstudio.session.runs import find_run, new_run_folder

    if resume is not None:
        run = find_run(folder, resume)
        plan = load_plan(run)
        if plan.model != discover().model(model).id:
            raise TrainingError(
                f"the run trains '{plan.model}', not '{model}'",
                where=str(run),
                next_step=f"give --model {plan.model}",
            )
        return _train(plan, run, resume=True)
    if out is None and _number("WORLD_SIZE", 1) > 1:
        raise typer.BadParameter("several processes need the same folder", param_hint="--out")
    values = parameters(param or ())
    registry = discover()
    info = registry.model(model)
    more = None if drawn is None else plan_drawn(drawn, drawn_count, registry)
    with project_store(folder, read_only=True) as store:
        plan = build_plan(
            store,
            info,
            values,
            holdout=holdout,
            limit=limit,
            minutes=minutes,
            seed=seed,
            device=device,
            find_lr=find_lr,
            drawn=more,
        )
        run = out or new_run_folder(store.folder, model)
    return _find_lr(plan) if find_lr else _train(plan, run, resume=False)


def _find_lr(plan: TrainPlan) -> Reply | None:
    """Look for a learning rate in a folder that is gone afterwards."""
    curve: list[tuple[float, float]] = []

    def keep(event: Event) -> None:
        metrics = getattr(event, "metrics", {})
        if "lr" in metrics and "loss" in metrics:
            curve.append((metrics["lr"], metrics["loss"]))

    with tempfile.TemporaryDirectory(prefix="visionstudio-lr-") as folder:
        reply = _train(plan, Path(folder), resume=False, listen=keep)
    if reply is None:
        return None
    rate = reply.document["metrics"]["suggested_lr"]
    document = {"suggested_lr": rate, "curve": curve}
    return Reply(document, f"suggested: --param lr={rate:g}")


def _number(variable: str, default: int) -> int:
    """A number that torchrun sets."""
    text = os.environ.get(variable, "")
    return int(text) if text.isdigit() else default


def _train(
    plan: TrainPlan,
    run: Path,
    *,
    resume: bool,
    listen: Callable[[Event], None] | None = None,
) -> Reply | None:
    from visionstudio.engine.events import Failed, Finished
    from visionstudio.engine.training import run_training
    from visionstudio.engine.training.steering import Control
    from visionstudio.model.errors import Cancelled

    shown = _Shown()
    control = Control()

    def tell(event: Event) -> None:
        shown(event)
        if listen is not None:
            listen(event)

    with _interrupt(control):
        event = run_training(plan, run.absolute(), tell, resume=resume, control=control)
    shown.close()
    if isinstance(event, Failed):
        raise event.error()
    if not isinstance(event, Finished):
        raise Cancelled(
            "training was interrupted",
            where=str(run),
            next_step=f"go on with: --resume {run}",
        )
    if _number("RANK", 0) > 0:
        return None  # the first of several processes answers for all
    summary = event.summary
    document = {
        "run": str(summary["run"]),
        "weights": str(summary["weights"]),
        "epochs": summary["epochs"],
        "seconds": round(event.seconds, 3),
        "metrics": dict(summary["metrics"]),
        "device": event.device,
        "stopped": summary["stopped"],
    }
    head = f"{summary['epochs']} epochs in {event.seconds:.0f} s, weights: {summary['weights']}"
    return Reply(document, "\n".join(filter(None, [head, figures(summary["metrics"])])))


@contextmanager
def _interrupt(control: Control) -> Iterator[None]:
    """The first Ctrl-C stops and keeps the best weights, the second ends at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_signal: int, _frame: Any) -> None:
        if control.stop.is_set():
            raise KeyboardInterrupt
        control.stop.set()

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Shown:
    """A run's events on stderr: a changing line, and a line for each set of validation figures."""

    def __init__(self) -> None:
        self._line = ProgressLine()
        self._begun = time.monotonic()

    def __call__(self, event: Event) -> None:
        from visionstudio.engine.events import Progress

        if isinstance(event, Progress):
            numbers = _short(event.metrics)
            self._line(event.fraction, " ".join(filter(None, [event.message, numbers])))

    def close(self) -> None:
        self._line.close()


def _short(metrics: Mapping[str, float]) -> str:
    return " ".join(f"{name} {value:.3g}" for name, value in list(metrics.items())[:6])
