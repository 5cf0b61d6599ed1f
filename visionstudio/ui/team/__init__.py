"""Dialogs for several people on one job: merge, agreement, second pass, statistics."""
