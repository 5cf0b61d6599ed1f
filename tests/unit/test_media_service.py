"""Media source, thumbnails and prefetch: what the window asks for pixels."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.video_maker import make, number_in, picture
from visionstudio.media import prefetch as prefetch_module
from visionstudio.media import thumbnails as thumbnails_module
from visionstudio.media.image import Pixels
from visionstudio.media.prefetch import Loaded, Prefetch
from visionstudio.media.source import OPEN_VIDEOS, MediaSource
from visionstudio.media.thumbnails import Thumbnails
from visionstudio.model.errors import InvalidValue, MediaError
from visionstudio.model.media import MediaItem, MediaKind


@pytest.fixture
def items(tmp_path: Path) -> list[MediaItem]:
    """Twenty pictures that show their number."""
    made = []
    for n in range(20):
        Image.fromarray(picture(n)).save(tmp_path / f"{n:02d}.png")
        made.append(MediaItem(id=n + 1, path=f"{n:02d}.png", width=192, height=96))
    return made


# media source


def test_a_source_reads_pictures_videos_and_frames(tmp_path: Path, items: list[MediaItem]) -> None:
    make(tmp_path / "v.mp4", 20)
    video = MediaItem(id=50, path="v.mp4", kind=MediaKind.VIDEO)
    frames = MediaItem(id=51, path=".", kind=MediaKind.FRAMES)
    elsewhere = MediaItem(id=52, path=str(tmp_path / "03.png"))
    with MediaSource(tmp_path) as source:
        assert number_in(source.read(items[7])) == 7
        assert number_in(source.read(video, 13)) == 13
        assert number_in(source.read(frames, 4)) == 4
        assert number_in(source.read(elsewhere)) == 3
        with pytest.raises(InvalidValue):
            source.read(items[0], 1)
        with pytest.raises(MediaError):
            source.read(MediaItem(id=53, path="gone.png"))


def test_a_source_keeps_few_videos_open_for_all_threads(tmp_path: Path) -> None:
    videos = []
    for n in range(OPEN_VIDEOS + 3):
        make(tmp_path / f"{n}.mp4", 12, numbers=range(100 * n, 100 * n + 12))
        videos.append(MediaItem(id=n, path=f"{n}.mp4", kind=MediaKind.VIDEO))
    wrong: list[object] = []
    with MediaSource(tmp_path) as source:

        def visit(start: int) -> None:
            for n in range(20):
                which, frame = (start + n) % len(videos), (3 * n) % 12
                try:
                    shown = number_in(source.read(videos[which], frame))
                except MediaError as error:  # closed between look-up and reading
                    wrong.append(error)
                    continue
                if shown != 100 * which + frame:
                    wrong.append((which, frame, shown))

        threads = [threading.Thread(target=visit, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(source._videos) == OPEN_VIDEOS
    assert wrong == []


# thumbnails


def test_thumbnails_are_made_once_and_follow_the_content(
    tmp_path: Path, items: list[MediaItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    thumbs = Thumbnails(tmp_path / "cache")
    first = thumbs.get(tmp_path / "05.png", 96)
    assert first.shape == (48, 96, 3)
    (tmp_path / "05.png").rename(tmp_path / "moved.png")
    with monkeypatch.context() as patch:
        patch.setattr(thumbnails_module, "_make", lambda *_: pytest.fail("not from the cache"))
        again = Thumbnails(tmp_path / "cache").get(tmp_path / "moved.png", 96)
    assert np.abs(again.astype(int) - first).mean() < 4  # stored as JPEG
    Image.fromarray(picture(9)).save(tmp_path / "moved.png")
    assert number_in(np.kron(thumbs.get(tmp_path / "moved.png", 192), np.ones((1, 1, 1)))) == 9


def test_thumbnails_of_videos_folders_and_damaged_files(
    tmp_path: Path, items: list[MediaItem]
) -> None:
    thumbs = Thumbnails()
    make(tmp_path / "v.mp4", 10, numbers=range(40, 50))
    assert number_in(thumbs.get(tmp_path / "v.mp4", 192)) == 40
    assert number_in(thumbs.get(tmp_path, 192)) == 0
    (tmp_path / "bad.png").write_text("no picture")
    for _ in range(2):
        with pytest.raises(MediaError, match="text"):
            thumbs.get(tmp_path / "bad.png", 64)


def test_a_thumbnail_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, items: list[MediaItem]
) -> None:
    (tmp_path / "file").touch()
    assert Thumbnails(tmp_path / "file" / "cache").get(tmp_path / "00.png", 64).shape == (32, 64, 3)


def test_a_torn_thumbnail_is_made_anew(tmp_path: Path, items: list[MediaItem]) -> None:
    thumbs = Thumbnails(tmp_path / "cache")
    thumbs.get(tmp_path / "00.png", 64)
    (cached,) = (tmp_path / "cache").rglob("*.jpg")
    cached.write_bytes(b"")
    assert thumbs.get(tmp_path / "00.png", 64).shape == (32, 64, 3)
    assert cached.stat().st_size > 0


def test_threads_may_share_thumbnails(tmp_path: Path, items: list[MediaItem]) -> None:
    thumbs = Thumbnails(tmp_path / "cache")
    shapes: list[tuple[int, ...]] = []

    def visit() -> None:
        for n in range(20):
            shapes.append(thumbs.get(tmp_path / f"{n:02d}.png", 64).shape)

    threads = [threading.Thread(target=visit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shapes == [(32, 64, 3)] * 80
    assert len(list((tmp_path / "cache").rglob("*.jpg"))) == 20
    assert list((tmp_path / "cache").rglob("*.part")) == []


def test_old_thumbnails_go_when_there_are_too_many(tmp_path: Path, items: list[MediaItem]) -> None:
    thumbs = Thumbnails(tmp_path / "cache", limit_bytes=6000)
    for n in range(20):
        thumbs.get(tmp_path / f"{n:02d}.png", 96)
    thumbs.trim()
    kept = sum(f.stat().st_size for f in (tmp_path / "cache").rglob("*.jpg"))
    assert 0 < kept <= 6000


# prefetch


class Desk:
    """Stands for the GUI thread: runs what is posted when it is told to wait."""

    def __init__(self) -> None:
        self.posted: queue.Queue[Callable[[], None]] = queue.Queue()
        self.answers: list[Loaded] = []

    def wait(self, count: int = 1) -> list[Loaded]:
        """Run posted calls until that many answers have come."""
        while len(self.answers) < count:
            self.posted.get(timeout=10)()
        return self.answers


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def fetch(tmp_path: Path, desk: Desk) -> Iterator[Prefetch]:
    service = Prefetch(MediaSource(tmp_path), desk.posted.put, workers=2)
    yield service
    service.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("picture-")]


def test_an_answer_comes_by_post_and_then_at_once(
    fetch: Prefetch, desk: Desk, items: list[MediaItem]
) -> None:
    fetch.request(items[3], desk.answers.append)
    (loaded,) = desk.wait()
    assert loaded.rgb is not None
    assert number_in(loaded.rgb) == 3
    assert not loaded.rgb.flags.writeable
    fetch.request(items[3], desk.answers.append)
    assert len(desk.answers) == 2  # without waiting
    fetch.forget(items[3].id)
    fetch.request(items[3], desk.answers.append)
    assert len(desk.answers) == 2
    desk.wait(3)


def test_neighbours_are_there_before_they_are_asked_for(
    fetch: Prefetch, desk: Desk, items: list[MediaItem]
) -> None:
    fetch.request(items[5], desk.answers.append, near=[items[6], items[4], items[7]])
    desk.wait()
    wait_until(lambda: {5, 6, 7, 8} <= set(fetch._cache))
    for n in (6, 4, 7):
        fetch.request(items[n], desk.answers.append)
    assert [a.item.id - 1 for a in desk.answers] == [5, 6, 4, 7]


def test_only_the_newest_request_is_answered(
    fetch: Prefetch, desk: Desk, items: list[MediaItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    decoded: list[str] = []
    real = prefetch_module.read_pixels

    def slow(path: Path, **options: Any) -> Pixels:
        gate.wait(10)
        decoded.append(path.name)
        return real(path, **options)

    monkeypatch.setattr(prefetch_module, "read_pixels", slow)
    for item in items:
        fetch.request(item, desk.answers.append, near=items)
    gate.set()
    desk.wait()
    assert [a.item for a in desk.answers] == [items[-1]]
    wait_until(lambda: len(fetch._cache) == 20)
    assert decoded.index("19.png") <= 2  # behind the two that were begun already
    assert len(decoded) == len(set(decoded))


def test_a_damaged_picture_is_an_answer_and_is_tried_again(
    fetch: Prefetch, desk: Desk, items: list[MediaItem], tmp_path: Path
) -> None:
    path = tmp_path / items[0].path
    whole = path.read_bytes()
    path.write_bytes(whole[:200])
    fetch.request(items[0], desk.answers.append)
    (loaded,) = desk.wait()
    assert loaded.rgb is None
    assert loaded.error is not None
    assert "cut off" in loaded.error.what
    path.write_bytes(whole)
    fetch.request(items[0], desk.answers.append)
    assert desk.wait(2)[1].rgb is not None


def test_a_large_jpeg_comes_small_first(
    fetch: Prefetch, desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch_module, "PREVIEW_FILE_BYTES", 1000)
    monkeypatch.setattr(prefetch_module, "PREVIEW_SIDE", 100)
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "big.jpg")
    fetch.request(MediaItem(id=99, path="big.jpg"), desk.answers.append)
    small, whole = desk.wait(2)
    assert small.rgb is not None
    assert whole.rgb is not None
    assert (small.whole, max(small.rgb.shape)) == (False, 150)  # a quarter, as the decoder gives it
    assert (whole.whole, whole.rgb.shape) == (True, (400, 600, 3))


class Made:
    """What a caller makes of a picture, in this test."""

    def __init__(self, rgb: np.ndarray, values: np.ndarray | None) -> None:  # type: ignore[type-arg]
        self.rgb, self.values = rgb, values
        self.thread = threading.current_thread().name
        self.nbytes = 100


def test_pictures_are_prepared_in_the_decoding_thread(
    tmp_path: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch_module, "PREVIEW_FILE_BYTES", 1000)
    monkeypatch.setattr(prefetch_module, "PREVIEW_SIDE", 100)
    ramp = (np.arange(120_000, dtype=np.uint32).reshape(300, 400) // 2).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "deep.tif"), ramp)
    noise = np.random.default_rng(0).integers(0, 255, (400, 600, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "big.jpg")
    (tmp_path / "bad.png").write_text("no picture")
    service = Prefetch(
        MediaSource(tmp_path),
        desk.posted.put,
        prepare=lambda _, rgb, pixels: Made(rgb, pixels and pixels.values),
        cache_bytes=150,
    )
    service.request(MediaItem(id=1, path="deep.tif"), desk.answers.append)
    (deep,) = desk.wait(1)
    assert deep.rgb is None
    assert deep.prepared.thread.startswith("picture-")
    assert (deep.prepared.values == ramp).all()
    assert deep.prepared.rgb.dtype == np.uint8
    service.request(MediaItem(id=2, path="big.jpg"), desk.answers.append)
    _, small, whole = desk.wait(3)
    assert (small.whole, small.prepared.values, max(small.prepared.rgb.shape)) == (False, None, 150)
    assert (whole.whole, whole.prepared.values.shape) == (True, (400, 600, 3))
    assert list(service._cache) == [2]  # there is room for one
    service.request(MediaItem(id=3, path="bad.png"), desk.answers.append)
    broken = desk.wait(4)[-1]
    assert broken.prepared is None
    assert broken.error is not None
    service.forget_all()
    assert (service._bytes, len(service._cache)) == (0, 0)
    service.close()


def test_memory_stays_within_the_limit(tmp_path: Path, desk: Desk, items: list[MediaItem]) -> None:
    size = 192 * 96 * 3
    service = Prefetch(MediaSource(tmp_path), desk.posted.put, cache_bytes=5 * size)
    for n, item in enumerate(items):
        service.request(item, desk.answers.append, near=items[n + 1 : n + 3])
        desk.wait(n + 1)
        assert service._bytes <= 5 * size
    giant = MediaItem(id=77, path="00.png", width=20_000, height=20_000)
    assert not service._worth(giant)
    service.close()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what other threads do, at most ten seconds."""
    tick = threading.Event()
    for _ in range(2000):
        if condition():
            return
        tick.wait(0.005)
    raise AssertionError("it did not happen")
