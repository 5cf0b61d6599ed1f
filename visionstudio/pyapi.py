"""Projects from Python: open or create, read with numpy, change in undoable steps."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from visionstudio.media.scan import find_media
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue, MediaError, ProjectError
from visionstudio.model.interpolation import all_filled
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.media import MediaItem, MediaKind
from visionstudio.model.shapes import Shape
from visionstudio.pywork import ProjectWork
from visionstudio.session.import_plan import SPLIT
from visionstudio.session.library import add_media, probe_media
from visionstudio.session.proposals import corrected
from visionstudio.settings.store import Settings
from visionstudio.storage.operations import patched
from visionstudio.storage.paths import absolute, is_project, project_folder
from visionstudio.storage.records import Counts
from visionstudio.storage.runs import RunRecord
from visionstudio.storage.store import ProjectStore

if TYPE_CHECKING:
    from visionstudio.torch_data import ProjectPictures

AnyPath = str | os.PathLike[str]
R = TypeVar("R", Annotation, LabelClass)


def open(path: AnyPath, *, read_only: bool = False) -> Project:
    """Open a project, or a folder of media (or one file) by making its project.

    A plain folder's project lies in `.visionstudio/` beneath it, or in the
    user's data folder where the folder cannot be written; files that are new
    since last time are added. `read_only` works beside a program that writes.

    Raises: MediaError when there is nothing at `path`, ProjectBusy when another
    program has the project open for writing, ProjectNewer, ProjectDamaged,
    StorageFull.
    """
    path = Path(path)
    folder = project_folder(path)
    if is_project(folder):
        store = ProjectStore.open(folder, read_only=read_only)
    elif read_only:
        raise ProjectError(
            "there is no project to read", where=str(path), next_step="open it for writing once"
        )
    else:
        found = absolute(path)
        if not found.exists():
            raise MediaError(
                "there is no such file or folder", where=str(path), next_step="check the path"
            )
        store = ProjectStore.create(folder, media_root=found if found.is_dir() else found.parent)
    try:
        if not read_only and absolute(path) != folder and path.name != "project.db":
            add_media(store, [path])
        return _watched(store)
    except BaseException:
        store.close()
        raise


def create(
    folder: AnyPath, *, media: Iterable[AnyPath] | AnyPath = (), as_video: bool = False
) -> Project:
    """Make a project in a folder, looking at pictures, videos and folders of them.

    `as_video` takes each folder of pictures as one video. Media are named
    relative to the folder that holds them all. Raises: InvalidValue when there
    is a project already, MediaError when a path is not there, StorageFull.
    """
    named = [media] if isinstance(media, (str, os.PathLike)) else list(media)
    paths = [absolute(Path(m)) for m in named]
    find_media(paths)  # a wrong path must not leave a project behind
    store = ProjectStore.create(Path(folder), media_root=common_folder(paths))
    try:
        add_media(store, paths, as_video=as_video)
        return _watched(store)
    except BaseException:
        store.close()
        raise


def common_folder(paths: Sequence[Path]) -> Path | None:
    """The folder around all paths; None when only a whole drive would do."""
    folders = [p if p.is_dir() else p.parent for p in paths]
    if not folders:
        return None
    try:
        common = Path(os.path.commonpath(folders))
    except ValueError:  # different drives
        return None
    return common if common != Path(common.anchor) else None


class Project(ProjectWork):
    """An open project. Use it as a context manager, or call `close`.

    Not meant for several threads at a time. Every change is on disk when its
    call, or its `edit` block, has ended.
    """

    def __init__(self, store: ProjectStore) -> None:
        """Use `visionstudio.open` or `visionstudio.create`."""
        self.store = store
        self._probed = False
        self._closed = False
        self._block: _Block | None = None

    # reading

    @property
    def folder(self) -> Path:
        """The folder with `project.db`."""
        return self.store.folder

    @property
    def media(self) -> list[MediaItem]:
        """All media items in path order, with absolute paths and known sizes.

        The first time this reads the headers of files that are new; those that
        cannot be read are listed with `status` and `reason`.
        """
        if not self._probed:
            self._probed = True
            for _ in probe_media(self.store, self.store.media()):
                pass
        return [self._absolute(item) for item in self.store.media()]

    def item(self, media_id: int) -> MediaItem:
        """One media item. Raises InvalidValue when there is none of that id."""
        item = self.store.media_item(media_id)
        if item is None:
            raise InvalidValue(f"there is no media item {media_id}", where=str(self.folder))
        return self._absolute(item)

    @property
    def classes(self) -> list[LabelClass]:
        """All classes in their order."""
        known = self.store.classes()
        return known if self._block is None else self._block.seen(LabelClass, known)

    def annotations(
        self,
        media_id: int,
        frame: int | None = None,
        *,
        states: Iterable[State] | None = None,
        between_keys: bool = False,
    ) -> list[Annotation]:
        """Annotations of a media item, or of one of its frames (0-based), in drawing order.

        All states unless `states` says which. Each has `shape` (typed, with
        float64 numpy geometry in pixels), `class_id`, `state`, `score` in [0, 1]
        or None, and `source`, `run_id` and `history` as its provenance;
        `class_name(a)` gives the name of its class. With `between_keys` tracks are
        there in the frames between their key frames too, with ids below 0.
        """
        rows = self.store.annotations(media_id, None if between_keys else frame)
        if self._block is not None:
            rows = [
                a
                for a in self._block.seen(Annotation, rows)
                if a.media_id == media_id and (between_keys or frame in (None, a.frame))
            ]
            rows.sort(key=lambda a: (a.frame, a.z, a.id))
        if between_keys:
            seen = (a for a in all_filled(rows) if frame in (None, a.frame))
            rows = sorted(seen, key=lambda a: (a.frame, a.z, a.id))
        wanted = None if states is None else frozenset(states)
        return [a for a in rows if wanted is None or a.state in wanted]

    def class_name(self, annotation: Annotation) -> str:
        """The name of an annotation's class."""
        return self._class(annotation.class_id).name

    def dataset(
        self,
        task: Literal["detect", "segment", "classify"] = "detect",
        *,
        subset: str | None = None,
        transform: Callable[[Any, Any], Any] | None = None,
    ) -> ProjectPictures:
        """The labelled or verified pictures as a `torch.utils.data.Dataset`.

        Elements are described at `visionstudio.torch_data.ProjectPictures`.
        `subset` takes the pictures of an imported subset only. Videos stay out.
        """
        from visionstudio.torch_data import Example, ProjectPictures

        examples = []
        for item in self.media:
            if item.kind is not MediaKind.IMAGE or subset not in (None, item.extra.get(SPLIT, "")):
                continue
            labels = [a for a in self.annotations(item.id) if a.state.is_label]
            if labels or item.verified:
                examples.append(Example(item.id, Path(item.path), tuple(labels)))
        classes = [(c.id, c.name) for c in self.classes]
        return ProjectPictures(examples, classes, task, transform)

    def to_supervision(
        self,
        media_id: int,
        frame: int = 0,
        *,
        states: Iterable[State] | None = None,
        masks: bool | None = None,
    ) -> Any:
        """A picture's or frame's objects as `supervision.Detections`.

        Labels by default; with `states` others, such as proposals. `class_id` is the
        project's, `data["class_name"]` its name, `confidence` the score (1 for
        labels without one), `tracker_id` the track's number (-1 outside of tracks);
        `mask` (n, H, W) bool is there when any object is more than a box, with `masks`
        always or never: supervision merges only detections that all have it or all
        have not. Raises InvalidValue when the package supervision is not installed.
        """
        from visionstudio.supervision_data import detections

        item = self.item(media_id)
        wanted = [s for s in State if s.is_label] if states is None else list(states)
        rows = self.annotations(media_id, frame, states=wanted, between_keys=True)
        names = {c.id: c.name for c in self.classes}
        return detections(rows, names, item.height, item.width, masks)

    def run(self, run_id: int) -> RunRecord:
        """What made annotations with this `run_id`: model, weights hash, parameters, inputs."""
        for record in self.store.runs():
            if record.id == run_id:
                return record
        raise InvalidValue(f"there is no run {run_id}", where=str(self.folder))

    @property
    def runs(self) -> list[RunRecord]:
        """All runs, oldest first."""
        return self.store.runs()

    def counts(self) -> Counts:
        """How much there is of everything, as `visionstudio info` prints it."""
        return self.store.counts()

    # changing

    @contextmanager
    def edit(self, title: str) -> Iterator[Project]:
        """A block whose changes are one undo step, stored when the block has ended.

        An exception inside stores nothing. Blocks do not nest.
        """
        if self._block is not None:
            raise InvalidValue(
                "an edit block is open already", next_step="end it before the next begins"
            )
        with self._step(title):
            yield self

    def add(
        self,
        media_id: int,
        shape: Shape,
        class_name: str | int,
        *,
        frame: int = 0,
        state: State = State.EDITED,
        score: float | None = None,
        attributes: Mapping[str, Any] | None = None,
        track_id: int | None = None,
        flags: Flags = Flags.NONE,
        source: str = "manual",
        run_id: int | None = None,
    ) -> Annotation:
        """Put a shape on a picture or frame. A name that no class has makes the class.

        Of a track, those with `Flags.KEYFRAME` are its keys: between two of them the
        object is interpolated.

        Coordinates are pixels of the upright picture, origin at its top-left
        corner. Raises InvalidValue for an unknown media item, frame or class id.
        """
        item = self.store.media_item(media_id)
        if item is None:
            raise InvalidValue(f"there is no media item {media_id}", where=str(self.folder))
        if item.kind is MediaKind.IMAGE and frame != 0:
            raise InvalidValue(f"a picture has only frame 0, got {frame}", where=item.path)
        with self._step(f"Add {shape.kind.replace('_', ' ')}") as block:
            annotation = Annotation(
                id=self.store.reserve_ids("annotation"),
                media_id=media_id,
                class_id=self._class_id(class_name, block),
                shape=shape,
                frame=frame,
                state=state,
                score=score,
                attributes=dict(attributes or {}),
                track_id=track_id,
                flags=flags,
                source=source,
                run_id=run_id,
            )
            block.put(Change(None, annotation))
        return annotation

    def update(self, annotation: Annotation, **values: Any) -> Annotation:
        """Change fields of an annotation, such as `shape=`, `class_id=` or `state=`.

        A proposal becomes edited by it, unless `state` says otherwise.
        """
        before = self._current(annotation)
        after = replace(before, **values)
        if "state" not in values:
            after = corrected(before, after, ", ".join(sorted(values)))
        if after != before:
            with self._step("Change annotation") as block:
                block.put(Change(before, after))
        return after

    def remove(self, annotation: Annotation) -> None:
        """Delete an annotation."""
        before = self._current(annotation)
        with self._step("Delete annotation") as block:
            block.put(Change(before, None))

    def add_class(self, name: str, colour: str | None = None) -> LabelClass:
        """Make a class. Raises InvalidValue when there is one of that name."""
        if any(c.name == name for c in self.classes):
            raise InvalidValue(f"there is a class called '{name}' already")
        with self._step(f"Add class {name}") as block:
            return self._make_class(name, colour, block)

    def set_verified(self, media_id: int, verified: bool = True) -> None:
        """Say that a picture is completely labelled, or no longer."""
        item = self.store.media_item(media_id)
        if item is None:
            raise InvalidValue(f"there is no media item {media_id}", where=str(self.folder))
        if item.verified != verified:
            with self._step("Verify picture" if verified else "Unverify picture") as block:
                block.put(Change(item, replace(item, verified=verified)))

    def undo(self) -> str | None:
        """Take back the last step, also of an earlier day; its title, None at the beginning."""
        self._no_block()
        edit = self.store.undo()
        return None if edit is None else edit.title

    def redo(self) -> str | None:
        """Bring the last undone step again; its title, None at the end."""
        self._no_block()
        edit = self.store.redo()
        return None if edit is None else edit.title

    # closing

    def close(self) -> None:
        """Close the project and let other programs write to it.

        An export that is kept (`keep_export`) is brought up to date. Raises StorageFull.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self._follow()
        finally:
            self.store.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # inside

    def _absolute(self, item: MediaItem) -> MediaItem:
        return replace(item, path=str(self.store.path_of(item)))

    @contextmanager
    def _step(self, title: str) -> Iterator[_Block]:
        """The open block, or a step of its own."""
        if self._block is not None:
            yield self._block
            return
        block = self._block = _Block()
        try:
            yield block
        finally:
            self._block = None
        if block.changes:
            self.store.apply(Edit(title, tuple(block.changes)))

    def _no_block(self) -> None:
        if self._block is not None:
            raise InvalidValue(
                "an edit block is open", next_step="undo and redo after it has ended"
            )

    def _class(self, class_id: int) -> LabelClass:
        for known in self.classes:
            if known.id == class_id:
                return known
        raise InvalidValue(f"there is no class {class_id}", where=str(self.folder))

    def _class_id(self, wanted: str | int, block: _Block) -> int:
        if isinstance(wanted, int):
            return self._class(wanted).id
        for known in self.classes:
            if known.name == wanted:
                return known.id
        return self._make_class(wanted, None, block).id

    def _make_class(self, name: str, colour: str | None, block: _Block) -> LabelClass:
        order = max((c.order for c in self.classes), default=-1) + 1
        new = LabelClass(
            id=self.store.reserve_ids("class"),
            name=name,
            colour=colour or colour_for(order),
            order=order,
        )
        block.put(Change(None, new))
        return new

    def _current(self, annotation: Annotation) -> Annotation:
        """The annotation as it is now, in case the caller's value is older."""
        for a in self.annotations(annotation.media_id, annotation.frame):
            if a.id == annotation.id:
                return a
        raise InvalidValue(f"there is no annotation {annotation.id}", where=str(self.folder))


class _Block:
    """The changes of an `edit` block so far, and what they make of stored rows."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def put(self, change: Change) -> None:
        self.changes.append(change)

    def seen(self, kind: type[R], stored: Sequence[R]) -> list[R]:
        """Rows of one kind as they will be when the block has been stored."""
        rows: dict[int, R] = {row.id: row for row in stored}
        for change in self.changes:
            row = change.row
            if not isinstance(row, kind):
                continue
            if change.after is None:
                rows.pop(row.id, None)
            elif change.before is not None and row.id in rows:
                rows[row.id] = cast(R, patched(rows[row.id], change.before, change.after))
            else:
                rows[row.id] = row
        return list(rows.values())


def _watched(store: ProjectStore) -> Project:
    """A project that knows who changes it, and at its end whether anything was changed."""
    store.author = Settings().author
    project = Project(store)
    project._step_seen = store.last_step()
    return project
