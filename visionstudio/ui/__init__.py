"""The window and everything in it.

PySide6 replaces Python's import by one that reads the source of every module imported
from then on, whoever imports it, to see whether it uses `__feature__`. Nothing here
does: Python's own comes back, which spares a seventh of the start and 20 MB.
"""

from __future__ import annotations

import builtins

import PySide6

assert PySide6 is not None
_own = getattr(builtins, "__orig_import__", None)
if _own is not None:
    builtins.__import__ = _own
