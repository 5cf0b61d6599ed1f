"""Tools, tags, classes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from visionstudio.ui.commands.view import ViewCommands
from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.ui.window import MainWindow


class LabelCommands(ViewCommands):
    """Tools, tags, classes."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        for number in range(1, 10):
            setattr(self, f"class_{number}", partial(self._class_key, number))

    def tool_select(self) -> None:
        self._use_tool("select")

    def tool_box(self) -> None:
        self._use_tool("box")

    def tool_polygon(self) -> None:
        self._use_tool("polygon")

    def tool_vertices(self) -> None:
        self._use_tool("vertices")

    def tool_rotated_box(self) -> None:
        self._use_tool("rotated_box")

    def tool_ellipse(self) -> None:
        self._use_tool("ellipse")

    def tool_polyline(self) -> None:
        self._use_tool("polyline")

    def tool_points(self) -> None:
        self._use_tool("points")

    def tool_skeleton(self) -> None:
        """The tool; a class without a skeleton gets one first."""
        session = self._session
        if session is None or session.store.read_only:
            return
        active = session.active_class
        if active is None:
            self._window.choose_class(lambda _: self.tool_skeleton())
        elif active.skeleton is None:
            use = partial(self._use_tool, "skeleton")
            self._window.dialogs.open_skeleton(active.id, use)
        else:
            self._use_tool("skeleton")

    def class_skeleton(self) -> None:
        self._window.class_panel.define_skeleton()

    def tool_region(self) -> None:
        self._use_tool("region")

    def tool_brush(self) -> None:
        self._use_tool("brush")

    def tool_eraser(self) -> None:
        self._use_tool("eraser")

    def tool_fill(self) -> None:
        self._use_tool("fill")

    def tool_wand(self) -> None:
        self._use_tool("wand")

    def tool_prompt(self) -> None:
        self._use_tool("prompt")

    def tool_livewire(self) -> None:
        self._use_tool("livewire")

    def tool_knife(self) -> None:
        self._use_tool("knife")

    def tool_hole(self) -> None:
        self._use_tool("hole")

    def tool_smaller(self) -> None:
        self._window.viewer.canvas.tool.step_option(-1)

    def tool_larger(self) -> None:
        self._window.viewer.canvas.tool.step_option(1)

    def tag(self) -> None:
        session = self._session
        if session is None or session.current is None:
            return
        pts = self._window.viewer.pts
        if session.active_class is not None:
            session.toggle_tag(session.active_class.id, pts)
        else:
            self._window.choose_class(lambda class_id: session.toggle_tag(class_id, pts))

    def verify(self) -> None:
        session = self._session
        if session is None or session.current is None:
            return
        verified = not session.current.verified
        session.set_verified([session.current.id], verified)
        self._window.refresh_actions()
        if verified and self._window.settings.get("verify_moves_on"):
            self.next_item()

    def assign(self) -> None:
        session = self._session
        if session is not None and session.current is not None:
            chosen = [m.id for m in session.selected_media()] or [session.current.id]
            self._window.dialogs.open_assign(chosen)

    def new_class(self) -> None:
        self._window.choose_class(lambda _: None, only_new=True)

    def choose_class(self) -> None:
        """The class of what is drawn next, by the first letters of its name."""
        self._window.choose_class(lambda _: None)

    def change_class(self) -> None:
        session = self._session
        if session is not None and session.selection:
            chosen = session.selection
            self._window.choose_class(lambda class_id: session.relabel(chosen, class_id))

    def class_attributes(self) -> None:
        self._window.class_panel.define_attributes()

    def answer_attributes(self) -> None:
        """Give the first attribute of the selected objects the keyboard."""
        self._window.object_dock.show()
        self._window.object_dock.raise_()
        if not self._window.object_panel.attributes.focus_first():
            self._say(tr("Nothing is asked about these objects: define attributes of their class."))

    def _class_key(self, number: int) -> None:
        """A number key: the class of what is selected, and of what is drawn next."""
        session = self._session
        if session is None or number > len(session.classes):
            return
        one = session.classes[number - 1]
        session.set_active_class(one.id)
        if session.selection and not session.store.read_only:
            session.relabel(session.selection, one.id)
