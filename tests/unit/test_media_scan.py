"""Finding media by name: order, hidden files, links, folders as videos."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from visionstudio.media.scan import find_media, frame_files, has_media, kind_of, natural_key
from visionstudio.model.errors import MediaError
from visionstudio.model.media import MediaKind


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.jpg", "a.PNG", "c.mp4", "notes.txt", ".hidden.jpg", "a/2.jpg", "a/10.jpg", "a-b/1.tif",
        ".git/x.jpg", "a/deep/er/z.webp", "no_suffix", "data.json",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(found: list, root: Path) -> list[str]:  # type: ignore[type-arg]
    return [f.path.relative_to(root).as_posix() for f in found]


def test_everything_beneath_in_path_order(folder: Path) -> None:
    found = find_media(folder)
    expected = ["a-b/1.tif", "a.PNG", "a/10.jpg", "a/2.jpg", "a/deep/er/z.webp", "b.jpg", "c.mp4"]
    assert names(found, folder) == expected == sorted(expected)
    assert [f.kind for f in found].count(MediaKind.VIDEO) == 1


def test_whether_a_folder_itself_holds_any(folder: Path) -> None:
    assert has_media(folder)
    assert has_media(folder / "a")
    assert not has_media(folder / "a" / "deep")  # only beneath
    assert not has_media(folder / "nowhere")
    (folder / "named.jpg").mkdir()
    for name in ("b.jpg", "a.PNG", "c.mp4"):
        (folder / name).unlink()
    assert not has_media(folder)  # what is left is hidden, a folder, or neither


def test_folders_of_pictures_as_videos(folder: Path) -> None:
    found = find_media(folder, as_video=True)
    assert names(found, folder) == [".", "a", "a-b", "a/deep/er", "c.mp4"]
    assert [f.kind for f in found] == [MediaKind.FRAMES] * 4 + [MediaKind.VIDEO]


def test_named_files_are_taken_at_their_word_and_once(folder: Path) -> None:
    found = find_media([folder / "notes.txt", folder / "a", folder / "a" / "2.jpg"])
    assert names(found, folder) == ["a/10.jpg", "a/2.jpg", "a/deep/er/z.webp", "notes.txt"]
    assert found[-1].kind is MediaKind.IMAGE
    assert find_media([]) == []


def test_links_in_circles_end(folder: Path) -> None:
    (folder / "a" / "up").symlink_to(folder)
    (folder / "a" / "self.jpg").symlink_to(folder / "a" / "self.jpg")
    (folder / "broken.jpg").symlink_to(folder / "gone")
    found = find_media(folder)
    # A link that leads nowhere is listed, so that its row says what is wrong.
    assert {"a/self.jpg", "broken.jpg"} <= set(names(found, folder))
    assert len(found) == 9


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="gone"):
        find_media(tmp_path / "gone")
    assert find_media(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list everything")
def test_a_folder_without_permission_hides_only_itself(folder: Path) -> None:
    (folder / "a").chmod(0)
    try:
        assert names(find_media(folder), folder) == ["a-b/1.tif", "a.PNG", "b.jpg", "c.mp4"]
        with pytest.raises(MediaError, match="listed"):
            find_media(folder / "a")
    finally:
        (folder / "a").chmod(0o755)


def test_odd_names(tmp_path: Path) -> None:
    for name in ("ü.jpg", "with\nnewline.jpg", "%41.jpg", "-rf.jpg", "x.jpg.exe", "日本.png"):
        (tmp_path / name).touch()
    (tmp_path / os.fsdecode(b"\xff\xfe.jpg")).touch()
    assert len(find_media(tmp_path)) == 6


def test_frames_are_in_natural_order(tmp_path: Path) -> None:
    for name in ("f10.png", "f9.png", "f1.png", "f010.png", "g0.png", ".f2.png", "f3.txt"):
        (tmp_path / name).touch()
    (tmp_path / "f5.png").mkdir()
    found = [f.name for f in frame_files(tmp_path)]
    assert found == ["f1.png", "f9.png", "f010.png", "f10.png", "g0.png"]
    assert sorted(["a10b2", "a2b10", "a2b9"], key=natural_key) == ["a2b9", "a2b10", "a10b2"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(MediaError, match="no pictures"):
        frame_files(tmp_path / "empty")


def test_kinds_by_name() -> None:
    assert kind_of("A.JPG") is MediaKind.IMAGE
    assert kind_of("a.b.Mkv") is MediaKind.VIDEO
    for name in ("jpg", "a.txt", "a", "", "a."):
        assert kind_of(name) is None
