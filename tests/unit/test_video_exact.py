"""Frame N is always frame N: random access in the kinds of file that mislead players."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from tests.video_maker import HEIGHT, WIDTH, make, number_in, picture
from visionstudio.media import video_index
from visionstudio.media.probe import probe
from visionstudio.media.video import FrameCache, FrameFolder, VideoReader, open_video
from visionstudio.media.video_index import VideoIndex, load_index
from visionstudio.model.errors import Cancelled, InvalidValue, MediaError
from visionstudio.model.media import MediaKind

UNEVEN = [0, 10, 43, 83, 203, 703, 713, 746, 786, 906, 1406]
UNEVEN = [second * 1500 + stamp for second in range(6) for stamp in UNEVEN][:60]

KINDS: dict[str, dict[str, Any]] = {
    "b-frames.mp4": {"b_frames": 3},
    "long-gop.mp4": {"gop": 250},
    "variable-rate.mp4": {"stamps": UNEVEN},
    "non-zero-start.mkv": {"stamps": [5000 + 40 * n for n in range(60)]},
    "transport.ts": {},
    "transport-long-gop.ts": {"gop": 250},
    "open-gop.ts": {"options": {"x264-params": "open-gop=1:keyint=12:bframes=3"}},
    "rolling-refresh.mp4": {"options": {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}},
    "hevc-open-gop.mp4": {
        "codec": "libx265",
        "options": {"x265-params": "log-level=none:open-gop=1:keyint=12"},
    },
    "hidden-frames.webm": {
        "codec": "libvpx-vp9",
        "options": {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "16"},
    },
    "mpeg4-b-frames.avi": {"codec": "mpeg4"},
    "h264-b-frames.avi": {},
    "raw.h264": {},
}


@pytest.fixture(scope="module", params=KINDS)
def video(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    return make(folder / request.param, **KINDS[request.param])


def test_random_access_shows_the_frame_asked_for(video: Path) -> None:
    with VideoReader(video, cache_bytes=1) as reader:
        assert reader.frames == 60
        order = random.Random(0).choices(range(60), k=40) + [0, 59, 58, 57, 30, 29, 28, 59]
        assert [number_in(reader.read(n)) for n in order] == order
        assert reader.gaps == set()


def test_random_access_equals_reading_in_order(video: Path) -> None:
    with VideoReader(video) as reader:
        in_order = [reader.read(n) for n in range(reader.frames)]
    with VideoReader(video, cache_bytes=1) as reader:
        for n in random.Random(1).sample(range(60), 12):
            assert np.array_equal(reader.read(n), in_order[n]), n


def test_stamps_rise_and_times_are_the_encoders(tmp_path: Path) -> None:
    with open_video(make(tmp_path / "v.mp4", stamps=UNEVEN)) as reader:
        seconds = reader.pts * float(reader.time_base)
    assert (np.diff(seconds) > 0).all()
    assert np.allclose(seconds - seconds[0], np.array(UNEVEN) / 1000, atol=1e-3)


def test_stepping_back_comes_from_the_cache(tmp_path: Path) -> None:
    with VideoReader(make(tmp_path / "v.mp4", gop=250)) as reader:
        reader.read(59)
        walked: list[int] = []
        reader._walk = lambda n: walked.append(n)  # type: ignore[assignment, method-assign]
        assert [number_in(reader.read(n)) for n in range(58, 40, -1)] == list(range(58, 40, -1))
    assert walked == []


def test_the_cache_keeps_to_its_limit() -> None:
    cache = FrameCache(100)
    for n in range(50):
        cache.put(n, n, 20)
        cache.put(n, n, 20)  # again: counted once
    assert cache.bytes == 100
    assert [n for n in range(50) if cache.get(n) is not None] == [45, 46, 47, 48, 49]


def test_a_recording_that_begins_within_a_gop_counts_from_its_first_whole_picture(
    tmp_path: Path,
) -> None:
    whole = make(tmp_path / "whole.ts").read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole[: 188 * 3] + whole[188 * 30 :])  # tables, then without the beginning
    with VideoReader(cut, cache_bytes=1) as reader:
        first = number_in(reader.read(0))
        assert 0 < first < 60
        assert reader.frames == 60 - first
        for n in random.Random(2).choices(range(reader.frames), k=20):
            assert number_in(reader.read(n)) == first + n


def test_a_damaged_part_is_a_gap_and_moves_no_other_frame(tmp_path: Path) -> None:
    path = make(tmp_path / "v.mp4", b_frames=0, gop=12)
    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    start, size = packets[24]  # a key frame: its whole group cannot be decoded
    data[start : start + size] = bytes(size)
    path.write_bytes(data)
    with VideoReader(path, cache_bytes=1) as reader:
        shown: dict[int, int] = {}
        for n in random.Random(3).sample(range(60), 60):
            with contextlib.suppress(MediaError):
                shown[n] = number_in(reader.read(n))
        assert 24 in reader.gaps
        assert reader.gaps <= set(range(24, 36))
        assert set(shown) == set(range(60)) - reader.gaps
        intact = [n for n in shown if not 24 <= n < 36]
        assert [shown[n] for n in intact] == intact
        with pytest.raises(MediaError, match="frame 24 is damaged"):
            reader.read(24)


def test_a_video_that_was_cut_off_has_the_frames_up_to_there(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mkv", gop=12).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    with VideoReader(cut) as reader:
        assert 20 < reader.frames < 60
        whole_frames = [n for n in range(reader.frames - 4) if number_in(reader.read(n)) == n]
        assert whole_frames == list(range(reader.frames - 4))


def test_probe_counts_frames_exactly(tmp_path: Path) -> None:
    header = probe(make(tmp_path / "v.ts", 37), MediaKind.VIDEO)
    assert (header.width, header.height, header.frames, header.fps) == (WIDTH, HEIGHT, 37, 25.0)


def test_the_index_is_kept_and_a_damaged_one_is_made_anew(
    tmp_path: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / "v.mp4")
    made = load_index(path)
    with monkeypatch.context() as patch:
        patch.setattr(video_index, "build_index", lambda *_: pytest.fail("not from the cache"))
        kept = load_index(path)
    assert np.array_equal(made.pts, kept.pts)
    assert np.array_equal(made.key_dts, kept.key_dts)
    assert (made.time_base, made.fps, made.turns) == (kept.time_base, kept.fps, kept.turns)
    (cached,) = (isolated_home / "cache" / "video-index").iterdir()
    cached.write_bytes(b"no index")
    assert np.array_equal(load_index(path).pts, made.pts)


def test_one_index_is_made_when_several_ask_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The player, its small pictures and the media list open a new video together."""
    path = make(tmp_path / "v.mp4")
    began, go_on = threading.Event(), threading.Event()
    calls: list[Path] = []
    build = video_index.build_index

    def slow(path: Path, cancelled: Callable[[], bool]) -> VideoIndex:
        calls.append(path)
        began.set()
        assert go_on.wait(30)
        return build(path, cancelled)

    monkeypatch.setattr(video_index, "build_index", slow)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(load_index, path)
        assert began.wait(30)
        second = pool.submit(load_index, path)
        given_up = pool.submit(load_index, path, lambda: True)
        with pytest.raises(Cancelled):
            given_up.result(30)
        go_on.set()
        assert np.array_equal(first.result(30).pts, second.result(30).pts)
    assert calls == [path]


def test_threads_may_share_a_reader(tmp_path: Path) -> None:
    wrong: list[tuple[int, int]] = []
    with VideoReader(make(tmp_path / "v.mp4"), cache_bytes=1) as reader:

        def visit(seed: int) -> None:
            for n in random.Random(seed).choices(range(60), k=15):
                if (shown := number_in(reader.read(n))) != n:
                    wrong.append((n, shown))

        threads = [threading.Thread(target=visit, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_frames_beyond_the_ends_are_refused(tmp_path: Path) -> None:
    reader = open_video(make(tmp_path / "v.mp4", 10))
    for n in (-1, 10):
        with pytest.raises(InvalidValue):
            reader.read(n)
    reader.close()
    with pytest.raises(MediaError, match="closed"):
        reader.read(0)


def test_a_frame_is_contiguous_and_ones_own(tmp_path: Path) -> None:
    with open_video(make(tmp_path / "v.mp4", 10)) as reader:
        frame = reader.read(3)
        assert frame.flags.c_contiguous
        assert frame.dtype == np.uint8
        frame[:] = 0
        assert number_in(reader.read(3)) == 3


def test_a_folder_of_frames_reads_like_a_video(tmp_path: Path) -> None:
    for n in range(12):  # without leading zeros: 10 comes after 9
        cv2.imwrite(str(tmp_path / f"frame{n}.png"), picture(n)[:, :, ::-1])
    (tmp_path / "frame5.png").write_bytes(b"damaged")
    with open_video(tmp_path) as folder:
        assert isinstance(folder, FrameFolder)
        assert (folder.width, folder.height, folder.frames) == (WIDTH, HEIGHT, 12)
        assert [number_in(folder.read(n)) for n in (11, 0, 10, 2)] == [11, 0, 10, 2]
        with pytest.raises(MediaError):
            folder.read(5)
        changed = folder.read(3)
        changed[:] = 0
        assert number_in(folder.read(3)) == 3


@pytest.mark.parametrize(
    ("name", "frames", "size"),
    [
        ("decord/corrupted.mp4", 50, (1280, 720)),
        ("decord/flipping_a_pancake.mkv", 310, (426, 240)),
        ("decord/unordered.mov", 4, (50, 50)),
        ("decord/video_90.mov", 3, (320, 568)),
        ("torchcodec/av1_video.mkv", 125, (640, 360)),
        ("torchcodec/bt709_full_range.mp4", 30, (1280, 720)),
        ("torchcodec/h264_10bits.mp4", 30, (200, 200)),
        ("torchcodec/h265_10bits.mp4", 30, (200, 200)),
        ("torchcodec/nasa_13013.mp4", 325, (320, 180)),
        ("pysot/bag.avi", 196, (480, 360)),
    ],
)
def test_real_files(shared_data: Path, name: str, frames: int, size: tuple[int, int]) -> None:
    path = shared_data / "videos" / name
    with VideoReader(path) as reader:
        assert (reader.frames, (reader.width, reader.height)) == (frames, size)
        chosen = sorted(random.Random(4).sample(range(frames), min(frames, 8)))
        in_order = {n: _read(reader, n) for n in chosen}
    with VideoReader(path, cache_bytes=1) as reader:
        for n in reversed(chosen):
            assert np.array_equal(_read(reader, n), in_order[n]), n


def _read(reader: VideoReader, n: int) -> Any:
    """The frame, or what is wrong with it."""
    try:
        return reader.read(n)
    except MediaError as error:
        return error.what


@pytest.mark.parametrize(("turn", "clockwise"), [(0, 0), (90, 1), (180, 2), (270, 3)])
def test_rotated_videos_stand_upright(shared_data: Path, turn: int, clockwise: int) -> None:
    """The files' names say by how much players turn them clockwise."""
    path = shared_data / "videos" / "decord" / f"video_{turn}.mov"
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24")
    with open_video(path) as reader:
        upright = reader.read(0)
        assert upright.shape == (reader.height, reader.width, 3)
    expected = np.rot90(stored, -clockwise)
    assert upright.shape == expected.shape
    assert np.abs(upright.astype(int) - expected).mean() < 2  # PyAV's default colours differ


@pytest.mark.parametrize("kind", ["text", "empty", "folder of nothing", "missing", "sound"])
def test_what_is_no_video_says_why(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "v.mp4"
    if kind == "text":
        path.write_text("not a video " * 100)
    elif kind == "empty":
        path.touch()
    elif kind == "folder of nothing":
        path.mkdir()
    elif kind == "sound":
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=44100)
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate = 44100
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    with pytest.raises(MediaError) as caught:
        open_video(path)
    assert str(path) in str(caught.value)
    assert caught.value.next_step
