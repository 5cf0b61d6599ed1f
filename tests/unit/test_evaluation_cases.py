"""What stands behind the figures: curves, confusion, kinds of mistakes, calibration, reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from visionstudio.api import Classification
from visionstudio.engine.evaluation import load_evaluation, save_evaluation
from visionstudio.engine.evaluation.boundary import BoundaryCounts
from visionstudio.engine.evaluation.classification import NO_ANSWER, analyse_labels
from visionstudio.engine.evaluation.coco import read_input
from visionstudio.engine.evaluation.coco_input import check_input
from visionstudio.engine.evaluation.comparison import best_of, compare
from visionstudio.engine.evaluation.curves import calibration, precision_recall
from visionstudio.engine.evaluation.detection import analyse_objects
from visionstudio.engine.evaluation.evaluation import Evaluation, Picture
from visionstudio.engine.evaluation.maps import analyse_maps
from visionstudio.engine.reports import write_evaluation_report
from visionstudio.model.errors import InvalidValue


def test_curves_equal_scikit_learn() -> None:
    from sklearn.metrics import f1_score, precision_recall_curve

    rng = np.random.default_rng(3)
    scores = rng.integers(0, 40, 300) / 40  # many ties
    hits = rng.random(300) < scores
    curve = precision_recall(scores, hits, int(hits.sum()))
    precision, recall, thresholds = precision_recall_curve(hits, scores)
    assert curve.thresholds == pytest.approx(thresholds[::-1])
    assert curve.precision == pytest.approx(precision[:-1][::-1])
    assert curve.recall == pytest.approx(recall[:-1][::-1])
    f1 = [f1_score(hits, scores >= t) for t in thresholds]
    assert curve.best_f1 == pytest.approx(max(f1))
    assert f1_score(hits, scores >= curve.best_threshold) == pytest.approx(max(f1))
    assert curve.f1 == pytest.approx(f1[::-1])


def test_calibration_equals_scikit_learn() -> None:
    from sklearn.calibration import calibration_curve

    rng = np.random.default_rng(5)
    scores = rng.uniform(0.001, 1, 500)
    hits = rng.random(500) < scores**2
    found = calibration(scores, hits)
    assert found is not None
    right, sure = calibration_curve(hits, scores, n_bins=10)
    assert found.rights == pytest.approx(right)
    assert found.scores == pytest.approx(sure)
    weights = np.array(found.counts) / 500
    assert found.ece == pytest.approx(float((np.abs(right - sure) * weights).sum()))
    perfect = calibration(np.ones(4), np.ones(4, bool))
    assert perfect is not None
    assert perfect.ece == 0


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("task", "kind", "file"),
    [
        ("detect", "bbox", "instances_val2014_fakebbox100_results.json"),
        ("segment", "segm", "instances_val2014_fakesegm100_results.json"),
    ],
)
def test_every_class_equals_pycocotools(
    shared_data: Path, task: Any, kind: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    folder = shared_data / "crosscheck" / "faster_coco_eval" / "dataset" / "cocoapi"
    truth, results = folder / "instances_val2014_100.json", folder / file
    found = analyse_objects(read_input(truth, results, task))
    ground = COCO(str(truth))
    oracle = COCOeval(ground, ground.loadRes(str(results)), kind)
    oracle.evaluate()
    oracle.accumulate()
    capsys.readouterr()
    precision = oracle.eval["precision"]
    names = {c["id"]: c["name"] for c in ground.dataset["categories"]}
    own = {c.name: c.figures for c in found.classes}
    for k, category in enumerate(oracle.params.catIds):
        values = precision[:, :, k, 0, -1]
        if (values > -1).any():
            assert own[names[category]]["AP"] == pytest.approx(values.mean(), abs=1e-9)
            assert own[names[category]]["AP50"] == pytest.approx(values[0].mean(), abs=1e-4)
    counts = np.array(found.confusion.counts)  # type: ignore[union-attr]
    real = [a for a in ground.dataset["annotations"] if not a["iscrowd"]]
    assert counts[:-1].sum() == len(real)  # every object is in exactly one cell
    assert sum(b.truths for b in found.buckets) == len(real)


def _one_picture(results: list[tuple[int, list[float], float]]) -> Evaluation:
    """A cell at (10, 10) and a dirt at (50, 50), both 20 wide, and a crowd at (80, 0)."""
    truth = {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 100}],
        "categories": [{"id": 3, "name": "cell"}, {"id": 4, "name": "dirt"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [10, 10, 20, 20]},
            {"id": 2, "image_id": 1, "category_id": 4, "bbox": [50, 50, 20, 20]},
            {"id": 3, "image_id": 1, "category_id": 3, "bbox": [80, 0, 20, 20], "iscrowd": 1},
        ],
    }
    rows = [{"image_id": 1, "category_id": c, "bbox": b, "score": s} for c, b, s in results]
    return analyse_objects(check_input(truth, rows, "detect"), threshold=0.3)


def test_each_kind_of_mistake_is_told_apart() -> None:
    found = _one_picture(
        [
            (3, [10, 10, 20, 20], 0.9),  # right
            (3, [11, 10, 20, 20], 0.8),  # again
            (3, [22, 10, 20, 20], 0.7),  # beside it
            (3, [50, 51, 20, 20], 0.6),  # the dirt, as a cell
            (4, [0, 80, 10, 10], 0.5),  # nothing there
            (3, [85, 5, 10, 10], 0.4),  # in the crowd
            (4, [50, 50, 20, 20], 0.2),  # below the threshold
        ]
    )
    kinds = [(c.kind, c.row, c.column) for c in found.cases]
    assert kinds == [
        ("right", 0, 0),
        ("duplicate", 2, 0),
        ("place", 2, 0),
        ("class", 1, 0),
        ("false", 2, 1),
    ]
    assert found.confusion is not None
    assert found.confusion.counts == ((1, 0, 0), (1, 0, 0), (2, 1, 0))
    assert [c.kind for c in found.mistakes()] == ["duplicate", "place", "class", "false"]
    assert [c.kind for c in found.cell(2, 0)] == ["duplicate", "place"]
    place = found.cases[2]
    assert place.iou == pytest.approx(8 / 32)
    assert place.truth == (10, 10, 30, 30)
    assert {c.name: c.figures["recall"] for c in found.classes} == {"cell": 1.0, "dirt": 0.0}


def test_a_missed_object_says_how_nearly_it_was_found() -> None:
    found = _one_picture([(3, [10, 10, 20, 20], 0.25)])
    assert [(c.kind, c.loss) for c in found.mistakes()] == [("missed", 1.0), ("missed", 0.75)]
    assert found.buckets[0].recall == 0.0
    empty = _one_picture([])
    assert empty.metrics["AP"] == 0.0
    assert [c.kind for c in empty.cases] == ["missed", "missed"]


def test_classes_of_pictures() -> None:
    def answer(**scores: float) -> Classification:
        return Classification(tuple(scores), np.array(list(scores.values()), np.float32))

    pictures = [Picture(i, 0, f"{i}.png") for i in range(4)]
    results = [answer(cat=0.9, dog=0.1), answer(cat=0.6, dog=0.4), answer(dog=0.8, cat=0.2), None]
    found = analyse_labels(pictures, ["cat", "dog", "dog", "cat"], results, ["dog", "cat", "owl"])
    assert found.metrics == {"accuracy": 0.5, "top5": 0.75}
    assert found.confusion is not None
    assert found.confusion.classes == ("dog", "cat", NO_ANSWER)
    assert found.confusion.counts == ((1, 1, 0), (0, 1, 1), (0, 0, 0))
    worst = found.mistakes()
    assert [found.pictures[c.picture].path for c in worst] == ["3.png", "1.png"]
    assert worst[1].loss == pytest.approx(-np.log(0.4), abs=1e-6)
    assert {c.name: c.figures["precision"] for c in found.classes} == {"dog": 1.0, "cat": 0.5}


def test_classes_of_pixels_and_their_outlines() -> None:
    truth = np.zeros((60, 60), np.uint8)
    truth[10:40, 10:40] = 1
    truth[50:, 50:] = 255
    moved = np.zeros_like(truth)
    moved[10:40, 20:50] = 1
    found = analyse_maps([(Picture(1, 0, "a.png"), truth, moved)], ["nothing", "cell"])
    assert found.metrics["IoU cell"] == pytest.approx(20 / 40)
    # Upper and lower edges overlap over 21 of 30 columns and touch a disc's width further.
    assert 0.3 < found.metrics["boundary F"] < 0.7
    (case,) = found.cell(1, 0)
    assert (case.pixels, case.truth) == (300, (10, 10, 20, 40))
    assert case.loss == pytest.approx(300 / 3500)
    counts = BoundaryCounts(2)
    counts.add(truth, truth)
    assert counts.f().tolist() == [1.0, 1.0]


def test_boundary_f_equals_its_definition_by_distances() -> None:
    from scipy.ndimage import distance_transform_edt

    rng = np.random.default_rng(0)
    blobs = [cv2.GaussianBlur(rng.random((80, 80)), (0, 0), 6) for _ in range(2)]
    truth, found = ((b > b.mean()).astype(np.uint8) for b in blobs)
    counts = BoundaryCounts(2)
    counts.add(truth, found)

    def outline(inside: np.ndarray) -> np.ndarray:
        padded = np.pad(inside, 1, mode="edge")
        shifted = [
            padded[1 + y : 81 + y, 1 + x : 81 + x] for y, x in ((0, 1), (0, -1), (1, 0), (-1, 0))
        ]
        return inside & ~np.logical_and.reduce(shifted)

    own, other = outline(truth == 1), outline(found == 1)
    precision = (distance_transform_edt(~own)[other] <= 1).mean()
    recall = (distance_transform_edt(~other)[own] <= 1).mean()
    expected = 2 * precision * recall / (precision + recall)
    assert counts.f()[1] == pytest.approx(expected)


def test_an_evaluation_is_stored_reported_and_compared(tmp_path: Path) -> None:
    picture = np.full((100, 100, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    found = _one_picture([(3, [50, 51, 20, 20], 0.6)])
    shown = Picture(1, 0, "<b>a.png", file=str(tmp_path / "a.png"))
    found = Evaluation(
        **{**{n: getattr(found, n) for n in found.__struct_fields__}, "pictures": (shown,)}
    )
    save_evaluation(tmp_path, found)
    assert load_evaluation(tmp_path) == found
    page = write_evaluation_report(tmp_path / "r.html", found).read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == len(found.mistakes())
    assert "dirt taken for cell 0.60" in page
    assert "&lt;b&gt;a.png" in page
    better = _one_picture([(3, [10, 10, 20, 20], 0.9)])
    assert best_of([found, better]) == 1
    rows = compare(["one", "two"], [found, better])
    assert rows[0] == ("", "one", "two")
    assert rows[1][2].endswith("*")
    (tmp_path / "evaluation.json").write_text("{")
    with pytest.raises(InvalidValue, match="evaluate the run again"):
        load_evaluation(tmp_path)


def test_near_an_outline_is_within_its_tolerance() -> None:
    """Against all distances, one by one."""
    from visionstudio.engine.evaluation.boundary import _near

    outline = np.random.default_rng(0).random((40, 50)) < 0.01
    rows, columns = np.mgrid[:40, :50]
    places = np.argwhere(outline)
    away = np.hypot(rows[..., None] - places[:, 0], columns[..., None] - places[:, 1]).min(axis=2)
    for reach in (1, 3, 7):
        np.testing.assert_array_equal(_near(outline, reach), away <= reach)
    assert not _near(np.zeros((3, 4), bool), 2).any()
