"""The frame of a report: style, headings, tables. Every text is escaped here."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

from visionstudio.model.errors import StorageFull

_STYLE = """
:root{--ink:#1d2126;--soft:#5d6670;--line:#d8dde3;--paper:#fff;--tile:#f4f6f8;--accent:#0a5fb4}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#9aa5b1;--line:#3a424b;
--paper:#16191d;--tile:#20252b;--accent:#6db3f2}}
*{box-sizing:border-box}
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1.5em;
color:var(--ink);background:var(--paper)}
h1{margin:0 0 .2em;font-size:1.7em}h2{margin:2em 0 .6em;font-size:1.25em}
h3{margin:1.2em 0 .4em;font-size:1em}p{color:var(--soft);margin:.2em 0 .8em;max-width:50em}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.25em .9em .25em 0;text-align:left;vertical-align:top}
th{font-weight:600}td.n,th.n{text-align:right}
tbody tr{border-top:1px solid var(--line)}
.scroll{overflow-x:auto}
.tiles{display:flex;flex-wrap:wrap;gap:.8em;margin:1em 0}
.tile{background:var(--tile);border-radius:8px;padding:.6em 1em;min-width:7em}
.tile b{display:block;font-size:1.5em}.tile span{color:var(--soft)}
figure{display:inline-block;margin:.5em 1.5em 1em 0;vertical-align:top}
figcaption{color:var(--soft);font-size:13px;max-width:12em;overflow-wrap:anywhere}
svg text{font-size:11px;fill:var(--soft)}svg .axis{stroke:var(--line);fill:none}
svg .line{fill:none;stroke-width:1.8}
.matrix td,.matrix th{padding:.3em .55em;text-align:center;border:1px solid var(--line)}
.matrix th.row{text-align:right}
img{border-radius:4px;display:block;max-width:180px}
"""


def page(title: str, lead: str, parts: Sequence[str]) -> str:
    """A whole document; `parts` are HTML."""
    name = text(title)
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8>"
        f'<meta name=viewport content="width=device-width"><title>{name}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{name}</h1><p>{text(lead)}</p>"
        f"{''.join(p for p in parts if p)}</body></html>\n"
    )


def text(value: object) -> str:
    """A value as HTML text; lone surrogates of strange file names become question marks."""
    return html.escape(str(value).encode("utf-8", "replace").decode("utf-8"))


def section(title: str, content: str, about: str = "") -> str:
    """A heading with what stands below it, nothing without content."""
    if not content:
        return ""
    return f"<h2>{text(title)}</h2>{f'<p>{text(about)}</p>' if about else ''}{content}"


def tiles(figures: Mapping[str, float]) -> str:
    """The main figures, large."""
    cells = (
        f"<div class=tile><b>{number(v)}</b><span>{text(k)}</span></div>"
        for k, v in figures.items()
    )
    return f"<div class=tiles>{''.join(cells)}</div>" if figures else ""


def facts(rows: Mapping[str, object]) -> str:
    """Names and what they are; empty ones are left out."""
    cells = (f"<tr><th>{text(k)}<td>{text(v)}" for k, v in rows.items() if v not in ("", None))
    return f"<table><tbody>{''.join(cells)}</tbody></table>"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    if not rows:
        return ""
    names = "".join(f"<th{'' if i == 0 else ' class=n'}>{text(h)}" for i, h in enumerate(head))
    body = []
    for row in rows:
        cells = (
            f"<td{'' if i == 0 else ' class=n'}>{text(number(v) if isinstance(v, float) else v)}"
            for i, v in enumerate(row)
        )
        body.append(f"<tr>{''.join(cells)}")
    return (
        f"<div class=scroll><table><thead><tr>{names}</thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def number(value: float) -> str:
    """A figure with the digits that mean something; -1 is COCO's word for "there is none"."""
    return "–" if value == -1 else f"{value:.4g}"


def write_page(path: Path, content: str) -> Path:
    """Write a report so that it is either whole or not there. Raises StorageFull."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(content, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise StorageFull(
            f"the report cannot be written: {error.strerror}",
            where=str(path),
            next_step="make room, or choose another place",
        ) from error
    return path
