"""Looking at video: a player without widgets, its bar, and the timeline of tracks."""
