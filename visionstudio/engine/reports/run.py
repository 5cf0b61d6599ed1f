"""report.html of a training run: its figures, mistakes, curves, and what it was made with."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from pathlib import Path

from visionstudio.engine.evaluation.evaluation import (
    Evaluation,
    load_evaluation,
    save_evaluation,
)
from visionstudio.engine.reports.charts import Line, chart
from visionstudio.engine.reports.measured import evaluation_parts, lead
from visionstudio.engine.reports.page import facts, page, section, tiles, write_page
from visionstudio.engine.training.runs import REPORT, RunInfo, load_run, read_events
from visionstudio.model.errors import InvalidValue, StorageFull

Points = list[tuple[float, float]]


def write_run_report(folder: Path) -> Path:
    """Write report.html from run.json, events.jsonl and evaluation.json, where there is one.

    TrainingError when there is no run, StorageFull.
    """
    run = load_run(folder)
    try:
        found = load_evaluation(folder)
    except InvalidValue:
        found = None  # a damaged one does not keep the rest from being read
    about = f"{run.file.state}. {run.file.error}" if run.file.error else run.file.state
    parts = [
        section("On the pictures held out", evaluation_parts(found), lead(found))
        if found is not None
        else tiles(run.metrics),
        section("Training", _curves(curves(folder))),
        section("Run", run_facts(run)),
    ]
    return write_page(folder / REPORT, page(run.title, about, parts))


def keep_evaluation(run: RunInfo, found: Evaluation) -> None:
    """Store what was found on a run's held-out pictures with the run, and in its report."""
    with contextlib.suppress(OSError, StorageFull):  # a run that lies on a disc can be measured
        save_evaluation(run.folder, found)
        write_run_report(run.folder)


def run_facts(run: RunInfo) -> str:
    """What a run was made with: enough to do it again."""
    file = run.file
    return facts(
        {
            "Model": file.model,
            "Started": file.started,
            "Took": f"{file.seconds:.1f} s, {file.epochs} epochs",
            "Device": file.device,
            "Pictures": f"{len(run.of('train'))} to train, {len(run.of('val'))} held out",
            "Classes": ", ".join(file.classes),
            "Parameters": ", ".join(f"{k} = {v}" for k, v in file.params.items()),
            "Seed": file.seed,
            "Best by": ", ".join(f"{k} {v:.4g}" for k, v in file.metrics.items()),
            "Data (SHA-256)": file.data_hash,
            "Versions": ", ".join(f"{k} {v}" for k, v in file.versions.items()),
        }
    )


def curves(folder: Path) -> dict[str, Points]:
    """Each figure of the run over its step, in the order it came."""
    found: dict[str, Points] = defaultdict(list)
    for count, event in enumerate(read_events(folder)):
        step = event.get("step")
        for name, value in (event.get("metrics") or {}).items():
            if isinstance(value, (int, float)):
                found[name].append((float(step if step is not None else count), float(value)))
    return dict(found)


def _curves(drawn: dict[str, Points]) -> str:
    """Losses in one chart, figures in another, the learning rate in a third."""
    losses = {n: p for n, p in drawn.items() if "loss" in n.lower()}
    rates = {n: p for n, p in drawn.items() if n == "lr"}
    others = {n: p for n, p in drawn.items() if n not in losses and n not in rates}
    groups = (("Loss", losses), ("Figures on held-out pictures", others), ("Learning rate", rates))
    return "".join(
        chart(
            title,
            [Line(n, [x for x, _ in p], [y for _, y in p]) for n, p in group.items() if len(p) > 1],
            "step",
        )
        for title, group in groups
    )
