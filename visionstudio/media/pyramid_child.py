"""The child process that makes a pyramid: `python -m …pyramid_child SOURCE TARGET`.

One pass over the picture with little memory. Writes lines `share` in [0, 1] to
standard output; on failure a line to standard error and exit code 1. Tiles are stored
as they are, so that what is read from them is what the picture holds.
"""

from __future__ import annotations

import sys

TILE = 512


def make(source: str, target: str) -> None:
    """Write a tiled TIFF with levels that halve down to one tile. Raises pyvips.Error."""
    import pyvips

    pyvips.cache_set_max(0)
    image = pyvips.Image.new_from_file(source, access="sequential", fail_on="truncated")
    if image.get_typeof("orientation") and image.get("orientation") != 1:
        # Turning needs the picture in any order: libvips keeps it in a temporary file.
        image = pyvips.Image.new_from_file(source, fail_on="truncated").autorot()
    told = -1.0

    def tell(_image: object, progress: object) -> None:
        nonlocal told
        share = float(progress.percent) / 100  # type: ignore[attr-defined]
        if share >= told + 0.01:
            told = share
            sys.stdout.write(f"{share:.2f}\n")
            sys.stdout.flush()

    image.set_progress(True)
    image.signal_connect("eval", tell)
    image.tiffsave(
        target,
        tile=True,
        tile_width=TILE,
        tile_height=TILE,
        pyramid=True,
        bigtiff=True,
        compression="none",
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
