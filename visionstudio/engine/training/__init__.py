"""Training runs: a frozen plan of the data, a child process that trains, its events."""

from visionstudio.engine.training.plan import PlanClass, PlanPicture, PlanTarget, TrainPlan

__all__ = ["PlanClass", "PlanPicture", "PlanTarget", "TrainPlan"]
