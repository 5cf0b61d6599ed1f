"""What the tracker plugin offers. Importing this loads neither torch nor OpenCV."""

from __future__ import annotations

from visionstudio.api import Manifest, ModelSpec
from visionstudio_tracker.params import (
    AtomTraining,
    ByteParams,
    DetectAndTrackParams,
    GateParams,
    KalmanParams,
    LearnedGateParams,
    MdNetParams,
    MdNetTraining,
    OcSortParams,
    ParticleParams,
    SiamFcParams,
    SiamFcTraining,
    SortParams,
)


def _tracker(
    name: str,
    title: str,
    description: str,
    factory: str,
    *,
    params: type = GateParams,
    train_params: type | None = None,
    output: str = "track",
    ready: bool = True,
    marks: tuple[tuple[str, tuple[int, ...]], ...] = (),
) -> ModelSpec:
    return ModelSpec(
        id=f"tracker/{name}",
        task="tracker",
        title=title,
        description=description,
        licence="Apache-2.0",
        factory=f"visionstudio_tracker.{factory}",
        params=params,
        train_params=train_params,
        output=output,
        ready=ready,
        marks=marks,
    )


MANIFEST = Manifest(
    name="tracker",
    version="0.2.0",
    description="Follows a region drawn by hand, or many detected objects, through a video",
    licence="Apache-2.0",
    models=(
        _tracker(
            "csrt",
            "CSRT",
            "Discriminative correlation filter with channel and spatial reliability "
            "(Lukežič et al., 2017), with a check of every answer and a Lost state.",
            "opencv:CsrtTracker",
        ),
        _tracker(
            "kcf",
            "KCF",
            "Kernelized correlation filter (Henriques et al., 2015): fast, keeps the size of the "
            "box; with a check of every answer and a Lost state.",
            "opencv:KcfTracker",
        ),
        _tracker(
            "mil",
            "MIL",
            "Online multiple instance learning (Babenko et al., 2009): keeps the size of the box; "
            "with a check of every answer and a Lost state.",
            "opencv:MilTracker",
        ),
        _tracker(
            "mosse",
            "MOSSE",
            "Minimum output sum of squared error filter (Bolme et al., 2010): the fastest, for "
            "objects that hardly change; with a check of every answer and a Lost state.",
            "opencv:MosseTracker",
        ),
        _tracker(
            "nano",
            "NanoTrack",
            "Light Siamese network, from the two ONNX files that you have (backbone and head); "
            "with a check of every answer and a Lost state.",
            "learned:NanoTracker",
            params=LearnedGateParams,
            ready=False,
        ),
        _tracker(
            "vit",
            "VitTrack",
            "Small vision transformer, from the ONNX file of OpenCV's model zoo that you have; "
            "with a check of every answer and a Lost state.",
            "learned:VitTracker",
            params=LearnedGateParams,
            ready=False,
        ),
        _tracker(
            "kalman",
            "Kalman filter",
            "Constant velocity or acceleration, measured by the object's look: smooth, and bridges "
            "occlusions by its motion.",
            "filtered:KalmanTracker",
            params=KalmanParams,
        ),
        _tracker(
            "particle",
            "Particle filter",
            "Many guesses weighed by colour histograms (Pérez et al., 2002): for colourful objects "
            "that turn and deform.",
            "filtered:ParticleTracker",
            params=ParticleParams,
        ),
        _tracker(
            "mdnet",
            "MDNet",
            "A small network on the built-in backbone that learns the object while it tracks "
            "(Nam and Han, 2016); what objects have in common can be trained on your tracks, "
            "boxes and pictures.",
            "mdnet:MdNetTracker",
            params=MdNetParams,
            train_params=MdNetTraining,
        ),
        _tracker(
            "siamfc",
            "SiamFC",
            "Siamese network that looks for the drawn object around its last place "
            "(Bertinetto et al., 2016), with a check of every answer and a Lost state; can be "
            "trained on your tracks, boxes and pictures.",
            "siamfc:SiamFcTracker",
            params=SiamFcParams,
            train_params=SiamFcTraining,
            marks=(
                ("backbone.conv1.0.weight", (96, 3, 11, 11)),
                ("backbone.conv5.0.weight", (256, 192, 3, 3)),
            ),
        ),
        _tracker(
            "atom",
            "ATOM",
            "A filter that learns the object while it tracks, and boxes fitted by predicted "
            "overlap (Danelljan et al., 2019), on the built-in backbone, with a check of every "
            "answer and a Lost state; overlap can be trained on your tracks, boxes and pictures.",
            "atom:AtomTracker",
            params=SiamFcParams,
            train_params=AtomTraining,
        ),
        _tracker(
            "sort",
            "SORT",
            "Many objects by their detections: a Kalman filter each, paired by overlap "
            "(Bewley et al., 2016).",
            "sort:SortTracker",
            params=SortParams,
            output="tracks",
        ),
        _tracker(
            "bytetrack",
            "ByteTrack",
            "Many objects by their detections, also by the unsure ones (Zhang et al., 2022).",
            "bytetrack:ByteTracker",
            params=ByteParams,
            output="tracks",
        ),
        _tracker(
            "oc-sort",
            "OC-SORT",
            "Many objects by their detections, with memory of where each was last observed "
            "(Cao et al., 2023).",
            "ocsort:OcSortTracker",
            params=OcSortParams,
            output="tracks",
        ),
        _tracker(
            "detect-and-track",
            "Detect and track",
            "A detector finds objects, CSRT follows each, and the detector finds lost ones again.",
            "detect_and_track:DetectAndTrack",
            params=DetectAndTrackParams,
            output="tracks",
        ),
    ),
)
