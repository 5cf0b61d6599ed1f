"""What the demo does with the sample project: train, measure, propose, track, generate.

`prepare` trains the small models that the project offers; `run_sample` does the
whole job without a screen and returns its figures.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from visionstudio.api.results import (
    Classification,
    GeneratedImage,
    Result,
    TrackState,
)
from visionstudio.app.sample import Sample, build_sample, default_folder, unlabelled
from visionstudio.engine.discovery import discover
from visionstudio.engine.evaluation import analyse
from visionstudio.engine.evaluation.sot import figures as track_figures
from visionstudio.engine.events import Event, Failed, Finished, FrameResult, Progress
from visionstudio.engine.host import Host, LocalHost, run
from visionstudio.engine.mot_text import mot_text
from visionstudio.engine.requests import AnyRequest, FrameRef, Generate, Predict, Track
from visionstudio.engine.tracking import Tracked, read_ground_truth
from visionstudio.engine.training import build_plan, load_run, run_training
from visionstudio.formats.output import write_bytes
from visionstudio.model.errors import Cancelled, TrainingError, VisionStudioError
from visionstudio.model.media import MediaItem
from visionstudio.session.evaluating import truth_of
from visionstudio.session.proposals import guesses
from visionstudio.session.runs import proposals_of_run
from visionstudio.storage.store import ProjectStore

Told = Callable[[float | None, str], None]

GENERATED = 200
PROPOSED_FROM = 0.3  # score
SCREENSHOT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Training:
    """A small model of the sample project and how briefly it is trained."""

    model: str
    minutes: float
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What its run folder is called."""
        return "sample-" + self.model.replace("/", "-")


CLASSIFIER = Training("classifier/simplecnn", 0.25)
DETECTOR = Training("detector/faster-rcnn", 0.9, {"image_size": 192})
SEGMENTER = Training("segmenter/unet", 0.75, {"image_size": 128})
GENERATOR = Training("generator/dcgan", 0.75)
TRAININGS = (CLASSIFIER, DETECTOR, SEGMENTER, GENERATOR)


def sample_folder() -> Path:
    """The sample project in the user's data folder, built if it is not there yet."""
    return build_sample(default_folder()).folder


def run_folder(sample: Sample, training: Training) -> Path:
    """Where a training's run lies."""
    return sample.folder / "runs" / training.name


def weights_of(sample: Sample, training: Training) -> Path | None:
    """The weights of a finished training, None while there are none."""
    try:
        found = load_run(run_folder(sample, training))
    except TrainingError:
        return None
    return found.weights if found.state == "finished" else None


def prepare(sample: Sample, told: Told) -> None:
    """Train the models that have not been trained yet, each for less than a minute."""
    for training in TRAININGS:
        if weights_of(sample, training) is None:
            train(sample, training, told)


def train(sample: Sample, training: Training, told: Told) -> None:
    """One brief training in this process. Raises what ended it early."""
    info = discover().model(training.model)
    told(0.0, f"training {training.model} for {training.minutes * 60:.0f} s")
    with ProjectStore.open(sample.folder, read_only=True) as store:
        plan = build_plan(store, info, dict(training.params), minutes=training.minutes)

    def on_event(event: Event) -> None:
        if isinstance(event, Progress):
            told(event.fraction, f"{training.model}: {event.message}")

    event = run_training(plan, run_folder(sample, training), on_event)
    if isinstance(event, Failed):
        raise event.error()
    if not isinstance(event, Finished):
        raise Cancelled


def run_sample(sample: Sample, told: Told) -> dict[str, float]:
    """Train, measure on held-out pictures, propose, track and generate; returns the figures.

    Files go to ``results/`` in the project's folder. Raises VisionStudioError.
    """
    prepare(sample, told)
    figures: dict[str, float] = {}
    with _host() as host, ProjectStore.open(sample.folder) as store:
        work = _Work(sample, store, host, told)
        for training, names in (
            (CLASSIFIER, ("accuracy",)),
            (DETECTOR, ("AP50", "AP")),
            (SEGMENTER, ("mIoU",)),
        ):
            task = training.model.split("/")[0]
            measured = work.measured(training)
            figures |= {f"{task}_{name}": measured[name] for name in names}
        figures["detector_proposals"] = work.propose(DETECTOR, unlabelled(store, "coins"))
        figures["classifier_proposals"] = work.propose(CLASSIFIER, unlabelled(store, "digits"))
        figures |= work.track()
        figures |= work.generate()
    return figures


@contextmanager
def _host() -> Iterator[Host]:
    host = LocalHost()
    try:
        yield host
    finally:
        host.close()


@dataclass(frozen=True, slots=True)
class _Work:
    """The parts of the job, on one open project and one host."""

    sample: Sample
    store: ProjectStore
    host: Host
    told: Told

    def _results(self, request: AnyRequest) -> dict[str, Any]:
        """What a request gives, by key. Raises what it failed with."""
        found: dict[str, Any] = {}
        for event in run(self.host, request):
            if isinstance(event, FrameResult):
                found[event.key] = event.result
            elif isinstance(event, Progress):
                self.told(event.fraction, event.message)
            elif isinstance(event, Failed):
                raise event.error()
        return found

    def _predict(self, training: Training, files: Sequence[tuple[str, Path]]) -> dict[str, Result]:
        frames = tuple(FrameRef(key, str(path)) for key, path in files)
        weights = str(run_folder(self.sample, training) / "best.safetensors")
        return self._results(Predict(model=training.model, frames=frames, weights=weights))

    def _files(self, items: Sequence[MediaItem]) -> list[tuple[str, Path]]:
        return [(str(item.id), self.store.path_of(item)) for item in items]

    def measured(self, training: Training) -> dict[str, float]:
        """Figures on the pictures that the training never saw."""
        held = load_run(run_folder(self.sample, training)).of("val")
        truth = truth_of(self.store, held)
        media = {item.id: item for item in self.store.media()}
        found = self._predict(training, self._files([media[i] for i, _ in truth.keys.values()]))
        output = discover().model(training.model).output
        results = {int(key): result for key, result in found.items()}
        return analyse(truth, results, output).metrics

    def propose(self, training: Training, items: Sequence[MediaItem]) -> int:
        """Proposals on unlabelled pictures, one step to undo; returns how many."""
        weights = run_folder(self.sample, training) / "best.safetensors"
        found = self._predict(training, self._files(items))
        model = discover().model(training.model)
        builder = proposals_of_run(self.store, model, weights, {}, {"media": len(items)})
        for key, result in found.items():
            good = [g for g in guesses(result) if (g.score or 0.0) >= PROPOSED_FROM]
            builder.add(int(key), good, self.store.annotations(int(key)))
        edit = builder.edit()
        if edit is not None:
            self.store.apply(edit)
        return builder.count

    def track(self) -> dict[str, float]:
        """Follow the clip's object from its first box and compare with the truth."""
        request = Track(model="tracker/csrt", path=str(self.sample.clip), box=self.sample.roi)
        states: dict[str, TrackState] = self._results(request)
        tracked = [Tracked(int(key), state) for key, state in states.items()]
        rows = mot_text({int(key): ((1, state),) for key, state in states.items()})
        write_bytes(self.sample.folder / "results" / "track.txt", rows.encode("ascii"))
        figures = track_figures(tracked, read_ground_truth(self.sample.truth))
        lost = sum(t.state.lost for t in tracked)
        return {f"tracker_{name}": v for name, v in figures.items()} | {"tracker_lost": lost}

    def generate(self) -> dict[str, float]:
        """Draw digits and let the classifier say what they are.

        `modes` counts the digits that occur, `kl` is the divergence of what is drawn
        from all digits alike (0 is perfect), `recognised` the share that the
        classifier takes for the digit that was meant.
        """
        weights = str(run_folder(self.sample, GENERATOR) / "best.safetensors")
        drawn: dict[str, GeneratedImage] = self._results(
            Generate(model=GENERATOR.model, count=GENERATED, weights=weights)
        )
        folder = self.sample.folder / "results" / "generated"
        files = [(key, folder / f"{int(key):04d}.png") for key in drawn]
        _save([(path, drawn[key]) for key, path in files])
        found = self._predict(CLASSIFIER, files)
        names = {k: r.labels[0] for k, r in found.items() if isinstance(r, Classification)}
        counts = [list(names.values()).count(str(digit)) for digit in range(10)]
        meant = sum(names[key] == drawn[key].label for key in names)
        return {
            "generator_modes": sum(count > 0 for count in counts),
            "generator_kl": divergence_from_uniform(counts),
            "generator_recognised": meant / max(len(names), 1),
        }


def divergence_from_uniform(counts: Sequence[int]) -> float:
    """Kullback–Leibler divergence in nats of counts from all being equal; 0 is equal."""
    total = sum(counts)
    shares = [count / total for count in counts if count]
    return sum(share * math.log(share * len(counts)) for share in shares)


def _save(images: Sequence[tuple[Path, GeneratedImage]]) -> None:
    from PIL import Image

    for path, generated in images:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generated.image).save(path)


def has_screen(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether a window can be shown: elsewhere than on Linux always."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return not platform.startswith("linux") or any(environment.get(name) for name in names)


def take_screenshot(sample: Sample) -> Path:
    """The window on the sample project, rendered without a screen, as a PNG.

    In a process of its own: this one may have used its Qt platform up, or have none.
    Raises VisionStudioError when it cannot be rendered.
    """
    out = sample.folder / "results" / "window.png"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.unlink(missing_ok=True)
    code = (
        "import sys; from pathlib import Path; from visionstudio.app.window import render_window; "
        "render_window(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(sample.folder), str(out)]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SCREENSHOT_SECONDS,
            check=False,
        )
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = str(error)
    if not out.is_file():
        raise VisionStudioError(
            "the window cannot be rendered",
            where=reason,
            next_step="see what is missing with: visionstudio doctor",
        )
    return out


def start_preparing(sample: Sample) -> subprocess.Popen[bytes] | None:
    """Train what is missing in a process of its own at low priority; None if nothing is.

    It ends by itself when this process has gone.
    """
    if all(weights_of(sample, training) is not None for training in TRAININGS):
        return None
    return subprocess.Popen(
        [sys.executable, "-m", "visionstudio.app.demo", str(sample.folder), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _prepare_beside(folder: Path, parent: int) -> None:
    """What the process of `start_preparing` does."""
    if hasattr(os, "nice"):
        os.nice(10)

    def told(_fraction: float | None, _message: str) -> None:
        if hasattr(os, "getppid") and os.name == "posix" and os.getppid() != parent:
            raise Cancelled

    prepare(build_sample(folder), told)


if __name__ == "__main__":
    _prepare_beside(Path(sys.argv[1]), int(sys.argv[2]))
