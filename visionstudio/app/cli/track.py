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
    from visionstudio.engine.requests import BoxRow
    from visionstudio.engine.tracking import BoxTuple


def track(
    src: Annotated[Path, typer.Argument(metavar="SRC", help="A video or a folder of frames.")],
    model: ModelId,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The MOT text to write.")],
    roi: Annotated[
        str | None,
        typer.Option(metavar="X,Y,W,H", help="The object's box in the first frame, from 0."),
    ] = None,
    detections: Annotated[
        Path | None, typer.Option(metavar="FILE", help="MOT detections, to follow many objects.")
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
    """Follow an object through a video and write MOT text."""
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.tracking import parse_roi, read_ground_truth
    from visionstudio.media.scan import find_media
    from visionstudio.model.errors import InvalidValue

    if (roi is None) == (detections is None):
        raise typer.BadParameter("give either --roi X,Y,W,H or --detections FILE")
    values = parameters(param or ())
    find_media([src])  # says when there is no such path
    info = discover().model(model)
    if info.task != "tracker":
        raise InvalidValue(f"'{model}' is a {info.task}", next_step="choose a tracker")
    _check_kind(info, roi is None)
    box = parse_roi(roi) if roi is not None else None
    rows = read_detections(detections) if detections is not None else ()
    truth = read_ground_truth(gt) if gt is not None else None
    run = _Run(info, src, weights, values, device)
    states, seconds = run.states(box, rows, start, end, backwards)
    return _answer(states, seconds, out, truth)


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
            next_step="give --detections FILE",
        )


class _Run:
    def __init__(
        self,
        info: ModelInfo,
        src: Path,
        weights: Path | None,
        params: dict[str, Any],
        device: str,
    ) -> None:
        self.info, self.src, self.weights = info, src, weights
        self.params, self.device = params, device

    def states(
        self,
        box: BoxTuple | None,
        detections: tuple[BoxRow, ...],
        start: int | None,
        end: int | None,
        backwards: bool,
    ) -> tuple[dict[int, Any], float]:
        """What the tracker says of every frame, and the seconds it took."""
        from visionstudio.api.results import TrackState
        from visionstudio.engine.events import Finished, FrameFailed, FrameResult
        from visionstudio.engine.requests import Track

        if start is None:
            start = _last_frame(self.src) if backwards else 0
        request = Track(
            model=self.info.id,
            path=str(self.src.absolute()),
            kind="frames" if self.src.is_dir() else "video",
            start=start,
            end=end,
            backwards=backwards,
            box=box,
            detections=detections,
            weights=str(self.weights.absolute()) if self.weights is not None else None,
            params=self.params,
            device=self.device,
        )
        states: dict[int, Any] = {}
        seconds = 0.0
        for event in results_of(request, ProgressLine()):
            if isinstance(event, FrameResult):
                states[int(event.key)] = event.result
            elif isinstance(event, FrameFailed):
                states[int(event.key)] = TrackState(None, 0.0, lost=True) if box else ()
            elif isinstance(event, Finished):
                seconds = event.seconds
        return states, seconds


def _last_frame(src: Path) -> int:
    from visionstudio.media.probe import probe
    from visionstudio.model.media import MediaKind

    return probe(src, MediaKind.FRAMES if src.is_dir() else MediaKind.VIDEO).frames - 1


def _answer(states: dict[int, Any], seconds: float, out: Path, truth: Any) -> Reply:
    from visionstudio.engine.tracking import Tracked, write_mot
    from visionstudio.engine.tracking import figures as track_figures
    from visionstudio.formats.files import write_bytes

    one = all(not isinstance(state, tuple) for state in states.values())
    if one:
        tracked = [Tracked(frame, state) for frame, state in states.items()]
        write_mot(out, tracked)
        lost = sum(t.state.lost for t in tracked)
    else:
        tracked = []
        lost = sum(all(s.lost for _, s in state) for state in states.values())
        write_bytes(out, mot_text(states).encode("ascii"))
    fps = len(states) / seconds if seconds else 0.0
    document: dict[str, Any] = {"frames": len(states), "lost": lost, "fps": round(fps, 2)}
    lines = [f"{count(len(states), 'frame')}, lost in {lost}, {fps:.1f} frames/s: {out}"]
    if truth is not None and one:
        document["metrics"] = track_figures(tracked, truth)
        lines.append(figures(document["metrics"]))
    return Reply(document, "\n".join(lines))


def read_detections(path: Path) -> tuple[BoxRow, ...]:
    """Rows (frame, x1, y1, x2, y2, score), from 0, of MOT's det.txt. Raises FormatError."""
    from visionstudio.model.errors import FormatError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError("cannot read the detections", where=f"{path}: {error}") from None
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            frame, _, left, top, width, height, score = (float(v) for v in line.split(",")[:7])
            if not (frame >= 1 and width > 0 and height > 0):
                raise ValueError(line)
        except ValueError:
            raise FormatError(
                "a detection is frame,id,left,top,width,height,confidence",
                where=f"{path}:{number}",
                next_step="correct the line",
            ) from None
        x, y = left - 1, top - 1
        rows.append((int(frame) - 1, x, y, x + width, y + height, score))
    return tuple(rows)


def mot_text(states: dict[int, Any]) -> str:
    """MOT lines of many objects: frames, ids and boxes from 1; lost ones are left out."""
    lines = []
    for frame in sorted(states):
        for track_id, state in states[frame]:
            if state.lost or state.box is None:
                continue
            x1, y1, x2, y2 = state.box
            box = ",".join(f"{v:.10g}" for v in (x1 + 1, y1 + 1, x2 - x1, y2 - y1))
            lines.append(f"{frame + 1},{track_id},{box},{state.score:.6g},-1,-1,-1\n")
    return "".join(lines)
