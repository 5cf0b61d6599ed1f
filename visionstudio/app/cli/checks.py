"""The checks of ``doctor``, each a function that says what it found and what would help."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ENOUGH_DISK = 2 * 2**30
PROBE_SECONDS = 120.0

_QT_FIX = (
    "Debian/Ubuntu: sudo apt-get install libegl1 libgl1 libxkbcommon-x11-0 libdbus-1-3"
    " libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libfontconfig1;"
    " elsewhere install the packages of the same names"
)
_REINSTALL = "install the program again: pip install --force-reinstall visionstudio"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report. `fix` is empty where nothing needs to be done."""

    name: str
    ok: bool
    detail: str
    fix: str = ""


def run_checks() -> list[Check]:
    """All checks; one that itself fails is a failed check."""
    found = []
    for check in (
        _python,
        _window_system,
        _torch,
        _tracker,
        _video,
        _project_database,
        _data_folders,
        _disk,
        _plugins,
    ):
        found += _safely(check)
    return found


def _safely(check: Callable[[], list[Check]]) -> list[Check]:
    try:
        return check()
    except Exception as error:
        name = check.__name__.strip("_").replace("_", " ")
        return [Check(name, False, f"{type(error).__name__}: {error}", _REINSTALL)]


def _python() -> list[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = (3, 11) <= sys.version_info[:2] < (3, 14)
    return [Check("python", ok, version, "" if ok else "use Python 3.11, 3.12 or 3.13")]


def _in_child(code: str, **env: str) -> tuple[bool, str]:
    """Whether code runs in a fresh interpreter, and its last line: a crash there harms nobody."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            env=os.environ | env,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {PROBE_SECONDS:.0f} s"
    lines = (done.stdout if done.returncode == 0 else done.stderr or done.stdout).strip()
    last = lines.splitlines()[-1] if lines else f"ended with code {done.returncode}"
    return done.returncode == 0, last


def _window_system() -> list[Check]:
    code = (
        "from PySide6.QtWidgets import QApplication, QLabel; from PySide6 import __version__;"
        "app = QApplication(['doctor']); label = QLabel('x'); label.show(); app.processEvents();"
        "print('Qt', __version__, 'on', app.platformName())"
    )
    ok, detail = _in_child(code, QT_QPA_PLATFORM="offscreen")
    checks = [Check("qt", ok, detail, "" if ok else _QT_FIX)]
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not screen:
        # Not a fault: the command line works, and the window can be drawn without a screen.
        checks.append(Check("screen", True, "none: the window needs DISPLAY or WAYLAND_DISPLAY"))
    elif ok:
        shown, detail = _in_child(code)
        checks.append(Check("screen", shown, detail, "" if shown else _QT_FIX))
    return checks


def _torch() -> list[Check]:
    code = (
        "import torch, torchvision; from torchvision.ops import nms;"
        "nms(torch.tensor([[0., 0., 1., 1.]]), torch.tensor([1.]), 0.5);"
        "print('torch', torch.__version__, 'torchvision', torchvision.__version__)"
    )
    ok, detail = _in_child(code)
    fix = "" if ok else "install matching builds: pip install --upgrade torch torchvision"
    checks = [Check("torch", ok, detail, fix)]
    devices = (
        "from visionstudio.engine.devices import list_devices, resolve_device;"
        "names = ', '.join(f'{d.id} ({d.name})' for d in list_devices());"
        "print(names + '; used: ' + resolve_device('auto'))"
    )
    ok, detail = _in_child(devices)
    checks.append(Check("device", ok, detail, "" if ok else "install or update the GPU's driver"))
    return checks


def _tracker() -> list[Check]:
    ok, detail = _in_child(
        "import cv2; cv2.TrackerCSRT_create(); cv2.ximgproc; print('OpenCV', cv2.__version__)"
    )
    fix = (
        "pip uninstall opencv-python opencv-python-headless opencv-contrib-python, then"
        " pip install --force-reinstall opencv-contrib-python-headless"
    )
    return [Check("opencv csrt", ok, detail, "" if ok else fix)]


def _video() -> list[Check]:
    code = (
        "import av; from av.codec import Codec; [Codec(n, 'r') for n in ('h264', 'hevc', 'av1')];"
        "print('PyAV', av.__version__, 'with FFmpeg', '.'.join(map(str,"
        " av.library_versions['libavcodec'])))"
    )
    ok, detail = _in_child(code)
    return [Check("ffmpeg", ok, detail, "" if ok else "pip install --force-reinstall av")]


def _project_database() -> list[Check]:
    import apsw

    version = apsw.sqlite_lib_version()
    ok = tuple(map(int, version.split("."))) >= (3, 51, 3)
    return [Check("sqlite", ok, version, "" if ok else "pip install --upgrade apsw")]


def _data_folders() -> list[Check]:
    from visionstudio.settings import folders

    checks = []
    places = {
        "settings folder": folders.config_folder(),
        "data folder": folders.data_folder(),
        "cache folder": folders.cache_folder(),
        "log folder": folders.log_folder(),
    }
    for name, folder in places.items():
        reason = _not_writable(folder)
        fix = "allow writing there, or set VISIONSTUDIO_HOME to another folder"
        checks.append(Check(name, not reason, reason or str(folder), fix if reason else ""))
    return checks


def _not_writable(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        return f"{folder}: {error.strerror}"
    return ""


def _disk() -> list[Check]:
    from visionstudio.settings.folders import data_folder

    folder = data_folder()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    ok = free >= ENOUGH_DISK
    detail = f"{free / 2**30:.1f} GB free at {folder}"
    return [Check("disk space", ok, detail, "" if ok else "make room: 2 GB is little for models")]


def _plugins() -> list[Check]:
    from visionstudio.engine.discovery import discover

    checks = []
    for plugin in discover().plugins:
        ok = not plugin.error
        detail = plugin.error or f"{plugin.version}: {', '.join(plugin.models) or 'no models'}"
        if ok and not plugin.enabled:
            detail += " (switched off)"
        fix = f"update or remove it: pip install --upgrade {plugin.distribution}"
        checks.append(Check(f"plugin {plugin.name}", ok, detail, "" if ok else fix))
    return checks
