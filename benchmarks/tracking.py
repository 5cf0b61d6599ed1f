"""Following one object: the program against a bare OpenCV loop, and every tracker's figures.

`python benchmarks/tracking.py FOLDER [--trackers csrt,kcf]` compares speeds on OTB's Crossing
in the folder of the sequences (`track_sot`); the goal is a ratio of 0.9 or more. A bare loop
reads the same files, turns them into what OpenCV wants and calls `update`. Times are those of
the process on all cores, sides in turn, medians of five.

`python benchmarks/tracking.py FOLDER --figures [--nano FILE.onnx]` prints the table of
docs/tracking.md: all trackers on Crossing and bag. It takes minutes.

`python benchmarks/tracking.py FOLDER --objects 20` follows so many regions in one pass, against
as many times the processor time that one of them takes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2

from visionstudio.app.cli.evaluate_trackers import run_tracker
from visionstudio.engine.discovery import discover
from visionstudio.engine.evaluation.trackers import (
    Subject,
    compare_trackers,
    comparison_table,
)
from visionstudio.engine.events import FrameResult
from visionstudio.engine.host import LocalHost, run
from visionstudio.engine.requests import Track
from visionstudio.engine.tracking import read_ground_truth

FRAMES = 60
BARE: dict[str, Callable[[], Any]] = {
    "csrt": cv2.TrackerCSRT_create,  # type: ignore[attr-defined]
    "kcf": cv2.TrackerKCF_create,  # type: ignore[attr-defined]
    "mil": cv2.TrackerMIL_create,
}
SEQUENCES = {
    "Crossing": ("otb_Crossing/img", "otb_Crossing/groundtruth_rect.txt"),
    "bag": ("vot15_bag/imgs", "vot15_bag/groundtruth.txt"),
}


def bare_loop(folder: Path, box: tuple[float, ...], make: Callable[[], Any]) -> None:
    """What somebody would write who only wants boxes."""
    files = sorted(folder.iterdir())[:FRAMES]
    tracker = make()
    x1, y1, x2, y2 = (round(v) for v in box)
    tracker.init(cv2.imread(str(files[0])), (x1, y1, x2 - x1, y2 - y1))
    for file in files[1:]:
        tracker.update(cv2.imread(str(file)))


def speed(data: Path, names: list[str]) -> None:
    """Frames per second of both, and the ratio."""
    frames, truth_file = SEQUENCES["Crossing"]
    folder = data / frames
    first = tuple(float(v) for v in read_ground_truth(data / truth_file)[0])
    host = LocalHost()
    for name in names:
        request = Track(
            model=f"tracker/{name}",
            path=str(folder),
            kind="frames",
            start=0,
            end=FRAMES - 1,
            box=first,  # type: ignore[arg-type]  # four numbers
            device="cpu",
        )

        def ours(request: Track = request) -> None:
            tracked, _ = run_tracker(request, host)
            assert len(tracked) == FRAMES

        def bare(make: Callable[[], Any] = BARE[name]) -> None:
            bare_loop(folder, first, make)

        program, limit = alternate(ours, bare)
        print(
            f"tracker/{name:<8} {FRAMES / program:7.1f} frames/s   bare OpenCV "
            f"{FRAMES / limit:7.1f} frames/s   ratio {limit / program:5.2f}"
        )
    host.close()


def several(data: Path, names: list[str], count: int) -> None:
    """Processor time a frame of one region and of `count`, moved a little, in one pass."""
    frames, truth_file = SEQUENCES["Crossing"]
    x1, y1, x2, y2 = (float(v) for v in read_ground_truth(data / truth_file)[0])
    host = LocalHost()
    for name in names:
        took = []
        for objects in (1, count):
            moves = [(n % 5 - 2, n // 5 % 5 - 2) for n in range(objects)]
            request = Track(
                model=f"tracker/{name}",
                path=str(data / frames),
                kind="frames",
                spans=tuple((0, FRAMES - 1, x1 + a, y1 + b, x2 + a, y2 + b) for a, b in moves),
                device="cpu",
            )
            times = []
            for _ in range(4):
                start = time.process_time()
                seen = sum(isinstance(e, FrameResult) for e in run(host, request))
                assert seen == FRAMES
                times.append(time.process_time() - start)
            took.append(statistics.median(times[1:]) / FRAMES * 1000)
        one, all_of_them = took
        print(
            f"tracker/{name:<8} one region {one:6.1f} ms a frame   {count} regions"
            f" {all_of_them:6.1f} ms   ratio to {count} times one {all_of_them / one / count:5.2f}"
        )
    host.close()


def alternate(ours: Callable[[], None], bare: Callable[[], None]) -> tuple[float, float]:
    """Median processor seconds of both, called in turn after one warm-up each."""
    ours()
    bare()
    pairs = []
    for _ in range(5):
        times = []
        for work in (ours, bare):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        pairs.append(times)
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def figures(data: Path, nano: Path | None, names: list[str]) -> None:
    """Every tracker of a region that can run, on both sequences."""
    models = [m for m in discover().models.values() if m.task == "tracker" and m.output == "track"]
    subjects = [Subject(m.id) for m in models if m.ready]
    if nano is not None:
        subjects.append(Subject("tracker/nano", nano))
    if names:
        subjects = [s for s in subjects if s.model.split("/")[1] in names]
    for name, (frames, truth) in SEQUENCES.items():
        found = compare_trackers(
            data / frames, subjects, read_ground_truth(data / truth), run_tracker
        )
        print(f"\n{name}")
        for row in comparison_table(found):
            print("  ".join(cell.ljust(w) for cell, w in zip(row, (18, *[10] * 9), strict=False)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trackers", default="")
    parser.add_argument("--figures", action="store_true")
    parser.add_argument("--nano", type=Path)
    parser.add_argument("--objects", type=int, default=0)
    given = parser.parse_args()
    names = [n for n in given.trackers.split(",") if n]
    if given.figures:
        figures(given.folder, given.nano, names)
    elif given.objects:
        several(given.folder, names or ["kalman", "kcf", "csrt"], given.objects)
    else:
        speed(given.folder, names or ["csrt", "kcf"])


if __name__ == "__main__":
    main()
