"""OpenCV's trackers of a region, by their publications.

CSRT: Lukežič, Vojíř, Čehovin Zajc, Matas, Kristan: Discriminative Correlation
Filter with Channel and Spatial Reliability, CVPR 2017. KCF: Henriques, Caseiro,
Martins, Batista: High-Speed Tracking with Kernelized Correlation Filters, PAMI
2015. MIL: Babenko, Yang, Belongie: Visual Tracking with Online Multiple Instance
Learning, CVPR 2009. MOSSE: Bolme, Beveridge, Draper, Lui: Visual Object Tracking
using Adaptive Correlation Filters, CVPR 2010.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import Any

import cv2

from visionstudio_tracker.gated import GatedTracker


class CsrtTracker(GatedTracker):
    """Discriminative correlation filter with channel and spatial reliability."""

    model = "tracker/csrt"

    def _create(self) -> Any:
        return cv2.TrackerCSRT_create()  # type: ignore[attr-defined]


class KcfTracker(GatedTracker):
    """Kernelized correlation filter. Keeps the size of the drawn box."""

    model = "tracker/kcf"

    def _create(self) -> Any:
        return cv2.TrackerKCF_create()  # type: ignore[attr-defined]


class MilTracker(GatedTracker):
    """Online multiple instance learning. Keeps the size of the drawn box."""

    model = "tracker/mil"

    def _create(self) -> Any:
        # It draws samples from OpenCV's generator and features from C's; a run must be repeatable.
        cv2.setRNGSeed(0)
        _seed_c_rand(1)
        return cv2.TrackerMIL_create()  # type: ignore[attr-defined]


def _seed_c_rand(seed: int) -> None:
    """C's `srand`. Where the library of the platform is not found, `rand` goes on as it does."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
        library.srand(ctypes.c_uint(seed))


class MosseTracker(GatedTracker):
    """Minimum output sum of squared error filter. Keeps the size of the drawn box."""

    model = "tracker/mosse"

    def _create(self) -> Any:
        return cv2.legacy.TrackerMOSSE_create()  # type: ignore[attr-defined]
