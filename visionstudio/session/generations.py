"""Draw new pictures with a generator; look at them, compare them, save them or keep them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from visionstudio.api import GeneratedImage
from visionstudio.engine.events import Event, Failed, Finished, FrameResult, Stopped
from visionstudio.engine.requests import Generate
from visionstudio.formats.progress import Progress
from visionstudio.model.errors import StorageFull, VisionStudioError
from visionstudio.model.media import MediaKind
from visionstudio.session.beside import Beside
from visionstudio.session.jobs import Job, Jobs
from visionstudio.session.models import ModelChoice, Models
from visionstudio.session.project import ProjectSession
from visionstudio.session.signal import Signal
from visionstudio.storage import ProjectStore


@dataclass(eq=False)
class Generation:
    """One request and the pictures that have come so far."""

    choice: ModelChoice
    count: int
    seed: int
    label: str | None
    job: Job
    images: list[GeneratedImage] = field(default_factory=list)
    changed: Signal = field(default_factory=Signal)


class Generations:
    """Starts generators, and compares what they drew with the project's pictures."""

    def __init__(self, session: ProjectSession, models: Models, jobs: Jobs) -> None:
        self._models = models
        self._jobs = jobs
        self._beside = Beside(session, jobs)

    def close(self) -> None:
        """Stop comparing; before the project is closed."""
        self._beside.close()

    def compare(
        self,
        images: Sequence[GeneratedImage],
        done: Callable[[dict[str, float]], None],
        failed: Callable[[VisionStudioError], None],
    ) -> Job:
        """Density, coverage and diversity beside as many of the project's pictures."""

        def work(store: ProjectStore, progress: Progress) -> dict[str, float]:
            from visionstudio.engine.evaluation.likeness import likeness

            real = real_pictures(store, None, len(images))
            return likeness(real, [i.image for i in images], progress)

        return self._beside.run("Compare with the project's pictures", work, done, failed)

    def generate(
        self, choice: ModelChoice, count: int, seed: int, label: str | None = None
    ) -> Generation:
        """Ask for `count` pictures; the same seed gives the same pictures."""
        job = self._jobs.start(f"{choice.model.title} · {count}", lambda: cancel())
        generation = Generation(choice, count, seed, label, job)
        request = Generate(
            model=choice.model.id,
            count=count,
            seed=seed,
            label=label,
            weights=str(choice.weights) if choice.weights else None,
            params=dict(choice.params),
            device=self._models.device,
            interactive=True,
        )
        cancel = self._models.submit(request, lambda event: _on_event(generation, event))
        return generation


def _on_event(generation: Generation, event: Event) -> None:
    job = generation.job
    match event:
        case FrameResult(_, result):
            if isinstance(result, GeneratedImage):
                generation.images.append(result)
                job.report(len(generation.images) / generation.count)
        case Finished():
            job.finish(f"{len(generation.images)}")
        case Failed():
            job.fail(event.error())
        case Stopped():
            job.stop()
        case _:
            return
    generation.changed.emit()


def real_pictures(store: ProjectStore, media_ids: Collection[int] | None, most: int) -> list[Path]:
    """The project's pictures, those of `media_ids` or all; spread evenly where there are many."""
    items = [m for m in store.media() if m.kind is MediaKind.IMAGE]
    paths = [store.path_of(m) for m in items if media_ids is None or m.id in media_ids]
    return paths[:: -(-len(paths) // most)] if paths else []


def save_images(images: Sequence[GeneratedImage], folder: Path) -> list[Path]:
    """Write pictures as PNG files named by class and seed. Blocks: not for the GUI thread.

    Existing files are never overwritten. Raises StorageFull.
    """
    from PIL import Image

    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images, start=1):
            label = re.sub(r"[^\w-]+", "_", image.label) or "generated"
            path = folder / f"{label}_{image.seed}_{number:04d}.png"
            repeat = 1
            while path.exists():
                repeat += 1
                path = folder / f"{label}_{image.seed}_{number:04d}_{repeat}.png"
            Image.fromarray(image.image).save(path)
            paths.append(path)
    except OSError as error:
        raise StorageFull(
            f"pictures cannot be written: {error.strerror}",
            where=str(folder),
            next_step="choose another folder or make room",
        ) from error
    return paths
