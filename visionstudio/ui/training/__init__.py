"""The parts of the training dialog. Imported with the dialog, not with the window."""
