"""Many pictures at once: a grid of media, crops of objects, generated pictures, any list."""
