"""The model by itself, and what the program expects of every plugin."""

from pathlib import Path

import numpy as np
from blob_detector.manifest import MANIFEST, Params
from blob_detector.model import find_blobs

from visionstudio.api.conformance import check_manifest, check_model


def test_two_discs_are_two_boxes() -> None:
    frame = np.full((60, 80, 3), 30, np.uint8)
    frame[10:20, 10:30] = 220
    frame[40:50, 50:60] = 180
    found = find_blobs(frame, Params())
    assert found.boxes.tolist() == [[10, 10, 30, 20], [50, 40, 60, 50]]
    assert found.scores[0] > found.scores[1] > 0.3
    dark = find_blobs(255 - frame, Params(ground="bright"))
    assert dark.boxes.tolist() == found.boxes.tolist()
    assert len(find_blobs(frame, Params(smallest=150)).boxes) == 1


def test_conformance(tmp_path: Path) -> None:
    results = list(check_manifest(MANIFEST))
    for spec in MANIFEST.models:
        results += check_model(spec, tmp_path)
    assert not [r for r in results if not r.ok]
