"""The open project as the window sees it, and what people do with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from functools import partial
from typing import Any

from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import AttributeSpec, LabelClass, SkeletonSpec, colour_for
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Shape, Tag
from visionstudio.session import attributes, combining, editing, proposals, skeletons, track_editing
from visionstudio.session.attributes import AttributeChange, defaults
from visionstudio.session.core import Loaded, SessionCore
from visionstudio.session.team.assigning import assign
from visionstudio.storage.store import ProjectStore

__all__ = ["Loaded", "ProjectSession"]


class ProjectSession(SessionCore):
    """A project being worked on.

    `post` runs a callback on the GUI thread, soon and in order. Reading the
    lists may take a while: call `ProjectSession.read(store)` in a worker thread
    and hand its result in as `loaded`; without it the constructor reads.
    The signals are those of `SessionCore`.
    """

    # Where we are

    def open_media(self, media_id: int, frame: int = 0) -> None:
        """Go to a media item. Its annotations follow with `annotations_changed`."""
        item = self.media.get(media_id)
        if item is None:
            raise InvalidValue(f"there is no media item {media_id}")
        self.current = item
        self._show(frame)

    def go_to_frame(self, frame: int) -> None:
        """Go to a frame of the current video, 0-based, at most to its last one."""
        if self.current is None:
            return
        frame = min(max(frame, 0), max(self.current.frames - 1, 0))
        if frame != self.frame:
            self._show(frame)

    def select_media(self, ids: Collection[int]) -> None:
        """Say which rows of the media list are selected."""
        self.selected_ids = ids if isinstance(ids, Set) else tuple(ids)

    def selected_media(self) -> list[MediaItem]:
        """The selected rows of the media list, in path order; else the current item."""
        found = [i for m in self.selected_ids if (i := self.media.get(m)) is not None]
        if found:
            return sorted(found, key=lambda i: i.path)
        return [self.current] if self.current is not None else []

    def set_active_class(self, class_id: int | None) -> None:
        """The class of what is drawn next."""
        chosen = None if class_id is None else self.class_by_id(class_id)
        if chosen != self.active_class:
            self.active_class = chosen
            self.active_class_changed.emit()

    def set_threshold(self, threshold: float) -> None:
        """The score below which proposals are not shown; remembered with the project."""
        threshold = min(max(threshold, 0.0), 1.0)
        if threshold == self.threshold:
            return
        self.threshold = threshold
        self.threshold_changed.emit(threshold)
        self._keep("threshold", threshold)

    def set_hidden_classes(self, ids: Iterable[int]) -> None:
        """Do not show these classes; remembered with the project."""
        self.hidden_classes = frozenset(ids)
        self.annotations_changed.emit()
        self._keep("hidden_classes", sorted(self.hidden_classes))

    def set_locked_classes(self, ids: Iterable[int]) -> None:
        """Protect the objects of these classes; remembered with the project."""
        self.locked_classes = frozenset(ids)
        self.annotations_changed.emit()
        self._keep("locked_classes", sorted(self.locked_classes))

    def isolate(self, ids: Iterable[int] | None) -> None:
        """Show these objects of the picture alone, until another is opened; None shows all.

        What comes later, such as what is drawn, is shown.
        """
        others = () if ids is None else (a.id for a in self.annotations)
        self.put_away = frozenset(others) - frozenset(ids or ())
        self.annotations_changed.emit()

    def _keep(self, key: str, value: Any) -> None:
        if not self.store.read_only:
            # Losing a slider's place on a full disk is no failure worth a message.
            self.in_store(
                lambda store: store.set_setting(key, value), lambda _: None, lambda _: None
            )

    # Changing things

    def new_annotation(
        self,
        shape: Shape,
        *,
        class_id: int | None = None,
        select: bool = True,
        attributes: Mapping[str, Any] | None = None,
        pts: int | None = None,
        track_id: int | None = None,
    ) -> Annotation:
        """Put a shape on the current picture or frame, on top, of the active class.

        Raises InvalidValue when there is no picture or no class to take.
        """
        if class_id is None and self.active_class is not None:
            class_id = self.active_class.id
        if self.current is None or class_id is None:
            raise InvalidValue(
                "there is no class to give it" if self.current else "no picture is open",
                next_step="make a class first" if self.current else "open a picture first",
            )
        annotation = Annotation(
            id=self.reserve_ids("annotation"),
            media_id=self.current.id,
            frame=self.frame,
            pts=pts,
            class_id=class_id,
            shape=shape,
            z=self._shown.top(),
            attributes={**defaults(self.class_by_id(class_id)), **(attributes or {})},
            track_id=track_id,
        )
        noun = shape.kind.replace("_", " ")
        if self.apply(Edit(f"Add {noun}", (Change(None, annotation),))) and select:
            self.select([annotation.id])
        return annotation

    def reshape(self, annotation_id: int, shape: Shape) -> None:
        """Give an annotation another shape; a proposal becomes a person's label by it."""
        self.reshape_many({annotation_id: shape})

    def reshape_many(self, shapes: Mapping[int, Shape]) -> None:
        """Several new shapes as one step; locked annotations keep theirs."""
        found = [(self._shown.get(i), s) for i, s in shapes.items()]
        pairs = [(a, s) for a, s in found if a is not None and not self.is_locked(a)]
        self.apply(editing.reshape(pairs))

    def divide(self, title: str, shapes: Mapping[int, Sequence[Shape]]) -> list[int]:
        """Shown annotations become several each, and are selected. Locked ones stay as they are.

        Returns the ids of what came of it, none when nothing changed.
        """
        found = [(self._shown.get(i), s) for i, s in shapes.items()]
        pairs = {a.id: (a, s) for a, s in found if a is not None and not self.is_locked(a)}
        edit, ids = combining.divide(title, pairs, partial(self.reserve_ids, "annotation"))
        if not self.apply(edit):
            return []
        self.select(ids)
        return ids

    def relabel(self, ids: Iterable[int], class_id: int) -> None:
        """Change the class of shown annotations."""
        target = self.class_by_id(class_id)
        if target is not None:
            self.apply(editing.relabel(self._these(ids), target))

    def delete(self, ids: Iterable[int]) -> None:
        """Delete shown annotations but for locked ones; proposals among them are rejected.

        An object between key frames is taken out of this frame only.
        """
        free = [a for a in self._these(ids) if not self.is_locked(a)]
        self.apply(editing.delete([a for a in free if a.id > 0]))
        for one in free:
            if one.id < 0 and one.track_id is not None:
                self._leave_out(one.media_id, one.track_id, one.frame)

    def _leave_out(self, media_id: int, track_id: int, frame: int) -> None:
        def build(store: ProjectStore) -> Edit | None:
            rows = store.annotations_of_track(media_id, track_id)
            return track_editing.leave_out(rows, frame, partial(store.reserve_ids, "annotation"))

        self.in_store(build, self.apply)

    def members(self, ids: Iterable[int]) -> frozenset[int]:
        """These annotations of the current frame and all that share a group with one of them."""
        chosen = frozenset(ids)
        groups = {a.group_id for a in self._these(chosen)} - {None}
        if not groups:
            return chosen
        return chosen | {a.id for a in self.annotations if a.group_id in groups}

    def set_attributes(self, ids: Iterable[int], values: Mapping[str, Any]) -> None:
        """Answer questions about shown annotations; None removes an answer."""
        self.apply(editing.set_attributes(self._these(ids), values))

    def set_track_attributes(self, tracks: Iterable[int], values: Mapping[str, Any]) -> None:
        """Answer questions about tracks of the current video, in all their frames as one step."""
        item, ids = self.current, list(tracks)
        if item is None:
            return

        def build(store: ProjectStore) -> Edit | None:
            rows = [r for i in ids for r in store.annotations_of_track(item.id, i)]
            return track_editing.set_attributes(rows, values)

        self.in_store(build, self.apply)

    def set_flags(self, ids: Iterable[int], flag: Flags, on: bool) -> None:
        """Set or clear a mark of shown annotations."""
        self.apply(editing.set_flags(self._these(ids), flag, on))

    def toggle_tag(self, class_id: int, pts: int | None = None) -> None:
        """Give the current picture or frame a tag, or take it away. A proposed one is accepted."""
        tags = [
            a
            for a in self.annotations
            if isinstance(a.shape, Tag) and a.class_id == class_id and a.state != State.REJECTED
        ]
        proposed = [a for a in tags if a.state is State.PROPOSED]
        if proposed:
            self.apply(proposals.accept(proposed))
        elif tags:
            self.apply(editing.delete(tags))
        else:
            self.new_annotation(Tag(), class_id=class_id, select=False, pts=pts)

    def set_verified(self, ids: Iterable[int], verified: bool) -> None:
        """Say that pictures are completely labelled, or no longer."""
        items = [i for m in ids if (i := self.media.get(m)) is not None]
        if items:
            self.apply(editing.set_verified(items, verified))

    def add_class(self, name: str, colour: str | None = None) -> LabelClass:
        """A new class at the end of the list. Raises InvalidValue for a name that is taken."""
        order = max((c.order for c in self.classes), default=-1) + 1
        new = LabelClass(
            id=self.reserve_ids("class"),
            name=name.strip(),
            colour=colour or colour_for(order),
            order=order,
        )
        self.apply(editing.add_classes(self.classes, [new]))
        if self.active_class is None:
            self.set_active_class(new.id)
        return new

    def rename_class(self, class_id: int, name: str) -> None:
        """Raises InvalidValue for a name that is taken or empty."""
        self._change_class(class_id, name=name.strip())

    def recolour_class(self, class_id: int, colour: str) -> None:
        """`colour` looks like #56b4e9."""
        self._change_class(class_id, colour=colour)

    def change_attributes(
        self,
        class_id: int,
        specs: Sequence[AttributeSpec],
        old_names: Mapping[str, str],
        done: Callable[[AttributeChange], object],
    ) -> None:
        """Ask other questions about a class (see `attributes.change_specs`), as one step.

        `done` hears what became of the values.
        """

        def build(store: ProjectStore) -> AttributeChange | None:
            one = self.class_by_id(class_id)
            if one is None:
                return None
            answered = store.annotations_with_attributes(class_id)
            return attributes.change_specs(one, specs, old_names, answered)

        def use(change: AttributeChange | None) -> None:
            if change is not None and self.apply(change.edit):
                done(change)

        self.in_store(build, use)

    def change_skeleton(
        self, class_id: int, spec: SkeletonSpec | None, origin: Sequence[int | None]
    ) -> None:
        """Give a class another skeleton, and its objects too (see `skeletons.change_skeleton`)."""

        def build(store: ProjectStore) -> Edit | None:
            one = self.class_by_id(class_id)
            if one is None:
                return None
            return skeletons.change_skeleton(
                one, spec, origin, store.annotations_of_class(class_id)
            )

        self.in_store(build, self.apply)

    def _change_class(self, class_id: int, **values: Any) -> None:
        before = self.class_by_id(class_id)
        if before is not None:
            after = replace(before, **values)
            self.apply(editing.change_class(self.classes, before, after))

    def move_class(self, class_id: int, place: int) -> None:
        """Put a class at another place of the list, 0-based."""
        moved = self.class_by_id(class_id)
        if moved is not None:
            self.apply(editing.move_class(self.classes, moved, place))

    def delete_class(self, class_id: int) -> None:
        """Delete a class and all its annotations, as one step that can be undone."""
        target = self.class_by_id(class_id)
        if target is not None:
            self.in_store(
                lambda store: editing.delete_class(target, store.annotations_of_class(class_id)),
                self.apply,
            )

    def delete_media(self, ids: Iterable[int]) -> None:
        """Take items and their annotations out of the project; the files stay where they are."""
        items = [i for m in ids if (i := self.media.get(m)) is not None]

        def build(store: ProjectStore) -> Edit:
            gone = {i.id for i in items}
            measured = [m for m in store.measurements() if m.media_id in gone]
            annotations = [a for i in items for a in store.annotations(i.id)]
            return editing.delete_media(items, annotations, measured)

        if items:
            self.in_store(build, self.apply)

    def assign_media(self, ids: Iterable[int], who: str) -> None:
        """Say who is to label some items, '' for nobody."""
        wanted = [int(m) for m in ids]

        def build(store: ProjectStore) -> Edit | None:
            items = [i for m in wanted if (i := store.media_item(m)) is not None]
            return assign(items, who)

        if wanted:
            self.in_store(build, self.apply)

    def _these(self, ids: Iterable[int]) -> list[Annotation]:
        return [a for i in ids if (a := self._shown.get(i)) is not None]
