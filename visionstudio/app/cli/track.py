"""``track``: follow an object through a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.opening import parameters, results_of
from visionstudio.app.cli.predict import Device, ModelId, Params, Weights
from visionstudio.app.cli.reply import ProgressLine, Reply, count, figures

if TYPE_CHECKING:
    from visionstudio.engine.registry import ModelInfo
    from visionstudio.engine.requests import BoxRow, Track


def track(
    src: Annotated[
        Path,
        typer.Argument(
            metavar="SRC", help="A video, a folder of frames, or a file of detections alone."
        ),
    ],
    model: ModelId,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The MOT text to write.")],
    roi: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="The object's box in the first frame, from 0."),
    ] = None,
    detections: Annotated[
        Path | None, typer.Option(metavar="FILE", help="MOT detections, to follow many objects.")
    ] = None,
    detector: Annotated[
        str | None, typer.Option(metavar="ID", help="A detector, to follow what it finds.")
    ] = None,
    detector_weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The detector's weights.")
    ] = None,
    start: Annotated[int | None, typer.Option(metavar="N", help="The first frame, from 0.")] = None,
    end: Annotated[int | None, typer.Option(metavar="N", help="The last frame.")] = None,
    backwards: Annotated[bool, typer.Option("--backwards", help="Towards the beginning.")] = False,
    gt: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Ground truth, to measure the track.")
    ] = None,
    weights: Weights = None,
    param: Params = None,
    device: Device = "auto",
) -> Reply:
    """Follow one object or many through a video and write MOT text."""
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.requests import Track
    from visionstudio.engine.tracking import parse_roi, read_ground_truth
    from visionstudio.media.scan import find_media
    from visionstudio.model.errors import InvalidValue

    if src.suffix.lower() == ".txt" and src.is_file() and detections is None:
        detections = src
    if sum(x is not None for x in (roi, detections, detector)) != 1:
        raise typer.BadParameter("give one of --roi X,Y,W,H, --detections FILE and --detector ID")
    values = parameters(param or ())
    alone = detections is not None and src.is_file() and src.samefile(detections)
    if not alone:
        find_media([src])  # says when there is no such path
    registry = discover()
    info = registry.model(model)
    if info.task != "tracker":
        raise InvalidValue(f"'{model}' is a {info.task}", next_step="choose a tracker")
    _check_kind(info, roi is None)
    if detector is not None and registry.model(detector).task != "detector":
        raise InvalidValue(f"'{detector}' is no detector", next_step="choose a detector")
    request = Track(
        model=info.id,
        path=str(src.absolute()),
        kind="boxes" if alone else "frames" if src.is_dir() else "video",
        start=(_last_frame(src) if backwards else 0) if start is None and not alone else start,
        end=end,
        backwards=backwards,
        box=parse_roi(roi) if roi is not None else None,
        detections=_read_detections(detections) if detections is not None else (),
        detector=detector or "",
        detector_weights=str(detector_weights.absolute()) if detector_weights else None,
        weights=str(weights.absolute()) if weights is not None else None,
        params=values,
        device=device,
    )
    truth = read_ground_truth(gt) if gt is not None and roi is not None else None
    states, seconds = _states(request)
    many = None if gt is None or roi is not None else gt
    return _answer(states, seconds, out, truth, many)


def _check_kind(info: ModelInfo, many: bool) -> None:
    from visionstudio.model.errors import InvalidValue

    if many and info.output != "tracks":
        raise InvalidValue(
            "it follows one object and takes no detections",
            where=info.id,
            next_step="give --roi X,Y,W,H",
        )
    if not many and info.output == "tracks":
        raise InvalidValue(
            "it follows many objects by their detections",
            where=info.id,
            next_step="give --detections FILE or --detector ID",
        )


def _states(request: Track) -> tuple[dict[int, Any], float]:
    """What the tracker says of every frame, and the seconds it took."""
    from visionstudio.api.results import TrackState
    from visionstudio.engine.events import Finished, FrameFailed, FrameResult

    lost = TrackState(None, 0.0, lost=True)
    states: dict[int, Any] = {}
    seconds = 0.0
    for event in results_of(request, ProgressLine()):
        if isinstance(event, FrameResult):
            one = not isinstance(event.result, tuple)
            states[int(event.key)] = ((1, event.result),) if one else event.result
        elif isinstance(event, FrameFailed):
            states[int(event.key)] = ((1, lost),) if request.box is not None else ()
        elif isinstance(event, Finished):
            seconds = event.seconds
    return states, seconds


def _last_frame(src: Path) -> int:
    from visionstudio.media.probe import probe
    from visionstudio.model.media import MediaKind

    return probe(src, MediaKind.FRAMES if src.is_dir() else MediaKind.VIDEO).frames - 1


def _answer(
    states: dict[int, Any], seconds: float, out: Path, truth: Any, many: Path | None
) -> Reply:
    from visionstudio.engine.evaluation.mot import evaluate_tracks, read_tracks
    from visionstudio.engine.evaluation.sot import figures as track_figures
    from visionstudio.engine.mot_text import mot_text
    from visionstudio.engine.tracking import Tracked
    from visionstudio.formats.output import write_bytes

    write_bytes(out, mot_text(states).encode("ascii"))
    lost = sum(all(s.lost for _, s in state) for state in states.values())
    fps = len(states) / seconds if seconds else 0.0
    document: dict[str, Any] = {"frames": len(states), "lost": lost, "fps": round(fps, 2)}
    lines = [f"{count(len(states), 'frame')}, lost in {lost}, {fps:.1f} frames/s: {out}"]
    if truth is not None:
        tracked = [Tracked(frame, state[0][1]) for frame, state in states.items()]
        document["metrics"] = track_figures(tracked, truth)
    elif many is not None:
        document["metrics"] = evaluate_tracks(read_tracks(many, truth=True), read_tracks(out))
    if "metrics" in document:
        lines.append(figures(document["metrics"]))
    return Reply(document, "\n".join(lines))


def _read_detections(path: Path) -> tuple[BoxRow, ...]:
    """Rows (frame, x1, y1, x2, y2, score), from 0, of MOT's det.txt. Raises FormatError."""
    from visionstudio.engine.mot_text import read_mot_rows

    return tuple((row.frame, *row.box, row.score) for row in read_mot_rows(path))
