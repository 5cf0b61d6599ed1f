"""Everything that can be clicked or typed into has a name, in every panel and dialog there is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDockWidget,
    QHeaderView,
    QInputDialog,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTabBar,
    QWidget,
)

from tests import video_maker
from tests.gui.conftest import Driver
from visionstudio.engine.probe import read_manifest
from visionstudio.engine.registry import Registry
from visionstudio.model.labels import AttributeSpec
from visionstudio.model.shapes import Box
from visionstudio.session.models import ModelChoice
from visionstudio.ui.dialog_opener import Dialogs
from visionstudio.ui.dialogs.scale import ScaleDialog
from visionstudio.ui.model_files.importing import ImportWeightsDialog
from visionstudio.ui.window import MainWindow

PLUGINS = ("classifier", "detector", "segmenter", "tracker", "generator")
INTERACTIVE = (
    QAbstractButton | QLineEdit | QComboBox | QAbstractSpinBox | QAbstractItemView
    | QAbstractSlider | QPlainTextEdit
)  # fmt: skip
OF_ANOTHER = QComboBox | QAbstractSpinBox | QHeaderView | QAbstractItemView
OF_QT = QDockWidget | QLineEdit | QTabBar  # has buttons of its own


def nameless(root: QWidget) -> list[str]:
    """Interactive widgets that a screen reader, or a test, could not name."""
    found = []
    for widget in (root, *root.findChildren(QWidget)):
        inner = widget.objectName().startswith("qt_") or isinstance(
            widget, QScrollBar | QHeaderView
        )
        parent = widget.parentWidget()
        part = isinstance(parent, OF_ANOTHER) and not isinstance(widget, QAbstractItemView)
        popup = isinstance(widget, QAbstractItemView) and "QComboBoxPrivate" in str(
            parent.metaObject().className() if parent is not None else ""
        )
        frame = isinstance(parent, OF_QT) and isinstance(widget, QAbstractButton)
        unused = isinstance(parent, QInputDialog) and widget.isHidden()  # another kind of question
        if not isinstance(widget, INTERACTIVE) or inner or part or popup or frame or unused:
            continue
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        standard = isinstance(parent, QDialogButtonBox) and bool(text)
        if not standard and not (widget.objectName() and (widget.accessibleName() or text)):
            above = parent.objectName() if parent is not None else ""
            found.append(f"{type(widget).__name__} '{widget.objectName()}' in '{above}'")
    return sorted(set(found))


def _registry() -> Registry:
    found = [read_manifest(f"visionstudio_{name}.manifest:MANIFEST") for name in PLUGINS]
    return Registry(models={m.id: m for probe in found for m in probe.models})


@pytest.fixture
def labelled(driver: Driver, pictures: Path) -> Driver:
    """A window with a class of four attributes, an object of it, a video, and all models."""
    models = driver.window.models
    models.submit = lambda *_: lambda: None  # type: ignore[method-assign, assignment]
    models._discovered(_registry())
    video_maker.make(pictures / "clip.mp4", 12)
    driver.open(pictures)
    one = driver.session.add_class("cell")
    specs = (
        AttributeSpec("age", "number"),
        AttributeSpec("side", "choice", ("left", "right")),
        AttributeSpec("sick", "flag"),
        AttributeSpec("note"),
    )
    driver.session.change_attributes(one.id, specs, {}, lambda _: None)
    driver.wait(lambda: len(driver.session.classes[0].attributes) == 4)
    driver.session.new_annotation(Box(10, 10, 40, 40))
    driver.saved()
    return driver


def _model(window: MainWindow, task: str) -> ModelChoice:
    return ModelChoice(next(m for m in window.models.of_task(task) if m.trainable))


OPENED: dict[str, Callable[[MainWindow], object]] = {
    "open_attributes": lambda w: w.dialogs.open_attributes(1),
    "open_skeleton": lambda w: w.dialogs.open_skeleton(1),
    "open_training": lambda w: w.dialogs.open_training(_model(w, "detector").model),
    "open_generator": lambda w: w.dialogs.open_generator(_model(w, "generator"), ("cell",)),
    "open_export_model": lambda w: w.dialogs.open_export_model(_model(w, "detector").model, None),
    "open_assign": lambda w: w.dialogs.open_assign([1, 2]),
}
"""How dialogs are opened that want to know something; all others want nothing."""
METHODS = sorted(name for name in vars(Dialogs) if name.startswith("open_"))
OF_VIDEO = ("open_video_export", "open_counting")


@pytest.mark.parametrize("names", [[m for m in METHODS if m not in OF_VIDEO], list(OF_VIDEO)])
def test_every_dialog(labelled: Driver, names: list[str]) -> None:
    window = labelled.window
    if names == list(OF_VIDEO):
        clip = next(m for m in labelled.session.media if m.name == "clip.mp4")
        window._open_item(clip.id)
        player = window.viewer.player
        assert player is not None
        labelled.wait(lambda: player.info is not None)
    missing = []
    for name in names:
        before = set(window.findChildren(QDialog))
        OPENED.get(name, lambda w, name=name: getattr(w.dialogs, name)())(window)

        def fresh(before: set[QDialog] = before) -> list[QDialog]:
            return [d for d in window.findChildren(QDialog) if d not in before and d.isVisible()]

        labelled.wait(lambda fresh=fresh: bool(fresh()))
        for dialog in fresh():
            assert dialog.windowTitle(), name
            missing += [f"{name}: {one}" for one in nameless(dialog)]
            dialog.close()
    assert not missing, "\n".join(missing)


def test_dialogs_of_dialogs_and_tools(labelled: Driver) -> None:
    window = labelled.window
    models = list(window.models.registry.models.values())
    dialogs = [
        ScaleDialog(100, "mm", window),
        ImportWeightsDialog(window.model_files, models, window),
    ]
    window.finding.panel.attribute_wanted.emit(lambda *_: None)
    dialogs += [d for d in window.findChildren(QDialog) if d not in dialogs]
    assert len(dialogs) == 3
    missing = [one for dialog in dialogs for one in nameless(dialog)]
    for dialog in dialogs:
        dialog.close()
    assert not missing, "\n".join(missing)


def test_every_panel(labelled: Driver) -> None:
    window = labelled.window
    labelled.wait(lambda: "model_panel" in window.__dict__)
    labelled.wait(labelled.window.object_panel.attributes.isVisible)
    for name in (
        "edit.find",
        "window.console",
        "window.inspection",
        "window.jobs",
        "inspect.measurements",
        "inspect.regions",
        "inspect.metadata",
        "inspect.compare",
        "inspect.loupe",
        "inspect.minimap",
        "help.palette",
        "view.grid",
        "view.grid",
    ):
        window._run(name)
    window.finding.panel.show_crops(True)
    unnamed = []
    for name in window.viewer.canvas.tools:
        window.viewer.canvas.set_tool(name)
        unnamed += [f"{name}: {one}" for one in nameless(window.viewer.tool_strip)]
    window.viewer.canvas.set_tool("select")
    window.viewer.banners.show_banner("read_only", "text", "warning")
    window.toasts.show("text", "warning", ("Undo", lambda: None))
    labelled.session.toggle_tag(1)
    clip = next(m for m in labelled.session.media if m.name == "clip.mp4")
    window._open_item(clip.id)
    labelled.wait(lambda: window.viewer.bar is not None and window.viewer.bar.isVisible())
    QTest.qWait(0)
    unnamed += nameless(window)
    assert not unnamed, "\n".join(unnamed)
    for other in QApplication.topLevelWidgets():
        if other.isVisible() and other is not window:
            assert not nameless(other)


def test_the_empty_window(driver: Driver) -> None:
    assert not (missing := nameless(driver.window)), "\n".join(missing)
