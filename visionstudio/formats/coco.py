"""coco."""

from __future__ import annotations

from pathlib import Path

from visionstudio.formats.dataset import Dataset, Imported, ReadOptions, WriteOptions, Written


def read(src: Path, images: Path | None, options: ReadOptions) -> Imported:
    """Read."""
    raise NotImplementedError


def write(dataset: Dataset, out: Path, options: WriteOptions) -> Written:
    """Write."""
    raise NotImplementedError
