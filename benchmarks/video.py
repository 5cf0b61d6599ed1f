"""Video: frames forwards, at random and backwards, and the index.

`python benchmarks/video.py [FILE]`; without a file a 1080p clip is made. Limits are
bare PyAV doing the least that gives the same pixels, measured in the same run.
Times are those of the process on all cores: decoders use several, and what else
the machine does would decide a comparison of wall times.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from _timing import show
from next_picture import photo

from visionstudio.media.video import VideoReader, open_video
from visionstudio.media.video_index import build_index

FRAMES = 250
GOP = 60
CACHED_SECONDS = 0.012  # of a step back to a frame that was decoded already, at 1080p


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call, all threads of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


def alternate(ours: Callable[[], object], limit: Callable[[], object]) -> tuple[float, float]:
    """Median seconds of both, called in turn seven times after one warm-up each."""
    ours()
    limit()
    pairs = [(seconds(ours), seconds(limit)) for _ in range(7)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def make(path: Path) -> Path:
    """Ten seconds of 1080p H.264 with B-frames: a camera that pans over a photograph."""
    image = photo(2200, 1200)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        stream.codec_context.gop_size = GOP
        for n in range(FRAMES):
            view = np.ascontiguousarray(image[n // 4 : n // 4 + 1080, n : n + 1920])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(view, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def convert(frame: av.VideoFrame) -> None:
    np.ascontiguousarray(frame.to_ndarray(format="rgb24"))


def bare_forward(path: Path, count: int) -> None:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for n, frame in enumerate(container.decode(video=0)):
            convert(frame)
            if n + 1 == count:
                return


def ours_forward(path: Path, count: int) -> None:
    with open_video(path) as reader:
        for n in range(count):
            reader.read(n)


def bare_seek(container: av.container.InputContainer, pts: int) -> None:
    """What FFmpeg needs at least: to the key frame, decode on, convert one."""
    stream = container.streams.video[0]
    container.seek(pts, stream=stream, backward=True)
    for frame in container.decode(stream):
        if frame.pts is not None and frame.pts >= pts:
            convert(frame)
            return


def bare_demux(path: Path) -> None:
    with av.open(str(path)) as container:
        sorted(p.pts for p in container.demux(video=0) if p.pts is not None)


def at_random(path: Path) -> None:
    rng = random.Random(0)
    with VideoReader(path, cache_bytes=1) as reader, av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        times: list[tuple[float, float]] = []
        for _ in range(25):
            n = rng.randrange(reader.frames)
            ours = seconds(lambda n=n: reader.read(n))
            pts = int(reader.pts[n])
            limit = seconds(lambda p=pts: bare_seek(container, p))
            times.append((ours, limit))
    ours, limit = (float(np.median(side)) for side in zip(*times, strict=True))
    show("random frame", ours, limit, "seek + decode")


def backwards(path: Path) -> None:
    with VideoReader(path) as reader:
        last = reader.frames - 1
    steps = min(100, last)

    def back() -> None:
        with VideoReader(path) as reader:
            for n in range(last, last - steps, -1):
                reader.read(n)

    ours, limit = alternate(back, lambda: bare_forward(path, steps))
    show("step back", ours / steps, limit / steps, "decode forwards")
    with VideoReader(path) as reader:
        kept = 30
        for n in range(last - kept, last + 1):
            reader.read(n)
        times = [seconds(lambda n=n: reader.read(n)) for n in range(last, last - kept, -1)]
    show("step back, cached", statistics.median(times), CACHED_SECONDS, "the goal's")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(sys.argv[1]) if len(sys.argv) > 1 else make(Path(folder) / "clip.mp4")
        with open_video(path) as reader:  # also makes the index, which is then in the cache
            count = min(120, reader.frames)
        ours, limit = alternate(
            lambda: ours_forward(path, count), lambda: bare_forward(path, count)
        )
        show("next frame", ours / count, limit / count, "decode + convert")
        at_random(path)
        backwards(path)
        show("index", *alternate(lambda: build_index(path), lambda: bare_demux(path)), "demux")


if __name__ == "__main__":
    main()
