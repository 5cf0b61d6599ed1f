"""Looking closely at pictures: display, measuring, overlays, comparing."""
