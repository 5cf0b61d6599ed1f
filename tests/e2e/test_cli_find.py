"""``visionstudio find``: conditions, changes to all that is found, one step to undo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from visionstudio.app.cli import run
from visionstudio.app.cli.find import attribute_test, span
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.errors import InvalidValue
from visionstudio.model.labels import AttributeSpec, LabelClass
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Box
from visionstudio.storage import ProjectStore
from visionstudio.storage.query import AttributeTest


@pytest.fixture
def project(tmp_path: Path) -> Path:
    with ProjectStore.create(tmp_path / "p") as store:
        store.add_media([MediaItem(id=1, path="a.png"), MediaItem(id=2, path="b.png")])
        age = AttributeSpec("age", "text")
        rows = [
            Annotation(
                id=n,
                media_id=1 + n % 2,
                class_id=1,
                shape=Box(0, 0, n, 10),
                state=State.PROPOSED if n > 7 else State.EDITED,
                score=n / 10 if n > 7 else None,
                attributes={"age": str(n)} if n < 3 else {},
                flags=Flags.LOCKED if n == 4 else Flags.NONE,
            )
            for n in range(1, 10)
        ]
        cell = LabelClass(id=1, name="cell", colour="#e69f00", attributes=(age,))
        nucleus = LabelClass(id=2, name="nucleus", colour="#56b4e9", order=1)
        store.apply(edits.add("all", [cell, nucleus, *rows]))
    return tmp_path / "p"


def answer(capsys: pytest.CaptureFixture[str], *args: object, code: int = 0) -> Any:
    assert run([*map(str, args), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def ids(document: Any) -> list[int]:
    return [a["id"] for a in document["annotations"]]


def test_conditions_and_changes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "find", project)["found"] == 9
    found = answer(capsys, "find", project, "--width", "3..6", "--text", "a.png")
    assert ids(found) == [4, 6]
    assert found["annotations"][0]["bbox"] == [0, 0, 4, 10]
    assert ids(answer(capsys, "find", project, "--state", "proposed", "--score", "0.85..")) == [9]
    assert ids(answer(capsys, "find", project, "--attribute", "age=2")) == [2]
    assert ids(answer(capsys, "find", project, "--limit", 0)) == []
    assert "classes are" in answer(capsys, "find", project, "--class", "x", code=1)["error"]

    changed = answer(capsys, "find", project, "--class", "cell", "--width", "..2", "--relabel",
                     "nucleus")  # fmt: skip
    assert changed["changed"] == 2
    assert answer(capsys, "find", project, "--width", "3..5", "--delete")["changed"] == 2
    assert ids(answer(capsys, "find", project, "--width", "3..5")) == [4]  # locked
    assert answer(capsys, "find", project, "--score", "0..", "--verify")["changed"] == 2
    assert answer(capsys, "find", project, "--width", "6..", "--set", "age=7")["changed"] == 4
    assert "one at a time" in answer(
        capsys, "find", project, "--verify", "--delete", code=1)["error"]  # fmt: skip
    with ProjectStore.open(project) as store:
        assert [store.undo() is not None for _ in range(5)] == [True] * 5
        assert store.counts().annotations == 0


def test_how_conditions_are_written() -> None:
    assert span("3..", "--x") == (3, None)
    assert span("..3", "--x") == (None, 3)
    assert span("3", "--x") == (3, 3)
    known = [LabelClass(id=1, name="c", colour="#e69f00", attributes=(AttributeSpec("side"),))]
    for text, wanted in (
        ("age", AttributeTest("age")),
        ("!age", AttributeTest("age", "none")),
        ("age = 3", AttributeTest("age", "is", 3.0)),
        ("side=3", AttributeTest("side", "is", "3")),
        ("sick!=true", AttributeTest("sick", "not", True)),
        ("note~a=b", AttributeTest("note", "contains", "a=b")),
        ("age>=3", AttributeTest("age", "least", 3.0)),
        ("age<=3.5", AttributeTest("age", "most", 3.5)),
    ):
        assert attribute_test(text, known) == wanted
    for text in ("", "=3", "age>=old"):
        with pytest.raises(InvalidValue):
            attribute_test(text, known)
