"""``measure``: the figures of a project's objects as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from visionstudio.app.cli.opening import project_store
from visionstudio.app.cli.project import Folder
from visionstudio.app.cli.reply import ProgressLine, Reply, count


def measure(
    folder: Folder,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.csv", help="The table to write.")],
    proposals: Annotated[
        bool, typer.Option("--proposals", help="Measure proposals too, not only labels.")
    ] = False,
    measurements: Annotated[
        bool,
        typer.Option("--measurements", help="Write the drawn measurements instead of objects."),
    ] = False,
) -> Reply:
    """Measure the objects of all pictures: area, form, source values per channel, as CSV."""
    from visionstudio.formats.output import write_bytes
    from visionstudio.session.measuring import measurement_csv, result_rows
    from visionstudio.session.region_tables import Scales, ValueReader, project_rows
    from visionstudio.session.regions import to_csv

    progress = ProgressLine()
    failed: dict[str, str] = {}
    with project_store(folder, read_only=True) as store:
        if measurements:
            media = store.media()
            with ValueReader({m.id: m for m in media}, store.path_of) as reader:
                scales = Scales(store.measurements(), reader.calibration)
                paths = {m.id: m.path for m in media}
                drawn = result_rows(store.measurements(), paths, scales)
            text, rows = measurement_csv(drawn), len(drawn)
        else:
            found, failed = project_rows(store, proposals=proposals, progress=progress)
            text, rows = to_csv(found), len(found)
    progress.close()
    write_bytes(out, text.encode("utf-8"))
    missing = [{"file": path, "reason": reason} for path, reason in failed.items()]
    lines = [f"{count(rows, 'row')}: {out}"]
    lines += [f"  {m['file']}: {m['reason']}" for m in missing]
    return Reply({"rows": rows, "file": str(out), "failed": missing}, "\n".join(lines))
