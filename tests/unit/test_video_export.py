"""Clips, frames and annotated videos: exactly the frames asked for, all files or none."""

from __future__ import annotations

import errno
import io
import itertools
import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from tests.video_maker import HEIGHT, WIDTH, make, number_in, picture
from visionstudio.app.cli import run
from visionstudio.media.video import open_video
from visionstudio.media.video_write import VideoWriter
from visionstudio.model.annotations import Annotation, Flags, State
from visionstudio.model.errors import Cancelled, InvalidValue, StorageFull
from visionstudio.model.labels import LabelClass
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Skeleton,
    Tag,
)
from visionstudio.pyapi import create
from visionstudio.session.lettering import font_for, runs, text_chip
from visionstudio.session.overlays import draw_overlays
from visionstudio.session.video_export import Drawn, Product, VideoOrder, export_video

RED = LabelClass(id=1, name="bar", colour="#ff0000")


def at(frame: int, shape: Shape | None = None, **more: object) -> Annotation:
    return Annotation(
        id=frame + 1,
        media_id=1,
        class_id=1,
        frame=frame,
        shape=shape or Box(20, 40, 60, 80),
        **more,
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # A variable rate: every stamp must come through.
    stamps = [40 * n + (15 if n % 3 == 0 else 0) for n in range(60)]
    return make(tmp_path_factory.mktemp("export") / "clip.mp4", 60, stamps=stamps)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_clip_is_those_frames_at_their_times(clip: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"part{suffix}"
    made = export_video(clip, VideoOrder(Product.CLIP, out, first=17, last=41))
    assert (made.files, made.frames, made.damaged) == (1, 25, ())
    with open_video(out) as part, open_video(clip) as whole:
        assert [number_in(part.read(n)) for n in range(part.frames)] == list(range(17, 42))
        ours = (part.pts - part.pts[0]) * float(part.time_base)
        theirs = (whole.pts[17:42] - whole.pts[17]) * float(whole.time_base)
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


def test_frames_are_numbered_and_exact(clip: Path, tmp_path: Path) -> None:
    order = VideoOrder(Product.FRAMES, tmp_path / "out", first=5, last=30, step=10)
    assert export_video(clip, order).files == 3
    files = sorted((tmp_path / "out").iterdir())
    assert [f.name for f in files] == [f"clip_{n:06d}.png" for n in (5, 15, 25)]
    with open_video(clip) as video:
        for file, n in zip(files, (5, 15, 25), strict=True):
            np.testing.assert_array_equal(np.asarray(Image.open(file)), video.read(n))


def test_annotations_are_drawn_where_they_are(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "annotated.mp4"
    drawn = Drawn({10: [at(10)]}, {1: RED})
    export_video(clip, VideoOrder(Product.ANNOTATED, out, first=9, last=11), drawn)
    with open_video(out) as video, open_video(clip) as plain:
        for n in range(3):
            edge = video.read(n)[60, 19:22].astype(int)
            with_box = n == 1
            assert (edge[:, 0].max() > 150 and edge[:, 1].min() < 90) == with_box
            inside = np.abs(
                video.read(n)[60:64, 36:44].astype(int) - plain.read(9 + n)[60:64, 36:44]
            )
            assert inside.mean() < 12


@pytest.mark.parametrize(
    ("shape", "painted", "free"),
    [
        (Box(20, 20, 60, 60), (20, 40), (40, 40)),
        (RotatedBox(40, 40, 40, 20, 0.0), (20, 40), (40, 40)),
        (Polygon((np.array([[20.0, 20], [60, 20], [60, 60], [20, 60]]),)), (60, 40), (40, 40)),
        (Polyline(np.array([[10.0, 40], [70, 40]])), (40, 40), (40, 60)),
        (Points(np.array([[40.0, 40]])), (40, 40), (60, 60)),
        (Ellipse(40, 40, 20, 20, 0.0), (20, 40), (40, 40)),
        (Skeleton(np.array([[30.0, 30], [50, 50]]), (2, 0)), (30, 30), (50, 50)),
        (Mask.from_array(np.ones((20, 20), bool), 30, 30), (40, 40), (60, 60)),
    ],
)
def test_every_shape_is_drawn(
    shape: Shape, painted: tuple[int, int], free: tuple[int, int]
) -> None:
    grey = np.full((80, 80, 3), 90, np.uint8)
    out = draw_overlays(grey, [at(0, shape)], {1: RED}, labels=False)
    (x, y), (u, v) = painted, free
    assert out[y - 1 : y + 1, x - 1 : x + 1, 0].max() > 140
    assert tuple(out[v, u]) == (90, 90, 90)
    assert (grey == 90).all()
    named = draw_overlays(grey, [at(0, Tag())], {1: RED})
    assert tuple(named[1, 1]) == (255, 0, 0)
    for hidden in ({"state": State.REJECTED}, {"flags": Flags.HIDDEN}, {"flags": Flags.OUTSIDE}):
        assert (draw_overlays(grey, [at(0, shape, **hidden)], {1: RED}) == 90).all()


def test_wrong_orders_say_what_to_do(clip: Path, tmp_path: Path) -> None:
    for order, text in (
        (VideoOrder(Product.CLIP, tmp_path / "a.gif"), ".mp4"),
        (VideoOrder(Product.CLIP, tmp_path / "a.mp4", first=50, last=70), "0…59"),
        (VideoOrder(Product.CLIP, tmp_path / "a.mp4", first=9, last=3), "9 to 3"),
        (VideoOrder(Product.CLIP, clip), "overwrite itself"),
        (VideoOrder(Product.FRAMES, tmp_path / "f", picture="bmp"), "png or jpg"),
        (VideoOrder(Product.FRAMES, tmp_path / "f", step=0), "1 or more"),
    ):
        with pytest.raises(InvalidValue, match=r".") as told:
            export_video(clip, order)
        assert text in str(told.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("product", [Product.CLIP, Product.FRAMES])
def test_giving_up_leaves_nothing(clip: Path, tmp_path: Path, product: Product) -> None:
    out = tmp_path / ("a.mp4" if product is Product.CLIP else "frames")
    if product is Product.CLIP:
        out.write_bytes(b"the old one")

    def progress(fraction: float | None, _message: str) -> None:
        if fraction is not None and fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        export_video(clip, VideoOrder(product, out), progress=progress)
    left = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert [p.read_bytes() for p in left] == ([b"the old one"] if product is Product.CLIP else [])


def test_a_full_disk_is_said_so(tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: object, /) -> int:
            if self.tell() > 1000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)  # type: ignore[arg-type]

    writer = VideoWriter(
        Full(), tmp_path / "a.mp4", 64, 64, fps=25, time_base=Fraction(1, 25)
    )  # fmt: skip
    rng = np.random.default_rng(0)

    def write_much() -> None:
        for n in range(400):
            writer.write(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8), n)

    with pytest.raises(StorageFull, match="make room"):
        write_much()
    writer.abandon()


def test_odd_sizes_and_mixed_sizes(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for n in range(4):
        Image.fromarray(np.full((41, 61, 3), 60 * n, np.uint8)).save(folder / f"{n}.png")
    made = export_video(folder, VideoOrder(Product.CLIP, tmp_path / "odd.mp4"))
    assert made.frames == 4
    with open_video(tmp_path / "odd.mp4") as video:
        assert (video.width, video.height, video.frames) == (62, 42, 4)
    Image.fromarray(np.zeros((10, 10, 3), np.uint8)).save(folder / "3.png")
    with pytest.raises(InvalidValue, match="as pictures"):
        export_video(folder, VideoOrder(Product.CLIP, tmp_path / "mixed.mp4"))
    assert not (tmp_path / "mixed.mp4").exists()


def test_the_command_line(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "part.mp4"
    assert run(["video", "clip", str(clip), str(out), "--start", "3", "--end", "9", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"files": 1, "frames": 7, "damaged": [], "sound": False}
    assert run(["video", "annotated", str(clip), str(out)]) == 1
    assert "give the project" in capsys.readouterr().err
    folder = tmp_path / "project"
    with create(folder, media=[clip]) as project:
        project.add(project.media[0].id, Box(20, 40, 60, 80), "bar")
    annotated = tmp_path / "a.mp4"
    assert run(["video", "annotated", str(folder), str(annotated), "--end", "2"]) == 0
    assert run(["video", "clip", str(folder), str(out), "--item", "none.mp4"]) == 1
    assert "clip.mp4" in capsys.readouterr().err


def with_sound(path: Path) -> Path:
    """Three seconds of numbered frames; a tone begins after exactly one."""
    rate = 48_000
    tone = np.sin(np.arange(3 * rate) * 2 * np.pi * 440 / rate).astype(np.float32) * 0.5
    tone[:rate] = 0
    with av.open(str(path), "w") as out:
        film = out.add_stream("libx264", rate=25)
        film.width, film.height, film.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = out.add_stream("aac", rate=rate, layout="mono")
        for n in range(75):
            out.mux(film.encode(av.VideoFrame.from_ndarray(picture(n), format="rgb24")))
        for start in range(0, len(tone), 1024):
            block = tone[None, start : start + 1024]
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            out.mux(sound.encode(frame))
        out.mux(film.encode(None))
        out.mux(sound.encode(None))
    return path


def tone_begins(path: Path) -> float:
    """When something is heard, in s from the first picture of the file."""
    with av.open(str(path)) as film:
        picture = next(film.decode(video=0)).time
    with av.open(str(path)) as heard:
        for frame in heard.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.05)
            if len(loud):
                return float(frame.time + loud[0] / frame.sample_rate - picture)
    raise AssertionError("nothing is heard")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_sound_comes_along_at_its_time(tmp_path: Path, suffix: str) -> None:
    source = with_sound(tmp_path / "source.mp4")
    assert tone_begins(source) == pytest.approx(1.0, abs=0.03)
    out = tmp_path / f"part{suffix}"
    made = export_video(source, VideoOrder(Product.CLIP, out, first=20, last=59))
    assert made.sound
    assert tone_begins(out) == pytest.approx(1.0 - 20 / 25, abs=0.03)
    with av.open(str(out)) as heard:
        last = max(f.time for f in heard.decode(audio=0))
        assert last == pytest.approx(40 / 25, abs=0.06)


def test_a_video_without_sound_stays_without(clip: Path, tmp_path: Path) -> None:
    made = export_video(clip, VideoOrder(Product.CLIP, tmp_path / "a.mp4"))
    assert not made.sound
    with av.open(str(tmp_path / "a.mp4")) as film:
        assert not film.streams.audio


def test_names_are_written_in_their_script() -> None:
    """Each letter as a font draws it, not the box that stands for letters it lacks."""
    name = "行人"
    if any(font_for(letter) is None for letter in name):
        pytest.skip("no font of this system has Chinese letters")
    chips = [text_chip(text, (255, 255, 255), 20) for text in (name, "道路", "\U0010fffe" * 2)]
    assert all(chip.min() < 100 for chip in chips)  # there is ink
    assert not any(
        a.shape == b.shape and np.array_equal(a, b) for a, b in itertools.combinations(chips, 2)
    )
    # One font for the whole, Latin letters too, where it has them.
    assert len(list(runs(f"{name} car #3 0.50"))) == 1
    rgb = np.zeros((120, 200, 3), np.uint8)
    one = at(0, Box(20, 60, 90, 100))
    drawn = [
        draw_overlays(rgb, [one], {1: LabelClass(id=1, name=text, colour="#ff0000")})
        for text in (name, "道路")
    ]
    assert not np.array_equal(*drawn)
