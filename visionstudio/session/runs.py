"""The project's memory of what models did: every proposal and track points to one of these."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.weights import file_hash
from visionstudio.session.proposals import ProposalBuilder
from visionstudio.storage import ProjectStore, RunRecord, project_folder


def record_run(
    store: ProjectStore,
    kind: str,
    model: ModelInfo,
    weights: Path | None,
    params: Mapping[str, Any],
    inputs: Mapping[str, Any],
) -> RunRecord:
    """Remember one use of a model. Reads the weights file to hash it; blocks."""
    named = {} if weights is None else {"weights": str(weights.absolute())}
    return store.add_run(
        RunRecord(
            kind=kind,
            model=model.id,
            weights_hash="" if weights is None else file_hash(weights),
            params=dict(params),
            inputs={**inputs, **named},
        )
    )


def proposals_of_run(
    store: ProjectStore,
    model: ModelInfo,
    weights: Path | None,
    params: Mapping[str, Any],
    inputs: Mapping[str, Any],
) -> ProposalBuilder:
    """Begin a prediction run: what collects its results for the edit that stores them."""
    record = record_run(store, "predict", model, weights, params, inputs)
    title = f"Predict with {model.title}"
    return ProposalBuilder(title, model.id, record.id, store.classes(), store.reserve_ids)


def new_run_folder(project: Path, model: str) -> Path:
    """A folder in the project's runs/ that does not exist yet."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    base = project / "runs" / f"{stamp}-{model.replace('/', '-')}"
    found, number = base, 2
    while found.exists():
        found, number = base.with_name(f"{base.name}-{number}"), number + 1
    return found


def find_run(project: Path, run: Path) -> Path:
    """A run by its folder, or by its name in the project's runs/."""
    if run.is_dir():
        return run
    inside = project_folder(project) / "runs" / run
    return inside if inside.is_dir() else run
