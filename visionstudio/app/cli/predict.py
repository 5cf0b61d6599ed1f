"""``predict``: a model's results for pictures, folders, videos or a project."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.opening import parameters, project_store, results_of
from visionstudio.app.cli.reply import ProgressLine, Reply, count

if TYPE_CHECKING:
    from visionstudio.engine.registry import ModelInfo
    from visionstudio.engine.requests import FrameRef, Predict
    from visionstudio.model.media import MediaKind
    from visionstudio.session.proposals import ProposalBuilder
    from visionstudio.storage.store import ProjectStore

ModelId = Annotated[
    str, typer.Option("--model", metavar="ID", help="See: visionstudio models list")
]
Weights = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="Weights, if not the model's own.")
]
Params = Annotated[
    list[str] | None, typer.Option("--param", metavar="k=v", help="A parameter of the model.")
]
Device = Annotated[
    str, typer.Option("--device", help="cpu, cuda:0, mps, or auto for the best there is.")
]


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
    """What a run came to."""

    results: int = 0
    seconds: float = 0.0
    device: str = ""
    failed: list[dict[str, str]] = field(default_factory=list)


def predict(
    src: Annotated[
        Path,
        typer.Argument(metavar="SRC", help="A picture, folder, video or project; - for a list."),
    ],
    model: ModelId,
    weights: Weights = None,
    param: Params = None,
    device: Device = "auto",
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="i/n", help="Only the i-th of n parts.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="OUT", help="The file, or for pixel maps the folder."),
    ] = None,
    into_project: Annotated[
        bool, typer.Option("--into-project", help="Store the results as proposals.")
    ] = False,
    as_video: Annotated[
        bool, typer.Option("--as-video", help="Take a folder of pictures as one video.")
    ] = False,
) -> Reply:
    """Let a model predict. Writes files, or proposals into the project.

    With - as SRC the paths come from standard input, one a line.
    """
    if (out is None) == (not into_project):
        raise typer.BadParameter("give either --out OUT or --into-project")
    from visionstudio.engine.discovery import discover
    from visionstudio.media.scan import find_media
    from visionstudio.storage.paths import is_project

    part = parse_shard(shard)
    values = parameters(param or ())
    listed = None
    if str(src) == "-":
        if into_project:
            raise typer.BadParameter("- has no project to store into; name the project instead")
        listed = listed_targets(sys.stdin, as_video)
    else:
        find_media([src])  # says when there is no such path
    info = discover().model(model)
    check_task(info)
    run = _Run(info, weights, values, device)
    if listed is not None:
        return run.to_files(listed, {}, out or Path(), part)
    if into_project:
        with project_store(src) as store:
            return run.into_project(store, part)
    if is_project(src) or src.name == "project.db":
        with project_store(src, read_only=True) as store:
            return run.to_files(project_targets(store), class_ids_of(store), out or Path(), part)
    return run.to_files(file_targets(src, as_video), {}, out or Path(), part)


def parse_shard(text: str | None) -> tuple[int, int]:
    """Part and number of parts of ``i/n``; (1, 1) is everything."""
    if text is None:
        return 1, 1
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= part <= parts:
        raise typer.BadParameter(f"'{text}' is not i/n with i from 1 to n", param_hint="--shard")
    return part, parts


def check_task(info: ModelInfo) -> None:
    """Only classifiers, detectors and segmenters predict. Raises InvalidValue for others."""
    from visionstudio.model.errors import InvalidValue

    if info.task not in ("classifier", "detector", "segmenter"):
        command = "track" if info.task == "tracker" else "generate"
        raise InvalidValue(
            f"a {info.task} does not predict on pictures",
            where=info.id,
            next_step=f"use: visionstudio {command}",
        )


def file_targets(src: Path, as_video: bool = False) -> list[Target]:
    """The pictures and videos of a path, ids from 1 in path order. MediaError without any."""
    from visionstudio.media.scan import find_media
    from visionstudio.model.errors import MediaError

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


def listed_targets(lines: Iterable[str], as_video: bool = False) -> list[Target]:
    """The media of paths, one a line, ids from 1 in the order of the list, under those names."""
    from visionstudio.media.scan import find_media
    from visionstudio.model.errors import MediaError

    targets: list[Target] = []
    for line in lines:
        name = line.rstrip("\r\n")
        if not name.strip():
            continue
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
    from visionstudio.model.errors import MediaError
    from visionstudio.session.exporting import export_paths

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
class _Run:
    info: ModelInfo
    weights: Path | None
    params: dict[str, Any]
    device: str
    failed: list[dict[str, str]] = field(default_factory=list)

    def to_files(
        self, targets: list[Target], class_ids: dict[str, int], out: Path, part: tuple[int, int]
    ) -> Reply:
        """Predict and write files; nothing is written when the run fails.

        A threshold that was asked for is applied; without one everything is
        written, which evaluation needs.
        """
        from visionstudio.api import validate
        from visionstudio.formats.results import ResultWriter

        asked = "threshold" in self.params
        values = validate(self.info.params, self.params)
        threshold = float(values["threshold"] or 0) if asked else None
        chosen = _part_of(targets, part)
        writer = ResultWriter(out, class_ids)
        outcome = Outcome()
        for target, frame, result in self._results(chosen, outcome):
            if threshold is not None and hasattr(result, "above"):
                result = result.above(threshold)
            still = target.frames == 1 and frame == 0 and target.kind == "image"
            writer.add(result, target.id, target.name, None if still else frame)
        files = writer.finish(self.info.output)
        outcome.results = writer.count
        return self._reply(len(chosen), outcome, f"written to {files[0]}")

    def into_project(self, store: ProjectStore, part: tuple[int, int]) -> Reply:
        """Predict and store proposals: one run, one step to undo."""
        from visionstudio.session.proposals import guesses
        from visionstudio.session.runs import proposals_of_run

        chosen = _part_of(project_targets(store), part)
        outcome = Outcome()
        builder: ProposalBuilder | None = None
        for target, frame, result in self._results(chosen, outcome):
            if builder is None:
                # Only now is it certain that the model and its weights can be used.
                inputs = {"media": len(chosen), "device": self.device}
                builder = proposals_of_run(store, self.info, self.weights, self.params, inputs)
            existing = store.annotations(target.id, frame)
            builder.add(target.id, guesses(result), existing, frame=frame)
        edit = builder.edit() if builder is not None else None
        if edit is not None:
            store.apply(edit)
        outcome.results = builder.count if builder is not None else 0
        return self._reply(len(chosen), outcome, f"proposed in {store.folder}")

    def _results(
        self, targets: Sequence[Target], outcome: Outcome
    ) -> Iterator[tuple[Target, int, Any]]:
        """(target, frame, result) as they come; fills `outcome` in."""
        from visionstudio.engine.events import Finished, FrameFailed, FrameResult
        from visionstudio.model.errors import MediaError

        by_id = {t.id: t for t in targets}
        request = self.request(self._frames(targets))
        good = 0
        for event in results_of(request, ProgressLine()):
            match event:
                case FrameResult(key, result):
                    media_id, frame = key.split(":")
                    good += 1
                    yield by_id[int(media_id)], int(frame), result
                case FrameFailed(key, reason):
                    media_id, frame = key.split(":")
                    name = by_id[int(media_id)].name
                    shown = name if by_id[int(media_id)].kind == "image" else f"{name} #{frame}"
                    self.failed.append({"file": shown, "reason": reason})
                case Finished(seconds, device):
                    outcome.seconds, outcome.device = seconds, device
        outcome.failed = self.failed
        if not good and self.failed:
            raise MediaError(
                f"none of {count(len(targets), 'file')} could be predicted:"
                f" {self.failed[0]['reason']}",
                where=self.failed[0]["file"],
                next_step="check the files",
            )

    def _frames(self, targets: Sequence[Target]) -> list[FrameRef]:
        """Every frame to predict; files that cannot be opened are noted as failed."""
        from visionstudio.engine.requests import FrameRef
        from visionstudio.media.probe import probe
        from visionstudio.model.errors import MediaError, one_line

        frames = []
        for target in targets:
            path = str(target.path.absolute())
            if target.kind != "image":
                try:
                    target.frames = probe(target.path, target.kind).frames
                except (MediaError, OSError) as error:
                    self.failed.append({"file": target.name, "reason": one_line(error)})
                    continue
            frames += [
                FrameRef(f"{target.id}:{n}", path, str(target.kind), n)
                for n in range(target.frames)
            ]
        return frames

    def request(self, frames: Sequence[FrameRef]) -> Predict:
        """The request for the engine."""
        from visionstudio.engine.requests import Predict

        return Predict(
            model=self.info.id,
            frames=tuple(frames),
            weights=str(self.weights.absolute()) if self.weights is not None else None,
            params=self.params,
            device=self.device,
        )

    def _reply(self, media: int, outcome: Outcome, done: str) -> Reply:
        document = {
            "media": media,
            "results": outcome.results,
            "seconds": round(outcome.seconds, 3),
            "device": outcome.device,
            "failed": outcome.failed,
        }
        head = (
            f"{count(outcome.results, 'result')} on {count(media, 'file')} {done}"
            f" ({outcome.seconds:.1f} s, {outcome.device})"
        )
        lines = [f"failed: {f['file']}: {f['reason']}" for f in outcome.failed]
        return Reply(document, "\n".join([head, *lines]))


def _part_of(targets: list[Target], part: tuple[int, int]) -> list[Target]:
    number, parts = part
    return targets[number - 1 :: parts]
