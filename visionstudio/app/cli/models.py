"""``models``: what there is, and weights in and out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from visionstudio.app.cli import completing
from visionstudio.app.cli.reply import ProgressLine, Reply, columns

if TYPE_CHECKING:
    from visionstudio.engine.registry import Registry

app = typer.Typer(help="Models and their weights: list, look into, import, download, export.")


@app.command("list")
def list_() -> Reply:
    """List all models with their weights."""
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.model_store import list_models

    entries = list_models(discover())
    models = [
        {
            "id": name,
            "task": e.info.task,
            "trainable": e.info.trainable,
            "weights": [
                {
                    "name": w.name,
                    "bytes": w.bytes,
                    "sha256": w.sha256,
                    "licence": w.licence,
                    "source": w.source,
                    "present": w.present,
                    "metric": w.metric,
                }
                for w in e.weights
            ],
        }
        for e in entries
        for name in (e.info.id, *e.info.aliases)
    ]
    rows = [
        (
            ", ".join((e.info.id, *e.info.aliases)),
            "trainable" if e.info.trainable else "",
            ", ".join(w.name if w.present else f"{w.name} (not here)" for w in e.weights),
        )
        for e in entries
    ]
    return Reply({"models": models}, columns(rows))


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A weights file: .safetensors, .pt, .pth, .onnx or .weights."
        ),
    ],
    model: Annotated[
        str, typer.Option(metavar="ID", help="The model it is for, where the file does not tell.")
    ] = "",
) -> Reply:
    """Take weights into the library; a checkpoint is converted without running its code."""
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.model_store import import_weights

    taken = import_weights(file, discover(), model)
    document = {
        "id": taken.id,
        "weights": str(taken.weights),
        "architecture": taken.architecture,
        "classes": list(taken.classes),
    }
    return Reply(document, f"{taken.id}: {taken.weights} {taken.architecture}".rstrip())


@app.command("inspect")
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A weights file or checkpoint.")],
) -> Reply:
    """Say what is in a weights file, without taking it in or running its code."""
    import msgspec

    from visionstudio.engine.contents import inspect_weights
    from visionstudio.engine.discovery import discover

    found = inspect_weights(file, discover())
    height, width = found.input_size
    rows = [
        ("kind", found.kind),
        ("architecture", found.model if found.usable else found.problem),
        ("classes", f"{len(found.classes)}: {', '.join(found.classes[:8])}"),
        ("input", f"{width} x {height} px" if height else "any size"),
        ("parameters", f"{found.parameters:,} in {found.tensors} tensors"),
        *(("", note) for note in found.notes),
    ]
    return Reply(msgspec.to_builtins(found), columns(rows))


@app.command("download")
def download(
    model: Annotated[
        str,
        typer.Argument(metavar="ID", help="A model's id.", autocompletion=completing.models),
    ],
) -> Reply:
    """Fetch the weights that a model names, checked against their hash."""
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.model_store import download as fetch

    progress = ProgressLine()
    registry = discover()
    files = [str(path) for path in fetch(registry, model, progress)]
    progress.close()
    document = {
        "id": model,
        "weights": files[0] if len(files) == 1 else files,
        "architecture": model,
        "classes": [],
    }
    return Reply(document, "\n".join(files))


@app.command("export")
def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID|RUN", help="A model's id, the id of imported weights, or a run's folder."
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    form: Annotated[
        str, typer.Option("--format", metavar="onnx|safetensors", help="What to write.")
    ] = "onnx",
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights, if not the model's own.")
    ] = None,
) -> Reply:
    """Write a model for other programs, with a card that tells what it is.

    ONNX is compared with torch before it counts as written.
    """
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.exporting import FORMATS, export_model
    from visionstudio.model.errors import InvalidValue

    wanted = next((f for f in FORMATS if f == form), None)
    if wanted is None:
        raise InvalidValue(f"there is no format '{form}'", next_step=f"use {' or '.join(FORMATS)}")
    registry = discover()
    model, own = _named(what, registry)
    made = export_model(registry.model(model), weights or own, wanted, out)
    document = {
        "id": model,
        "files": [str(path) for path in made.files],
        "difference": made.difference,
    }
    text = "\n".join(str(path) for path in made.files)
    if made.difference is not None:
        text += f"\nat most {made.difference:.1e} from torch"
    return Reply(document, text)


def _named(what: str, registry: Registry) -> tuple[str, Path | None]:
    """Model id and weights of a run's folder, imported weights or a model's id."""
    from visionstudio.engine.model_store import list_imported
    from visionstudio.engine.training.runs import RUN_FILE, load_run
    from visionstudio.model.errors import WeightsError

    if (Path(what) / RUN_FILE).is_file():
        run = load_run(Path(what))
        if run.weights is None:
            raise WeightsError("the run has no weights yet", where=what)
        return run.model, run.weights
    for imported in list_imported():
        if what in (imported.id, imported.weights.stem):
            return imported.architecture, imported.weights
    return registry.model(what).id, None


@app.command("remove")
def remove(
    name: Annotated[
        str, typer.Argument(metavar="ID", help="The id of imported weights, or a model's id.")
    ],
) -> Reply:
    """Delete weights that were imported or downloaded."""
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.model_store import remove as delete

    files = [str(path) for path in delete(discover(), name)]
    document = {
        "id": name,
        "weights": files[0] if len(files) == 1 else files,
        "architecture": "",
        "classes": [],
    }
    return Reply(document, "\n".join(f"removed {file}" for file in files))
