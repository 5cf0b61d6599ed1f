"""Every setting, one row each. The preferences dialog, checks and defaults come from here."""

from __future__ import annotations

from dataclasses import dataclass

from visionstudio.api.params import ParamSpec


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that stand together in the dialog."""

    title: str
    specs: tuple[ParamSpec, ...]


GROUPS: tuple[Group, ...] = (
    Group(
        "Appearance",
        (
            ParamSpec(
                name="theme",
                kind="choice",
                default="system",
                title="Theme",
                help="Light or dark, or whatever the desktop uses.",
                choices=("system", "dark", "light"),
                choice_titles=("As the desktop", "Dark", "Light"),
                impact="display",
            ),
            ParamSpec(
                name="language",
                kind="choice",
                default="system",
                title="Language",
                help="Takes effect at the next start.",
                choices=("system", "en", "zh_CN"),
                choice_titles=("As the desktop", "English", "简体中文"),
                impact="display",
            ),
            ParamSpec(
                name="thumbnail_size",
                kind="int",
                default=48,
                title="Thumbnail size",
                help="Height of the rows of the media list.",
                low=24,
                high=160,
                step=8,
                unit="px",
                impact="display",
            ),
        ),
    ),
    Group(
        "Labelling",
        (
            ParamSpec(
                name="stay_in_tool",
                kind="bool",
                default=True,
                title="Keep the drawing tool after a shape",
                help="Otherwise the select tool comes back.",
                impact="display",
            ),
            ParamSpec(
                name="wheel",
                kind="choice",
                default="zoom",
                title="The wheel",
                help="Zooms, or moves the picture and zooms with Ctrl. A touchpad's two fingers"
                " always move it, and a pinch zooms.",
                choices=("zoom", "pan"),
                choice_titles=("Zooms", "Moves the picture"),
                impact="display",
            ),
            ParamSpec(
                name="verify_moves_on",
                kind="bool",
                default=False,
                title="Go to the next picture after verifying",
                impact="display",
            ),
            ParamSpec(
                name="snapping",
                kind="bool",
                default=False,
                title="Snap to shapes and the border",
                help="Ctrl switches it the other way for a moment.",
                impact="display",
            ),
            ParamSpec(
                name="shared_borders",
                kind="bool",
                default=False,
                title="Shared borders",
                help="Vertices of several shapes that lie at one place move together.",
                impact="display",
            ),
        ),
    ),
    Group(
        "Team",
        (
            ParamSpec(
                name="author",
                kind="str",
                default="",
                title="Your name",
                help="Kept with your steps in the project, for its statistics and the pictures"
                " assigned to you. Empty: the name of your account.",
                impact="display",
            ),
        ),
    ),
    Group(
        "Objects by points and boxes",
        (
            ParamSpec(
                name="prompt_encoder",
                kind="str",
                default="",
                title="Encoder file",
                help="ONNX file of a SAM-family encoder for the prompt tool. Empty: objects are"
                " found by grabCut and the watershed.",
                impact="display",
                file="*.onnx",
            ),
            ParamSpec(
                name="prompt_decoder",
                kind="str",
                default="",
                title="Decoder file",
                help="ONNX file of its decoder. Empty: the file beside the encoder that has"
                " decoder in its name.",
                impact="display",
                file="*.onnx",
            ),
        ),
    ),
    Group(
        "Start",
        (
            ParamSpec(
                name="reopen",
                kind="bool",
                default=False,
                title="Open the last project at the start",
                impact="display",
            ),
        ),
    ),
)

SPECS: dict[str, ParamSpec] = {spec.name: spec for group in GROUPS for spec in group.specs}
