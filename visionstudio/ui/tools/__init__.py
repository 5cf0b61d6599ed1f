"""Drawing tools, one file each. `TOOLS` names them all."""

from __future__ import annotations

from visionstudio.ui.tools.base import Pointer, Tool
from visionstudio.ui.tools.box import BoxTool
from visionstudio.ui.tools.pan import PanTool
from visionstudio.ui.tools.polygon import PolygonTool
from visionstudio.ui.tools.region import RegionTool
from visionstudio.ui.tools.select import SelectTool

TOOLS: dict[str, type[Tool]] = {
    tool.name: tool for tool in (SelectTool, BoxTool, PolygonTool, RegionTool, PanTool)
}

__all__ = ["TOOLS", "Pointer", "Tool"]
