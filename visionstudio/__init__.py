"""VisionStudio."""
