"""What the actions do. `Commands` has one method for every `call` in the action table.

There is a group of commands for every menu, in a file of its own.
"""

from __future__ import annotations

from visionstudio.ui.commands.arrange import ArrangeCommands
from visionstudio.ui.commands.combine import CombineCommands
from visionstudio.ui.commands.edit import EditCommands
from visionstudio.ui.commands.files import FileCommands
from visionstudio.ui.commands.help import HelpCommands
from visionstudio.ui.commands.inspect import InspectCommands
from visionstudio.ui.commands.model import ModelCommands
from visionstudio.ui.commands.track import TrackCommands


class Commands(
    FileCommands,
    EditCommands,
    ArrangeCommands,
    CombineCommands,
    ModelCommands,
    TrackCommands,
    InspectCommands,
    HelpCommands,
):
    """Acts on the window and the project that is open in it."""

    def run(self, call: str) -> None:
        """Run the method that an action names; in the grid some mean the pictures chosen there."""
        grid = self._window.shown_grid
        if grid is not None and grid.takes(call):
            grid.run(call)
        else:
            getattr(self, call)()
