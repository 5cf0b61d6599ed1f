"""An hour of video with 200 and 1000 tracks: opening, scrubbing, zooming and scrolling it.

`python benchmarks/timeline.py`. The video is an hour at 25 frames a second: one
encoded minute whose packets are written sixty times. The tracks are a tracker's
proposals and key frames by hand, half of each. The goals are those of the design:
open within 2 s, no gap of the window over 50 ms. On a machine that does other things
too, processor time tells more: of all threads until it is open, and of the window's
thread between two ticks.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VISIONSTUDIO_HOME", tempfile.mkdtemp(prefix="visionstudio-bench-"))

import av
import cv2
import numpy as np
from _timing import percentile
from event_loop import Heart, after, report
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from visionstudio.app.window import make_application, prepare
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shapes import Box
from visionstudio.settings.store import Settings
from visionstudio.storage import ProjectStore
from visionstudio.ui.video.timeline import Timeline
from visionstudio.ui.video.timeline_paint import GUTTER
from visionstudio.ui.window import MainWindow

MINUTES, FPS = 60, 25
FRAMES = MINUTES * 60 * FPS
OPEN_S, GAP_MS = 2.0, 50.0


def hour(path: Path) -> Path:
    """An hour of 320 × 180 H.264, its frames numbered within the minute."""
    minute = path.with_name("minute.mp4")
    with av.open(str(minute), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.gop_size = 50
        for n in range(60 * FPS):
            image = np.full((180, 320, 3), 60, np.uint8)
            cv2.putText(image, str(n), (90, 110), cv2.FONT_HERSHEY_SIMPLEX, 2, (240, 240, 240), 3)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(str(path), "w") as out:
        for n in range(MINUTES):
            with av.open(str(minute)) as source:
                stream = source.streams.video[0]
                if n == 0:
                    copy = out.add_stream_from_template(stream)
                shift = round(n * 60 / stream.time_base)
                for packet in source.demux(stream):
                    if packet.dts is None:
                        continue
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = copy
                    out.mux(packet)
    minute.unlink()
    return path


def tracks(count: int, media_id: int, first: int) -> list[Annotation]:
    """Half with a row in every frame for some 40 s, half with 30 key frames."""
    rng = random.Random(0)
    rows: list[Annotation] = []
    for track in range(1, count + 1):
        start = rng.randrange(FRAMES - 4000)
        by_hand = track % 2 == 0
        frames = sorted(rng.sample(range(start, start + 4000), 30)) if by_hand else range(
            start, start + 1000
        )  # fmt: skip
        for n, frame in enumerate(frames):
            x, y = (track * 37 + n) % 280, track * 13 % 140
            rows.append(
                Annotation(
                    id=first + len(rows),
                    media_id=media_id,
                    class_id=1 + track % 5,
                    shape=Box(x, y, x + 20, y + 30),
                    frame=frame,
                    track_id=track,
                    state=State.EDITED if by_hand else State.PROPOSED,
                    flags=Flags.KEYFRAME if by_hand else Flags.NONE,
                    score=None if by_hand else 0.5 + 0.5 * abs(np.sin(n / 60)),
                    source="manual" if by_hand else "model:tracker/sort",
                )
            )
    return rows


def project(folder: Path, video: Path, count: int) -> Path:
    with ProjectStore.create(folder) as store:
        item = MediaItem(
            id=1, path=store.media_path(video), kind=MediaKind.VIDEO, width=320, height=180,
            frames=FRAMES,
        )  # fmt: skip
        colours = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00")
        classes = [
            LabelClass(id=n, name=f"class {n}", colour=c, order=n)
            for n, c in enumerate(colours, start=1)
        ]
        first = store.reserve_ids("annotation", count * 1000)
        rows = [item, *classes, *tracks(count, 1, first)]
        store.apply(Edit("tracks", tuple(Change(None, r) for r in rows)))
        store.reserve_ids("track", count + 1)
    return folder


def wheeling(timeline: Timeline, *, over_time: bool) -> Callable[[], bool]:
    """Turn the wheel sixty times a second, in over the time and out again, or down and up."""
    port = timeline.viewport()
    at = QPointF(port.width() * 0.6 if over_time else GUTTER / 2, port.height() / 2)
    steps = iter(range(180))

    def turn() -> bool:
        n = next(steps, None)
        if n is None:
            return True
        notch = 120 if n % 30 < 15 else -120
        event = QWheelEvent(
            at, QPointF(port.mapToGlobal(at.toPoint())), QPoint(), QPoint(0, notch),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(port, event)
        return False

    return turn


def worked_by(heart: Heart, what: str, until: Callable[[], bool]) -> None:
    """Print the window's own work at a time until something is so, asked every 16 ms."""
    heart.watch(until, every_ms=16)
    print(
        f"  {what:<22} own work at a time: p99 {percentile(heart.work, 99):5.1f} ms, max"
        f" {max(heart.work):5.1f} ms   ratio to {GAP_MS:g}: {max(heart.work) / GAP_MS:.2f}"
    )


def main() -> None:
    app = make_application()
    settings = Settings()
    prepare(app, settings)
    root = Path(tempfile.mkdtemp(prefix="visionstudio-bench-"))
    start = time.perf_counter()
    video = hour(root / "hour.mp4")
    print(f"made {video.stat().st_size / 1e6:.0f} MB in {time.perf_counter() - start:.1f} s")
    heart = Heart()
    report("bare event loop", heart, after(3))
    for count in (200, 1000):
        folder = project(root / f"p{count}", video, count)
        window = MainWindow(settings)
        window.models.discover = lambda **_: None  # type: ignore[method-assign]
        window.resize(1600, 1000)
        window.show()
        heart.watch(after(1))
        start, worked = time.perf_counter(), time.process_time()
        window.open([folder])

        def ready(window: MainWindow = window, count: int = count) -> bool:
            bar = window.viewer.bar
            picture = window.viewer.canvas.picture is not None
            return picture and bar is not None and len(bar.timeline.lines.lanes) == count

        report(f"{count} tracks: opening", heart, ready)
        took, work_s = time.perf_counter() - start, time.process_time() - worked
        print(
            f"  open after {took:.2f} s   ratio to {OPEN_S:g} s: {took / OPEN_S:.2f};"
            f" processor time {work_s:.2f} s   ratio: {work_s / OPEN_S:.2f}"
        )
        bar = window.viewer.bar
        assert bar is not None
        timeline, player = bar.timeline, window.viewer.player
        assert player is not None
        shown: list[int] = []
        player.frame_ready.connect(lambda n, *_, shown=shown: shown.append(n))
        port = timeline.viewport()
        wide = port.width() - GUTTER
        steps = iter(range(0, 400))
        QTest.mousePress(port, Qt.MouseButton.LeftButton, pos=QPoint(GUTTER + 5, 5))

        def move(port=port, wide=wide, steps=steps) -> None:  # type: ignore[no-untyped-def]
            n = next(steps, None)
            if n is not None:
                x = GUTTER + 5 + round((wide - 10) * abs(np.sin(n / 90)))
                QTest.mouseMove(port, QPoint(x, 5))

        mover = QTimer()
        mover.timeout.connect(move)
        mover.start(16)
        report("  scrubbing", heart, after(6.5))
        QTest.mouseRelease(port, Qt.MouseButton.LeftButton, pos=QPoint(GUTTER + 5, 5))
        mover.stop()
        print(f"  {len(shown) / 6.5:.0f} frames shown a second while scrubbing")
        for lines in (8, 40):
            timeline.set_wanted_lines(lines)
            heart.watch(after(0.5))
            worked_by(heart, f"zooming, {lines} lines", wheeling(timeline, over_time=True))
            worked_by(heart, f"scrolling, {lines} lines", wheeling(timeline, over_time=False))
        window.close()
        window.deleteLater()


if __name__ == "__main__":
    main()
