"""What is learned within a time budget, by the command line with default parameters.

Each line prints the figure reached, the figure asked for, and their ratio (1 or
more is good). Takes about a quarter of an hour and both cores, so measure on a
machine that does nothing else. Needs the real data (VISIONSTUDIO_DATA).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(os.environ.get("VISIONSTUDIO_DATA") or Path(__file__).parents[2] / "shared" / "data")


def run(*arguments: str) -> dict[str, object]:
    """One command of ours; its JSON document."""
    command = [sys.executable, "-m", "visionstudio", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: {done.stdout}{done.stderr[-500:]}")
    return dict(json.loads(done.stdout))


def train(what: str, project: Path, model: str, metric: str, asked: float, *more: str) -> None:
    result = run("train", str(project), "--model", model, *more)
    metrics = result["metrics"]
    assert isinstance(metrics, dict)
    reached = float(metrics[metric])
    print(
        f"{what:<44} {metric} {reached:.3f}   asked {asked:.3f}   ratio {reached / asked:.2f}"
        f"   {result['seconds']} s, {result['epochs']} epochs",
        flush=True,
    )


def blood_cells(folder: Path) -> Path:
    project = folder / "bccd"
    pictures = str(DATA / "bccd" / "JPEGImages")
    run("init", str(project), "--media", pictures)
    run("import", str(project), "voc", str(DATA / "bccd" / "Annotations"), "--images", pictures)
    return project


def membranes(folder: Path) -> Path:
    """ISBI's pictures with the membranes as masks, through the Python API."""
    import cv2

    import visionstudio as vs

    home = DATA / "isbi_membrane" / "train"
    project = folder / "isbi"
    with vs.create(project, media=[home / "image"]) as opened, opened.edit("membranes"):
        for item in opened.media:
            label = cv2.imread(str(home / "label" / Path(item.path).name), cv2.IMREAD_GRAYSCALE)
            opened.add(item.id, vs.Mask.from_array(label == 0), "membrane")
    return project


def digits(folder: Path) -> Path:
    from PIL import Image
    from sklearn.datasets import load_digits

    found = load_digits()
    for number, (image, label) in enumerate(zip(found.images, found.target, strict=True)):
        place = folder / "digits_pictures" / str(label)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image * (255 / 16)).round().astype("uint8")).save(place / f"{number}.png")
    project = folder / "digits"
    run("import", str(project), "imagefolder", str(folder / "digits_pictures"))
    return project


def main() -> None:
    if not DATA.is_dir():
        print(f"skipped: the real data are not in {DATA}")
        return
    with tempfile.TemporaryDirectory(prefix="visionstudio-learning-") as name:
        folder = Path(name)
        numbers = digits(folder)
        train("digits, 1 minute", numbers, "classifier/simplecnn", "accuracy", 0.96,
              "--minutes", "1")  # fmt: skip
        cells = blood_cells(folder)
        train("blood cells, 3 minutes", cells, "detector/faster-rcnn", "AP50", 0.86,
              "--minutes", "3")  # fmt: skip
        train("blood cells, 20 pictures, 3 minutes", cells, "detector/faster-rcnn", "AP50", 0.80,
              "--minutes", "3", "--limit", "20")  # fmt: skip
        train("membranes, 5 minutes", membranes(folder), "segmenter/unet", "IoU membrane", 0.65,
              "--minutes", "5")  # fmt: skip


if __name__ == "__main__":
    main()
