"""From process start to an idle window, against a bare PySide6 window started in turn.

Run as: python benchmarks/start.py [rounds]. Uses the platform of QT_QPA_PLATFORM,
offscreen where there is no display. Idle is the first turn of the event loop in
which nothing is left to do after the window has been painted.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from _timing import show

GOAL_SECONDS = 0.75

IDLE = """
import json, os, sys, time
from PySide6.QtCore import QTimer
def when_idle(app, window):
    def tell():
        if not window.isVisible():
            return
        rss = int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") \
            if os.path.exists("/proc/self/statm") else 0
        idle = time.time() - float(sys.argv[1])
        print(json.dumps({"idle": idle, "rss": rss, "cpu": time.process_time()}), flush=True)
        os._exit(0)
    # A timer of zero fires when the queue of events, paints included, is empty.
    QTimer.singleShot(0, lambda: QTimer.singleShot(0, tell))
"""

OURS = (
    """
import gc, sys
gc.disable()  # as visionstudio/app/main.py does
from visionstudio.app.window import MainWindow, Settings, make_application, prepare
"""
    + IDLE
    + """
app = make_application()
settings = Settings()
prepare(app, settings)
window = MainWindow(settings)
window.show()
app.processEvents()
assert "torch" not in sys.modules and "cv2" not in sys.modules
when_idle(app, window)
app.exec()
"""
)

BARE = (
    """
import sys
from PySide6.QtWidgets import QApplication, QMainWindow
"""
    + IDLE
    + """
app = QApplication(sys.argv[:1])
window = QMainWindow()
window.resize(1600, 1000)
window.show()
app.processEvents()
when_idle(app, window)
app.exec()
"""
)


def start(code: str) -> dict[str, float]:
    """One start in a fresh process: seconds to idle by the wall clock, resident bytes."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "VISIONSTUDIO_HOME": home}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has been compiled
        if not environment.get("DISPLAY") and not environment.get("WAYLAND_DISPLAY"):
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        command = [sys.executable, "-c", code, str(time.time())]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    start(OURS), start(BARE)
    pairs = [(start(OURS), start(BARE)) for _ in range(rounds)]
    ours = statistics.median(p[0]["idle"] for p in pairs)
    bare = statistics.median(p[1]["idle"] for p in pairs)
    show("process start to idle window", ours, bare, "bare PySide6 window")
    best = min(p[0]["idle"] for p in pairs)
    print(
        f"{'best of ' + str(rounds):<44} {best * 1000:9.2f} ms   goal {GOAL_SECONDS * 1000:.0f} ms"
    )
    ours = statistics.median(p[0]["cpu"] for p in pairs)
    bare = statistics.median(p[1]["cpu"] for p in pairs)
    show("processor time of it", ours, bare, "bare PySide6 window")
    ours = statistics.median(p[0]["rss"] for p in pairs)
    bare = statistics.median(p[1]["rss"] for p in pairs)
    print(f"{'resident memory':<44} {ours / 2**20:9.1f} MiB  bare {bare / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
