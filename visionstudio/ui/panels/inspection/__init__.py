"""The panel that says what is in a picture and how it is shown."""

from __future__ import annotations

from visionstudio.ui.panels.inspection.panel import InspectionPanel

__all__ = ["InspectionPanel"]
