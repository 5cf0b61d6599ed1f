"""The models dialog: which models and weights files there are, and files in and out."""
