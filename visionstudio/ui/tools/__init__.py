"""Drawing tools, one file each. `TOOLS` names them all."""

from __future__ import annotations

from visionstudio.api.params import Value
from visionstudio.ui.tools.base import Host, Pointer, Tool
from visionstudio.ui.tools.box import BoxTool
from visionstudio.ui.tools.brush import BrushTool, EraserTool
from visionstudio.ui.tools.edit_vertices import VerticesTool
from visionstudio.ui.tools.ellipse import EllipseTool
from visionstudio.ui.tools.fill import FillTool
from visionstudio.ui.tools.knife import HoleTool, KnifeTool
from visionstudio.ui.tools.levels import LevelsTool
from visionstudio.ui.tools.livewire import LiveWireTool
from visionstudio.ui.tools.measure import (
    AngleTool,
    AreaTool,
    CountTool,
    DistanceTool,
    ProfileTool,
    ScaleTool,
)
from visionstudio.ui.tools.morphology import GrowTool, SmoothTool, SpecksTool
from visionstudio.ui.tools.pan import PanTool
from visionstudio.ui.tools.points import PointsTool
from visionstudio.ui.tools.polygon import PolygonTool
from visionstudio.ui.tools.polyline import PolylineTool
from visionstudio.ui.tools.prompt import PromptTool
from visionstudio.ui.tools.region import RegionTool
from visionstudio.ui.tools.rotated_box import RotatedBoxTool
from visionstudio.ui.tools.select import SelectTool
from visionstudio.ui.tools.simplify import SimplifyTool
from visionstudio.ui.tools.skeleton import SkeletonTool
from visionstudio.ui.tools.wand import WandTool

TOOLS: dict[str, type[Tool]] = {
    tool.name: tool
    for tool in (
        SelectTool,
        VerticesTool,
        SimplifyTool,
        GrowTool,
        SmoothTool,
        SpecksTool,
        BoxTool,
        RotatedBoxTool,
        EllipseTool,
        PolygonTool,
        PolylineTool,
        PointsTool,
        SkeletonTool,
        BrushTool,
        EraserTool,
        FillTool,
        WandTool,
        LiveWireTool,
        PromptTool,
        KnifeTool,
        HoleTool,
        RegionTool,
        PanTool,
        DistanceTool,
        AngleTool,
        AreaTool,
        CountTool,
        ProfileTool,
        ScaleTool,
        LevelsTool,
    )
}


def make_tools(host: Host) -> dict[str, Tool]:
    """One of each, by name. Those of an option group share their values."""
    tools = {name: make(host) for name, make in TOOLS.items()}
    shared: dict[str, dict[str, Value]] = {}
    for tool in tools.values():
        if tool.option_group:
            tool.values = shared.setdefault(tool.option_group, tool.values)
    return tools


__all__ = ["TOOLS", "Host", "Pointer", "Tool", "make_tools"]
