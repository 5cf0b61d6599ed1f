"""What the window says of what has happened, with what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from visionstudio.ui.i18n import tr

if TYPE_CHECKING:
    from visionstudio.session.attributes import AttributeChange
    from visionstudio.ui.project import OpenProject
    from visionstudio.ui.window import MainWindow


class Notices:
    """Toasts that offer to undo or to go somewhere, and banners of the project."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window

    def say(self, text: str, level: str = "info") -> None:
        """Say what has been done, with a way to take it back."""
        undo = (tr("Undo"), lambda: self._window._run("edit.undo"))
        self._window.toasts.show(text, level, undo)

    def class_removed(self, name: str, count: int) -> None:
        """A class has been deleted with its objects."""
        text = tr("Class {name} was deleted with {count} objects.", name=name, count=f"{count:,}")
        self.say(text)

    def attributes_changed(self, change: AttributeChange) -> None:
        """Say what became of the values when the attributes of a class were changed."""
        kept = tr("{count} values kept", count=f"{change.kept:,}")
        if change.dropped:
            gone = ", ".join(f"{name}: {count:,}" for name, count in change.dropped.items())
            self.say(tr("{kept}; dropped: {gone}", kept=kept, gone=gone), "warning")
        elif change.kept:
            self.say(kept)

    def drawing_waits(self, text: str, media_id: int, frame: int) -> None:
        """An unfinished drawing waits with another picture."""
        session = self._window.session
        if session is not None:
            go = (tr("Go there"), lambda: session.open_media(media_id, frame))
            self._window.toasts.show(text, "info", go)

    def read_only(self, project: OpenProject) -> None:
        """The project that has been opened cannot be written."""
        text = (
            tr("Another window or program has this project open: it is shown for reading only.")
            if project.busy_elsewhere
            else tr("This project is shown for reading only.")
        )
        again = (tr("Try again"), lambda: self._window.open([project.folder]))
        self._window.viewer.banners.show_banner("read_only", text, "warning", again)
