"""The child process that makes a pyramid: `python -m …pyramid_child SOURCE FOLDER`.

Writes the levels as tiled TIFFs `0.tif`, `1.tif`, …, each half of the one before, until
one has little more than a tile. One pass per level with little memory: libvips' own
pyramids would hold all small levels in memory until the large one is written. Tiles
are stored as they are, so that what is read from them is what the picture holds.

Lines `share` in [0, 1] go to standard output; on failure a line to standard error and
exit code 1.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

TILE = 512
_LEAST = 1024  # no level below is needed: this is what is shown of the whole
_FIRST = 0.7  # of the time goes into the first level


def make(source: str, folder: str) -> None:
    """Write all levels. Raises pyvips.Error."""
    import pyvips

    pyvips.cache_set_max(0)
    image = pyvips.Image.new_from_file(source, access="sequential", fail_on="truncated")
    if image.get_typeof("orientation") and image.get("orientation") != 1:
        # Turning needs the picture in any order: libvips keeps it in a temporary file.
        image = pyvips.Image.new_from_file(source, fail_on="truncated").autorot()
    level, begin = 0, 0.0
    while True:
        target = str(Path(folder) / f"{level}.tif")
        end = begin + (1 - begin) * _FIRST
        _save(image, target, begin, end)
        image = pyvips.Image.tiffload(target)
        if max(image.width, image.height) < 2 * _LEAST or min(image.width, image.height) < 2:
            return
        image = image.shrink(2, 2)
        level, begin = level + 1, end


def _save(image: Any, target: str, begin: float, end: float) -> None:
    told = -1.0

    def tell(_image: object, progress: Any) -> None:
        nonlocal told
        share = begin + (end - begin) * float(progress.percent) / 100
        if share >= told + 0.01:
            told = share
            sys.stdout.write(f"{share:.2f}\n")
            sys.stdout.flush()

    image.set_progress(True)
    image.signal_connect("eval", tell)
    image.tiffsave(
        target, tile=True, tile_width=TILE, tile_height=TILE, bigtiff=True, compression="none"
    )


def main() -> int:
    try:
        make(*sys.argv[1:3])
    except Exception as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
