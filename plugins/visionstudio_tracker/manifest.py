"""What the tracker plugin offers. Importing this loads neither torch nor OpenCV."""

from __future__ import annotations

from dataclasses import dataclass

from visionstudio.api import Manifest, ModelSpec, param


@dataclass(frozen=True)
class CsrtParams:
    """When CSRT's answer is believed, and how the object is found again."""

    min_score: float = param(
        0.45,
        low=0.0,
        high=1.0,
        step=0.01,
        title="Least similarity",
        help="Below this similarity to the object's known looks it counts as lost.",
    )
    patience: int = param(
        5,
        low=1,
        high=100,
        unit="frames",
        help="How many doubtful frames in a row end the track.",
    )
    reacquire: bool = param(
        True,
        title="Find again",
        help="Look for a lost object around where it was last seen, farther with every frame.",
    )


MANIFEST = Manifest(
    name="tracker",
    version="0.1.0",
    description="Follows a region drawn by hand through a video",
    licence="Apache-2.0",
    models=(
        ModelSpec(
            id="tracker/csrt",
            task="tracker",
            title="CSRT",
            description=(
                "Discriminative correlation filter with channel and spatial reliability "
                "(Lukežič et al., 2017), with a check of every answer and a Lost state."
            ),
            licence="Apache-2.0",
            factory="visionstudio_tracker.csrt:CsrtTracker",
            params=CsrtParams,
            output="track",
            ready=True,
        ),
    ),
)
