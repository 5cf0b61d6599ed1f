"""``generate`` and ``edit``: new pictures, and changed ones."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any

import typer

from visionstudio.app.cli.opening import parameters, results_of
from visionstudio.app.cli.predict import Device, ModelId, Params, Weights
from visionstudio.app.cli.reply import ProgressLine, Reply, count


def generate(
    model: ModelId,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the pictures.")],
    number: Annotated[int, typer.Option("--count", metavar="N", min=1, help="How many.")] = 1,
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed, the same pictures.")] = 0,
    weights: Weights = None,
    label: Annotated[
        str | None, typer.Option(metavar="CLASS", help="Only pictures of this class.")
    ] = None,
    param: Params = None,
    device: Device = "auto",
) -> Reply:
    """Let a generator draw new pictures."""
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.events import FrameResult
    from visionstudio.engine.requests import Generate
    from visionstudio.formats.output import write_bytes
    from visionstudio.model.errors import InvalidValue

    values = parameters(param or ())
    info = discover().model(model)
    if info.task != "generator" or info.output != "images":
        raise InvalidValue(f"'{model}' does not draw new pictures", next_step="choose a generator")
    request = Generate(
        model=model,
        count=number,
        seed=seed,
        label=label,
        weights=str(weights.absolute()) if weights is not None else None,
        params=values,
        device=device,
    )
    files: list[str] = []
    digits = max(4, len(str(number - 1)))
    for event in results_of(request, ProgressLine()):
        if isinstance(event, FrameResult):
            path = out / f"{int(event.key):0{digits}d}.png"
            write_bytes(path, png(event.result))
            files.append(str(path))
    return Reply({"files": files, "seed": seed}, f"{count(len(files), 'picture')} in {out}")


def edit(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="The picture to change.")],
    model: ModelId,
    mask: Annotated[
        Path, typer.Option(metavar="FILE", help="A picture that is not black where to change.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The PNG to write.")],
    weights: Weights = None,
    param: Params = None,
    device: Device = "auto",
    seed: Annotated[int, typer.Option(metavar="S", help="The same seed, the same picture.")] = 0,
) -> Reply:
    """Let an editor change a part of a picture."""
    import numpy as np

    from visionstudio.engine.discovery import discover
    from visionstudio.engine.events import FrameResult
    from visionstudio.engine.requests import EditImage, FrameRef
    from visionstudio.formats.output import write_bytes
    from visionstudio.media.image import read_rgb
    from visionstudio.model.errors import InvalidValue, UnknownModel

    values = parameters(param or ())
    registry = discover()
    editors = [m.id for m in registry.models.values() if m.output == "edit"]
    if not editors:
        raise UnknownModel(
            "no installed model edits pictures",
            where=model,
            next_step="install a plugin that brings one (visionstudio models list)",
        )
    if registry.model(model).output != "edit":
        raise InvalidValue(
            f"'{model}' does not edit pictures", next_step=f"choose one of: {', '.join(editors)}"
        )
    if any(p.name == "seed" for p in registry.model(model).params):
        values.setdefault("seed", str(seed))
    selected = np.asarray(read_rgb(mask).any(axis=2))
    request = EditImage(
        model=model,
        frame=FrameRef("0", str(picture.absolute())),
        mask=selected,
        weights=str(weights.absolute()) if weights is not None else None,
        params=values,
        device=device,
    )
    for event in results_of(request, ProgressLine()):
        if isinstance(event, FrameResult):
            write_bytes(out, png(event.result))
    return Reply({"files": [str(out)], "seed": seed}, f"written to {out}")


def png(result: Any) -> bytes:
    """A generated picture as PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(result.image).save(buffer, "PNG")
    return buffer.getvalue()
