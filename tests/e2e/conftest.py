"""The program as a person starts it: a real X display, a real mouse and keyboard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.hand import Hand, begin
from tests.e2e.person import Person, screen, until


@pytest.fixture
def display() -> Iterator[str]:
    """A screen of the test's own."""
    with screen() as name:
        yield name


@pytest.fixture
def person(display: str) -> Iterator[Person]:
    person = Person(display)
    yield person
    if person.program is not None and person.program.poll() is None:
        person.kill()


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hand]:
    """The program, started once for all tests that use tools."""
    folder = tmp_path_factory.mktemp("tools") / "pictures"
    project = begin(folder)
    with screen() as display:
        person = Person(display)
        person.environment["VISIONSTUDIO_HOME"] = str(tmp_path_factory.mktemp("home"))
        person.start(str(folder))
        assert until(lambda: "pictures" in person.do("getactivewindow", "getwindowname"))
        yield Hand(person, project)
        person.kill()


@pytest.fixture
def hand(desk: Hand) -> Hand:
    """At a picture of the test's own, with nothing on it."""
    desk.number += 1
    if desk.name.startswith(f"{desk.number - 1:02d}"):
        desk.next_picture("d")
    else:  # a test was elsewhere
        desk.go_to(f"{desk.number:02d}.png")
    desk.keys("1")
    return desk
