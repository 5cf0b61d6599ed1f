"""Look closely at a picture."""

from __future__ import annotations

from visionstudio.ui.commands.window import WindowCommands


class InspectCommands(WindowCommands):
    """Look closely at a picture."""

    def auto_contrast(self) -> None:
        on = self._window.actions_["inspect.contrast"].isChecked()
        self._window.viewer.display.set_auto(on)

    def histogram(self) -> None:
        self.show_inspection()

    def tool_measure(self) -> None:
        self._use_tool("measure")

    def tool_angle(self) -> None:
        self._use_tool("angle")

    def tool_measure_area(self) -> None:
        self._use_tool("measure_area")

    def tool_count(self) -> None:
        self._use_tool("count")

    def tool_profile(self) -> None:
        self._use_tool("profile")

    def tool_scale(self) -> None:
        self._use_tool("scale")

    def tool_levels(self) -> None:
        self._use_tool("levels")

    def show_measurements(self) -> None:
        self._window.inspector.results.show_tab("measurements")

    def show_regions(self) -> None:
        self._window.inspector.results.show_tab("regions")

    def show_metadata(self) -> None:
        self._window.inspector.results.show_tab("metadata")

    def compare(self) -> None:
        comparing = self._window.inspector.comparing
        if comparing.mode:
            comparing.stop()
        else:
            comparing.start()

    def pin_compare(self) -> None:
        comparing = self._window.inspector.comparing
        comparing.pin()
        if not comparing.mode:
            comparing.start()

    def toggle_loupe(self) -> None:
        self._window.inspector.aids.toggle("loupe")

    def toggle_minimap(self) -> None:
        self._window.inspector.aids.toggle("minimap")

    def toggle_grid(self) -> None:
        self._window.inspector.aids.toggle("grid")

    def toggle_rulers(self) -> None:
        self._window.inspector.aids.toggle("rulers")

    def toggle_scale_bar(self) -> None:
        self._window.inspector.aids.toggle("scale_bar")

    def save_view(self) -> None:
        self._window.inspector.save_view()

    def copy_view(self) -> None:
        self._window.inspector.copy_view()
