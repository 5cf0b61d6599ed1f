"""OpenCV's trackers that run a trained network, read from ONNX files that the user has.

NanoTrack: github.com/HonglinChu/NanoTrack (Apache-2.0), a light Siamese network in
two files, backbone and head. VitTrack: OpenCV's model zoo (Apache-2.0), one file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from visionstudio.api import Context, WeightsError
from visionstudio_tracker.gated import GatedTracker
from visionstudio_tracker.params import GateParams


class LearnedTracker(GatedTracker):
    """The network is read once; the same object starts afresh on every region."""

    _network: Any = None

    def load(self, params: GateParams, weights: Path | None, ctx: Context) -> None:
        if weights is None:
            raise WeightsError(
                "the model needs a file with its network",
                where=self.model,
                next_step=f"give --weights FILE, or import one: {self._files()}",
            )
        self._params = params
        try:
            self._network = self._read(weights)
        except cv2.error as error:
            raise WeightsError(
                f"the file holds no such network: {str(error).strip().splitlines()[0]}",
                where=str(weights),
                next_step=f"give {self._files()}",
            ) from error

    def unload(self) -> None:
        super().unload()
        self._network = None

    def _create(self) -> Any:
        return self._network

    def _own_score(self) -> float:
        return float(self._tracker.getTrackingScore())

    def _files(self) -> str:
        """Which files it takes, in words."""
        raise NotImplementedError

    def _read(self, weights: Path) -> Any:
        raise NotImplementedError


class NanoTracker(LearnedTracker):
    """NanoTrack; `weights` is either of its two files, the other lies beside it."""

    model = "tracker/nano"

    def _files(self) -> str:
        return "…backbone….onnx, with …head….onnx beside it"

    def _read(self, weights: Path) -> Any:
        backbone, head = _pair(weights)
        params = cv2.TrackerNano_Params()  # type: ignore[attr-defined]
        params.backbone, params.neckhead = str(backbone), str(head)
        return cv2.TrackerNano_create(params)  # type: ignore[attr-defined]


def _pair(weights: Path) -> tuple[Path, Path]:
    """Backbone and head of NanoTrack, whichever of the two was given."""
    names = {"backbone": weights.name, "head": weights.name}
    for part, other in (("backbone", "head"), ("head", "backbone")):
        if part in weights.name:
            names[other] = weights.name.replace(part, other)
            break
    else:
        raise WeightsError(
            "one of two files is expected, with 'backbone' or 'head' in its name",
            where=str(weights),
            next_step="give the backbone's file, with the head's beside it",
        )
    pair = weights.with_name(names["backbone"]), weights.with_name(names["head"])
    for path in pair:
        if not path.is_file():
            raise WeightsError(
                "the other of the two files is missing",
                where=str(path),
                next_step="put backbone and head into one folder",
            )
    return pair


class VitTracker(LearnedTracker):
    """VitTrack, a small vision transformer."""

    model = "tracker/vit"

    def _files(self) -> str:
        return "object_tracking_vittrack….onnx of OpenCV's model zoo"

    def _read(self, weights: Path) -> Any:
        params = cv2.TrackerVit_Params()  # type: ignore[attr-defined]
        params.net = str(weights)
        return cv2.TrackerVit_create(params)  # type: ignore[attr-defined]
