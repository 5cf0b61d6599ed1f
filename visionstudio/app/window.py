"""Starts the window: language, theme, log, and what happens to errors nobody caught."""

from __future__ import annotations

import gc
import logging
import logging.handlers
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QEventLoop, Qt, QTimer, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QImageReader
from PySide6.QtWidgets import QApplication

import visionstudio.ui  # noqa: F401 - before everything else: it makes imports faster
from visionstudio.model.errors import StorageFull, VisionStudioError
from visionstudio.settings.folders import log_folder
from visionstudio.settings.store import Settings
from visionstudio.ui import i18n, theme
from visionstudio.ui.window import MainWindow, show_error

_log = logging.getLogger("visionstudio")
_LOG_BYTES = 2_000_000
_RENDER_MS = 30_000
_SETTLE_MS = 1500
_SWITCH_SECONDS = 0.001


def run_window(paths: Sequence[Path], *, as_video: bool = False) -> int:
    """Show the window on these paths until it is closed; returns the exit code."""
    app = make_application()
    settings = Settings()
    prepare(app, settings)
    window = MainWindow(settings, make_sample=_make_sample)
    _catch_errors(window)
    window.show()
    if paths:
        window.open(list(paths), as_video=as_video)
    elif settings.get("reopen") and settings.note("recent"):
        window.open([Path(settings.note("recent")[0])])
    # Python handles signals only between two of its own calls.
    ticking = QTimer()
    ticking.timeout.connect(lambda: None)
    ticking.start(500)
    signal.signal(signal.SIGINT, lambda *_: window.close())
    signal.signal(signal.SIGTERM, lambda *_: window.close())
    return int(app.exec())


def render_window(path: Path, out: Path, *, size: tuple[int, int] = (1600, 1000)) -> Path:
    """Save a picture of the window on a project, as it looks with the first picture shown.

    For machines without a screen: QT_QPA_PLATFORM=offscreen must be set. Raises
    what opening the project raises, and VisionStudioError when it takes too long.
    """
    app = make_application()
    settings = Settings()
    prepare(app, settings)
    window = MainWindow(settings)
    loop = QEventLoop()
    problems: list[VisionStudioError] = []

    def failed(error: VisionStudioError) -> None:
        problems.append(error)
        loop.quit()

    def settle() -> None:
        # The objects, what runs models and the first thumbnails follow the picture.
        QTimer.singleShot(_SETTLE_MS, loop.quit)

    def give_up() -> None:
        failed(VisionStudioError("the window did not show the project in time", where=str(path)))

    window.open_failed.connect(failed)
    window.models_later.made.connect(settle)
    limit = QTimer()
    limit.setSingleShot(True)
    limit.timeout.connect(give_up)
    limit.start(_RENDER_MS)
    window.setWindowState(Qt.WindowState.WindowNoState)
    window.show()
    window.resize(*size)
    window.open([path])
    loop.exec()
    limit.stop()
    saved = not problems and window.grab().save(str(out))
    window.close()
    if problems:
        raise problems[0]
    if not saved:
        raise StorageFull("the picture of the window cannot be written", where=str(out))
    return out


def make_application() -> QApplication:
    """The application with its name; one that is there already is used."""
    gc.freeze()  # see app/main.py
    gc.enable()
    # So long the window waits, at each of very many calls, for a thread that computes in Python.
    sys.setswitchinterval(_SWITCH_SECONDS)
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("VisionStudio")
    app.setApplicationDisplayName("VisionStudio")
    app.setDesktopFileName("visionstudio")
    return app


def prepare(app: QApplication, settings: Settings) -> None:
    """Log, language and theme, before any widget is made."""
    _start_log()
    QImageReader.setAllocationLimit(0)  # our own readers check sizes before they decode
    i18n.use_language(str(settings.get("language")))
    theme.apply(app, str(settings.get("theme")))


def _start_log() -> None:
    root = logging.getLogger()
    if any(isinstance(h, logging.handlers.RotatingFileHandler) for h in root.handlers):
        return
    try:
        folder = log_folder()
        folder.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = logging.handlers.RotatingFileHandler(
            folder / "window.log", maxBytes=_LOG_BYTES, backupCount=3, encoding="utf-8"
        )
    except OSError:
        handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    qInstallMessageHandler(_qt_message)


def _qt_message(kind: QtMsgType, _context: object, text: str) -> None:
    level = logging.INFO if kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg) else logging.WARNING
    logging.getLogger("qt").log(level, "%s", text)


def _catch_errors(window: MainWindow) -> None:
    """Log what nobody caught and say so in the window, from whatever thread it comes."""
    from visionstudio.ui.posting import Poster

    poster = Poster(window)

    def caught(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        _log.error("not caught", exc_info=(kind, error, trace))
        if issubclass(kind, KeyboardInterrupt):
            poster.post(lambda: _close(window))
        else:
            poster.post(lambda: show_error(window, error))

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            caught(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook = caught
    threading.excepthook = in_thread


def _close(window: MainWindow) -> None:
    window.close()


def _make_sample() -> Path:
    from visionstudio.app.demo import sample_folder

    return sample_folder()
