"""The picture with shapes on it. Knows shapes and pictures, but no project."""
