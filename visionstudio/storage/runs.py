"""Runs: what made annotations, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


def now() -> str:
    """The time in UTC as ISO 8601 with seconds, as runs and the journal store it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One use of a model: what ran, with what, on what.

    `id` is 0 until the store has given one. `kind` is 'predict', 'track',
    'train', 'generate' or 'edit'. `weights_hash` is the SHA-256 of the weights
    file in hex, '' for a model without weights. `params` and `inputs` must be
    representable as JSON. `started` is ISO 8601 in UTC.
    """

    id: int = 0
    model: str
    kind: str = "predict"
    weights_hash: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    started: str = field(default_factory=now)
