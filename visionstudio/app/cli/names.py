"""The names of the commands, for the entry point to tell them from paths without loading them."""

COMMANDS = frozenset(
    [
        "demo",
        "init",
        "info",
        "find",
        "measure",
        "import",
        "export",
        "convert",
        "models",
        "plugins",
        "predict",
        "train",
        "evaluate",
        "merge",
        "agree",
        "second-pass",
        "assign",
        "statistics",
        "track",
        "generate",
        "edit",
        "video",
        "count",
        "doctor",
    ]
)
