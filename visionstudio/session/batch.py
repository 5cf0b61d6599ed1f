"""Models on many pictures at once, in this process: into files, or as proposals of a project."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionstudio.api import validate
from visionstudio.engine.events import Finished, FrameFailed, FrameResult
from visionstudio.engine.host import answers
from visionstudio.engine.requests import FrameRef, Predict
from visionstudio.formats.progress import Progress
from visionstudio.formats.results import ResultWriter
from visionstudio.media.probe import probe
from visionstudio.media.scan import find_media
from visionstudio.model.errors import InvalidValue, MediaError, one_line
from visionstudio.model.media import MediaKind
from visionstudio.session.exporting import export_paths
from visionstudio.session.proposals import ProposalBuilder, guesses
from visionstudio.session.runs import proposals_of_run
from visionstudio.storage.store import ProjectStore

if TYPE_CHECKING:
    from visionstudio.engine.host import Host
    from visionstudio.engine.registry import ModelInfo

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0e-\x1f\udc80-\udcff]")  # also what is no UTF-8


@dataclass(slots=True)
class Target:
    """A picture or video to predict on. `id` is its image_id, `name` what files call it."""

    id: int
    path: Path
    name: str
    kind: MediaKind
    frames: int = 1


@dataclass(slots=True)
class Outcome:
    """What a run came to. `done` says where the results are."""

    media: int = 0
    done: str = ""
    results: int = 0
    answered: int = 0  # frames with a result, even an empty one
    seconds: float = 0.0
    device: str = ""
    failed: list[dict[str, str]] = field(default_factory=list)


def check_task(info: ModelInfo) -> None:
    """Only classifiers, detectors and segmenters predict. Raises InvalidValue for others."""
    if info.task not in ("classifier", "detector", "segmenter"):
        command = "track" if info.task == "tracker" else "generate"
        raise InvalidValue(
            f"a {info.task} does not predict on pictures",
            where=info.id,
            next_step=f"use: visionstudio {command}",
        )


def file_targets(src: Path, as_video: bool = False) -> list[Target]:
    """The pictures and videos of a path, ids from 1 in path order. MediaError without any."""
    found = find_media([src], as_video=as_video)
    if not found:
        raise MediaError(
            "there are no pictures or videos",
            where=str(src),
            next_step="name a folder that holds some",
        )
    root = src.absolute() if src.is_dir() else src.absolute().parent
    targets = []
    for number, one in enumerate(found, start=1):
        inside = one.path.is_relative_to(root) and one.path != root
        name = one.path.relative_to(root).as_posix() if inside else one.path.name
        targets.append(Target(number, one.path, name, one.kind))
    return targets


def listed_targets(text: str, as_video: bool = False) -> list[Target]:
    """The media of paths, ids from 1 in the order of the list, under those names.

    Paths stand one a line, or are ended by NUL as `find -print0` writes them.
    Raises MediaError for one that is not there.
    """
    targets: list[Target] = []
    for name in text.split("\0") if "\0" in text else re.split("\r?\n", text):
        if not name.strip():
            continue
        is_odd = _UNPRINTABLE.search(name) is not None
        if is_odd and not os.path.exists(name):  # noqa: PTH110 - Path.exists raises for long ones
            raise MediaError(
                "what came is no list of paths",
                where="standard input",
                next_step="send paths; a picture itself is named: visionstudio predict FILE …",
            )
        for one in find_media([Path(name)], as_video=as_video):
            shown = name if Path(name).is_file() else str(one.path)
            targets.append(Target(len(targets) + 1, one.path, Path(shown).as_posix(), one.kind))
    if not targets:
        raise MediaError(
            "no picture or video was named",
            where="standard input",
            next_step="send one path a line: ls *.jpg | visionstudio predict - …",
        )
    return targets


def project_targets(store: ProjectStore) -> list[Target]:
    """The media of a project, under the names that exports give them. MediaError without any."""
    media = store.media()
    if not media:
        raise MediaError(
            "the project has no pictures or videos",
            where=str(store.folder),
            next_step=f"add some with: visionstudio init {store.folder} --media PATH",
        )
    names = export_paths(media)
    return [Target(m.id, store.path_of(m), names[m.id], m.kind, m.frames) for m in media]


def class_ids_of(store: ProjectStore) -> dict[str, int]:
    """The project's id of every class name."""
    return {c.name: c.id for c in store.classes()}


@dataclass(slots=True)
class Batch:
    """One model with its weights and parameters, to be run on any number of targets."""

    info: ModelInfo
    weights: Path | None
    params: dict[str, Any]
    device: str
    progress: Progress | None = None
    host: Host | None = None  # keeps its model from one call to the next
    failed: list[dict[str, str]] = field(default_factory=list)

    def to_files(
        self,
        targets: list[Target],
        class_ids: dict[str, int],
        out: Path,
    ) -> Outcome:
        """Predict and write files; nothing is written when the run fails.

        A threshold that was asked for is applied; without one everything is
        written, which evaluation needs.
        """
        writer = ResultWriter(out, class_ids)
        outcome = self.collect(targets, writer)
        none_worked(outcome)
        outcome.done = f"written to {writer.finish(self.info.output)}"
        return outcome

    def collect(self, targets: Sequence[Target], writer: ResultWriter) -> Outcome:
        """Predict; the writer takes the results. What fails is in the outcome."""
        asked = "threshold" in self.params
        values = validate(self.info.params, self.params)
        threshold = float(values["threshold"] or 0) if asked else None
        outcome = Outcome(media=len(targets))
        for target, frame, result in self._results(targets, outcome):
            if threshold is not None and hasattr(result, "above"):
                result = result.above(threshold)
            still = target.frames == 1 and frame == 0 and target.kind == "image"
            writer.add(result, target.id, target.name, None if still else frame)
        outcome.results = writer.count
        return outcome

    def into_project(
        self,
        store: ProjectStore,
        part: tuple[int, int] = (1, 1),
        media: Collection[int] | None = None,
    ) -> Outcome:
        """Predict and store proposals: one run, one step to undo.

        `media` are the ids of the items that are meant, None all.
        """
        targets = [t for t in project_targets(store) if media is None or t.id in media]
        chosen = part_of(targets, part)
        outcome = Outcome(media=len(chosen))
        builder: ProposalBuilder | None = None
        for target, frame, result in self._results(chosen, outcome):
            if builder is None:
                # Only now is it certain that the model and its weights can be used.
                inputs = {"media": len(chosen), "device": self.device}
                builder = proposals_of_run(store, self.info, self.weights, self.params, inputs)
            existing = store.annotations(target.id, frame)
            builder.add(target.id, guesses(result), existing, frame=frame)
        none_worked(outcome)
        edit = builder.edit() if builder is not None else None
        if edit is not None:
            store.apply(edit)
        outcome.results = builder.count if builder is not None else 0
        outcome.done = f"proposed in {store.folder}"
        return outcome

    def _results(
        self, targets: Sequence[Target], outcome: Outcome
    ) -> Iterator[tuple[Target, int, Any]]:
        """(target, frame, result) as they come; fills `outcome` in."""
        by_id = {t.id: t for t in targets}
        request = self.request(self._frames(targets))
        for event in answers(request, self.progress, self.host):
            match event:
                case FrameResult(key, result):
                    media_id, frame = key.split(":")
                    outcome.answered += 1
                    yield by_id[int(media_id)], int(frame), result
                case FrameFailed(key, reason):
                    media_id, frame = key.split(":")
                    name = by_id[int(media_id)].name
                    shown = name if by_id[int(media_id)].kind == "image" else f"{name} #{frame}"
                    self.failed.append({"file": shown, "reason": reason})
                case Finished(seconds, device):
                    outcome.seconds, outcome.device = seconds, device
        outcome.failed = self.failed

    def _frames(self, targets: Sequence[Target]) -> list[FrameRef]:
        """Every frame and page to predict; files that cannot be opened are noted as failed."""
        frames = []
        for target in targets:
            path = str(target.path.absolute())
            try:
                target.frames = probe(target.path, target.kind).frames
            except (MediaError, OSError) as error:
                self.failed.append({"file": target.name, "reason": one_line(error)})
                continue
            if target.kind == "image" and target.frames > 1:
                target.kind = MediaKind.STACK  # which a file's name does not tell
            frames += [
                FrameRef(f"{target.id}:{n}", path, str(target.kind), n)
                for n in range(target.frames)
            ]
        return frames

    def request(self, frames: Sequence[FrameRef]) -> Predict:
        """The request for the engine."""
        return Predict(
            model=self.info.id,
            frames=tuple(frames),
            weights=str(self.weights.absolute()) if self.weights is not None else None,
            params=self.params,
            device=self.device,
        )


def none_worked(outcome: Outcome) -> None:
    """MediaError when files failed and no frame was predicted."""
    if outcome.failed and not outcome.answered:
        raise MediaError(
            f"none of {outcome.media} files could be predicted: {outcome.failed[0]['reason']}",
            where=outcome.failed[0]["file"],
            next_step="check the files",
        )


def part_of(targets: list[Target], part: tuple[int, int]) -> list[Target]:
    """Every n-th target from the i-th on, for `part` (i, n) with i from 1."""
    number, parts = part
    return targets[number - 1 :: parts]
