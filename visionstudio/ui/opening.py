"""Opening paths as a project, in a thread: nothing here may stop the window."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionstudio.model.errors import (
    MediaError,
    ProjectBusy,
    ProjectDamaged,
    VisionStudioError,
    one_line,
)
from visionstudio.model.media import MediaKind

if TYPE_CHECKING:
    from visionstudio.media.scan import Found
    from visionstudio.session.core import Loaded
    from visionstudio.session.library import NewMedia
    from visionstudio.storage.store import ProjectStore

_log = logging.getLogger(__name__)
Post = Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class Opened:
    """A project that was opened, and what the window starts from."""

    store: ProjectStore
    loaded: Loaded
    wanted: str | None = None  # the stored path of the picture that was asked for
    rescan: tuple[Path, ...] = ()  # folders in which new files are looked for afterwards
    busy: bool = False  # another program writes to it: opened for reading
    remembered: dict[str, Any] = field(default_factory=dict)  # place and layout
    fresh: NewMedia | None = None  # what is listed, but not stored yet


def bring() -> None:
    """Load what opening and showing a picture need, which takes longer than doing it."""
    import visionstudio.media.prefetch
    import visionstudio.session.library
    import visionstudio.session.measuring
    import visionstudio.ui.project  # noqa: F401


def open_paths(paths: Sequence[Path], *, as_video: bool = False) -> Opened:
    """Open the project of a folder, or of files in one, making it when there is none.

    Blocks. Raises: MediaError when a path is not there or holds nothing to look
    at, ProjectNewer, ProjectDamaged, StorageFull.
    """
    bring()  # here rather than in the GUI thread, which would stand still meanwhile
    from visionstudio.session.library import NewMedia, add_media
    from visionstudio.session.project import ProjectSession
    from visionstudio.storage.paths import is_project, project_folder, stored_path

    # What has been loaded so far stays: the collector need not look at it again and again, and
    # stop the window for as long. `MainWindow.close_project` takes it back.
    gc.freeze()
    paths = [Path(p).expanduser().absolute() for p in paths]
    for path in paths:
        if not path.exists():
            raise MediaError(
                "there is no such file or folder", where=str(path), next_step="check the path"
            )
    first = paths[0]
    folder = project_folder(first)
    is_itself = first in (folder, folder / "project.db")
    busy = False
    listed: list[Found] | None = None
    if is_project(folder):
        store, busy = _open_or_read(folder)
    else:
        store, listed = _create(folder, first, as_video=as_video)
    try:
        wanted = None
        rescan: tuple[Path, ...] = ()
        fresh: NewMedia | None = None
        if not is_itself and not store.read_only:
            files = [p for p in paths if p.is_file()]
            if listed is not None and len(paths) == 1:
                fresh = NewMedia(store, listed)
            elif store.has_media() and not files:
                rescan = tuple(paths)
            else:
                add_media(store, paths, as_video=as_video)
        if not is_itself and first.is_file():
            wanted = stored_path(first, store.media_root)
        remembered = store.setting("window", {})
        loaded = ProjectSession.read(store)
        if fresh is not None:
            loaded = replace(loaded, media=fresh.media())
        _import_player(loaded, remembered)
        gc.freeze()
        return Opened(store, loaded, wanted, rescan, busy, remembered, fresh)
    except BaseException:
        store.close()
        raise


def _import_player(loaded: Loaded, remembered: dict[str, Any]) -> None:
    """Load the parts that show a video if one will be looked at first."""
    media = loaded.media
    last = media.get(remembered.get("media", 0))
    first = last if last is not None else (media[0] if len(media) else None)
    if first is not None and first.kind is not MediaKind.IMAGE:
        import visionstudio.ui.video.bar
        import visionstudio.ui.video.player
        import visionstudio.ui.video.tracks  # noqa: F401


def _open_or_read(folder: Path) -> tuple[ProjectStore, bool]:
    from visionstudio.storage.store import ProjectStore

    try:
        return ProjectStore.open(folder), False
    except ProjectBusy:
        return ProjectStore.open(folder, read_only=True), True


def _create(folder: Path, first: Path, *, as_video: bool) -> tuple[ProjectStore, list[Found]]:
    """A new project, and what there is at `first`: listing it once is enough."""
    from visionstudio.media.probe import probe
    from visionstudio.media.scan import find_media, has_media, kind_of
    from visionstudio.storage.store import ProjectStore

    root = first if first.is_dir() else first.parent
    if first.is_dir() and has_media(first):
        # Both wait for the disk most of the time.
        with ThreadPoolExecutor(1, "creating") as other:
            creating = other.submit(ProjectStore.create, folder, media_root=root)
            found = find_media([first], as_video=as_video)
        return creating.result(), found
    if not first.is_dir() and kind_of(first.name) is None:
        probe(first, MediaKind.IMAGE)  # says why it is no picture
    found = find_media([first], as_video=as_video)
    if not found:
        # No project is left behind in a folder that was opened by mistake.
        raise MediaError(
            "there are no pictures or videos",
            where=str(first),
            next_step="choose a folder that has some",
        )
    return ProjectStore.create(folder, media_root=root), found


def recover(folder: Path) -> str:
    """Put the newest good backup, or what can be salvaged, in place of a damaged project.

    Returns in words what was done. Blocks. The damaged file is kept beside it.
    """
    from visionstudio.storage import list_backups, restore, salvage

    for backup in list_backups(folder):
        try:
            restore(folder, backup.path)
        except ProjectDamaged:
            continue
        return f"{backup.made:%Y-%m-%d %H:%M}"
    found = salvage(folder)
    restore(folder, found.path)
    return f"{found.rows.get('annotation', 0)}"


class Worker:
    """Runs blocking calls one at a time in a thread; results come back by `post`."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being done."""
        return self._thread is not None

    def start(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[VisionStudioError], None],
    ) -> None:
        """Run `work()`; then `done(result)` or `failed(error)` in the GUI thread."""

        def run() -> None:
            try:
                result = work()
            except VisionStudioError as error:
                problem = error
            except Exception as error:
                _log.exception("opening failed")
                problem = VisionStudioError(one_line(error))
            else:
                self._post(lambda: finish(lambda: done(result)))
                return
            self._post(lambda: finish(lambda: failed(problem)))

        def finish(call: Callable[[], None]) -> None:
            self._thread = None
            call()

        self._thread = threading.Thread(target=run, name="opening", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until the thread has ended; for the end of the program."""
        thread = self._thread
        if thread is not None:
            thread.join()
