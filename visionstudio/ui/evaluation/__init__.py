"""The evaluation dialog and its parts. Imported with the dialog, not with the window."""
