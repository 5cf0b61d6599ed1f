"""Look closely at a picture."""

from __future__ import annotations

from dataclasses import replace

from visionstudio.model.display import COLOUR_MAPS, Display
from visionstudio.ui.commands.window import WindowCommands
from visionstudio.ui.i18n import tr


class InspectCommands(WindowCommands):
    """Look closely at a picture."""

    def auto_contrast(self) -> None:
        on = self._window.actions_["inspect.contrast"].isChecked()
        self._window.viewer.display.set_auto(on)

    def _show_values(self, **chosen: object) -> None:
        display = self._window.viewer.display
        display.set(replace(display.display, **chosen))  # type: ignore[arg-type]

    def full_range(self) -> None:
        self._show_values(window="full")

    def min_max(self) -> None:
        self._show_values(window="range")

    def percentile(self) -> None:
        self._show_values(window="percentile")

    def invert_values(self) -> None:
        self._show_values(invert=not self._window.viewer.display.display.invert)

    def as_decoded(self) -> None:
        self._window.viewer.display.set(Display())

    def next_colours(self) -> None:
        """The next colour map, of a single band."""
        control = self._window.viewer.display
        if not control.has_one_band:
            self._say(tr("Colour maps are for a single band: choose a channel first"))
            return
        colours = COLOUR_MAPS[(COLOUR_MAPS.index(control.display.colours) + 1) % len(COLOUR_MAPS)]
        self._show_values(colours=colours)
        self._say(tr("Colour map: {name}", name=tr(colours)))

    def next_channel(self) -> None:
        """One channel after the other, then all together."""
        control = self._window.viewer.display
        names = control.channels
        if len(names) < 2:
            self._say(tr("This picture has one channel only"))
            return
        shown = control.display.channel
        channel = 0 if shown is None else shown + 1
        self._show_values(channel=channel if channel < len(names) else None)
        name = names[channel] if channel < len(names) else tr("all together")
        self._say(tr("Channel: {name}", name=name))

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
        results = self._window.inspector.results
        results.show_tab("regions")
        results.measure_regions()

    def show_metadata(self) -> None:
        self._window.inspector.results.show_tab("metadata")

    def export_results(self) -> None:
        self._window.inspector.results.export_shown()

    def compare(self) -> None:
        comparing = self._window.inspector.comparing
        if comparing.mode:
            comparing.stop()
        else:
            comparing.start()

    def compare_swipe(self) -> None:
        self._window.inspector.comparing.start("swipe")

    def compare_blink(self) -> None:
        self._window.inspector.comparing.start("blink")

    def compare_difference(self) -> None:
        comparing = self._window.inspector.comparing
        if comparing.source == "proposals":
            comparing.set_source("next")
        comparing.start("difference")

    def compare_proposals(self) -> None:
        comparing = self._window.inspector.comparing
        comparing.set_source("proposals")
        comparing.start("swipe" if comparing.mode in ("", "difference") else comparing.mode)

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
