"""Drawing tools on a real X display; a drawing under way survives being killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.e2e.person import Person, until
from visionstudio.model.annotations import Annotation
from visionstudio.storage import ProjectStore, project_folder
from visionstudio.ui.unfinished import KEY

pytestmark = pytest.mark.xvfb


@pytest.mark.timeout(300)
def test_an_unfinished_polygon_survives_a_kill(person: Person, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    Image.fromarray(values).save(folder / "a.png")
    project = project_folder(folder)

    def kept() -> dict[str, Any]:
        if not (project / "project.db").exists():
            return {}
        with ProjectStore.open(project, read_only=True) as store:
            found: dict[str, Any] = store.setting(KEY, {})
            return found

    def stored() -> list[Annotation]:
        with ProjectStore.open(project, read_only=True) as store:
            return list(store.iter_annotations())

    def points() -> int:
        return max((len(drawn["points"]) for drawn in kept().values()), default=0)

    def opened() -> bool:
        return "pictures" in person.do("getactivewindow", "getwindowname")

    def click(x: int, y: int) -> None:
        person.do("mousemove", str(x), str(y), "click", "1")

    person.start(str(folder))
    assert until(opened)
    for _ in range(8):  # until the picture is there to be drawn on
        person.do("key", "Escape", "key", "p")
        for x, y in ((520, 300), (640, 300), (640, 420)):
            click(x, y)
        if until(lambda: points() == 3, 3):
            break
    assert points() == 3
    click(560, 440)
    assert until(lambda: points() == 4)
    person.kill()
    assert stored() == []

    person.start(str(folder))
    assert until(opened)
    for _ in range(40):  # until the picture is there, and with it the drawing: a point goes back
        person.do("key", "BackSpace")
        if until(lambda: points() == 3, 1):
            break
    assert points() == 3
    click(560, 440)
    assert until(lambda: points() == 4)
    person.do("key", "Return")
    person.do("type", "--delay", "20", "cell")
    person.do("key", "Return")
    assert until(lambda: bool(stored()))
    (polygon,) = stored()
    assert polygon.shape.kind == "polygon"
    assert len(polygon.shape.points()) == 4
    assert until(lambda: kept() == {})

    # More shapes by mouse and by keys alone; the class is there now.
    person.do("key", "shift+r")
    click(520, 320)
    click(600, 360)
    click(560, 420)
    assert until(lambda: len(stored()) == 2)
    person.do("key", "o")
    person.do("key", "Left", "key", "Return", "key", "shift+Right", "key", "shift+Down")
    person.do("key", "shift+Right", "key", "shift+Down", "key", "Return")
    assert until(lambda: len(stored()) == 3)
    assert [a.shape.kind for a in stored()] == ["polygon", "rotated_box", "ellipse"]
    x1, y1, x2, y2 = stored()[2].shape.bounds()
    assert (x2 - x1, y2 - y1) == (20, 20)
    person.do("key", "v", "key", "x", "key", "shift+x")
    assert until(lambda: abs(getattr(stored()[2].shape, "angle", 0.0)) > 0.15)
