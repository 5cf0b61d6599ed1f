"""The table of all actions. Menus, keys, the palette and the list of keys come from it.

`call` names a method of `ui.commands.Commands`. `when` names what must be so
for the action to be enabled, one of `CONDITIONS`. Titles are English and are
translated where they are shown. An action without a menu is found in the
palette and by its key only.
"""

# ruff: noqa: E501 (the table reads best with one row per line)

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from visionstudio.ui.i18n import tr
from visionstudio.ui.icons import icon

CONDITIONS = frozenset(
    {"always", "project", "writable", "media", "selection", "editable", "proposals", "video"}
    | {"undo", "redo", "copied", "track"}
)
"""always; a project is open; it can be written; a picture or video is shown; annotations are
selected; they are and the project can be written; proposals are visible and can be decided; a
video is shown; there is something to undo, to redo, to paste; a track is selected."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing the program can do. `keys` are portable key names, the first is the shown one."""

    id: str
    title: str
    call: str
    menu: str = ""
    keys: tuple[str, ...] = ()
    when: str = "always"
    icon: str = ""
    checkable: bool = False
    separator: bool = False  # a line above it in the menu
    repeats: bool = False  # holding the key repeats it


MENUS: tuple[str, ...] = (
    "File",
    "Edit",
    "View",
    "Label",
    "Object",
    "Shape",
    "Model",
    "Track",
    "Inspect",
    "Window",
    "Help",
)

ACTIONS: tuple[Action, ...] = (
    # File
    Action("file.open_folder", "Open folder…", "open_folder", "File", ("Ctrl+O",), icon="folder-open-outline"),
    Action("file.open_files", "Open pictures or videos…", "open_files", "File", ("Ctrl+Shift+O",), icon="image-multiple-outline"),
    Action("file.open_live", "Open camera or stream…", "open_live", "File", ("Ctrl+Shift+C",), "writable", "webcam"),
    Action("file.open_sample", "Open the sample project", "open_sample", "File", icon="flask-outline"),
    Action("file.add_media", "Add pictures or videos…", "add_media", "File", when="writable", icon="image-plus", separator=True),
    Action("file.import", "Import annotations…", "import_annotations", "File", ("Ctrl+I",), "writable", "import"),
    Action("file.export", "Export annotations…", "export_annotations", "File", ("Ctrl+E",), "project", "export"),
    Action("file.live_export", "Keep an export up to date…", "live_export", "File", when="writable", icon="sync"),
    Action("file.export_video", "Export video…", "export_video", "File", ("Ctrl+Shift+E",), "video", "filmstrip"),
    Action("file.statistics", "Statistics…", "statistics", "File", when="project", icon="chart-bar", separator=True),
    Action("file.merge", "Merge another project…", "merge_project", "File", when="writable", icon="call-merge"),
    Action("file.agreement", "Agreement of two people…", "agreement", "File", when="project", icon="account-multiple-check-outline"),
    Action("file.second_pass", "Blind second pass…", "second_pass", "File", when="project", icon="eye-off-outline"),
    Action("file.show_folder", "Show project folder", "show_folder", "File", when="project", separator=True),
    Action("file.close", "Close project", "close_project", "File", ("Ctrl+W",), "project"),
    Action("file.quit", "Quit", "quit", "File", ("Ctrl+Q",), separator=True),
    # Edit
    Action("edit.undo", "Undo", "undo", "Edit", ("Ctrl+Z",), "undo", "undo", repeats=True),
    Action("edit.redo", "Redo", "redo", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", "redo", repeats=True),
    Action("edit.copy", "Copy", "copy", "Edit", ("Ctrl+C",), "selection", "content-copy", separator=True),
    Action("edit.paste", "Paste", "paste", "Edit", ("Ctrl+V",), "copied", "content-paste"),
    Action("edit.duplicate", "Duplicate", "duplicate", "Edit", ("Ctrl+D",), "editable"),
    Action("edit.copy_previous", "Copy the labels of the previous picture", "copy_previous", "Edit", ("U",), "writable", "content-duplicate"),
    Action("edit.delete", "Delete or reject", "delete", "Edit", ("Del",), "editable", "delete-outline"),
    Action("edit.select_all", "Select all", "select_all", "Edit", ("Ctrl+A",), "media", separator=True),
    Action("edit.deselect", "Leave tool or selection", "escape", "Edit", ("Esc",), "media"),
    Action("edit.find", "Find objects…", "find_objects", "Edit", ("F", "Ctrl+Shift+F"), "project", "text-search", separator=True),
    Action("edit.find_next", "Next result", "next_result", "Edit", ("F3",), "project"),
    Action("edit.find_previous", "Previous result", "previous_result", "Edit", ("Shift+F3",), "project"),
    Action("edit.found_class", "Found objects: change class…", "found_class", when="writable"),
    Action("edit.found_attribute", "Found objects: set an attribute…", "found_attribute", when="writable"),
    Action("edit.found_verify", "Found objects: verify", "found_verify", when="writable"),
    Action("edit.found_delete", "Found objects: delete", "found_delete", when="writable"),
    Action("edit.preferences", "Preferences…", "preferences", "Edit", ("Ctrl+,",), icon="cog-outline", separator=True),
    # View
    Action("view.next", "Next picture", "next_item", "View", ("D",), "project", "chevron-right", repeats=True),
    Action("view.previous", "Previous picture", "previous_item", "View", ("A",), "project", "chevron-left", repeats=True),
    Action("view.next_open", "Next picture not verified", "next_unverified", "View", ("Shift+D",), "project"),
    Action("view.grid", "Grid of pictures", "show_grid", "View", ("Shift+G",), "project", "view-grid-outline", checkable=True),
    Action("view.find", "Filter pictures", "focus_filter", "View", ("Ctrl+L",), "project", "magnify"),
    Action("view.fit", "Fit to window", "fit", "View", ("Ctrl+F",), "media", "fit-to-page-outline", separator=True),
    Action("view.actual_size", "Actual size", "actual_size", "View", ("Ctrl+0",), "media"),
    Action("view.zoom_in", "Zoom in", "zoom_in", "View", ("Ctrl++", "Ctrl+="), "media", repeats=True),
    Action("view.zoom_out", "Zoom out", "zoom_out", "View", ("Ctrl+-",), "media", repeats=True),
    Action("view.panels", "Hide or show the panels", "toggle_panels", "View", ("F9",), icon="dock-window", separator=True),
    Action("view.full_screen", "Full screen", "full_screen", "View", ("F11",), checkable=True),
    Action("view.theme", "Switch light and dark theme", "switch_theme", "View", ("Ctrl+Shift+L",), icon="theme-light-dark"),
    # Label
    Action("tool.select", "Select and edit", "tool_select", "Label", ("V",), "media", "cursor-default-outline", checkable=True),
    Action("tool.vertices", "Edit vertices", "tool_vertices", "Label", ("Shift+V",), "media", "vector-square-edit", checkable=True),
    Action("tool.box", "Box", "tool_box", "Label", ("W", "R"), "media", "vector-square", checkable=True),
    Action("tool.rotated_box", "Rotated box", "tool_rotated_box", "Label", ("Shift+R",), "media", "rotate-right-variant", checkable=True),
    Action("tool.ellipse", "Ellipse or circle", "tool_ellipse", "Label", ("O",), "media", "vector-ellipse", checkable=True),
    Action("tool.polygon", "Polygon", "tool_polygon", "Label", ("P",), "media", "vector-polygon", checkable=True),
    Action("tool.polyline", "Polyline", "tool_polyline", "Label", ("L",), "media", "vector-polyline", checkable=True),
    Action("tool.points", "Points", "tool_points", "Label", ("I",), "media", "vector-point", checkable=True),
    Action("tool.skeleton", "Skeleton", "tool_skeleton", "Label", ("Y",), "media", "human-handsup", checkable=True),
    Action("tool.brush", "Brush", "tool_brush", "Label", ("B",), "media", "brush", checkable=True, separator=True),
    Action("tool.eraser", "Eraser", "tool_eraser", "Label", ("E",), "media", "eraser", checkable=True),
    Action("tool.fill", "Fill", "tool_fill", "Label", ("Shift+B",), "media", "format-color-fill", checkable=True),
    Action("tool.wand", "Magic wand", "tool_wand", "Label", ("Shift+W",), "media", "magic-staff", checkable=True),
    Action("tool.livewire", "Live-wire", "tool_livewire", "Label", ("Shift+P",), "media", "vector-curve", checkable=True),
    Action("tool.prompt", "Find object by points or box", "tool_prompt", "Label", ("Q",), "media", "cursor-default-click-outline", checkable=True),
    Action("tool.knife", "Knife", "tool_knife", "Label", ("Ctrl+Alt+K",), "media", "box-cutter", checkable=True),
    Action("tool.hole", "Hole", "tool_hole", "Label", ("Ctrl+Alt+H",), "media", "vector-difference-ba", checkable=True),
    Action("tool.smaller", "Smaller brush or tolerance", "tool_smaller", "", ("[",), "media", repeats=True),
    Action("tool.larger", "Larger brush or tolerance", "tool_larger", "", ("]",), "media", repeats=True),
    Action("label.tag", "Tag the picture with the active class", "tag", "Label", ("G",), "writable", "tag-outline"),
    Action("label.verify", "Verified", "verify", "Label", ("Space",), "writable", "check-circle-outline", checkable=True, separator=True),
    Action("label.assign", "Assign pictures…", "assign", "Label", (), "writable", "account-arrow-right"),
    Action("label.new_class", "New class…", "new_class", "Label", ("N",), "writable", "plus", separator=True),
    Action("label.skeleton", "Skeleton of the class…", "class_skeleton", "Label", (), "writable", "human-male"),
    Action("label.attributes", "Attributes of the class…", "class_attributes", "Label", (), "writable", "form-select"),
    Action("label.choose_class", "Choose the class of new objects…", "choose_class", "Label", ("/",), "writable"),
    Action("label.change_class", "Change class…", "change_class", "Label", ("Ctrl+R",), "editable"),
    *(
        Action(f"label.class_{n}", f"Class {n}", f"class_{n}", "", (str(n),), "project")
        for n in range(1, 10)
    ),
    # Object
    Action("object.next", "Next object", "next_object", "Object", ("Tab",), "media", repeats=True),
    Action("object.previous", "Previous object", "previous_object", "Object", ("Shift+Tab",), "media", repeats=True),
    Action("object.attributes", "Attributes of the selected objects", "answer_attributes", "Object", ("Alt+A",), "selection", "form-select"),
    Action("object.group", "Group", "group", "Object", ("Alt+G",), "editable", "group", separator=True),
    Action("object.ungroup", "Ungroup", "ungroup", "Object", ("Alt+U",), "editable", "ungroup"),
    Action("object.raise", "Raise", "order_raise", "Object", ("PgUp",), "editable", "arrange-bring-forward", separator=True, repeats=True),
    Action("object.lower", "Lower", "order_lower", "Object", ("PgDown",), "editable", "arrange-send-backward", repeats=True),
    Action("object.top", "Bring to front", "order_top", "Object", ("Ctrl+PgUp",), "editable", "arrange-bring-to-front"),
    Action("object.bottom", "Send to back", "order_bottom", "Object", ("Ctrl+PgDown",), "editable", "arrange-send-to-back"),
    Action("object.lock", "Lock or unlock", "lock", "Object", ("Alt+L",), "editable", "lock-outline", separator=True),
    Action("object.hide", "Hide or show", "hide", "Object", ("Alt+H",), "editable", "eye-off-outline"),
    Action("object.isolate", "Show only these", "isolate", "Object", ("Alt+I",), "media", "eye-circle-outline"),
    Action("object.hide_all", "Hide all for the moment", "hide_all", "Object", ("Shift+H",), "media", "eye-off-outline"),
    Action("object.show_all", "Show all", "show_all", "Object", ("Alt+Shift+H",), "media", "eye-outline"),
    Action("object.unlock_all", "Unlock all", "unlock_all", "Object", ("Alt+Shift+L",), "writable", "lock-open-variant-outline"),
    Action("object.align_left", "Align left", "align_left", "Object", ("Alt+Left",), "editable", "align-horizontal-left", separator=True),
    Action("object.align_centre", "Align centres", "align_centre", "Object", ("Alt+C",), "editable", "align-horizontal-center"),
    Action("object.align_right", "Align right", "align_right", "Object", ("Alt+Right",), "editable", "align-horizontal-right"),
    Action("object.align_top", "Align top", "align_top", "Object", ("Alt+Up",), "editable", "align-vertical-top"),
    Action("object.align_middle", "Align middles", "align_middle", "Object", ("Alt+M",), "editable", "align-vertical-center"),
    Action("object.align_bottom", "Align bottom", "align_bottom", "Object", ("Alt+Down",), "editable", "align-vertical-bottom"),
    Action("object.distribute_across", "Distribute across", "distribute_across", "Object", (), "editable", "distribute-horizontal-center", separator=True),
    Action("object.distribute_down", "Distribute down", "distribute_down", "Object", (), "editable", "distribute-vertical-center"),
    Action("object.same_width", "Same width", "same_width", "Object", (), "editable", separator=True),
    Action("object.same_height", "Same height", "same_height", "Object", (), "editable"),
    Action("object.same_size", "Same size", "same_size", "Object", (), "editable"),
    # Shape
    Action("shape.turn_left", "Turn left by 1°", "turn_left", "Shape", ("Z",), "editable", "rotate-left", repeats=True),
    Action("shape.turn_right", "Turn right by 1°", "turn_right", "Shape", ("X",), "editable", "rotate-right", repeats=True),
    Action("shape.turn_left_far", "Turn left by 10°", "turn_left_far", "Shape", ("Shift+Z",), "editable", repeats=True),
    Action("shape.turn_right_far", "Turn right by 10°", "turn_right_far", "Shape", ("Shift+X",), "editable", repeats=True),
    Action("tool.simplify", "Simplify…", "simplify", "Shape", ("S",), "editable", "vector-polyline-remove", separator=True),
    Action("shape.close_or_open", "Close or open the line", "close_or_open", "Shape", (), "editable", "vector-polyline-edit"),
    Action("shape.reverse", "Reverse the points", "reverse_points", "Shape", (), "editable"),
    Action("shape.swap_sides", "Swap left and right points", "swap_sides", "Shape", (), "editable", "swap-horizontal"),
    Action("shape.to_polygon", "Make a polygon of it", "to_polygon", "Shape", (), "editable", "vector-polygon", separator=True),
    Action("shape.to_box", "Make a box around it", "to_box", "Shape", (), "editable", "vector-square"),
    Action("shape.to_rotated_box", "Make a rotated box around it", "to_rotated_box", "Shape", (), "editable", "rotate-right-variant"),
    Action("shape.join", "Join", "join", "Shape", ("Ctrl+Alt+J",), "editable", "vector-union", separator=True),
    Action("shape.subtract", "Subtract the others from the first", "subtract", "Shape", ("Ctrl+Alt+D",), "editable", "vector-difference"),
    Action("shape.intersect", "Keep what all have in common", "intersect", "Shape", ("Ctrl+Alt+I",), "editable", "vector-intersection"),
    Action("shape.split", "Split into objects", "split_objects", "Shape", ("Ctrl+Alt+S",), "editable", "vector-selection"),
    Action("shape.to_mask", "Make a mask of it", "to_mask", "Shape", ("Ctrl+Alt+M",), "editable", "checkerboard", separator=True),
    Action("shape.fill_holes", "Fill holes", "fill_holes", "Shape", ("Ctrl+Alt+F",), "editable", "circle"),
    Action("tool.grow", "Grow or shrink…", "grow", "Shape", ("Ctrl+Alt+G",), "editable", "arrow-expand-all"),
    Action("tool.smooth", "Smooth the mask…", "smooth", "Shape", (), "editable", "blur"),
    Action("tool.specks", "Remove specks…", "specks", "Shape", (), "editable", "dots-hexagon"),
    Action("shape.snapping", "Snap to shapes and the border", "toggle_snapping", "Shape", ("Shift+S",), icon="magnet", checkable=True, separator=True),
    Action("shape.shared_borders", "Shared borders", "toggle_shared_borders", "Shape", ("Shift+U",), icon="vector-link", checkable=True),
    # Model
    Action("model.predict", "Predict on this picture", "predict_current", "Model", ("Ctrl+P",), "media", "auto-fix"),
    Action("model.predict_selected", "Predict on the selected pictures", "predict_selected", "Model", (), "project"),
    Action("model.predict_all", "Predict on all pictures", "predict_all", "Model", ("Ctrl+Shift+P",), "project"),
    Action("model.accept", "Accept proposal", "accept", "Model", ("Return", "Enter"), "proposals", "check", separator=True),
    Action("model.accept_all", "Accept all visible proposals", "accept_all", "Model", ("Shift+Return", "Shift+Enter"), "proposals", "check-all"),
    Action("model.reject_all", "Reject all visible proposals", "reject_all", "Model", ("Shift+Del",), "proposals", "close"),
    Action("model.train", "Train…", "train", "Model", ("Ctrl+T",), "project", "school-outline", separator=True),
    Action("model.evaluate", "Evaluate…", "evaluate", "Model", ("Ctrl+Shift+M",), "project", "chart-box-outline"),
    Action("model.generate", "Generate pictures…", "generate", "Model", (), "project", "image-auto-adjust"),
    Action("model.inpaint", "Inpaint region…", "inpaint", "Model", (), "editable", "bandage"),
    Action("model.files", "Models…", "model_files", "Model", ("Ctrl+Alt+O",), icon="package-variant-closed", separator=True),
    Action("model.plugins", "Plugins…", "plugins", "Model", (), icon="puzzle-outline"),
    Action("model.free_memory", "Free the models' memory", "free_memory", "Model"),
    # Track
    Action("tool.region", "Draw a region to track", "tool_region", "Track", ("Shift+T",), "video", "crosshairs-gps", checkable=True),
    Action("track.run", "Track the selected objects", "track_selected", "Track", ("T",), "video"),
    Action("track.run_back", "Track them backwards", "track_back", "Track", ("Alt+T",), "video"),
    Action("track.run_to_key", "Track them to the next key frame", "track_to_key", "Track", ("Alt+K",), "video"),
    Action("track.accept", "Accept the track", "accept_track", "Track", ("Ctrl+Return",), "track", "check"),
    Action("track.key", "Key frame here", "key_here", "Track", ("Ins", "Ctrl+U"), "video", "rhombus-outline", separator=True),
    Action("track.next_key", "Next key frame", "next_key", "Track", (">",), "video", repeats=True),
    Action("track.previous_key", "Previous key frame", "previous_key", "Track", ("<",), "video", repeats=True),
    Action("track.leave_out", "Delete in this frame", "leave_out", "Track", (), "track", separator=True),
    Action("track.cut_from", "Delete from here on", "cut_from", "Track", (), "track"),
    Action("track.cut_to", "Delete up to here", "cut_to", "Track", (), "track"),
    Action("track.delete", "Delete the whole track", "delete_track", "Track", (), "track"),
    Action("track.split", "Split the track here", "split_track", "Track", (), "track", separator=True),
    Action("track.merge", "Merge two tracks", "merge_tracks", "Track", (), "track"),
    Action("track.swap", "Swap two tracks from here on", "swap_tracks", "Track", (), "track"),
    Action("track.fill_gap", "Fill the gap", "fill_gap", "Track", (), "video"),
    Action("track.smooth", "Smooth the track", "smooth_track", "Track", (), "track"),
    Action("track.thin", "Reduce to key frames", "thin_track", "Track", (), "track"),
    Action("track.relabel", "Change class of the whole track…", "relabel_track", "Track", (), "track"),
    Action("track.play", "Play or pause", "play_pause", "Track", (), "video", "play", separator=True),
    Action("track.next_frame", "Next frame", "next_frame", "Track", (".",), "video", repeats=True),
    Action("track.previous_frame", "Previous frame", "previous_frame", "Track", (",",), "video", repeats=True),
    Action("track.ten_on", "10 frames on", "ten_frames_on", "Track", ("Alt+.",), "video", repeats=True),
    Action("track.ten_back", "10 frames back", "ten_frames_back", "Track", ("Alt+,",), "video", repeats=True),
    Action("track.faster", "Play faster", "play_faster", "Track", ("Ctrl+.",), "video"),
    Action("track.slower", "Play slower", "play_slower", "Track", ("Ctrl+Alt+,",), "video"),
    Action("track.loop_start", "Loop from here", "loop_start", "Track", ("Ctrl+[",), "video", "alpha-a-box-outline"),
    Action("track.loop_end", "Loop up to here", "loop_end", "Track", ("Ctrl+]",), "video", "alpha-b-box-outline"),
    Action("track.loop_off", "End the loop", "loop_off", "Track", ("Ctrl+\\",), "video", "repeat-off"),
    Action("track.go_to_frame", "Go to frame or time…", "go_to_frame", "Track", ("Ctrl+G",), "video"),
    Action("track.count", "Count across lines and zones…", "count_tracks", "Track", ("Ctrl+Shift+N",), "video", "counter", separator=True),
    Action("track.compare", "Compare trackers…", "compare_trackers", "Track", (), "video", "podium"),
    Action("track.timeline", "Show or hide the timeline", "toggle_timeline", "Track", ("Ctrl+Alt+T",), "video", "chart-timeline", separator=True),
    # Inspect
    Action("inspect.contrast", "Auto-contrast", "auto_contrast", "Inspect", ("C",), "media", "contrast-circle", checkable=True),
    Action("inspect.full_range", "Values: full range", "full_range", when="media"),
    Action("inspect.min_max", "Values: minimum to maximum", "min_max", when="media"),
    Action("inspect.percentile", "Values: 1 to 99 percentile", "percentile", when="media"),
    Action("inspect.invert", "Values: invert", "invert_values", when="media"),
    Action("inspect.next_colours", "Next colour map", "next_colours", when="media", repeats=True),
    Action("inspect.next_channel", "Next channel", "next_channel", when="media", repeats=True),
    Action("inspect.as_decoded", "Values: as decoded", "as_decoded", when="media"),
    Action("tool.measure", "Measure a distance", "tool_measure", "Inspect", ("M",), "media", "ruler", checkable=True, separator=True),
    Action("tool.angle", "Measure an angle", "tool_angle", "Inspect", ("Shift+M",), "media", "angle-acute", checkable=True),
    Action("tool.measure_area", "Measure an area", "tool_measure_area", "Inspect", ("Ctrl+Alt+A",), "media", "vector-polygon-variant", checkable=True),
    Action("tool.count", "Count by clicking", "tool_count", "Inspect", ("Ctrl+Alt+N",), "media", "counter", checkable=True),
    Action("tool.profile", "Line profile", "tool_profile", "Inspect", ("K",), "media", "chart-line", checkable=True),
    Action("tool.scale", "Set the scale by a known length", "tool_scale", "Inspect", ("Ctrl+Alt+U",), "media", "ruler-square", checkable=True),
    Action("tool.levels", "Window and level by dragging", "tool_levels", "Inspect", ("Ctrl+Alt+W",), "media", "contrast-box", checkable=True),
    Action("inspect.measurements", "Measurements", "show_measurements", "Inspect", ("Ctrl+6",), "project", "table", separator=True),
    Action("inspect.regions", "Figures of the objects", "show_regions", "Inspect", ("Ctrl+Alt+R",), "project", "table-large"),
    Action("inspect.metadata", "Metadata of the file", "show_metadata", "Inspect", ("Ctrl+Alt+E",), "media", "information-outline"),
    Action("inspect.export_results", "Export the table as CSV…", "export_results", when="project"),
    Action("inspect.compare", "Compare pictures", "compare", "Inspect", ("Ctrl+Alt+C",), "media", "compare", checkable=True, separator=True),
    Action("inspect.swipe", "Compare: swipe", "compare_swipe", when="media"),
    Action("inspect.blink", "Compare: blink", "compare_blink", when="media"),
    Action("inspect.difference", "Compare: difference", "compare_difference", when="media"),
    Action("inspect.proposals", "Compare: proposals with labels", "compare_proposals", when="media"),
    Action("inspect.pin", "Pin for comparing", "pin_compare", "Inspect", ("Ctrl+Alt+P",), "media", "pin-outline"),
    Action("inspect.loupe", "Loupe", "toggle_loupe", "Inspect", ("J",), "media", "magnify-scan", checkable=True, separator=True),
    Action("inspect.minimap", "Minimap", "toggle_minimap", "Inspect", (), "media", "map-outline", checkable=True),
    Action("inspect.grid", "Grid", "toggle_grid", "Inspect", (), "media", "grid", checkable=True),
    Action("inspect.rulers", "Rulers", "toggle_rulers", "Inspect", (), "media", "ruler-square-compass", checkable=True),
    Action("inspect.scale_bar", "Scale bar", "toggle_scale_bar", "Inspect", (), "media", "tape-measure", checkable=True),
    Action("inspect.save_view", "Save the view as a picture…", "save_view", "Inspect", (), "media", "camera-outline", separator=True),
    Action("inspect.copy_view", "Copy the view", "copy_view", "Inspect", (), "media", "content-copy"),
    Action("inspect.histogram", "Histogram", "histogram", "Inspect", ("H",), "media", "chart-histogram"),
    # Window
    Action("window.media", "Media", "show_media", "Window", ("Ctrl+1",)),
    Action("window.classes", "Classes", "show_classes", "Window", ("Ctrl+2",)),
    Action("window.objects", "Objects", "show_objects", "Window", ("Ctrl+3",)),
    Action("window.model", "Model", "show_model", "Window", ("Ctrl+4",)),
    Action("window.inspection", "Inspection", "show_inspection", "Window", ("Ctrl+5",)),
    Action("window.jobs", "Jobs", "show_jobs", "Window", ("Ctrl+J",)),
    Action("window.console", "Python console", "show_console", "Window", ("Ctrl+7",), "project", "language-python"),
    Action("window.reset", "Reset the layout", "reset_layout", "Window", separator=True),
    # Help
    Action("help.palette", "Find an action…", "command_palette", "Help", ("Ctrl+K",), icon="console-line"),
    Action("help.keys", "Keys…", "keys", "Help", ("F1",), icon="keyboard-outline"),
    Action("help.tour", "Take the tour", "tour", "Help", icon="map-marker-path"),
    Action("help.log", "Show the log", "show_log", "Help", separator=True),
    Action("help.about", "About VisionStudio", "about", "Help", separator=True),
)  # fmt: skip

BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}


def conflicts(actions: Iterable[Action], changed: Mapping[str, str] | None = None) -> list[str]:
    """One line for every key that two actions share. `changed` are keys by action id."""
    owner: dict[str, str] = {}
    found = []
    for action in actions:
        for key in keys_of(action, changed or {}):
            name = QKeySequence(key).toString()
            if name in owner:
                found.append(f"{name}: {owner[name]}, {action.id}")
            owner[name] = action.id
    return found


def keys_of(action: Action, changed: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of an action: the table's, or the one a person chose ('' for none)."""
    if action.id in changed:
        return (changed[action.id],) if changed[action.id] else ()
    return action.keys


class ActionSet:
    """The table as QActions of a window.

    `run` is called with an action's id when it is triggered; `allowed` tells
    which conditions hold and is asked when a menu opens or a key is pressed.
    """

    def __init__(
        self, window: QWidget, run: Callable[[str], None], changed_keys: Mapping[str, str]
    ) -> None:
        self.actions: dict[str, QAction] = {}
        for row in ACTIONS:
            action = QAction(tr(row.title), window)
            action.setObjectName(row.id)
            action.setCheckable(row.checkable)
            action.setAutoRepeat(row.repeats)
            if row.icon:
                action.setIcon(icon(row.icon))
            action.triggered.connect(lambda _=False, name=row.id: run(name))
            window.addAction(action)
            self.actions[row.id] = action
        self.set_keys(changed_keys)

    def __getitem__(self, action_id: str) -> QAction:
        return self.actions[action_id]

    def set_keys(self, changed: Mapping[str, str]) -> None:
        """Use the table's keys with a person's changes."""
        for row in ACTIONS:
            keys = [QKeySequence(k) for k in keys_of(row, changed)]
            action = self.actions[row.id]
            action.setShortcuts(keys)
            shown = keys[0].toString(QKeySequence.SequenceFormat.NativeText) if keys else ""
            action.setToolTip(f"{tr(row.title)} ({shown})" if shown else tr(row.title))

    def allow(self, conditions: frozenset[str]) -> None:
        """Enable the actions whose condition holds."""
        for row in ACTIONS:
            action, on = self.actions[row.id], row.when == "always" or row.when in conditions
            if action.isEnabled() != on:
                action.setEnabled(on)

    def fill(self, bar: QMenuBar) -> dict[str, QMenu]:
        """The menus of the table in a menu bar, by English title."""
        menus = {}
        for title in MENUS:
            menu = bar.addMenu(tr(title))
            menu.setObjectName(f"menu_{title.lower()}")
            for row in ACTIONS:
                if row.menu == title:
                    if row.separator:
                        menu.addSeparator()
                    menu.addAction(self.actions[row.id])
            menus[title] = menu
        return menus


def keys_table() -> str:
    """The list of actions and keys as a Markdown table, for the documentation."""
    lines = ["| menu | action | key |", "|---|---|---|"]
    for row in ACTIONS:
        keys = ", ".join(f"`{key}`" for key in row.keys)
        lines.append(f"| {row.menu or 'palette'} | {row.title} | {keys} |")
    return "\n".join(lines) + "\n"
