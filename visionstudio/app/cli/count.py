"""``count``: how many tracks go across lines and through zones of a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.opening import project_store
from visionstudio.app.cli.project import Folder
from visionstudio.app.cli.reply import Reply, columns, count
from visionstudio.app.cli.video import Item, chosen_video

if TYPE_CHECKING:
    from visionstudio.session.counting import Region


def count_(
    folder: Folder,
    line: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=X,Y,X,Y…", help="A line to count across; repeatable."),
    ] = None,
    zone: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=X,Y,X,Y,X,Y…", help="A zone to count in; repeatable."),
    ] = None,
    item: Item = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="In and out over time, by class.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="Every crossing as a row.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE.svg", help="The counts over time as a plot.")
    ] = None,
    every: Annotated[float, typer.Option(metavar="SECONDS", help="The rows of --out.")] = 60.0,
    anchor: Annotated[
        str, typer.Option(metavar="bottom|centre", help="Where of its box an object is.")
    ] = "bottom",
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Leave proposals out.")
    ] = False,
) -> Reply:
    """Count a project's tracks across lines and zones; without any, across those drawn on it."""
    from visionstudio.formats.output import write_bytes
    from visionstudio.media.video import open_video
    from visionstudio.model.errors import InvalidValue
    from visionstudio.session.counting import (
        Anchor,
        count_tracks,
        counts_csv,
        events_csv,
        plot_svg,
        regions_of,
    )

    if anchor not in tuple(Anchor):
        raise InvalidValue(f"'{anchor}' is no anchor", next_step="give bottom or centre")
    given = [*_regions(line or (), zone=False), *_regions(zone or (), zone=True)]
    with project_store(folder, read_only=True) as store:
        video = chosen_video(store, item)
        regions = given or regions_of(store.measurements(), video.id)
        names = {c.id: c.name for c in store.classes()}
        counted = count_tracks(
            store.annotations(video.id), regions, names,
            anchor=Anchor(anchor), proposals=not labels_only,
        )  # fmt: skip
        path = store.path_of(video)
    files: list[Path] = []
    if out or events or plot:
        with open_video(path) as reader:
            seconds = (reader.pts - reader.pts[0]) * float(reader.time_base)
        for file, text in (
            (out, counts_csv(counted, seconds, every) if out else ""),
            (events, events_csv(counted, seconds) if events else ""),
            (plot, plot_svg(counted, seconds) if plot else ""),
        ):
            if file is not None:
                write_bytes(file, text.encode())
                files.append(file)
    totals = counted.totals()
    document: dict[str, Any] = {
        "tracks": counted.tracks,
        "crossings": len(counted.crossings),
        "regions": [
            {
                "name": r.name,
                "kind": "zone" if r.is_zone else "line",
                "classes": [
                    {"name": label, "in": ins, "out": outs}
                    for (region, label), (ins, outs) in totals.items()
                    if region == r.name
                ],
            }
            for r in regions
        ],
        "files": files,
    }
    rows = [("region", "class", "in", "out")]
    rows += [(r, label, str(ins), str(outs)) for (r, label), (ins, outs) in totals.items()]
    text = f"{count(counted.tracks, 'track')}, {count(len(counted.crossings), 'crossing')}"
    return Reply(document, f"{text}\n{columns(rows)}")


def _regions(texts: Any, *, zone: bool) -> list[Region]:
    from visionstudio.model.errors import InvalidValue
    from visionstudio.session.counting import Region

    found = []
    for text in texts:
        name, _, numbers = text.rpartition("=")
        try:
            values = [float(v) for v in numbers.split(",")]
            points = tuple(zip(values[::2], values[1::2], strict=True))
        except ValueError:
            raise InvalidValue(
                f"'{text}' is no {'zone' if zone else 'line'}",
                next_step="give NAME=X,Y,X,Y with a number for each",
            ) from None
        found.append(Region(name or ("zone" if zone else "line"), points, zone))
    return found
