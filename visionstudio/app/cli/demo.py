"""``demo``: the sample project, in the window or, without a screen, from end to end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.reply import ProgressLine, Reply, columns, count

if TYPE_CHECKING:
    from visionstudio.app.sample import Sample


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where it lies, if not in your data folder."),
    ] = None,
    no_window: Annotated[
        bool,
        typer.Option("--no-window", help="Do the sample's job here, in a few minutes, and tell."),
    ] = False,
) -> Reply:
    """Open the sample project, built from pictures that installed packages carry.

    Without a screen, or with --no-window: train its four small models, propose,
    measure, track and generate, and render the window to a picture.
    """
    from visionstudio.app.demo import has_screen
    from visionstudio.app.sample import build_sample, default_folder

    progress = ProgressLine()
    sample = build_sample(folder or default_folder(), lambda message: progress(None, message))
    progress.close()
    if no_window or not has_screen():
        return _without_window(sample, progress)
    return _in_window(sample)


def _in_window(sample: Sample) -> Reply:
    from visionstudio.app.demo import start_preparing
    from visionstudio.app.window import run_window
    from visionstudio.model.errors import VisionStudioError

    preparing = start_preparing(sample)
    try:
        code = run_window([sample.folder])
    finally:
        if preparing is not None:
            preparing.terminate()
            preparing.wait()
    if code:
        raise VisionStudioError(
            f"the window ended with code {code}",
            where=str(sample.folder),
            next_step="see what is missing with: visionstudio doctor",
        )
    return Reply(_document(sample, {}), "")


def _without_window(sample: Sample, progress: ProgressLine) -> Reply:
    from visionstudio.app.demo import run_sample, take_screenshot

    figures = run_sample(sample, progress)
    progress.close()
    screenshot = take_screenshot(sample)
    document = _document(sample, figures) | {"screenshot": str(screenshot)}
    rows = [(name, f"{value:.4g}") for name, value in figures.items()]
    lines = [
        f"{count(document['media'], 'picture or video', 'pictures and videos')},"
        f" {count(document['annotations'], 'label')} in {sample.folder}",
        columns(rows),
        f"models: {sample.folder / 'runs'}",
        f"track and generated pictures: {sample.folder / 'results'}",
        f"the window: {screenshot}",
        f"look at it with: visionstudio {sample.folder}",
    ]
    return Reply(document, "\n".join(lines))


def _document(sample: Sample, figures: dict[str, float]) -> dict[str, Any]:
    from visionstudio.storage.store import ProjectStore

    with ProjectStore.open(sample.folder, read_only=True) as store:
        counts = store.counts()
    return {
        "dir": str(sample.folder),
        "media": counts.media,
        "annotations": counts.annotations,
        "figures": figures,
    }
