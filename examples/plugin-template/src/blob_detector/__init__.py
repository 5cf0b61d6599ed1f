"""Bright or dark blobs as boxes: an example plugin for VisionStudio."""
