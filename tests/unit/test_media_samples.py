"""Every file of the inspection samples opens right, or says clearly why not."""

from __future__ import annotations

import warnings
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
import tifffile
from PIL import Image

from tests.conftest import data_folder
from visionstudio.media.image import read_pixels, read_rgb
from visionstudio.media.probe import probe
from visionstudio.media.scan import kind_of
from visionstudio.media.video import StackReader, open_video
from visionstudio.model.errors import MediaError
from visionstudio.model.media import MediaKind

# Why files that are no pictures, or damaged ones, are refused; all others must open.
REFUSED = {
    "17000x17000.avif": "its decoder refuses",
    "truncated.gif": "cut off",
    "truncated.jpg": "cut off",
    "MR_truncated.dcm": "cut off",
    "JPEG-lossy.dcm": "JPEG data of 12 bits",
    "JPGExtended.dcm": "JPEG data of 12 bits",
    "JPEG2000-embedded-sequence-delimiter.dcm": "picture data are damaged",
    "badVR.dcm": "damaged DICOM file",
    "sRGB.icm": "colour profile",
    "crayons.icc": "colour profile",
    "t00740_tr1_segm.hdr": "Analyze",
    "blankpage.pdf": "PDF",
    "DICOMDIR": "Media Storage Directory",
}
NO_PICTURE = (
    "rtplan", "rtstruct", "report", "test-SR", "waveform", "priv_SQ", "nested", "no_meta", "empty_",
    "UN_sequence", "meta_missing", "ExplVR_LitEndNoMeta", "ExplVR_BigEndNoMeta", "TINY_ALPHA",
    "DICOMDIR-",
)  # fmt: skip
NOT_MEDIA = (".svg", ".svgz", ".gz", ".txt", ".json", ".dump", ".rb", ".mp4")
NOT_MEDIA_NAMES = ("SOURCE_LICENSE", "LICENSE", "VERSION", "Makefile", "Gemfile")


def samples() -> list[str]:
    folder = data_folder()
    root = folder / "inspect" if folder else Path()
    found = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
    # Of the folder with 54 alike and empty DICOM objects one is enough.
    return sorted(f for f in found if "TINY_ALPHA" not in f or f.endswith("IM00000A"))


def reason(name: str) -> str | None:
    """What has to be said of a file that cannot be opened; None for one that can."""
    base = name.rsplit("/", 1)[-1]
    if base in REFUSED:
        return REFUSED[base]
    if base in NOT_MEDIA_NAMES or base.endswith(NOT_MEDIA):
        return ""
    return "without a picture" if any(part in name for part in NO_PICTURE) else None


@pytest.mark.shared_data
@pytest.mark.parametrize("name", samples())
def test_a_sample(shared_data: Path, name: str) -> None:
    path = shared_data / "inspect" / name
    expected = reason(name)
    if expected is not None:
        with pytest.raises(MediaError) as caught:
            read_rgb(path)
        assert expected in caught.value.what
        assert caught.value.where == str(path)
        assert caught.value.next_step
        return
    header = probe(path)
    pixels = read_pixels(path)
    rgb = pixels.rgb()
    assert rgb.shape == (header.height, header.width, 3)
    assert rgb.dtype == np.uint8
    assert pixels.values.dtype in (np.uint8, np.uint16, np.float32)
    channels = 1 if pixels.values.ndim == 2 else pixels.values.shape[2]
    assert len(pixels.channel_names) == channels
    assert np.array_equal(rgb, read_rgb(path))
    if header.frames > 1:
        with open_video(path) as stack:
            assert isinstance(stack, StackReader)
            assert len(stack.pts) == stack.frames == header.frames
            assert np.array_equal(stack.read(0), rgb)
            if path.name == "invalid_multiframe.gif":  # the damaged frame says so, others are there
                with pytest.raises(MediaError, match="frame 3 is damaged"):
                    stack.read(3)
            else:
                assert stack.read(header.frames - 1).shape[2] == 3
            assert np.array_equal(stack.read(0), rgb)


@pytest.mark.shared_data
def test_dicom_values_are_rescaled_and_windowed(shared_data: Path) -> None:
    folder = shared_data / "inspect" / "pydicom"
    for name in (
        "CT_small.dcm",
        "MR_small.dcm",
        "693_J2KI.dcm",
        "dicomdirtests/98892001/CT5N/2062",
    ):
        path = folder / name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path)
            stored = dataset.pixel_array.astype(np.float64)
        slope = float(dataset.get("RescaleSlope", 1))
        expected = stored * slope + float(dataset.get("RescaleIntercept", 0))
        pixels = read_pixels(path)
        assert np.allclose(pixels.values, expected), name
        if "WindowCenter" in dataset:
            centre, width = float(dataset.WindowCenter), float(dataset.WindowWidth)
            low, high = pixels.display_range()
            assert (low + high) / 2 == pytest.approx(centre - 0.5)
            assert high - low == pytest.approx(width - 1)
            assert (pixels.rgb()[expected <= low] == 0).all()
            assert (pixels.rgb()[expected >= high] == 255).all()
    dark = read_pixels(folder / "dicomdirtests/77654033/CR1/6154")
    assert dark.inverted
    shown, order = dark.rgb()[..., 0].ravel().astype(int), dark.values.ravel().argsort()
    assert (np.diff(shown[order]) <= 0).all()
    assert shown.min() < shown.max()
    assert len(np.unique(read_rgb(folder / "liver_1frame.dcm"))) == 2


@pytest.mark.shared_data
def test_channels_and_slices_of_an_ome_stack(shared_data: Path) -> None:
    path = shared_data / "inspect" / "libvips" / "multi-channel-z-series.ome.tif"
    whole = tifffile.imread(path)  # C, Z, Y, X
    assert probe(path).frames == whole.shape[1] == 5
    with open_video(path) as stack:
        for z in (3, 0):
            pixels = stack.source(z)
            assert pixels.mode == "channels"
            assert np.allclose(pixels.values, whole[:, z].transpose(1, 2, 0))


def test_exr_channels(tmp_path: Path, shared_data: Path) -> None:
    import OpenEXR

    rng = np.random.default_rng(3)
    planes = {name: rng.random((20, 30), dtype=np.float32) for name in ("R", "G", "B", "depth")}
    path = tmp_path / "a.exr"
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, dict(planes)).write(str(path))
    pixels = read_pixels(path)
    assert pixels.channel_names == ("R", "G", "B", "depth")
    for n, name in enumerate(pixels.channel_names):
        assert np.array_equal(pixels.values[:, :, n], planes[name])
    colours = read_pixels(shared_data / "inspect" / "libvips" / "sample.exr")
    assert (colours.mode, colours.values.shape) == ("rgb", (406, 610, 3))
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(MediaError, match=r"damaged|cannot be decoded"):
        read_pixels(path)


@pytest.mark.parametrize("suffix", ["tif", "gif", "webp", "png", "avif"])
def test_pages_and_frames_are_all_there(tmp_path: Path, suffix: str) -> None:
    pages = [np.full((24, 32, 3), (40 * n, 255 - 40 * n, 128), np.uint8) for n in range(5)]
    for n, page in enumerate(pages):
        page[n * 4 : n * 4 + 4, :8] = 255
    path = tmp_path / f"stack.{suffix}"
    images = [Image.fromarray(p) for p in pages]
    options = {"lossless": True} if suffix == "webp" else {}
    images[0].save(path, save_all=True, append_images=images[1:], duration=80, **options)
    assert probe(path).frames == 5
    with open_video(path) as stack:
        assert stack.frames == 5
        for n in (0, 4, 2, 3):  # backwards too
            found = stack.read(n).astype(int)
            assert np.abs(found - pages[n]).mean() < 3, n
        if suffix != "tif":
            assert stack.fps == pytest.approx(12.5, rel=0.1)
    assert kind_of(path.name) is MediaKind.IMAGE  # by its name; its header says more


def test_an_imagej_hyperstack_without_pages_of_its_own(tmp_path: Path) -> None:
    values = np.arange(2 * 3 * 2 * 16 * 20, dtype=np.uint16).reshape(2, 3, 2, 16, 20)
    path = tmp_path / "hyper.tif"
    tifffile.imwrite(path, values, imagej=True, metadata={"axes": "TZCYX"}, truncate=True)
    assert probe(path).frames == 6
    for n in range(6):
        t, z = divmod(n, 3)
        pixels = read_pixels(path, n)
        assert np.array_equal(pixels.values, values[t, z].transpose(1, 2, 0))
        assert pixels.mode == "channels"


def test_two_stains_are_shown_in_two_colours(tmp_path: Path) -> None:
    stains = np.zeros((2, 30, 40), np.uint8)
    stains[0, :, :20], stains[1, :, 20:] = 255, 255
    path = tmp_path / "stains.tif"
    tifffile.imwrite(path, stains, imagej=True, metadata={"axes": "CYX"})
    assert probe(path).frames == 1
    rgb = read_rgb(path)
    assert rgb[5, 5].tolist() == [0, 255, 0]
    assert rgb[5, 35].tolist() == [255, 0, 255]
    assert cv2.countNonZero(rgb[:, :, 1]) == 600


@pytest.mark.shared_data
def test_claims_of_many_frames_are_not_believed(shared_data: Path, tmp_path: Path) -> None:
    samples = shared_data / "inspect"
    path = tmp_path / "a.dcm"
    dataset = pydicom.dcmread(samples / "pydicom" / "CT_small.dcm")
    dataset.NumberOfFrames = 2_000_000_000
    dataset.save_as(path)
    with pytest.raises(MediaError, match="2,000,000,000 frames"):
        probe(path)
    dataset.NumberOfFrames = 3  # more than there are
    dataset.save_as(path)
    with pytest.raises(MediaError, match=r"cut off|damaged"):
        read_pixels(path, 2)
    path = tmp_path / "b.png"
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    data = bytearray(path.read_bytes())
    at = data.index(b"acTL") + 4
    data[at : at + 4] = (2**31 - 1).to_bytes(4, "big")
    path.write_bytes(bytes(data))
    with pytest.raises(MediaError, match="frames in"):
        probe(path)
