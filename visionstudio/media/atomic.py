"""Derived files that appear whole or not at all, whoever else writes them meanwhile."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path


def write_cache(path: Path, data: bytes) -> bool:
    """Put `data` at `path`; False when it cannot be written, which a cache can bear.

    Not synced: a cache file may be lost, and a torn one cannot arise by renaming.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True
