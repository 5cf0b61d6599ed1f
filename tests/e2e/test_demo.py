"""The sample project and what the demo does with it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from visionstudio.app.demo import (
    TRAININGS,
    divergence_from_uniform,
    has_screen,
    sample_folder,
    weights_of,
)
from visionstudio.app.main import main
from visionstudio.app.sample import Sample, build_sample, default_folder, unlabelled
from visionstudio.app.sample_pictures import CLIP_FRAMES, clip, coin_pictures
from visionstudio.engine.tracking import read_ground_truth
from visionstudio.media.video import open_video
from visionstudio.model.errors import ProjectError
from visionstudio.model.media import MediaStatus
from visionstudio.model.shapes import Mask, Tag
from visionstudio.storage.store import ProjectStore


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A sample project; tests only read it."""
    return build_sample(tmp_path_factory.mktemp("demo") / "sample")


def test_every_task_has_labelled_and_unlabelled_pictures(sample: Sample) -> None:
    with ProjectStore.open(sample.folder, read_only=True) as store:
        media = store.media()
        assert all(item.status is MediaStatus.OK for item in media)
        counts = store.counts()
        assert [c.name for c in store.classes()] == ["coin", *"0123456789"]
        kinds = {type(a.shape) for a in store.iter_annotations()}
        assert kinds == {Mask, Tag}
        assert len(unlabelled(store, "coins")) == 5
        assert len(unlabelled(store, "digits")) == 50
        assert counts.media == len(media) == 20 + 800 + 4 + 1
        # One gesture labelled it all, and it can be taken back.
        assert store.undo_title == "Label the sample project"


def test_the_recipe_finds_whole_coins() -> None:
    for picture in coin_pictures():
        assert 5 <= len(picture.masks) <= 14
        covered = np.sum(picture.masks, axis=0)
        assert covered.max() == 1  # no two coins share a pixel
        inside, outside = picture.image[covered > 0], picture.image[covered == 0]
        assert inside.mean() > outside.mean() + 40


def test_the_clip_and_its_truth_fit(sample: Sample) -> None:
    truth = read_ground_truth(sample.truth)
    with open_video(sample.clip) as video:
        assert (video.frames, video.width, video.height) == (CLIP_FRAMES, 320, 240)
        for number, (image, _) in enumerate(clip()):
            if number in (0, 33, 119):
                assert np.abs(video.read(number).astype(int) - image).mean() < 5
    assert len(truth) == CLIP_FRAMES
    assert sample.roi == tuple(truth[0])
    gone = ~np.isfinite(truth).all(axis=1)
    assert 15 <= gone.sum() <= 30


def test_it_is_built_once_and_lies_in_the_users_folder(isolated_home: Path) -> None:
    folder = sample_folder()
    assert folder == default_folder()
    assert folder.is_relative_to(isolated_home)
    before = (folder / "project.db").stat().st_mtime_ns
    assert build_sample(folder).folder == folder
    assert (folder / "project.db").stat().st_mtime_ns == before
    assert not list(folder.parent.glob("*.part"))
    assert all(weights_of(build_sample(folder), t) is None for t in TRAININGS)


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(ProjectError, match="something else is there"):
        build_sample(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]
    other = tmp_path / "other"
    ProjectStore.create(other).close()
    with pytest.raises(ProjectError, match="another project is there"):
        build_sample(other)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert build_sample(empty).clip.is_file()


def test_where_there_is_a_screen() -> None:
    assert not has_screen({}, "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        assert has_screen({name: "x"}, "linux")
    assert has_screen({}, "darwin")
    assert has_screen({}, "win32")


def test_divergence_by_hand() -> None:
    assert divergence_from_uniform([5, 5, 5, 5]) == pytest.approx(0)
    assert divergence_from_uniform([20, 0, 0, 0]) == pytest.approx(math.log(4))


@pytest.mark.slow
@pytest.mark.figures
@pytest.mark.timeout(1200)
def test_the_whole_job_without_a_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "sample"
    assert main(["demo", "--no-window", "--json", "--dir", str(folder)]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert reply["dir"] == str(folder)
    assert reply["media"] == 825
    assert reply["annotations"] > 800
    assert Path(reply["screenshot"]).stat().st_size > 10_000
    figures = reply["figures"]
    # Floors for a busy machine: each training has a time budget.
    assert figures["classifier_accuracy"] > 0.9
    assert figures["detector_AP50"] > 0.5
    assert figures["segmenter_mIoU"] > 0.6
    assert figures["detector_proposals"] > 10
    assert figures["tracker_mean_iou"] > 0.7
    assert figures["generator_modes"] == 10
    assert figures["generator_kl"] < 0.2
    assert (folder / "results" / "track.txt").is_file()
    assert len(list((folder / "results" / "generated").glob("*.png"))) == 200
