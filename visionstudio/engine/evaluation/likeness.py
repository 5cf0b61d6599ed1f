"""How like real pictures generated ones are, worked out by a child: it imports torch.

python -m visionstudio.engine.evaluation.likeness < Question
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from visionstudio.engine.children import child_environment, exit_text, kill_group, quiet_threads
from visionstudio.engine.evaluation.generation import generation_figures
from visionstudio.model.errors import InvalidValue, MediaError, VisionStudioError

Image = NDArray[np.uint8]
Tell = Callable[[float | None, str], None]


class _Question(msgspec.Struct, frozen=True):
    path: list[str]
    real: list[str]
    drawn: str  # a .npy of (n, H, W, 3)


class _Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many pictures have been looked at, or the result, or what went wrong."""

    done: int = 0
    figures: dict[str, float] = {}
    error: str = ""
    next_step: str = ""


def likeness(real: Sequence[Path], drawn: Sequence[Image], tell: Tell) -> dict[str, float]:
    """`density`, `coverage` and `diversity` of generated (H, W, 3) pictures, all of one size.

    Features are those of the built-in backbone. `tell(share, message)` hears how far it is,
    and what it raises ends the work. Raises InvalidValue for too few pictures.
    """
    total = len(real) + len(drawn)
    with tempfile.TemporaryDirectory(prefix="visionstudio-") as folder:
        path = Path(folder) / "drawn.npy"
        np.save(path, np.stack(drawn))
        question = _Question([p for p in sys.path if p], [str(p) for p in real], str(path))
        with subprocess.Popen(
            [sys.executable, "-m", "visionstudio.engine.evaluation.likeness"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
            start_new_session=True,
        ) as child:
            try:
                for answer in _answers(child, question):
                    if answer.error:
                        raise InvalidValue(answer.error, next_step=answer.next_step)
                    if answer.figures:
                        return answer.figures
                    tell(answer.done / total, f"picture {answer.done} of {total}")
            finally:
                kill_group(child)
    raise InvalidValue(
        f"the process that compared {exit_text(child.returncode)}",
        next_step="compare fewer pictures",
    )


def _answers(child: subprocess.Popen[bytes], question: _Question) -> Iterator[_Answer]:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(msgspec.json.encode(question))
    child.stdin.close()
    for line in child.stdout:
        yield msgspec.json.decode(line, type=_Answer)


# -- in the child ---------------------------------------------------------------------------------


def _figures(question: _Question) -> dict[str, float]:
    from visionstudio.engine.evaluation.features import picture_features

    drawn = np.load(question.drawn)
    real = picture_features(_read(question.real), None, lambda n: _say(_Answer(done=n)))
    made = picture_features(drawn, None, lambda n: _say(_Answer(done=len(real) + n)))
    return generation_figures(real, made)


def _read(paths: Sequence[str]) -> Iterator[Image]:
    from visionstudio.media.image import read_rgb

    for path in paths:
        try:
            yield read_rgb(Path(path))
        except MediaError:
            continue


def _say(answer: _Answer) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Answer the question that stands on standard input."""
    quiet_threads()
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=_Question)
    sys.path[:] = question.path
    try:
        _say(_Answer(figures=_figures(question)))
    except VisionStudioError as error:
        _say(_Answer(error=error.what, next_step=error.next_step))


if __name__ == "__main__":
    main()
