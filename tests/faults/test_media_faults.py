"""Files that are not what they seem: a reason and a next step, never a crash or a hang."""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from visionstudio.media.identity import content_key, identity
from visionstudio.media.image import read_pixels, read_reduced, read_rgb
from visionstudio.media.probe import probe
from visionstudio.model.errors import MediaError
from visionstudio.model.media import MediaKind

RNG = np.random.default_rng(3)


def photo(width: int = 200, height: int = 100) -> Image.Image:
    return Image.fromarray(RNG.integers(0, 255, (height, width, 3), dtype=np.uint8))


def refused(path: Path) -> MediaError:
    """The one error that all ways of reading give."""
    with pytest.raises(MediaError) as caught:
        read_rgb(path)
    for read in (read_pixels, lambda p: read_reduced(p, 50)):
        with pytest.raises(MediaError):
            read(path)
    assert str(path) in caught.value.where
    assert caught.value.next_step
    return caught.value


def png(width: int, height: int, body: bytes = b"", bits: int = 8, colour: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def test_a_text_file_named_jpg(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("this is no picture at all\n" * 10)
    assert "text" in refused(path).what
    with pytest.raises(MediaError, match="text"):
        probe(path)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0", "no picture|damaged"),
        (b"%PDF-1.7 and more of it", "PDF"),
        (b"PK\x03\x04 and more of it here", "ZIP"),
        (bytes(1000), "no picture"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"II*\0\x08\0\0\0\xff\xff", "damaged"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "no picture|damaged"),
    ],
)
def test_not_a_picture(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    error = refused(path)
    assert any(part in error.what for part in reason.split("|")), error.what
    with pytest.raises(MediaError):
        probe(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "tif", "bmp", "jp2", "avif"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, suffix: str, part: float) -> None:
    whole = tmp_path / f"whole.{suffix}"
    photo().save(whole)
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * part)])
    read_rgb(whole)
    refused(cut)


def test_what_there_is_of_a_truncated_jpeg_can_be_asked_for(
    tmp_path: Path, shared_data: Path
) -> None:
    path = shared_data / "inspect" / "libvips" / "truncated.jpg"
    assert "cut off" in refused(path).what
    shown = read_rgb(path, partial=True)
    whole = read_rgb(path.with_name("sample.jpg"))
    assert shown.shape == whole.shape
    assert np.array_equal(shown[:20], whole[:20])
    assert not np.array_equal(shown[-20:], whole[-20:])


def test_a_copy_that_was_interrupted_ends_in_zeros(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    photo().save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) // 2))
    assert "cut off" in refused(path).what


def test_damaged_data_within_a_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    photo().save(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    refused(path)


@pytest.mark.parametrize(
    "data",
    [
        png(2**31 - 1, 2**31 - 1),
        png(36_000, 36_000, zlib.compress(bytes(1000))),
        png(30_000, 30_000, zlib.compress(bytes(2**20), 9), 16, 6),
        png(19_000, 19_000, zlib.compress(bytes(100))),
        png(0, 10),
    ],
)
def test_headers_that_cannot_be_true_are_refused_before_decoding(
    tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"pixels|damaged"):
        probe(path)
    refused(path)


def test_bombs_do_not_take_memory(tmp_path: Path) -> None:
    """In a process of its own, whose peak memory tells."""
    for n, data in enumerate((png(36_000, 36_000), png(19_000, 19_000), png(2**30, 2**30))):
        (tmp_path / f"{n}.png").write_bytes(data)
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from visionstudio.media.image import read_rgb, read_reduced\n"
        "from visionstudio.model.errors import MediaError\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in Path(sys.argv[1]).iterdir():\n"
        "    for read in (read_rgb, lambda p: read_reduced(p, 100)):\n"
        "        try: read(path)\n"
        "        except MediaError: continue\n"
        "        raise SystemExit('decoded')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 20_000  # KiB


def test_special_files_are_not_opened(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe.jpg"
    os.mkfifo(fifo)  # opening it would wait for ever
    assert "special" in refused(fifo).what
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    assert "folder" in refused(folder).what
    assert "not there" in refused(tmp_path / "missing.jpg").what
    link = tmp_path / "loop.jpg"
    link.symlink_to(link)
    refused(link)
    for read in (identity, content_key):
        with pytest.raises(MediaError):
            read(fifo)
    with pytest.raises(MediaError):
        probe(fifo, MediaKind.VIDEO)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    photo().save(path)
    path.chmod(0)
    assert "Permission" in refused(path).what


def test_a_thousand_damaged_files_leave_nothing_behind(tmp_path: Path) -> None:
    """Each is a whole picture with bytes changed at random: read or refused, nothing else."""
    originals = []
    for suffix in ("jpg", "png", "tif", "webp", "gif", "bmp"):
        path = tmp_path / f"o.{suffix}"
        photo(64, 48).save(path)
        originals.append((suffix, path.read_bytes()))
    open_files = Path("/proc/self/fd")
    handles = len(list(open_files.iterdir())) if open_files.exists() else 0
    outcomes = {"read": 0, "refused": 0}
    for n in range(1000):
        suffix, data = originals[n % len(originals)]
        damaged = bytearray(data)
        for _ in range(1 + n % 5):
            damaged[int(RNG.integers(len(damaged)))] = int(RNG.integers(256))
        path = tmp_path / f"d.{suffix}"
        path.write_bytes(damaged)
        try:
            rgb = read_rgb(path)
            assert rgb.dtype == np.uint8
            assert rgb.ndim == 3
            outcomes["read"] += 1
        except MediaError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 50
    if handles:
        assert len(list(open_files.iterdir())) <= handles + 2
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20


def test_identity_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    photo().save(path)
    moved = tmp_path / "sub" / "b.png"
    moved.parent.mkdir()
    moved.write_bytes(path.read_bytes())
    assert identity(path) == identity(moved)
    assert identity(path)[0] == path.stat().st_size
    assert len(identity(path)[1]) == 32
    assert content_key(path) == content_key(moved)
    long = bytes(200_000)
    (tmp_path / "c").write_bytes(long)
    (tmp_path / "d").write_bytes(long[:-1] + b"x")
    assert identity(tmp_path / "c") == identity(tmp_path / "d")  # by its head only
    assert content_key(tmp_path / "c") != content_key(tmp_path / "d")
