"""The examples of docs/python.md run; adapters for PyTorch and supervision say what is labelled."""

from __future__ import annotations

import io
import pickle
import re
import sys
import types
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import visionstudio as vs

DOCS = Path(__file__).parents[2] / "docs" / "python.md"


@dataclass
class Detections:
    """Stands in for supervision's, which brings an OpenCV of its own that clashes with ours."""

    xyxy: Any
    mask: Any = None
    confidence: Any = None
    class_id: Any = None
    tracker_id: Any = None
    data: Any = None

    def __post_init__(self) -> None:
        count = len(self.xyxy)
        assert self.xyxy.shape == (count, 4)
        assert self.mask is None or (self.mask.shape[0] == count and self.mask.dtype == bool)
        for values in (self.confidence, self.class_id, self.tracker_id):
            assert values is None or values.shape == (count,)

    @classmethod
    def empty(cls) -> Detections:
        return cls(np.zeros((0, 4), np.float32))


@pytest.fixture
def supervision(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("supervision")
    module.Detections = Detections  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "supervision", module)


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png", "c.png"):
        path = tmp_path / "cells" / name
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (70, 90, 3), dtype=np.uint8)).save(path)
    return tmp_path / "cells"


@pytest.fixture
def project(cells: Path) -> Iterator[vs.Project]:
    with vs.open(cells) as project:
        yield project


def test_the_examples_run(cells: Path, supervision: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cells.parent)
    text = DOCS.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python(?! no test)[^\n]*\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) == 8
    names: dict[str, Any] = {}
    out = io.StringIO()
    with redirect_stdout(out):
        for block in blocks:
            exec(compile(block, "docs/python.md", "exec"), names)
    assert "('RBC', 'WBC') torch.Size([3, 70, 90])" in out.getvalue()
    assert "['RBC' 'WBC']" in out.getvalue()
    assert "2 of 2 equal" in out.getvalue()
    assert "\n0 2\n" in out.getvalue()  # importing what is there adds nothing
    assert names["outcome"].results == 1
    assert names["project"] is not None


@pytest.mark.slow
def test_train_and_evaluate(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "p").mkdir()
    for n in range(24):
        shade = 40 if n % 2 else 200
        pixels = np.clip(rng.normal(shade, 20, (32, 32, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "p" / f"{n:02}.png")
    told: list[float] = []
    with vs.open(tmp_path / "p") as project:
        with project.edit("tags"):
            for n, item in enumerate(project.media[:20]):
                project.add(item.id, vs.Tag(), "dark" if n % 2 else "bright")
        run = project.train(
            "classifier/simplecnn",
            params={"epochs": 5},
            progress=lambda fraction, _: told.append(fraction or 0.0),
        )
        assert told
        assert run.weights is not None
        found = project.evaluate(run=run.folder)
        assert found.metrics["accuracy"] > 0.7
        assert project.predict("classifier/simplecnn", weights=run.weights).results == 4
        with pytest.raises(vs.VisionStudioError, match="either a model or a run"):
            project.evaluate()
        with pytest.raises(vs.VisionStudioError):
            project.train("detector/yolov5")  # nothing is labelled that it learns from


def test_a_data_set_for_pytorch_holds_what_is_labelled(project: vs.Project) -> None:
    torch = pytest.importorskip("torch")
    one, two, _ = project.media
    project.add(one.id, vs.Box(10, 20, 50, 60), "RBC")
    project.add(one.id, vs.Mask.from_array(np.ones((4, 6), dtype=bool), 30, 40), "WBC")
    project.add(one.id, vs.Box(1, 1, 5, 5), "RBC", state=vs.State.PROPOSED, score=0.5)
    project.add(one.id, vs.Tag(), "sharp")
    project.set_verified(two.id)
    data = project.dataset("segment")
    assert isinstance(data, torch.utils.data.Dataset)
    assert len(data) == 2
    assert data.classes == ("RBC", "WBC", "sharp")
    picture, target = pickle.loads(pickle.dumps(data))[0]  # as workers get it
    np.testing.assert_array_equal(
        picture.numpy().transpose(1, 2, 0), np.asarray(Image.open(one.path))
    )
    assert target["boxes"].tolist() == [[10, 20, 50, 60], [30, 40, 36, 44]]
    assert target["labels"].tolist() == [1, 2]
    assert target["masks"].sum(dim=(1, 2)).tolist() == [1600, 24]
    assert target["area"].tolist() == [1600, 24]
    _, empty = data[1]
    assert empty["boxes"].shape == (0, 4)
    assert empty["masks"].shape == (0, 70, 90)
    tagged = project.dataset("classify", transform=lambda *element: element[1])
    assert [tagged[i] for i in range(len(tagged))] == [2]
    with pytest.raises(vs.VisionStudioError, match="no task"):
        project.dataset("guess")  # type: ignore[arg-type]


def test_detections_for_supervision(project: vs.Project, supervision: None) -> None:
    one, two, _ = project.media
    project.add(one.id, vs.Box(10, 20, 50, 60), "RBC", track_id=7)
    proposed = {vs.State.PROPOSED}
    project.add(one.id, vs.Box(1, 1, 5, 5), "WBC", state=vs.State.PROPOSED, score=0.25)
    found = project.to_supervision(one.id)
    assert found.xyxy.tolist() == [[10, 20, 50, 60]]
    assert (found.mask, found.confidence.tolist(), found.tracker_id.tolist()) == (None, [1], [7])
    assert found.data["class_name"].tolist() == ["RBC"]
    again = project.to_supervision(one.id, states=proposed)
    assert (again.confidence.tolist(), again.tracker_id.tolist()) == ([0.25], [-1])
    assert project.to_supervision(one.id, masks=True).mask.sum() == 40 * 40
    project.add(one.id, vs.Ellipse(30, 30, 5, 5), "RBC")
    assert project.to_supervision(one.id, masks=False).mask is None
    assert project.to_supervision(one.id).mask.shape == (2, 70, 90)
    assert len(project.to_supervision(two.id).xyxy) == 0


def test_without_supervision_it_is_said_how_to_get_it(
    project: vs.Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(vs.VisionStudioError, match="pip install supervision"):
        project.to_supervision(project.media[0].id)
