"""``predict``: a model's results for pictures, folders, videos or a project."""

from __future__ import annotations

import json
import os
import re
import sys
from functools import partial
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from visionstudio.app.cli import completing
from visionstudio.app.cli.opening import parameters, project_store
from visionstudio.app.cli.reply import ProgressLine, Reply, count

if TYPE_CHECKING:
    from visionstudio.session.batch import Batch, Outcome, Target

STEP = 32  # files of a part after which what is done is kept
ModelId = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="ID",
        help="See: visionstudio models list",
        autocompletion=completing.models,
    ),
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
    shards: Annotated[
        int | None,
        typer.Option(
            "--shards",
            metavar="N",
            min=1,
            help="In N shards: the same command goes on after a stop.",
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster", metavar="ADDRESS", help="On a Ray cluster: local, auto, or host:port."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="OUT",
            help="The file, or for pixel maps the folder; - for standard output.",
        ),
    ] = None,
    into_project: Annotated[
        bool, typer.Option("--into-project", help="Store the results as proposals.")
    ] = False,
    as_video: Annotated[
        bool, typer.Option("--as-video", help="Take a folder of pictures as one video.")
    ] = False,
) -> Reply:
    """Let a model predict. Writes files, or proposals into the project.

    With - as SRC the paths come from standard input, one a line. With --out - the
    results themselves are written to standard output, as JSON.
    """
    if (out is None) == (not into_project):
        raise typer.BadParameter("give either --out OUT or --into-project")
    if (shards is not None or cluster is not None) and (out is None or shard is not None):
        raise typer.BadParameter("--shards and --cluster go with --out, without --shard")
    to_stdout = str(out) == "-"
    if to_stdout and (shards is not None or cluster is not None or shard is not None):
        raise typer.BadParameter("shards need a file: --out FILE")
    from visionstudio.engine.discovery import discover
    from visionstudio.media.scan import find_media
    from visionstudio.session.batch import (
        Batch,
        check_task,
        class_ids_of,
        file_targets,
        listed_targets,
        part_of,
        project_targets,
    )
    from visionstudio.storage.paths import is_project

    part = parse_shard(shard)
    values = parameters(param or ())
    listed = None
    if str(src) == "-":
        if into_project:
            raise typer.BadParameter("- has no project to store into; name the project instead")
        listed = listed_targets(_standard_input(), as_video)
    else:
        find_media([src])  # says when there is no such path
    info = discover().model(model)
    check_task(info)
    if to_stdout and info.output == "semantic":
        raise typer.BadParameter("pixel maps are pictures: --out FOLDER", param_hint="--out")
    progress = ProgressLine()
    batch = Batch(info, weights, values, device, progress)
    try:
        ids: dict[str, int] = {}
        if listed is not None:
            targets = listed
        elif into_project:
            with project_store(src) as store:
                return _reply(batch.into_project(store, part))
        elif is_project(src) or src.name == "project.db":
            with project_store(src, read_only=True) as store:
                targets, ids = project_targets(store), class_ids_of(store)
        else:
            targets = file_targets(src, as_video)
        if shard is not None:
            targets = part_of(targets, part)
            shards = ceil(len(targets) / STEP)
        if shards is not None or cluster is not None:
            return _reply(_in_shards(batch, targets, ids, out or Path(), shards, cluster))
        if to_stdout:
            return _results_themselves(batch, targets, ids)
        return _reply(batch.to_files(targets, ids, out or Path()))
    finally:
        progress.close()


def _standard_input() -> str:
    """All of it, as names of files: they need not be UTF-8."""
    binary = getattr(sys.stdin, "buffer", None)
    return sys.stdin.read() if binary is None else os.fsdecode(binary.read())


def _results_themselves(batch: Batch, targets: list[Target], ids: dict[str, int]) -> Reply:
    """What a file of results would hold."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "results.json"
        outcome = batch.to_files(targets, ids, file)
        text = file.read_text(encoding="utf-8")
    for one in outcome.failed:
        typer.echo(f"failed: {one['file']}: {one['reason']}", err=True)
    return Reply(json.loads(text), text, asked_for=True)


def _in_shards(
    batch: Batch,
    targets: list[Target],
    class_ids: dict[str, int],
    out: Path,
    count: int | None,
    cluster: str | None,
) -> Outcome:
    from visionstudio.session.cluster import predict_on_cluster
    from visionstudio.session.shards import ShardJob, predict_here, predict_shards

    job = ShardJob(
        info=batch.info,
        weights=str(batch.weights.absolute()) if batch.weights is not None else None,
        params=batch.params,
        device=batch.device,
        class_ids=class_ids,
        out=str(out.absolute()),
    )
    work = predict_here if cluster is None else partial(predict_on_cluster, cluster)
    return predict_shards(job, targets, count, work, batch.progress)


def parse_shard(text: str | None) -> tuple[int, int]:
    """Part and number of parts of ``i/n``; (1, 1) is everything."""
    if text is None:
        return 1, 1
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text.strip())
    part, parts = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= part <= parts:
        raise typer.BadParameter(f"'{text}' is not i/n with i from 1 to n", param_hint="--shard")
    return part, parts


def _reply(outcome: Outcome) -> Reply:
    document = {
        "media": outcome.media,
        "results": outcome.results,
        "seconds": round(outcome.seconds, 3),
        "device": outcome.device,
        "failed": outcome.failed,
    }
    head = (
        f"{count(outcome.results, 'result')} on {count(outcome.media, 'file')} {outcome.done}"
        f" ({outcome.seconds:.1f} s, {outcome.device})"
    )
    lines = [f"failed: {f['file']}: {f['reason']}" for f in outcome.failed]
    return Reply(document, "\n".join([head, *lines]))
