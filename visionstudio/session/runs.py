"""The project's memory of what models did: every proposal and track points to one of these."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.weights import file_hash
from visionstudio.session.proposals import ProposalBuilder
from visionstudio.storage import ProjectStore, RunRecord


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
