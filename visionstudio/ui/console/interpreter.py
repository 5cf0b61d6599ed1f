"""Runs a person's Python on the open project, in the storage thread and in its turn.

There it sees what is stored, every edit of it is a step that can be undone, and the window
shows what it changed. `stop` interrupts it between two bytecodes, as Ctrl+C would.
"""

from __future__ import annotations

import ast
import ctypes
import functools
import pydoc
import threading
import traceback
from codeop import compile_command
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from visionstudio.model.errors import InvalidValue, VisionStudioError
from visionstudio.pyapi import Project

if TYPE_CHECKING:
    from visionstudio.session.project import ProjectSession
    from visionstudio.storage.store import ProjectStore

_FILE = "<console>"
_MOST = 200_000  # characters of one answer
_PIECE = 4096


class _Open(Project):
    """The window's project, which scripts do not close."""

    def close(self) -> None:
        raise InvalidValue("the window closes its project itself")


class _Output:
    """What is printed, in pieces, as far as anybody reads it."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._waiting: list[str] = []
        self._length = 0
        self._total = 0

    def write(self, text: str) -> int:
        room = _MOST - self._total
        if room > 0:
            self._total += len(text)
            self._waiting.append(text[:room] + ("\n…\n" if len(text) >= room else ""))
            self._length += len(text)
            if self._length >= _PIECE:
                self.flush()
        return len(text)

    def flush(self) -> None:
        if self._waiting:
            self._tell("".join(self._waiting))
            self._waiting, self._length = [], 0


def is_complete(text: str) -> bool:
    """Whether a text can be run as it is, or is wrong as it is; more lines would not help."""
    try:
        return compile_command(text, _FILE, "exec") is not None
    except (SyntaxError, ValueError, OverflowError):
        return True


class Interpreter:
    """One person's names and values. `told(text)` and `ended(ok)` come in the GUI thread."""

    def __init__(self, told: Callable[[str], None], ended: Callable[[bool], None]) -> None:
        self._told, self._ended = told, ended
        self._session: ProjectSession | None = None
        self._thread: int | None = None
        self._lock = threading.Lock()
        self.busy = False
        self._stopped = False
        self.names: dict[str, Any] = {}

    def set_session(self, session: ProjectSession | None) -> None:
        """Work on another project; names that a person has made stay."""
        self.stop()
        self._session = session
        self.names.pop("project", None)

    def prepare(self) -> None:
        """Bind the names, so that they can be completed before anything has run."""
        session = self._session
        if session is None or self.busy or "project" in self.names:
            return
        current, selected = session.current, session.selected()

        def work(store: ProjectStore) -> None:
            self._bind(store, item=current, selection=selected)

        session.in_store(work, lambda _done: None, lambda _error: None)

    def run(self, text: str) -> None:
        """Run a text; `ended` follows."""
        session = self._session
        if session is None or self.busy:
            return
        self.busy, self._stopped = True, False
        current, selected = session.current, session.selected()
        post = session.post

        def tell(piece: str) -> None:
            post(lambda: self._told(piece))

        def work(store: ProjectStore) -> bool:
            self._bind(store, item=current, selection=selected)
            try:
                return self._execute(text, _Output(tell))
            except KeyboardInterrupt:  # it came when all was done
                return False

        def done(ok: bool) -> None:
            self.busy = False
            self._ended(ok)

        def failed(error: VisionStudioError) -> None:
            self._told(f"{error}\n")
            done(False)

        session.in_store(work, done, failed)

    def stop(self) -> None:
        """Interrupt what runs, or what waits for its turn."""
        with self._lock:
            self._stopped = self.busy
            _interrupt(self._thread, KeyboardInterrupt)

    def _bind(self, store: ProjectStore, **values: Any) -> None:
        import numpy

        import visionstudio

        project = self.names.get("project")
        if not isinstance(project, _Open):
            project = _Open(store)
        project.store = store  # another one when the project has been saved elsewhere
        self.names.update(project=project, vs=visionstudio, np=numpy, **values)

    def _execute(self, text: str, output: _Output) -> bool:
        self.names["print"] = functools.partial(print, file=output)
        self.names["help"] = lambda thing: output.write(pydoc.plain(pydoc.render_doc(thing)))
        with self._lock:
            self._thread = threading.get_ident()
            stopped = self._stopped
        try:
            if stopped:
                raise KeyboardInterrupt
            self._run(text, output)
        except KeyboardInterrupt:
            output.write("stopped\n")
        except BaseException as error:  # SystemExit too: it must not end the storage thread
            lines = traceback.format_exception(error)
            output.write("".join(_own(lines)))
        else:
            return True
        finally:
            with self._lock:
                _interrupt(self._thread, None)  # one that comes too late must not hit the store
                self._thread = None
            output.flush()
        return False

    def _run(self, text: str, output: _Output) -> None:
        """Run statements; the value of a last expression is written, as in Python's own console."""
        tree = ast.parse(text, _FILE)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
            exec(compile(tree, _FILE, "exec"), self.names)
            value = eval(compile(ast.Expression(last.value), _FILE, "eval"), self.names)
            if value is not None:
                self.names["_"] = value
                output.write(f"{value!r}\n")
        else:
            exec(compile(tree, _FILE, "exec"), self.names)


def _interrupt(thread: int | None, error: type[BaseException] | None) -> None:
    """Raise an error in a thread at its next bytecode; None takes one back that waits."""
    if thread is not None:
        raised = None if error is None else ctypes.py_object(error)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


def _own(lines: list[str]) -> list[str]:
    """A traceback without the lines of this file."""
    return [line for line in lines if "interpreter.py" not in line]
