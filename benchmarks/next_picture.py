"""From one picture to the next: decode, prefetch, first paint of large ones, long folders.

`python benchmarks/next_picture.py [--large]`; `--large` adds pictures of 100 megapixels.
Limits are bare decodes of the same bytes and a bare directory listing.
"""

from __future__ import annotations

import os
import queue
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from _timing import alternate, percentile, seconds, show
from numpy.typing import NDArray
from PIL import Image

from visionstudio.media.image import read_pixels, read_quick, read_rgb
from visionstudio.media.prefetch import PREVIEW_SIDE, Loaded, Prefetch
from visionstudio.media.scan import find_media
from visionstudio.media.source import MediaSource
from visionstudio.model.media import MediaItem

LOOK_SECONDS = 0.15  # how long somebody looks at a picture before going on
VISITS = 40


def photo(width: int, height: int, seed: int = 0) -> NDArray[np.uint8]:
    """Something like a photograph: shapes in many sizes with a little noise."""
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width, 3), np.float32)
    for size in (4, 16, 64, 256):
        coarse = rng.normal(0, 30, (size, size, 3)).astype(np.float32)
        image += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    image += rng.normal(0, 3, (height, width, 1)).astype(np.float32)
    return np.asarray(np.clip(image + 128, 0, 255), np.uint8)


def bare_opencv(path: Path) -> None:
    cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR_RGB)


def bare_pillow(path: Path) -> None:
    np.asarray(Image.open(path).convert("RGB"))


def folder_listing(folder: Path) -> None:
    many = folder / "many"
    many.mkdir()
    for n in range(10_000):
        (many / f"picture_{n * 7919 % 10_000:05d}.jpg").touch()
    ours, limit = alternate(
        lambda: find_media(many), lambda: sorted(e.name for e in os.scandir(many))
    )
    show("list a folder of 10,000", ours, limit, "scandir + sort")


def decoding(folder: Path) -> None:
    path = folder / "hd.jpg"
    Image.fromarray(photo(1920, 1080)).save(path, quality=90)
    show("1080p JPEG", *alternate(lambda: read_rgb(path), lambda: bare_opencv(path)), "OpenCV")
    show("1080p JPEG", *alternate(lambda: read_rgb(path), lambda: bare_pillow(path)), "Pillow")
    big = folder / "24mp.jpg"
    Image.fromarray(photo(6000, 4000)).save(big, quality=90)
    first, whole = alternate(lambda: read_quick(big, PREVIEW_SIDE), lambda: bare_opencv(big))
    show("24 MP JPEG, first paint (reduced)", first, whole, "whole by OpenCV")
    show("24 MP JPEG, whole", *alternate(lambda: read_rgb(big), lambda: bare_opencv(big)), "OpenCV")


def large(folder: Path) -> None:
    image = Image.fromarray(photo(11_600, 8_700))
    for name, options in (("jpg", {"quality": 90}), ("png", {"compress_level": 1}), ("tif", {})):
        path = folder / f"100mp.{name}"
        image.save(path, **options)
        ours, limit = alternate(lambda p=path: read_rgb(p), lambda p=path: bare_pillow(p), 3)
        show(f"100 MP {name}, whole", ours, limit, "Pillow")
        gap = min(longest_gap(lambda p=path: read_rgb(p)) for _ in range(3))  # the load varies
        show(f"100 MP {name}, longest gap elsewhere", gap, 0.05, "goal")
    path = folder / "100mp.png"
    shown: list[float] = []

    def as_it_comes() -> None:
        start = time.perf_counter()
        shown.clear()
        read_pixels(path, tell=lambda _: shown.append(time.perf_counter() - start))

    ours, limit = alternate(as_it_comes, lambda: bare_pillow(path), 3)
    show(f"100 MP png, in {len(shown) + 1} parts as they come", ours, limit, "Pillow")
    show("100 MP png, first part", shown[0], limit, "whole by Pillow")
    path = folder / "100mp.jpg"
    ours, limit = alternate(
        lambda: read_quick(path, PREVIEW_SIDE),
        lambda: cv2.imread(str(path), cv2.IMREAD_REDUCED_COLOR_8),
        5,
    )
    show("100 MP JPEG, first paint (reduced)", ours, limit, "an eighth by OpenCV")


def longest_gap(work: Callable[[], object]) -> float:
    """The longest time that another thread is kept from running by `work` in a thread."""
    thread = threading.Thread(target=work)
    longest, before = 0.0, time.perf_counter()
    thread.start()
    while thread.is_alive():
        time.sleep(0.001)
        now = time.perf_counter()
        longest, before = max(longest, now - before), now
    return longest


def visit(
    service: Prefetch,
    posted: queue.Queue[Callable[[], None]],
    item: MediaItem,
    near: list[MediaItem],
) -> None:
    """Ask for a picture and run what is posted until it is there."""
    answers: list[Loaded] = []
    service.request(item, answers.append, near)
    while not answers or not answers[-1].whole:
        posted.get()()


def next_picture(folder: Path) -> None:
    """Requests through the window's service, at the pace of somebody who looks."""
    pictures = folder / "pictures"
    pictures.mkdir()
    items = []
    for n in range(VISITS + 3):
        path = pictures / f"{n:03d}.jpg"
        Image.fromarray(photo(1920, 1080, n)).save(path, quality=90)
        items.append(MediaItem(id=n + 1, path=path.name, width=1920, height=1080))
    posted: queue.Queue[Callable[[], None]] = queue.Queue()
    bare = [seconds(lambda i=item: bare_opencv(pictures / i.path)) for item in items]
    for ahead in (True, False):
        service = Prefetch(MediaSource(pictures), posted.put, cache_bytes=32 * 2**20)
        taken = []
        for n in range(VISITS):
            near = items[n + 1 : n + 3] if ahead else []
            taken.append(seconds(partial(visit, service, posted, items[n], near)))
            time.sleep(LOOK_SECONDS)
        service.close()
        how = "with prefetch" if ahead else "without"
        for percent in (50, 95):
            ours, limit = percentile(taken[1:], percent), percentile(bare, percent)
            show(f"next picture {how}, {percent} %", ours, limit, "OpenCV")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder_listing(folder)
        decoding(folder)
        next_picture(folder)
        if "--large" in sys.argv:
            large(folder)


if __name__ == "__main__":
    main()
