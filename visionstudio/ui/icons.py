"""Icons by name, drawn from the Material Design font in the colours of the theme.

The font and its list of glyphs come with qtawesome. Importing that package
costs a seventh of the start-up time for fonts that are not used here, so only
its Material Design files are read, without importing it. Colours are looked up
at painting time: icons follow the theme at once.
"""

from __future__ import annotations

import importlib.util
import json
import re
from functools import cache
from pathlib import Path

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QIcon,
    QIconEngine,
    QPainter,
    QPixmap,
)

from visionstudio.ui import theme

_FONT = "materialdesignicons6-webfont-*.ttf"
_GLYPHS = "materialdesignicons6-webfont-charmap-*.json"
_CODE = re.compile(r'\s*:\s*"(?:0x)?([0-9a-fA-F]+)"')


@cache
def _folder() -> Path:
    spec = importlib.util.find_spec("qtawesome")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("qtawesome, which brings the icons, is not installed")
    return Path(spec.origin).parent / "fonts"


@cache
def _charmap() -> str:
    return next(_folder().glob(_GLYPHS)).read_text(encoding="ascii")


@cache
def _glyph(name: str) -> str:
    """An icon's character. Raises KeyError. Of seven thousand a hundred are wanted."""
    charmap = _charmap()
    start = charmap.find(f'"{name}"')  # quicker than compiling a pattern for each name
    found = _CODE.match(charmap, start + len(name) + 2) if start >= 0 else None
    if found is None:
        raise KeyError(name)
    return chr(int(found[1], 16))


@cache
def _family() -> str:
    font_id = QFontDatabase.addApplicationFont(str(next(_folder().glob(_FONT))))
    families = QFontDatabase.applicationFontFamilies(font_id)
    return families[0] if families else ""


def names() -> frozenset[str]:
    """All icons there are."""
    return frozenset(json.loads(_charmap()))


@cache
def icon(name: str, token: str = "text") -> QIcon:
    """An icon of the Material Design set, in a colour of the theme. Raises KeyError."""
    return QIcon(_Engine(_glyph(name), token))


class _Engine(QIconEngine):
    def __init__(self, glyph: str, token: str) -> None:
        super().__init__()
        self._glyph = glyph
        self._token = token

    def clone(self) -> QIconEngine:
        return _Engine(self._glyph, self._token)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, _state: QIcon.State) -> None:
        token = "disabled" if mode == QIcon.Mode.Disabled else self._token
        _draw(painter, rect, self._glyph, theme.colour(token))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap


def _draw(painter: QPainter, rect: QRect, glyph: str, colour: QColor) -> None:
    font = QFont(_family())
    font.setPixelSize(max(1, min(rect.width(), rect.height())))
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    painter.setFont(font)
    painter.setPen(colour)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, glyph)
    painter.restore()


def paint(painter: QPainter, rect: QRect, name: str, token: str) -> None:
    """Draw an icon straight into a list row."""
    _draw(painter, rect, _glyph(name), theme.colour(token))
