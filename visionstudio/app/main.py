"""The ``visionstudio`` command: a fast way to the window, else the command line.

Without arguments, or with paths, the window opens. A command wins over a path
of the same name; ``./init`` opens the path.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from visionstudio.app.cli.names import COMMANDS


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code. `argv` is without the program's name."""
    args = list(sys.argv[1:] if argv is None else argv)
    if is_command(args):
        from visionstudio.app.cli import run

        return run(args)
    as_video = "--as-video" in args
    paths = [Path(a) for a in args if a not in ("--as-video", "--")]
    for path in paths:
        if not path.exists():
            sys.stderr.write(
                f"error: there is no such command, file or folder, {path};"
                " see: visionstudio --help\n"
            )
            return 2
    # What is imported stays: the collector would look through it again and again in vain.
    # `make_application` switches it on.
    gc.disable()
    from visionstudio.app.window import run_window

    code: int = run_window(paths, as_video=as_video)
    return code


def is_command(args: Sequence[str]) -> bool:
    """Whether the arguments are for the command line rather than the window."""
    if "_VISIONSTUDIO_COMPLETE" in os.environ:
        return True  # a shell asks what could come next
    if not args or args[0] == "--as-video":
        return False
    return args[0] in COMMANDS or (args[0].startswith("-") and args[0] != "--")


if __name__ == "__main__":
    sys.exit(main())
