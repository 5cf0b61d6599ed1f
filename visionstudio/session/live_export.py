"""An export that is kept up to date beside the pictures while people label.

For tools that watch a folder. The project's setting says which format goes
where; off by default. Whenever edits have been stored, formats with a file for
each picture get those of the pictures that changed, others are written anew.
Files whose contents stay the same are left as they are.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from visionstudio.formats.dataset import WriteOptions
from visionstudio.formats.output import together
from visionstudio.formats.registry import FORMATS, get_format
from visionstudio.model.errors import FormatError, VisionStudioError, one_line
from visionstudio.session.exporting import export_project, project_dataset
from visionstudio.session.project import ProjectSession
from visionstudio.storage.store import ProjectStore

SETTING = "live_export"
PER_PICTURE = frozenset(("labelme", "voc", "geojson"))
"""Formats whose files are of one picture each, whatever the other pictures hold."""


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """What is kept up to date: a format's name, its dialect, and the file or folder."""

    format: str
    out: str
    variant: str = ""

    @classmethod
    def of(cls, value: Any) -> LiveTarget | None:
        """The target that a project's setting names, None where it is off."""
        if not isinstance(value, dict) or value.get("format") not in FORMATS:
            return None
        return cls(value["format"], str(value.get("out", "")), str(value.get("variant", "")))


def live_target(store: ProjectStore) -> LiveTarget | None:
    """What a project keeps up to date, None for nothing."""
    return LiveTarget.of(store.setting(SETTING))


def set_live_target(store: ProjectStore, target: LiveTarget | None) -> None:
    """Keep an export up to date from now on, or none. Raises FormatError, StorageFull."""
    if target is not None and target.variant not in get_format(target.format).variants:
        raise FormatError(f"{target.format} has no dialect '{target.variant}'")
    store.set_setting(SETTING, None if target is None else asdict(target))


def write_live(
    store: ProjectStore, target: LiveTarget, changed: Collection[int] | None = None
) -> None:
    """Bring the export up to date: for these pictures, or for all. Raises StorageFull."""
    options, out = WriteOptions(variant=target.variant), Path(target.out)
    if changed is None or target.format not in PER_PICTURE or _share_names(store):
        export_project(store, target.format, out, options)
        return
    writer = get_format(target.format)
    dataset = project_dataset(store, changed, key_frames=writer.key_frames)
    items = []
    for item in dataset.items:
        if item.annotations or item.verified:
            items.append(item)
            continue
        # What was taken from a picture is taken from its file; a picture without one gets none.
        emptied = replace(item, verified=True)
        with together(dry=True):
            files = writer.write(replace(dataset, items=(emptied,)), out, options).files
        if any(f.exists() for f in files if f.stem == Path(item.path).stem):
            items.append(emptied)
    with together():
        writer.write(replace(dataset, items=tuple(items)), out, options)


@contextmanager
def followed(store: ProjectStore) -> Iterator[None]:
    """Brings the project's export up to date at the end, if anything was changed meanwhile.

    For scripts and commands, which have no window that does it. Raises StorageFull.
    """
    before = store.last_step()
    yield
    follow(store, before)


def follow(store: ProjectStore, step: int) -> None:
    """Bring the export up to date, if anything was changed since a step. Raises StorageFull."""
    target = live_target(store)
    if target is not None and not store.read_only and store.last_step() != step:
        write_live(store, target, [m.id for m in store.media()])


def _share_names(store: ProjectStore) -> bool:
    """Whether a.jpg and a.png are there: whose file is called what depends on both."""
    stems = [m.path.rpartition(".")[0] for m in store.media()]
    return len(set(stems)) < len(stems)


class LiveExport:
    """Does it for a session, in a thread of its own; failures are told once each by `failed`."""

    def __init__(self, session: ProjectSession) -> None:
        self._session = session
        self.target: LiveTarget | None = None
        self._changed: set[int] = set()
        self._everything = False
        self._thread: threading.Thread | None = None
        session.tally_changed.connect(self._note)
        session.media_changed.connect(self._note)
        session.classes_changed.connect(lambda: self._note(None))
        session.saved_changed.connect(lambda saved: self._go_on() if saved else None)
        session.in_store(live_target, self._begin)

    def set(self, target: LiveTarget | None) -> None:
        """Keep this up to date from now on; written whole at once. None ends it."""

        def known(_: object) -> None:
            self._begin(target)

        self._session.in_store(lambda store: set_live_target(store, target), known)

    def close(self) -> None:
        """Before the project is closed: what is left is written once all edits are stored."""
        if self._thread is not None:
            self._thread.join()
        if self._pending:
            target, changed = self._take()
            self._session.in_store(lambda store: self._work(store, target, changed), lambda _: None)

    @property
    def busy(self) -> bool:
        """Whether something is being written."""
        return self._thread is not None

    @property
    def _pending(self) -> bool:
        return self.target is not None and (self._everything or bool(self._changed))

    def _begin(self, target: LiveTarget | None) -> None:
        self.target = target if not self._session.store.read_only else None
        self._everything = target is not None
        self._changed.clear()
        self._go_on()

    def _note(self, ids: Collection[int] | None) -> None:
        if self.target is None:
            return
        if ids is None:
            self._everything = True
        else:
            self._changed.update(ids)
        if self._session.saved:
            self._go_on()

    def _go_on(self) -> None:
        if self._pending and self._thread is None and self._session.saved:
            target, changed = self._take()
            self._thread = threading.Thread(
                target=self._run, args=(self._session.store, target, changed), name="live export"
            )
            self._thread.start()

    def _take(self) -> tuple[LiveTarget, frozenset[int] | None]:
        assert self.target is not None
        changed = None if self._everything else frozenset(self._changed)
        self._everything = False
        self._changed.clear()
        return self.target, changed

    def _run(self, store: ProjectStore, target: LiveTarget, changed: frozenset[int] | None) -> None:
        error = self._work(store, target, changed)
        self._session.post(lambda: self._ended(error))

    def _work(
        self, store: ProjectStore, target: LiveTarget, changed: frozenset[int] | None
    ) -> VisionStudioError | None:
        try:
            write_live(store, target, changed)
        except VisionStudioError as error:
            return error
        except Exception as error:
            return FormatError(f"the live export failed ({one_line(error)})", where=target.out)
        return None

    def _ended(self, error: VisionStudioError | None) -> None:
        self._thread = None
        if error is not None:
            self._session.failed.emit(error)
        self._go_on()
