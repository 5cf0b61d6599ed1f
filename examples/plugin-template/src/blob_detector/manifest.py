"""What the plugin says about itself.

The program reads this in a child process to list the models, so it must import
quickly: no torch, no model code.
"""

from dataclasses import dataclass

from visionstudio.api import Manifest, ModelSpec, param


@dataclass(frozen=True)
class Params:
    """Forms, command-line options and checks are made from these fields."""

    threshold: float = param(
        0.2,
        low=0,
        high=1,
        step=0.01,
        impact="display",
        help="Hide blobs that stand out less than this.",
    )
    ground: str = param(
        "dark",
        choices=("dark", "bright"),
        impact="predict",
        help="What lies behind the blobs.",
    )
    smallest: int = param(
        25,
        low=1,
        high=1_000_000,
        unit="px²",
        impact="predict",
        help="Ignore blobs below this area.",
    )


MANIFEST = Manifest(
    name="blob-detector",
    version="0.1.0",
    description="Bright or dark blobs, found by thresholding.",
    licence="Apache-2.0",
    models=(
        ModelSpec(
            id="detector/blobs",
            task="detector",
            title="Blobs",
            description="Boxes around bright or dark blobs, by Otsu's threshold.",
            licence="Apache-2.0",
            factory="blob_detector.model:BlobDetector",
            params=Params,
            ready=True,  # needs neither training nor weights
        ),
    ),
)
