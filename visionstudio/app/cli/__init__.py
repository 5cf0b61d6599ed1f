"""The command line: exit 0 ok, 1 with one line on stderr, 2 wrong usage.

With ``--json`` stdout holds exactly one JSON document, whatever libraries and
children print. Commands are functions that return a `Reply`; what they need is
imported when they run, so that ``visionstudio --help`` is quick.
"""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from visionstudio.app.cli.names import COMMANDS
from visionstudio.app.cli.reply import ProgressLine, Reply
from visionstudio.model.errors import Cancelled, VisionStudioError, one_line

__all__ = ["COMMANDS", "run"]

OK, FAILED, USAGE = 0, 1, 2
_LOG_BYTES = 1 << 20


def run(argv: Sequence[str]) -> int:
    """Run one command line (without the program's name); returns the exit code."""
    args, as_json = _without(argv, "--json")
    args, ProgressLine.quiet = _without(args, "--quiet", "-q")
    code, answer = OK, ""
    with _own_stdout(as_json) as out:
        _log_to_file()
        try:
            reply = _call(args)
        except _UsageFault as fault:
            return fault.code
        except KeyboardInterrupt:
            code, answer = FAILED, _fail("stopped by you", as_json)
        except BrokenPipeError:
            return FAILED
        except VisionStudioError as error:
            text = "stopped" if isinstance(error, Cancelled) else one_line(error)
            code, answer = FAILED, _fail(text, as_json)
        except Exception as error:
            code, answer = FAILED, _fail(_unexpected(error), as_json)
        else:
            if isinstance(reply, Reply):
                text = reply.text if reply.asked_for or not ProgressLine.quiet else ""
                answer = reply.to_json() if as_json else text
        if answer:
            _print(answer, out)
    return code


class _UsageFault(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _without(argv: Sequence[str], *names: str) -> tuple[list[str], bool]:
    """The arguments without a flag that may stand anywhere in front of ``--``, and if it did."""
    args = list(argv)
    end = args.index("--") if "--" in args else len(args)
    head = [a for a in args[:end] if a not in names]
    return head + args[end:], len(head) < end


def _call(args: list[str]) -> Any:
    import typer

    from visionstudio.app.cli.commands import build

    if "_VISIONSTUDIO_COMPLETE" in os.environ:
        # typer would break a description that is longer than the terminal is wide,
        # and shells take its second line for another proposal
        os.environ["COLUMNS"] = "1000"
    command = typer.main.get_command(build())
    try:
        return command.main(args=args, prog_name="visionstudio", standalone_mode=False)
    except Exception as error:
        # Wrong usage, by whichever click typer brings along.
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            raise _UsageFault(USAGE) from None
        if type(error).__name__ == "Abort":
            raise KeyboardInterrupt from None
        raise


def _fail(text: str, as_json: bool) -> str:
    """One line on stderr; returns the JSON document, '' where none is wanted."""
    line = text.encode("utf-8", "backslashreplace").decode("utf-8")
    with contextlib.suppress(OSError):
        sys.stderr.write(f"error: {line}\n")
        sys.stderr.flush()
    return Reply({"error": line}).to_json() if as_json else ""


def _unexpected(error: Exception) -> str:
    """A fault of the program: the log has the details, the person gets one line."""
    logging.getLogger("visionstudio").error("unexpected error", exc_info=error)
    if os.environ.get("VISIONSTUDIO_DEBUG"):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return f"{reason}, {error.filename or 'unknown file'}; check the path and its permissions"
    from visionstudio.settings.folders import log_folder

    return f"{one_line(error)}; details are in {log_folder() / 'command.log'}"


@contextlib.contextmanager
def _own_stdout(as_json: bool) -> Iterator[Any]:
    """A stdout that only the answer goes to: whatever else prints there goes to stderr."""
    if not as_json:
        yield sys.stdout
        return
    own = sys.stdout
    own.flush()
    descriptor = _descriptor(own)
    kept = os.dup(descriptor) if descriptor is not None else None
    try:
        if kept is not None and descriptor is not None:
            os.dup2(2, descriptor)  # also for native code and for children
        with contextlib.redirect_stdout(sys.stderr):
            answers: list[str] = []
            yield answers
    finally:
        if kept is not None and descriptor is not None:
            own.flush()
            os.dup2(kept, descriptor)
            os.close(kept)
    for answer in answers:
        own.write(answer)
    own.flush()


def _descriptor(stream: Any) -> int | None:
    try:
        number: int = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return None  # a test's stand-in
    return number


def _print(answer: str, out: Any) -> None:
    line = answer.rstrip("\n") + "\n"
    if isinstance(out, list):
        out.append(line)
        return
    encoding = getattr(out, "encoding", None) or "utf-8"
    with contextlib.suppress(BrokenPipeError):
        out.write(line.encode(encoding, "backslashreplace").decode(encoding))
        out.flush()


def _log_to_file() -> None:
    """Warnings and logs of libraries go to a file: stderr is for progress and one error line."""
    from visionstudio.settings.folders import log_folder

    warnings.simplefilter("ignore")
    root = logging.getLogger()
    if root.handlers:
        return
    handler: logging.Handler
    try:
        log_folder().mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            log_folder() / "command.log", maxBytes=_LOG_BYTES, backupCount=1, delay=True
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root.addHandler(handler)
