"""Training runs: a frozen plan of the data, a child process that trains, its events.

    plan = build_plan(store, model, {"epochs": 8}, holdout=0.2, minutes=3)
    run = start_training(plan, folder, on_event)      # a child process
    run.stop()                                        # ends soon and keeps the best weights

`run_training(plan, folder, on_event)` does the same in this process.
"""

from visionstudio.engine.training.builder import build_plan
from visionstudio.engine.training.plan import (
    PlanClass,
    PlanPicture,
    PlanTarget,
    TrainPlan,
    load_plan,
    save_plan,
)
from visionstudio.engine.training.process import TrainingRun, start_training
from visionstudio.engine.training.runner import run_training
from visionstudio.engine.training.runs import RunFile, RunInfo, list_runs, load_run, read_events
from visionstudio.engine.training.steering import Control

__all__ = [
    "Control",
    "PlanClass",
    "PlanPicture",
    "PlanTarget",
    "RunFile",
    "RunInfo",
    "TrainPlan",
    "TrainingRun",
    "build_plan",
    "list_runs",
    "load_plan",
    "load_run",
    "read_events",
    "run_training",
    "save_plan",
    "start_training",
]
