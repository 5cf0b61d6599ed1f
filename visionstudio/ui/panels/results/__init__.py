"""The panel of results: profiles, measurements, figures of objects, metadata."""

from __future__ import annotations

from visionstudio.ui.panels.results.panel import ResultsPanel

__all__ = ["ResultsPanel"]
