"""Projects of scikit-learn's digits for the tests of commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from visionstudio.app.cli import run


def digits_project(folder: Path, each: int) -> Path:
    """A project of the digits 0 to 2, `each` pictures of 8 px of each."""
    found = load_digits(n_class=3)
    for digit in range(3):
        place = folder / "digits" / str(digit)
        place.mkdir(parents=True)
        for i in np.flatnonzero(found.target == digit)[:each]:
            Image.fromarray((found.images[i] * 15).astype(np.uint8)).save(place / f"{i}.png")
    assert run(["import", str(folder / "project"), "imagefolder", str(folder / "digits")]) == 0
    return folder / "project"
