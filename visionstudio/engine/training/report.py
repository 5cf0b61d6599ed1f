"""report.html of a run: what was trained, its figures, and its curves, in one file."""

from __future__ import annotations

import html
from collections import defaultdict
from pathlib import Path

from visionstudio.engine.training.runs import REPORT, RunInfo, load_run, read_events

_WIDTH, _HEIGHT, _MARGIN = 420, 180, 30
_STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}
table{border-collapse:collapse}td,th{padding:.2em 1em .2em 0;text-align:left;vertical-align:top}
figure{display:inline-block;margin:1em 1em 0 0}polyline{fill:none;stroke:#0072b2;stroke-width:1.5}
text{font-size:11px;fill:#666}rect{fill:none;stroke:#ccc}"""

Curve = list[tuple[float, float]]


def write_report(folder: Path) -> Path:
    """Write report.html from run.json and events.jsonl. TrainingError when there is no run."""
    run = load_run(folder)
    path = folder / REPORT
    part = path.with_suffix(".part")
    part.write_text(_page(run, curves(folder)), encoding="utf-8")
    part.replace(path)
    return path


def curves(folder: Path) -> dict[str, Curve]:
    """Each figure of the run over its step, in the order it came."""
    found: dict[str, Curve] = defaultdict(list)
    for count, event in enumerate(read_events(folder)):
        step = event.get("step")
        for name, value in (event.get("metrics") or {}).items():
            if isinstance(value, (int, float)):
                found[name].append((float(step if step is not None else count), float(value)))
    return dict(found)


def _page(run: RunInfo, drawn: dict[str, Curve]) -> str:
    file = run.file
    facts = {
        "Model": file.model,
        "State": f"{file.state} {file.error}".strip(),
        "Started": file.started,
        "Seconds": f"{file.seconds:.1f}",
        "Epochs": str(file.epochs),
        "Device": file.device,
        "Pictures": f"{len(run.of('train'))} to train, {len(run.of('val'))} held out",
        "Classes": ", ".join(file.classes),
        "Parameters": ", ".join(f"{k} = {v}" for k, v in file.params.items()),
        "Seed": str(file.seed),
        "Data": file.data_hash,
        "Versions": ", ".join(f"{k} {v}" for k, v in file.versions.items()),
    }
    figures = {name: f"{value:.4g}" for name, value in file.metrics.items()}
    title = html.escape(run.title)
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        f"<style>{_STYLE}</style><h1>{title}</h1>{_table(figures)}<h2>Run</h2>{_table(facts)}"
        f"<h2>Curves</h2>{''.join(_figure(n, c) for n, c in drawn.items() if len(c) > 1)}</html>\n"
    )


def _table(rows: dict[str, str]) -> str:
    cells = "".join(f"<tr><th>{html.escape(k)}<td>{html.escape(v)}</tr>" for k, v in rows.items())
    return f"<table>{cells}</table>"


def _figure(name: str, curve: Curve) -> str:
    """A curve as SVG, its range written at the axes."""
    xs, ys = [x for x, _ in curve], [y for _, y in curve]
    left, right, low, high = min(xs), max(xs), min(ys), max(ys)

    def place(x: float, y: float) -> str:
        u = (x - left) / ((right - left) or 1)
        v = (y - low) / ((high - low) or 1)
        width, height = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
        return f"{_MARGIN + u * width:.1f},{_HEIGHT - _MARGIN - v * height:.1f}"

    points = " ".join(place(x, y) for x, y in curve)
    box = (
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_WIDTH - 2 * _MARGIN}"'
        f' height="{_HEIGHT - 2 * _MARGIN}"/>'
    )
    texts = (
        f'<text x="{_MARGIN}" y="{_MARGIN - 6}">{high:.4g}</text>'
        f'<text x="{_MARGIN}" y="{_HEIGHT - 16}">{low:.4g}</text>'
        f'<text x="{_WIDTH - _MARGIN - 40}" y="{_HEIGHT - 4}">{right:g}</text>'
    )
    return (
        f"<figure><figcaption>{html.escape(name)}</figcaption>"
        f'<svg width="{_WIDTH}" height="{_HEIGHT}">{box}<polyline points="{points}"/>'
        f"{texts}</svg></figure>"
    )
