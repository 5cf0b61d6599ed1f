"""The same jobs in other labelling programs and in ours, in one run.

    python benchmarks/peers.py [FOLDER OF A VENV]

The peers are never a dependency: they are looked for in a virtual environment of
their own, named on the command line or by VISIONSTUDIO_PEERS, which
`python -m venv peers; peers/bin/pip install labelme labelImg anylabeling` makes.
Without it nothing is compared. Each job runs in a process of its own, offscreen; a
program that fails at a job is said to.

Jobs: start with a folder of 1080p pictures until the first is shown; go to the next
picture; open a picture with 10,000 polygons of 12 points; repaint it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _timing import show
from next_picture import photo
from PIL import Image

from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Change, Edit
from visionstudio.model.labels import LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Polygon
from visionstudio.storage import ProjectStore

POLYGONS = 10_000
SIZE = (4000, 2500)
SECONDS = 120
JOBS = ("start", "next", "load", "repaint")

MEASURE = """
import json, statistics, sys, time
began = float(sys.argv[2])
def report(app, open_folder, following, open_many, canvas):
    result = {}
    win = open_folder(sys.argv[3])
    win.resize(1600, 1000); win.show(); app.processEvents(); app.processEvents()
    result["start"] = time.time() - began
    times = []
    for _ in range(8):
        t = time.perf_counter(); following(win); app.processEvents()
        times.append(time.perf_counter() - t)
    result["next"] = statistics.median(times)
    print(json.dumps(result), flush=True)
    t = time.perf_counter(); win = open_many(win, sys.argv[4])
    win.resize(1600, 1000); win.show(); app.processEvents(); app.processEvents()
    result["load"] = time.perf_counter() - t
    seen = canvas(win); times = []
    for _ in range(5):
        t = time.perf_counter(); seen.repaint(); times.append(time.perf_counter() - t)
    result["repaint"] = statistics.median(times)
    print(json.dumps(result), flush=True)
    import os; os._exit(0)
def named(win, name):
    from QT import QtWidgets
    return next(w for w in win.findChildren(QtWidgets.QWidget) if type(w).__name__ == name)
"""

PEERS = {
    "labelme": MEASURE.replace("from QT", "from PyQt5")
    + """
from PyQt5 import QtWidgets
from labelme.app import MainWindow
app = QtWidgets.QApplication(sys.argv[:1])
make = lambda path: MainWindow(config_overrides={"auto_save": False}, file_or_dir=path)
report(app, make, lambda w: w._open_next_image(), lambda w, p: make(p),
       lambda w: named(w, "Canvas"))
""",
    "labelImg": MEASURE.replace("from QT", "from PyQt5")
    + """
from labelImg.labelImg import get_main_app
app, win = get_main_app(["labelImg", sys.argv[3]])
def none(win, path): raise SystemExit(0)  # it knows boxes only
report(app, lambda path: win, lambda w: w.open_next_image(), none, lambda w: named(w, "Canvas"))
""",
    "anylabeling": MEASURE.replace("from QT", "from PyQt6")
    + """
from PyQt6 import QtWidgets
from anylabeling.config import get_config
from anylabeling.views.mainwindow import MainWindow
app = QtWidgets.QApplication(sys.argv[:1])
inner = lambda w: named(w, "LabelingWidget")
def folder(path):
    win = MainWindow(app, config=get_config())
    win.show(); inner(win).import_image_folder(path)
    return win
def many(win, path):
    inner(win).load_file(path.replace(".json", ".jpg"))
    return win
report(app, folder, lambda w: inner(w).open_next_image(), many, lambda w: named(w, "Canvas"))
""",
}

OURS = (
    MEASURE
    + """
import gc
from pathlib import Path
gc.disable()  # as visionstudio/app/main.py does
from PySide6.QtCore import QEventLoop, QTimer
from visionstudio.app.window import MainWindow, Settings, make_application, prepare
app = make_application(); settings = Settings(); prepare(app, settings)
def wait(signal, do):
    seen = []; signal.connect(lambda *_: seen.append(1)); do()
    while not seen: app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
def folder(path):
    win = MainWindow(settings); win.models.discover = lambda **_: None
    win.resize(1600, 1000); win.show()
    wait(win.viewer.shown, lambda: win.open([Path(path)]))
    return win
def following(win):
    wait(win.viewer.shown, win._commands.next_item)
def many(win, path):
    wait(win.viewer.shown, lambda: win.open([Path(path).parent / "project"]))
    canvas, tick = win.viewer.canvas, QTimer(interval=5)
    tick.start()  # so that it is looked at now and then
    while len(win.session.annotations) == 0 or not canvas.settled:
        app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    return win
report(app, folder, following, many, lambda w: w.viewer.canvas.viewport())
"""
)


def make_files(folder: Path) -> tuple[Path, Path]:
    """The pictures, and the labelme file with its picture and our project beside it."""
    pictures = folder / "pictures"
    pictures.mkdir()
    for n in range(10):
        Image.fromarray(photo(1920, 1080, n)).save(pictures / f"{n}.jpg", quality=90)
    many = folder / "many"
    many.mkdir()
    Image.fromarray(photo(*SIZE)).save(many / "many.jpg", quality=90)
    rng = np.random.default_rng(0)
    turn = np.arange(12) * (2 * np.pi / 12)
    ring = 11 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    rings = rng.uniform(12, np.array(SIZE) - 12, (POLYGONS, 1, 2)) + ring
    shapes = [
        {"label": f"c{n % 8}", "points": r.tolist(), "group_id": None, "shape_type": "polygon",
         "flags": {}, "description": "", "mask": None}
        for n, r in enumerate(rings)
    ]  # fmt: skip
    label = {"version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": "many.jpg",
             "imageData": None, "imageWidth": SIZE[0], "imageHeight": SIZE[1]}  # fmt: skip
    (many / "many.json").write_text(json.dumps(label))
    with ProjectStore.create(many / "project", media_root=many) as store:
        store.add_media([MediaItem(id=1, path="many.jpg", width=SIZE[0], height=SIZE[1])])
        classes = [LabelClass(id=n + 1, name=f"c{n}", colour="#e69f00", order=n) for n in range(8)]
        rows = [
            Annotation(id=n + 1, media_id=1, class_id=n % 8 + 1, shape=Polygon((r,)))
            for n, r in enumerate(rings)
        ]
        store.apply(Edit("all", tuple(Change(None, row) for row in (*classes, *rows))))
    return pictures, many / "many.json"


def run(python: str, code: str, files: tuple[Path, Path], home: str) -> dict[str, Any]:
    """What a program says of its jobs, or why it does not."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": home,
                   "VISIONSTUDIO_HOME": home}  # fmt: skip
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed has been compiled
    if python != sys.executable:
        environment.pop("PYTHONPATH", None)
    # Ours would go on where it was.
    shutil.rmtree(files[0] / ".visionstudio", ignore_errors=True)
    command = [python, "-c", code, "x", str(time.time()), *map(str, files)]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = subprocess.Popen(command, env=environment, stdout=out, stderr=err, text=True)
        try:
            why = f"ended with exit code {child.wait(SECONDS)}"
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            why = f"did not end within {SECONDS} s"
        out.seek(0)
        err.seek(0)
        said = [line for line in out if line.startswith("{")]
        if said:
            return dict(json.loads(said[-1]))
        lines = err.read().strip().splitlines()
        return {"why": lines[-1] if lines else why}


def environment_of_peers() -> Path | None:
    named = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("VISIONSTUDIO_PEERS", "")
    for place in ("bin/python", "Scripts/python.exe"):
        if named and (Path(named) / place).exists():
            return Path(named) / place
    return None


def main() -> None:
    python = environment_of_peers()
    if python is None:
        print("no peers to compare with: name the folder of their virtual environment")
        return
    with tempfile.TemporaryDirectory() as name:
        files = make_files(Path(name))
        homes = Path(name) / "home"
        homes.mkdir()
        run(sys.executable, OURS, files, str(homes))  # warms the disk
        for peer, code in PEERS.items():
            theirs = run(str(python), code, files, str(homes))
            ours = run(sys.executable, OURS, files, str(homes))
            if "why" in theirs:
                print(f"{peer}: does not run ({theirs['why']})")
                continue
            for job in JOBS:
                if job in theirs and job in ours:
                    show(f"{job}, VisionStudio", ours[job], theirs[job], peer)
                elif job in ours:
                    print(f"{job}, VisionStudio {1e3 * ours[job]:.2f} ms: {peer} cannot")
                else:
                    print(f"{job}: {ours.get('why', 'missing')}")


if __name__ == "__main__":
    main()
