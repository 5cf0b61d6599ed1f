"""What plugins see: parameters, manifests and results check themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from visionstudio.api import (
    Classification,
    Detections,
    InvalidValue,
    Manifest,
    Masks,
    ModelSpec,
    SemanticMap,
    TrackState,
    build,
    describe,
    param,
    validate,
)
from visionstudio.model.annotations import Annotation
from visionstudio.model.edits import Change, Edit
from visionstudio.model.errors import MediaError, one_line
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import Tag


@dataclass(frozen=True)
class Params:
    lr: float = param(0.1, low=0.0, high=1.0)
    epochs: int = param(3, low=1)
    size: int | None = param(None, low=8)
    flip: bool = param(True)
    mode: str = param("fast", choices=("fast", "exact"))


def test_text_values_get_their_types() -> None:
    values = {"lr": "0.5", "epochs": "7", "size": "none", "flip": "no", "mode": "exact"}
    assert build(Params, values) == Params(0.5, 7, None, False, "exact")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lr": 2}, "'lr' is at most 1, got 2"),
        ({"epochs": 0}, "'epochs' is at least 1"),
        ({"epochs": 1.5}, "'epochs' is of type int"),
        ({"lr": "nan"}, "'lr' is of type float"),
        ({"mode": "slow"}, "one of fast, exact"),
        ({"flip": "maybe"}, "'flip' is of type bool"),
        ({"epochs": None}, "'epochs' needs a value"),
        ({"depth": 3}, "unknown parameter 'depth'; known are: lr, epochs"),
    ],
)
def test_wrong_values_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidValue, match=message.replace("(", r"\(")):
        validate(describe(Params), values)


def test_defaults_must_keep_their_own_bounds() -> None:
    @dataclass(frozen=True)
    class Wrong:
        lr: float = param(5.0, high=1.0)

    with pytest.raises(InvalidValue, match="at most 1"):
        describe(Wrong)


def spec(**changes: object) -> ModelSpec:
    values: dict[str, object] = {
        "id": "detector/x",
        "task": "detector",
        "title": "X",
        "description": "",
        "licence": "MIT",
        "factory": "package.module:Class",
        "params": Params,
    }
    return ModelSpec(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [{"id": "x"}, {"id": "Detector/X"}, {"id": "tracker/x"}, {"factory": "no colon"}],
)
def test_wrong_model_specs_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        spec(**changes)


def test_a_manifest_names_each_model_once() -> None:
    with pytest.raises(InvalidValue, match="twice"):
        Manifest("p", "1", (spec(), spec()))
    assert spec().result_kind == "boxes"


@pytest.mark.parametrize(
    ("boxes", "scores", "indices", "message"),
    [
        ([[0, 0, 1]], [0.5], [0], "must be n x 4"),
        ([[0, 0, np.nan, 1]], [0.5], [0], "not a finite number"),
        ([[5, 0, 1, 1]], [0.5], [0], "x1 ≤ x2"),
        ([[0, 0, 1, 1]], [1.5], [0], r"lie in \[0, 1\]"),
        ([[0, 0, 1, 1]], [0.5, 0.5], [0], "must be 1"),
        ([[0, 0, 1, 1]], [0.5], [2], "0…0"),
    ],
)
def test_wrong_detections_say_what_was_expected(
    boxes: object, scores: object, indices: object, message: str
) -> None:
    with pytest.raises(InvalidValue, match=message):
        Detections(boxes, scores, indices, ("a",))  # type: ignore[arg-type]


def test_nothing_found_is_a_result() -> None:
    assert Detections([], [], [], ("a",)).boxes.shape == (0, 4)  # type: ignore[arg-type]
    assert Masks([], [], [], ("a",)).masks.shape == (0, 0, 0)  # type: ignore[arg-type]


def test_detections_are_clipped_and_outside_ones_refused() -> None:
    found = Detections([[-2, 3, 30, 40]], [0.5], [0], ("a",))  # type: ignore[arg-type]
    assert found.within(20, 25).boxes.tolist() == [[0, 3, 25, 20]]
    with pytest.raises(InvalidValue, match="outside the 5x5 frame"):
        Detections([[9, 9, 10, 10]], [0.5], [0], ("a",)).within(5, 5)  # type: ignore[arg-type]


def test_a_threshold_keeps_what_scores_at_least_as_much() -> None:
    found = Detections([[0, 0, 1, 1], [0, 0, 2, 2]], [0.3, 0.5], [0, 0], ("a",))  # type: ignore[arg-type]
    assert found.above(0.5).boxes.tolist() == [[0, 0, 2, 2]]
    assert Classification(("a", "b"), np.array([0.4, 0.6])).above(0.5).labels == ("b",)  # type: ignore[arg-type]
    masks = Masks(np.ones((2, 3, 3), bool), [0.3, 0.5], [0, 0], ("a",))  # type: ignore[arg-type]
    assert len(masks.above(0.4).masks) == 1


def test_classes_come_best_first() -> None:
    found = Classification(("a", "b", "c"), np.array([0.1, 0.7, 0.2]))
    assert found.labels == ("b", "c", "a")


def test_a_semantic_map_knows_its_classes() -> None:
    with pytest.raises(InvalidValue, match="holds index 3"):
        SemanticMap(np.full((2, 2), 3, np.uint8), ("a", "b"))
    with pytest.raises(InvalidValue, match="uint8 or uint16"):
        SemanticMap(np.zeros((2, 2)), ("a",))  # type: ignore[arg-type]


def test_a_track_without_a_box_is_lost() -> None:
    with pytest.raises(InvalidValue, match="must be lost"):
        TrackState(None, 0.0)
    assert TrackState(None, 0.0, lost=True).lost


def test_edits_have_an_inverse_that_undoes_them_in_reverse() -> None:
    old = LabelClass(id=1, name="a", colour="#e69f00")
    new = LabelClass(id=1, name="b", colour="#e69f00")
    tag = Annotation(id=4, media_id=2, class_id=1, shape=Tag())
    edit = Edit("x", (Change(old, new), Change(None, tag)))
    assert edit.inverse().changes == (Change(tag, None), Change(new, old))
    assert edit.inverse().inverse() == edit
    with pytest.raises(InvalidValue, match="keeps the row's type and id"):
        Change(old, tag)


def test_errors_are_one_line_with_place_and_next_step() -> None:
    error = MediaError("is text,\nnot a picture", where="a.jpg", next_step="open it elsewhere")
    assert one_line(error) == "is text, not a picture, a.jpg; open it elsewhere"
    assert one_line(KeyError("x")) == "KeyError: 'x'"
