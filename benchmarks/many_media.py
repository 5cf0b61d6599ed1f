"""A folder of 10,000 pictures and a project of a million: open, filter, sort, scroll.

`python benchmarks/many_media.py [--quick]`; `--quick` leaves out the million. The
million has rows and no files: what is measured is the list and the grid. Limits are
the goals. A gap is a turn of the event loop by the clock; on Linux also without the
time in which its thread waited for a processor that other programs had; and what it
has computed itself. The second is what is left on a machine that has nothing else to
do, waits for other threads of ours included.
"""

from __future__ import annotations

import compileall
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("VISIONSTUDIO_HOME", tempfile.mkdtemp(prefix="visionstudio-bench-"))

import numpy as np
from _timing import percentile, seconds, show
from PIL import Image
from PySide6.QtCore import QEventLoop, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

import visionstudio
from visionstudio.app.window import make_application, prepare
from visionstudio.model.media import MediaItem, MediaStatus
from visionstudio.session.sorting import Order
from visionstudio.settings.store import Settings
from visionstudio.storage import ProjectStore
from visionstudio.ui.opening import bring
from visionstudio.ui.window import MainWindow

FIRST, LISTED, GAP, FRAME = 0.150, 0.300, 0.050, 0.016
OPEN_MILLION = 10.0
AFTER = 2.0
MANY, MILLION = 10_000, 1_000_000


@dataclass(frozen=True, slots=True)
class Waited:
    """Seconds until something was so; the longest turn of the event loop by the clock, by the
    clock without waiting for a processor, and by the processor time of its thread."""

    seconds: float
    gap: float
    running: float
    work: float

    def show(self, what: str) -> None:
        show(what, self.gap, GAP, "goal")
        show("    without waiting for a processor", self.running, GAP, "goal")
        show("    its thread's processor time, at most", self.work, GAP, "goal")


class Queued:
    """Seconds for which this thread has waited for a processor; 0 where nobody tells."""

    def __init__(self) -> None:
        name = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._file = name.open() if name.exists() else None

    def __call__(self) -> float:
        if self._file is None:
            return 0.0
        self._file.seek(0)
        return int(self._file.read().split()[1]) / 1e9


def until(what: Callable[[], bool]) -> Waited:
    """Run the event loop until something is so."""
    loop, timer, queued = QEventLoop(), QTimer(), Queued()
    start = last = time.perf_counter()
    computed, waited = time.thread_time(), queued()
    gap = running = work = 0.0

    def tick() -> None:
        nonlocal last, computed, waited, gap, running, work
        now, mine, others = time.perf_counter(), time.thread_time(), queued()
        running = max(running, now - last - (others - waited))
        gap, last, waited = max(gap, now - last), now, others
        work, computed = max(work, mine - computed), mine
        if what():
            loop.quit()

    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start(2)
    loop.exec()
    timer.stop()
    return Waited(time.perf_counter() - start, gap, running, work)


def window() -> MainWindow:
    made = MainWindow(Settings())
    made.models.discover = lambda **_: None  # type: ignore[method-assign]
    made.setWindowState(Qt.WindowState.WindowNoState)  # on a small screen it fills that
    made.resize(1600, 1000)
    made.show()
    QApplication.processEvents()
    return made


def folder_of_many(folder: Path) -> None:
    pictures = folder / "pictures"
    pictures.mkdir()
    data = Image.fromarray(np.full((60, 80, 3), 99, np.uint8))
    data.save(pictures / "00000.png")
    bytes_ = (pictures / "00000.png").read_bytes()
    for n in range(1, MANY):
        (pictures / f"{n:05d}.png").write_bytes(bytes_)
    bring()  # as the window does while a person chooses the folder
    shown: list[float] = []
    made = window()
    made.models_later.made.connect(lambda: shown.append(0.0))
    made.viewer.shown.connect(lambda _: shown.append(time.process_time()))
    computed = time.process_time()
    made.open([pictures])
    before = until(lambda: bool(shown))
    after = until(lambda: made.media_panel.model.rowCount() == MANY)
    listed = before.seconds + after.seconds
    then = time.perf_counter() + AFTER
    # Until what runs models is there as well, which is imported now.
    later = until(lambda: time.perf_counter() > then and 0.0 in shown)
    show("folder of 10,000, first picture", before.seconds, FIRST, "goal")
    show("    processor time of all threads until then", shown[0] - computed, FIRST, "goal")
    show("list complete", listed, LISTED, "goal")
    both = before, after
    Waited(
        0, max(w.gap for w in both), max(w.running for w in both), max(w.work for w in both)
    ).show("longest gap meanwhile")
    later.show("longest gap in the two seconds after it")
    made.close()


def a_million(folder: Path) -> None:
    project = folder / "project"
    with ProjectStore.create(project, media_root=folder) as store:
        store.add_media(
            MediaItem(id=n + 1, path=f"{n % 100:02d}/{n:07d}.jpg", width=640 + n % 900, height=480,
                      status=MediaStatus.MISSING, reason="not made")
            for n in range(MILLION)
        )  # fmt: skip
    made = window()
    made.open([project])
    opened = until(lambda: made.session is not None)
    print("a million media items")
    show("  open", opened.seconds, OPEN_MILLION, "goal")
    opened.show("  longest gap while opening")
    until(lambda: made.viewer._item is not None)
    model = made.media_panel.model
    made.media_panel.filter.setText("00999")
    filtered = until(lambda: model.is_filtered)
    print(f"  filter done after {1e3 * filtered.seconds:.0f} ms")
    filtered.show("  longest gap while filtering")
    made.media_panel.filter.setText("")
    until(lambda: not model.is_filtered)
    QTest.keyClick(made, Qt.Key.Key_G, Qt.KeyboardModifier.ShiftModifier)
    grid = made.shown_grid
    assert grid is not None
    until(lambda: grid.view.hasFocus())
    grid.view.set_side(64)
    bar, turns = grid.view.verticalScrollBar(), []
    rng = np.random.default_rng(0)
    for at in (*rng.integers(0, bar.maximum(), 30), *range(0, 4000, 100)):
        bar.setValue(int(at))
        turns.append(seconds(QApplication.processEvents, time.thread_time))
    show("  scroll the grid, processor time, median", percentile(turns, 50), FRAME, "goal")
    show("  scroll the grid, processor time, longest", max(turns), GAP, "goal")
    combo = grid.order
    combo.setCurrentIndex(combo.findData(Order.SIZE))
    first = model.ids()[0]
    combo.activated.emit(combo.currentIndex())
    sort = until(lambda: model.is_sorted)
    assert model.item(0) is not None
    assert first
    print(f"  sorted by size after {1e3 * sort.seconds:.0f} ms")
    sort.show("  longest gap while sorting")
    chosen = seconds(grid.view.select_all, time.thread_time)
    show("  select all, processor time", chosen, GAP, "goal")
    made.close()


def main() -> None:
    # What is installed has been compiled.
    compileall.compile_dir(visionstudio.__path__[0], quiet=2)
    app = make_application()
    prepare(app, Settings())
    with tempfile.TemporaryDirectory() as name:
        folder_of_many(Path(name))
        if "--quick" not in sys.argv:
            a_million(Path(name))


if __name__ == "__main__":
    main()
