"""A picture of 900 megapixels: first paint, its pyramid, a walk over it, and memory.

`python benchmarks/large_pictures.py [--megapixels N]`. The picture is a JPEG without
levels, the hardest case: it is shown from a reduced decode, a child process makes the
levels, then tiles are read. Limits are a bare reduced decode and the goals for gaps
and memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pyvips
from _timing import alternate, percentile, seconds, show
from next_picture import photo
from PySide6.QtWidgets import QApplication

from visionstudio.media.header import picture_header
from visionstudio.media.prefetch import PREVIEW_SIDE
from visionstudio.media.pyramid import Pyramid, quick_copy
from visionstudio.media.pyramid_build import Pyramids
from visionstudio.ui.canvas.canvas import Canvas
from visionstudio.ui.canvas.large_picture import LargePicture
from visionstudio.ui.posting import Poster

GAP, TILE = 0.050, 0.020
MEMORY = 500 * 2**20
SECONDS_PER_MEGAPIXEL = 24 / 900  # measured once: libvips alone on a machine with two cores


def resident(process: int | str = "self") -> int:
    """Bytes of a process in memory, without files that are only mapped."""
    _, all_, shared, *_ = map(int, Path(f"/proc/{process}/statm").read_text().split())
    return (all_ - shared) * os.sysconf("SC_PAGE_SIZE")


def make(path: Path, megapixels: int) -> None:
    """A photograph repeated until it is large enough."""
    side = 3000
    times = max(1, round((megapixels * 1e6) ** 0.5 / side))
    image = pyvips.Image.new_from_array(photo(side, side))
    image.replicate(times, times).jpegsave(str(path), Q=85)


def pyramid(path: Path, cache: Path) -> Pyramid:
    header = picture_header(path)
    makers = Pyramids(cache)
    start = time.perf_counter()
    highest = 0

    def watch(_share: float) -> None:
        nonlocal highest
        for making in makers._making.values():
            highest = max(highest, resident(making._child.pid))

    found = makers.get(path, header, watch, lambda: True)
    taken = time.perf_counter() - start
    assert found is not None
    goal = header.width * header.height / 1e6 * SECONDS_PER_MEGAPIXEL
    show("levels made by a child process", taken, goal, "libvips once", unit="s")
    show("memory of the child", highest / 2**20, MEMORY / 2**20, "goal", unit="MiB")
    size = sum(p.stat().st_size for p in cache.rglob("*.tif"))
    print(f"{'size of the levels on disk':<44} {size / 2**30:9.2f} GiB")
    makers.close()
    return found


def walk(found: Pyramid) -> None:
    """Zoom in and out and pan over all of it, as somebody who looks for something."""
    app = QApplication.instance() or QApplication(sys.argv)
    poster = Poster()
    canvas = Canvas()
    canvas.resize(1600, 1000)
    canvas.show()
    app.processEvents()
    idle = resident()
    picture = LargePicture(found, poster.post)
    canvas.set_image(picture)
    rng = np.random.default_rng(0)
    longest, waits, highest = 0.0, [], 0
    for _ in range(40):
        zoom = float(2.0 ** rng.uniform(-5, 1))
        canvas.restore_view((zoom, *rng.uniform(0, (found.width, found.height)).tolist()))
        start = time.perf_counter()
        for _ in range(12):
            canvas.pan_by(*rng.uniform(-90, 90, 2).tolist())
            longest = max(longest, seconds(app.processEvents))
        while not canvas.settled or any(t.name == "tiles" for t in threading.enumerate()):
            longest = max(longest, seconds(app.processEvents))
        waits.append(time.perf_counter() - start)
        highest = max(highest, resident())
    show("walk over it, longest gap", longest, GAP, "goal")
    print(f"{'until a place is sharp, median':<44} {1e3 * percentile(waits, 50):9.2f} ms")
    above = (highest - idle) / 2**20
    show("memory above the idle canvas", above, MEMORY / 2**20, "goal", unit="MiB")
    times = [
        seconds(lambda x=x: found.read(0, x, found.height // 2, 512, 512))
        for x in range(0, found.width - 512, 512)
    ]
    show("a tile of the finest level, median", percentile(times, 50), TILE, "goal")
    canvas.close()


def main() -> None:
    if "--make" in sys.argv:
        make(Path(sys.argv[-2]), int(sys.argv[-1]))
        return
    wanted = (
        int(sys.argv[sys.argv.index("--megapixels") + 1]) if "--megapixels" in sys.argv else 900
    )
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "large.jpg"
        # Elsewhere, so that its memory is not counted here.
        subprocess.run([sys.executable, __file__, "--make", path, str(wanted)], check=True)
        header = picture_header(path)
        print(f"{header.width} × {header.height}, {path.stat().st_size / 2**20:.0f} MiB of JPEG")
        walk(pyramid(path, Path(name) / "cache"))
        first, bare = alternate(
            lambda: quick_copy(path, header, PREVIEW_SIDE),
            lambda: pyvips.Image.thumbnail(str(path), PREVIEW_SIDE).numpy(),
            3,
        )
        show("first paint (reduced)", first, bare, "bare libvips")


if __name__ == "__main__":
    main()
