"""What a tool is: it hears the mouse in picture coordinates and paints over the picture."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QPainter

from visionstudio.api.params import ParamSpec, Value, check
from visionstudio.model.annotations import Annotation
from visionstudio.model.labels import SkeletonSpec
from visionstudio.model.measurements import Measurement, MeasurementKind, Point
from visionstudio.model.shapes import Bounds, Box, Shape
from visionstudio.ui.canvas.picture import Picture
from visionstudio.ui.canvas.snap import Snap
from visionstudio.ui.canvas.view import View

if TYPE_CHECKING:
    from visionstudio.session.prompting import Answer


class Prompter(Protocol):
    """Finds objects of the current picture from points and a box, in the background."""

    def ask(
        self,
        points: Sequence[tuple[float, float, bool]],
        box: Bounds | None,
        method: str,
        done: Callable[[Answer], None],
    ) -> None:
        """Call `done` with the answer unless something newer is asked. Points: x, y, there."""
        ...

    def drop(self) -> None:
        """Want no answer any more."""
        ...


@dataclass(frozen=True, slots=True)
class Pointer:
    """A mouse event: the picture's point, the widget's, the button, keys held."""

    x: float
    y: float
    place: QPointF
    button: Qt.MouseButton
    keys: Qt.KeyboardModifier

    def held(self, key: Qt.KeyboardModifier) -> bool:
        return bool(self.keys & key)


class Host(Protocol):
    """What a tool may ask of the canvas and do to it."""

    view: View
    snapping: bool
    shared_borders: bool
    prompter: Prompter | None
    skeleton: SkeletonSpec | None

    @property
    def tool_name(self) -> str: ...
    @property
    def editable(self) -> bool: ...
    @property
    def selection(self) -> frozenset[int]: ...
    @property
    def drawing_colour(self) -> str: ...
    @property
    def focused(self) -> int | None: ...
    def annotation(self, annotation_id: int) -> Annotation | None: ...
    def is_locked(self, annotation: Annotation) -> bool: ...
    def colour_of(self, annotation: Annotation) -> str: ...
    def shape_of(self, annotation_id: int) -> Shape | None: ...
    def skeleton_of(self, annotation_id: int) -> SkeletonSpec | None: ...
    def hit_at(self, x: float, y: float) -> int | None: ...
    def inside(self, region: Bounds) -> frozenset[int]: ...
    def snap_at(self, x: float, y: float) -> Snap | None: ...
    def meeting(self, region: Bounds) -> frozenset[int]: ...
    def vertices_at(self, points: NDArray[np.float64]) -> Iterator[tuple[int, int, int]]: ...
    def set_tool(self, name: str) -> None: ...
    def hover(self, annotation_id: int | None) -> None: ...
    def lift(self, shapes: Mapping[int, Shape]) -> None: ...
    def settle(self, shapes: Mapping[int, Shape]) -> None: ...
    def request_selection(self, ids: Collection[int], mode: str) -> None: ...
    def visible_ids(self) -> frozenset[int]: ...
    def divide(self, shapes: Mapping[int, list[Shape]]) -> None: ...
    def drawn(self, shape: Shape) -> None: ...
    def region(self, box: Box) -> None: ...
    def hint(self, text: str) -> None: ...
    def point_at(self, shape: Qt.CursorShape) -> None: ...
    def refresh(self) -> None: ...
    def refresh_shapes(self, ids: Iterable[int]) -> None: ...
    def touched(self) -> None: ...
    def pan_by(self, dx: float, dy: float) -> None: ...
    def focus_on(self, annotation_id: int) -> None: ...
    def option_set(self, tool: Tool, name: str) -> None: ...
    def refresh_part(self, part: Bounds) -> None: ...
    @property
    def picture(self) -> Picture | None: ...
    @property
    def measurements(self) -> Sequence[Measurement]: ...
    def measured(
        self, kind: MeasurementKind, points: Sequence[Point], options: Mapping[str, Value]
    ) -> None: ...
    def remeasured(self, measurement_id: int, points: Sequence[Point]) -> None: ...
    def profile_moved(self, points: Sequence[Point], options: Mapping[str, Value]) -> None: ...
    @property
    def window_shown(self) -> Callable[[], tuple[float, float]]: ...
    def window_dragged(self, low: float, high: float) -> None: ...
    def measure_text(self, kind: MeasurementKind, points: Sequence[Point]) -> str: ...


class Tool:
    """A tool that does nothing; tools override what they need."""

    name: ClassVar[str] = ""
    cursor: ClassVar[Qt.CursorShape] = Qt.CursorShape.ArrowCursor
    options: ClassVar[tuple[ParamSpec, ...]] = ()
    """What can be set while the tool is in use, shown over the picture."""
    option_group: ClassVar[str] = ""
    """Tools of one group share their values, as brush and eraser their size."""
    stepped: ClassVar[str] = ""
    """The option that the keys [ and ] change."""
    stays: ClassVar[bool] = False
    """Whether it stays in use after a shape whatever the settings say."""
    draws: ClassVar[bool] = False
    """Whether clicks draw: then arrow keys move a pointer and Enter clicks with it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.values: dict[str, Value] = {spec.name: spec.default for spec in self.options}

    def set_option(self, name: str, value: Value) -> None:
        """Change an option. Raises InvalidValue for what it cannot be."""
        spec = next(s for s in self.options if s.name == name)
        value = check(spec, value)
        if value != self.values[name]:
            self.values[name] = value
            self.option_changed(name)
            self.host.option_set(self, name)

    def option_changed(self, name: str) -> None:
        """An option has another value."""

    def step_option(self, step: int) -> bool:
        """Make the `stepped` option smaller (-1) or larger (1). Whether there is one."""
        spec = next((s for s in self.options if s.name == self.stepped), None)
        if spec is None:
            return False
        now = float(self.values[spec.name] or 0)
        # A tenth at a time: small sizes change by one, large ones visibly.
        size = max(spec.step or 1.0, round(now / 10))
        low = spec.low if spec.low is not None else now
        high = spec.high if spec.high is not None else now
        self.set_option(spec.name, min(max(now + step * size, low), high))
        return True

    @property
    def busy(self) -> bool:
        """Whether a gesture or drawing is under way that Esc would cancel."""
        return False

    def hint(self) -> str:
        """What the next click does, for the hint line."""
        return ""

    def enter(self) -> None:
        """The tool has been chosen."""
        self.host.point_at(self.cursor)
        self.host.hint(self.hint())

    def leave(self) -> None:
        """Another tool has been chosen."""
        self.cancel()

    def press(self, pointer: Pointer) -> None: ...
    def move(self, pointer: Pointer) -> None: ...
    def release(self, pointer: Pointer) -> None: ...
    def double_click(self, pointer: Pointer) -> None: ...
    def pointer_left(self) -> None: ...
    def selection_changed(self) -> None: ...
    def shapes_replaced(self) -> None: ...
    def class_changed(self) -> None: ...

    def wants(self, key: int) -> bool:
        """Whether the tool would take this key rather than the window."""
        return self.busy and key in _WHILE_BUSY

    def key(self, key: int, keys: Qt.KeyboardModifier) -> bool:
        """A key was pressed. Returns whether it was taken."""
        if key == Qt.Key.Key_Escape:
            return self.cancel()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return self.finish()
        if key == Qt.Key.Key_Backspace:
            return self.undo_point()
        return False

    def key_up(self, key: int) -> bool:
        """A key was let go, not repeated. Returns whether it was taken."""
        return False

    def cancel(self) -> bool:
        """Take back what is under way. Returns whether there was anything."""
        return False

    def finish(self) -> bool:
        """Complete what is under way. Returns whether there was anything."""
        return False

    def undo_point(self) -> bool:
        """Take back the last point. Returns whether there was one."""
        return False

    def undo_step(self) -> bool:
        """Take back the last step, which may be several points. Whether there was one."""
        return self.undo_point()

    def redo_step(self) -> bool:
        """Bring back a step that was taken back. Returns whether there was one."""
        return False

    def forget_steps(self) -> None:
        """Something else was undone: steps taken back before cannot be brought back."""

    @property
    def has_steps(self) -> bool:
        """Whether there are steps to take back or to bring back."""
        return self.busy

    def unfinished(self) -> dict[str, Any] | None:
        """What has been drawn so far, as plain values for `resume`; None for nothing."""
        return None

    def resume(self, drawn: Mapping[str, Any]) -> bool:
        """Go on with what `unfinished` gave. False where it cannot be understood."""
        return False

    def takes_right_click(self) -> bool:
        """Whether a right click where the pointer is means something other than the menu."""
        return self.draws

    def delete_vertex(self) -> bool:
        """Delete the vertex under the pointer. Returns whether there was one."""
        return False

    def paint(self, painter: QPainter) -> None:
        """Draw over the picture, in widget coordinates."""


_WHILE_BUSY = frozenset(
    {Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Backspace}
)


def clipped(view: View, x: float, y: float) -> tuple[float, float]:
    """The nearest point that lies in the picture."""
    return min(max(x, 0.0), float(view.width)), min(max(y, 0.0), float(view.height))


def distance(view: View, pointer: Pointer, x: float, y: float) -> float:
    """How far the pointer is from a point of the picture, in widget units."""
    px, py = view.to_widget(x, y)
    return float(((px - pointer.place.x()) ** 2 + (py - pointer.place.y()) ** 2) ** 0.5)
