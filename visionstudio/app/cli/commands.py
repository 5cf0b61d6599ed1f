"""All commands in one table. Their modules import only typer until a command runs."""

from __future__ import annotations

import importlib.util
import inspect
from typing import Annotated

import typer

from visionstudio.app.cli import (
    count,
    doctor,
    evaluate,
    exchange,
    find,
    generate,
    measure,
    models,
    plugins,
    predict,
    project,
    team,
    track,
    train,
    video,
)


def build() -> typer.Typer:
    """The command line as a typer application."""
    app = typer.Typer(
        name="visionstudio",
        help="Look at, label and measure pictures and video with models at hand.\n\n"
        "Without a command, or with paths, the window opens.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
    )
    app.callback()(_top)
    if importlib.util.find_spec("visionstudio.app.cli.demo") is not None:
        from visionstudio.app.cli.demo import demo

        app.command("demo")(demo)
    app.command("init")(project.init)
    app.command("info")(project.info)
    app.command("find")(find.find)
    app.command("import")(exchange.import_)
    app.command("export")(exchange.export)
    app.command("convert")(exchange.convert)
    app.add_typer(models.app, name="models")
    app.add_typer(plugins.app, name="plugins")
    app.add_typer(video.app, name="video")
    app.command("predict")(predict.predict)
    app.command("train")(train.train)
    app.command("evaluate")(evaluate.evaluate)
    app.command("measure")(measure.measure)
    app.command("merge")(team.merge)
    app.command("agree")(team.agree)
    app.command("second-pass")(team.second_pass)
    app.command("assign")(team.assign)
    app.command("statistics")(team.statistics)
    app.command("track")(track.track)
    app.command("generate")(generate.generate)
    app.command("edit")(generate.edit)
    app.command("count")(count.count_)
    app.command("doctor")(doctor.doctor)
    _with_whole_summaries(app)
    return app


def _with_whole_summaries(app: typer.Typer) -> None:
    """Lists of commands with the whole first sentence of each, which click would cut short."""
    for command in app.registered_commands:
        text = " ".join((inspect.getdoc(command.callback) or "").split("\n\n", 1)[0].split())
        command.short_help = text.split(". ", 1)[0].rstrip(".") + "."
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.short_help = str(group.typer_instance.info.help)
            _with_whole_summaries(group.typer_instance)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"visionstudio {version('visionstudio')}")
        raise typer.Exit


def _top(
    json: Annotated[  # taken out of the arguments before they are parsed
        bool, typer.Option("--json", help="Exactly one JSON document on stdout.")
    ] = False,
    quiet: Annotated[  # likewise
        bool, typer.Option("--quiet", "-q", help="No progress and no answer but errors or JSON.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """The options in front of the command."""
