"""Model cards: what somebody who gets a model file should know about it, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from visionstudio.engine.registry import ModelInfo
from visionstudio.engine.weights import WeightsHeader, file_hash

_TASKS = {
    "classifier": "image-classification",
    "detector": "object-detection",
    "segmenter": "image-segmentation",
    "generator": "unconditional-image-generation",
    "tracker": "object-detection",
}


def model_card(
    info: ModelInfo,
    header: WeightsHeader,
    file: Path,
    use: str = "",
    difference: float | None = None,
) -> str:
    """The card of a model file, with the front matter that model hubs read.

    `use` says what an ONNX file takes and gives, `difference` how far it is from torch.
    """
    metrics: Mapping[str, Any] = header.extra.get("metrics") or {}
    lines = [
        "---",
        f"license: {info.licence.lower()}",
        f"pipeline_tag: {_TASKS[info.task]}",
        "tags: [visionstudio]",
        "---",
        "",
        f"# {info.title}",
        "",
        info.description,
        "",
        "| | |",
        "|---|---|",
        f"| model | `{info.id}` |",
        f"| file | `{file.name}`, {file.stat().st_size:,} bytes |",
        f"| SHA-256 | `{file_hash(file)}` |",
        f"| written | {datetime.now(UTC):%Y-%m-%d} |",
        f"| licence of the network | {info.licence} |",
        f"| training data (SHA-256) | {f'`{header.data_hash}`' if header.data_hash else '–'} |",
        f"| input | {_input(header.input)} |",
    ]
    if difference is not None:
        lines.append(f"| largest difference between ONNX and torch | {difference:.1e} |")
    lines += ["", "The licence of the pictures it learned from is for you to add.", ""]
    lines += _section("Classes", [f"{i}. {name}" for i, name in enumerate(header.classes)])
    figures = [f"| {name} | {value:.4f} |" for name, value in metrics.items()]
    if figures:
        figures = ["| on the held-out pictures | |", "|---|---|", *figures]
    lines += _section("Figures", figures or ["None were measured."])
    settings = [f"| {name} | {value} |" for name, value in header.params.items()]
    if settings:
        lines += _section("Training", ["| parameter | value |", "|---|---|", *settings])
    lines += _section("Use", [use or _command(info, file)])
    return "\n".join(lines).rstrip() + "\n"


def _section(title: str, body: list[str]) -> list[str]:
    return [f"## {title}", "", *body, ""] if body else []


def _input(size: Mapping[str, Any]) -> str:
    height, width = size.get("height"), size.get("width")
    return f"RGB, {width} × {height} px" if height else "RGB"


def _command(info: ModelInfo, file: Path) -> str:
    if info.task == "generator":
        return f"`visionstudio generate --model {info.id} --weights {file.name} --out FOLDER`"
    return f"`visionstudio predict PICTURES --model {info.id} --weights {file.name} --out OUT`"
