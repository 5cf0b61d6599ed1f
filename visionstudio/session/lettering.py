"""Text drawn into pictures, in whatever script it is written.

Pillow's own font has little more than ASCII. For other letters the fonts of the system are looked
through: for one that has the whole text, or else for each part of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Rgb = NDArray[np.uint8]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
_MARGIN = 3
_PROBE_SIZE = 20
_NOWHERE = "\U0010fffe"  # no character: a font draws what it draws for letters that it lacks
_SUFFIXES = {".ttf", ".ttc", ".otf", ".otc"}
# A plain, upright face that many systems have for many scripts is tried before the rest.
_PLAIN = (
    "notosanscjk", "notosans", "msyh", "pingfang", "hiragino", "arialuni", "arial unicode",
    "droidsansfallback", "wqy", "malgun", "meiryo", "segoeui", "nirmala", "dejavusans",
)  # fmt: skip
_FANCY = ("bold", "italic", "oblique", "serif", "mono", "light", "thin", "black", "condensed")


@lru_cache(maxsize=4096)
def text_chip(text: str, colour: tuple[int, int, int], size: int) -> Rgb:
    """A text on a ground of `colour` (h, w, 3) uint8 RGB, in letters of `size` pixels."""
    red, green, blue = colour
    bright = 0.299 * red + 0.587 * green + 0.114 * blue > 140
    ink = (0, 0, 0) if bright else (255, 255, 255)
    parts = [(part, _font(path, size)) for part, path in runs(text)]
    widths = [font.getlength(part) for part, font in parts]
    boxes = [_bounds(font, part) for part, font in parts]
    top = min((b[1] for b in boxes), default=-size)
    bottom = max((b[3] for b in boxes), default=0)
    shape = (round(sum(widths)) + 2 * _MARGIN, round(bottom - top) + 2 * _MARGIN)
    image = Image.new("RGB", shape, colour)
    draw = ImageDraw.Draw(image)
    left = float(_MARGIN)
    for (part, font), width in zip(parts, widths, strict=True):
        draw.text((left, _MARGIN - top), part, fill=ink, font=font, anchor="ls")
        left += width
    return np.asarray(image, np.uint8)


def _bounds(font: Font, text: str) -> tuple[float, float, float, float]:
    """About the point on the base line where the text begins."""
    if isinstance(font, ImageFont.FreeTypeFont):
        return font.getbbox(text, anchor="ls")
    return font.getbbox(text)


def runs(text: str) -> Iterator[tuple[str, Path | None]]:
    """The text in parts, each with the font file that has its letters; None is Pillow's own."""
    wanted = {c for c in text if not c.isspace()}
    for whole in dict.fromkeys(font_for(c) for c in sorted(wanted)):
        if all(_has(whole, c) for c in wanted):
            yield text, whole
            return
    for path, letters in groupby(text, key=font_for):
        yield "".join(letters), path


@lru_cache(maxsize=65536)
def font_for(letter: str) -> Path | None:
    """The font file to write a letter with: None is Pillow's own, also where no font has it."""
    if letter.isspace() or _has(None, letter):
        return None
    return next((path for path in _system_fonts() if _has(path, letter)), None)


@lru_cache(maxsize=65536)
def _has(path: Path | None, letter: str) -> bool:
    try:
        font = _font(path, _PROBE_SIZE)
        return bytes(font.getmask(letter)) != _missing(path)
    except (OSError, ValueError):  # a damaged font, or one of pictures in another size
        return False


@lru_cache(maxsize=512)
def _missing(path: Path | None) -> bytes:
    return bytes(_font(path, _PROBE_SIZE).getmask(_NOWHERE))


@lru_cache(maxsize=512)
def _font(path: Path | None, size: int) -> Font:
    return ImageFont.load_default(size) if path is None else ImageFont.truetype(path, size)


@lru_cache(maxsize=1)
def _system_fonts() -> tuple[Path, ...]:
    """The font files of the system, plain faces first."""
    found = [
        Path(folder) / name
        for place in _font_folders()
        for folder, _, names in os.walk(place)
        for name in names
        if Path(name).suffix.lower() in _SUFFIXES
    ]
    return tuple(sorted(found, key=_fancy))


def _fancy(path: Path) -> tuple[int, int, str]:
    name = path.name.lower()
    known = next((n for n, start in enumerate(_PLAIN) if name.startswith(start)), len(_PLAIN))
    return sum(word in name for word in _FANCY), known, name


def _font_folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        own = os.environ.get("LOCALAPPDATA", str(home / "AppData" / "Local"))
        return [
            Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts",
            Path(own) / "Microsoft" / "Windows" / "Fonts",
        ]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    data = os.environ.get("XDG_DATA_HOME", str(home / ".local" / "share"))
    return [
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        Path(data) / "fonts",
        home / ".fonts",
    ]
