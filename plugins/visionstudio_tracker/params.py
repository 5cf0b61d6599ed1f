"""Parameters of the trackers. Importing this loads neither torch nor OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from visionstudio.api import param
from visionstudio_torch.params import (
    FitParams,
    batch_param,
    colour_param,
    freeze_param,
    image_size_param,
    lr_param,
    mirror_param,
    scale_param,
    translate_param,
    weights_param,
)


def _share(default: float, **more: Any) -> Any:
    """A parameter from 0 to 1."""
    return param(default, low=0.0, high=1.0, step=0.01, **more)


@dataclass(frozen=True)
class GateParams:
    """When a tracker's answer is believed, and how the object is found again."""

    min_score: float = _share(
        0.45,
        title="Least similarity",
        help="Below this similarity to the object's known looks it counts as lost.",
    )
    min_response: float = _share(
        0.0,
        title="Least response",
        help="Below this response of the tracker itself it counts as lost, where it tells one.",
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


@dataclass(frozen=True)
class LearnedGateParams(GateParams):
    """As `GateParams`; a trained network is right also where the object looks unlike before."""

    min_score: float = _share(
        0.25,
        title="Least similarity",
        help="Below this similarity to the object's known looks it counts as lost.",
    )
    min_response: float = _share(
        0.5,
        title="Least response",
        help="Below this score of the network it counts as lost.",
    )


@dataclass(frozen=True)
class KalmanParams:
    """How the object is expected to move, and what counts as seeing it."""

    model: str = param(
        "velocity",
        choices=("velocity", "acceleration"),
        title="Motion",
        help="What stays the same from frame to frame while nothing is measured.",
    )
    process_noise: float = param(
        0.03,
        low=0.001,
        high=1.0,
        step=0.01,
        unit="sizes",
        title="Change of motion",
        help="Standard deviation per frame, in sizes of the object.",
    )
    measurement_noise: float = param(
        0.03,
        low=0.001,
        high=1.0,
        step=0.01,
        unit="sizes",
        title="Uncertainty of a measurement",
        help="Standard deviation, in sizes of the object: more smooths more.",
    )
    min_score: float = _share(
        0.5,
        title="Least similarity",
        help="Below this similarity to the object's known looks nothing is measured.",
    )


@dataclass(frozen=True)
class ParticleParams:
    """How many guesses there are, how far they spread, and what counts as seeing the object."""

    particles: int = param(
        400,
        low=50,
        high=10_000,
        step=50,
        help="More find the object more surely and take longer.",
    )
    spread: float = param(
        0.1,
        low=0.01,
        high=2.0,
        step=0.01,
        unit="sizes",
        help="Standard deviation of the guesses per frame, in sizes of the object.",
    )
    min_score: float = _share(
        0.6,
        title="Least similarity",
        help="Below this similarity to the object's colours it counts as lost.",
    )


_AGE = param(
    30,
    low=1,
    high=1000,
    unit="frames",
    title="Remember for",
    help="How long an object that is not detected is waited for.",
)
_OVERLAP = param(
    0.3,
    low=0.05,
    high=0.95,
    step=0.05,
    title="Least overlap",
    help="IoU with the expected place from which a detection can be the object's.",
)
_HITS = param(
    3,
    low=1,
    high=100,
    unit="frames",
    title="Confirm after",
    help="How many detections in a row make an object.",
)
_SCORE = param(
    0.3,
    low=0.0,
    high=1.0,
    step=0.05,
    title="Least score",
    help="Detections below it are left out.",
)


@dataclass(frozen=True)
class SortParams:
    """Which detections count, and how long objects are waited for."""

    min_score: float = _SCORE
    min_iou: float = _OVERLAP
    min_hits: int = _HITS
    max_age: int = _AGE


@dataclass(frozen=True)
class OcSortParams(SortParams):
    """As SORT's, and how much the direction of motion counts."""

    inertia: float = param(
        0.2,
        low=0.0,
        high=1.0,
        step=0.05,
        help="Weight of the direction of motion beside the overlap.",
    )
    momentum: int = param(
        3,
        low=1,
        high=30,
        unit="frames",
        help="Over how many frames the direction is taken.",
    )


@dataclass(frozen=True)
class ByteParams:
    """Which detections are sure, which can only continue a track, and which begin one."""

    sure: float = param(
        0.6,
        low=0.0,
        high=1.0,
        step=0.05,
        title="Sure from",
        help="Detections from this score are paired first.",
    )
    unsure: float = param(
        0.1,
        low=0.0,
        high=1.0,
        step=0.05,
        title="Unsure from",
        help="Detections from this score can continue a track; below it they are left out.",
    )
    begin: float = param(
        0.7,
        low=0.0,
        high=1.0,
        step=0.05,
        title="Begin from",
        help="Detections from this score begin a track.",
    )
    max_age: int = _AGE


@dataclass(frozen=True)
class MdNetParams:
    """When the answer is believed."""

    min_score: float = _share(
        0.5,
        title="Least score",
        help="Below this score of the network the object counts as lost.",
    )


@dataclass(frozen=True)
class SiamFcParams(GateParams):
    """As `GateParams`; a network is right also where the object looks unlike before."""

    min_score: float = _share(
        0.25,
        title="Least similarity",
        help="Below this similarity to the object's known looks it counts as lost.",
    )
    min_response: float = _share(
        0.3,
        title="Least response",
        help="Below this score of the network it counts as lost.",
    )


def view_param(size: int) -> Any:
    """The size at which a tracker sees its object, which training cannot change."""
    return image_size_param(
        size,
        low=size,
        high=size,
        advanced=True,
        help="Fixed: the tracker sees its object at this size, whatever it was trained at.",
    )


def pairs_param(default: int) -> Any:
    """How many pairs are drawn where the features are frozen."""
    return param(
        default,
        low=4,
        high=100_000,
        step=100,
        impact="train",
        help="With frozen features so many pairs are looked at once, before training starts.",
    )


@dataclass(frozen=True)
class SiamFcTraining(FitParams):
    """How SiamFC is trained on pairs of an object's looks."""

    network: str = param(
        "builtin",
        choices=("builtin", "alexnet"),
        impact="train",
        help="builtin: on the ImageNet backbone that comes with the program, for little data; "
        "alexnet: the published network, which wants many tracks and a GPU.",
    )
    lr: float = lr_param(1e-3)
    batch: int = batch_param(8, low=2, unit="pairs")
    image_size: int = image_size_param(
        224,
        low=128,
        high=512,
        title="Search area",
        help="Side of the area that is searched, on the builtin network; the template is half "
        "as wide. Larger is more exact and slower.",
    )
    weights: str = weights_param(
        help="builtin: what comes with the program; none: the features of the ImageNet backbone "
        "alone, or from scratch for alexnet; or a weights file of this model.",
    )
    freeze: bool = freeze_param(
        True,
        title="Freeze features",
        help="Keep the backbone as it is and train only what compares: fast, for little data.",
    )
    pairs: int = pairs_param(500)
    shift: float = translate_param(0.2)
    scale: float = scale_param(0.1)
    colour: float = colour_param(0.15)
    flip: bool = mirror_param(True)
    others: float = param(
        0.1,
        low=0.0,
        high=0.9,
        step=0.05,
        title="Other objects",
        impact="train",
        help="The share of pairs whose second picture shows another object.",
    )
    paste: float = param(
        0.0,
        low=0.0,
        high=1.0,
        step=0.1,
        impact="train",
        help="The share of regions of pictures without labels that are cut out and pasted on "
        "another ground, so that they have an outline.",
    )


@dataclass(frozen=True)
class AtomTraining(FitParams):
    """How ATOM's overlap predictor is trained on pairs of an object's looks."""

    lr: float = lr_param(2e-3)
    batch: int = batch_param(16, unit="pairs")
    image_size: int = view_param(256)
    weights: str = weights_param(
        help="builtin: the predictor that comes with the program; none: from scratch; or a "
        "weights file of this model.",
    )
    freeze: bool = freeze_param(
        True, advanced=True, help="The backbone always stays as it is; only overlap is learned."
    )
    pairs: int = pairs_param(600)
    shift: float = translate_param(0.1)
    scale: float = scale_param(0.25)
    colour: float = colour_param(0.15)
    flip: bool = mirror_param(True)
    paste: float = param(
        0.7,
        low=0.0,
        high=1.0,
        step=0.1,
        impact="train",
        help="The share of regions of pictures without labels that are cut out and pasted on "
        "another ground, so that they have an outline.",
    )


@dataclass(frozen=True)
class MdNetTraining(FitParams):
    """How the layer that MDNet shares between objects is trained."""

    lr: float = lr_param(1e-3)
    batch: int = batch_param(8, low=2, unit="looks")
    image_size: int = view_param(288)
    weights: str = weights_param(
        "none", help="none: from scratch; or a weights file of this model, to go on from."
    )
    freeze: bool = freeze_param(True, advanced=True, help="The backbone always stays as it is.")
    looks: int = param(
        400,
        low=4,
        high=20_000,
        step=100,
        impact="train",
        help="So many looks of all objects are taken in once, before training starts.",
    )
    colour: float = colour_param(0.15)
    flip: bool = mirror_param(True)


@dataclass(frozen=True)
class DetectAndTrackParams:
    """Which detections count, and when one is an object that was lost."""

    min_score: float = param(
        0.5,
        low=0.0,
        high=1.0,
        step=0.05,
        title="Least score",
        help="Detections below it are left out.",
    )
    min_similarity: float = param(
        0.6,
        low=0.0,
        high=1.0,
        step=0.05,
        title="Least similarity",
        help="How much a detection must look like a lost object to be it.",
    )
    max_objects: int = param(
        20,
        low=1,
        high=200,
        title="Objects at most",
        help="Every object costs a CSRT step in every frame.",
    )
    max_age: int = param(
        300,
        low=1,
        high=100_000,
        unit="frames",
        title="Remember for",
        help="How long a lost object is waited for.",
    )
