"""Profiles, regions, distances and scales, against scikit-image, numpy and plain geometry."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage.draw import ellipse as draw_ellipse
from skimage.measure import label, profile_line, regionprops

from visionstudio.media.image import Pixels, read_pixels
from visionstudio.media.metadata import read_calibration, read_metadata
from visionstudio.media.profile import line_profile
from visionstudio.model.annotations import Annotation
from visionstudio.model.errors import InvalidValue
from visionstudio.model.measurements import (
    PIXELS,
    Calibration,
    Measurement,
    MeasurementKind,
    calibration_of,
    results,
)
from visionstudio.model.shapes import (
    Box,
    Ellipse,
    Mask,
    Points,
    Polygon,
    Polyline,
    RotatedBox,
    Shape,
    Tag,
)
from visionstudio.session.regions import feret_diameters, measure_region, to_csv

RNG = np.random.default_rng(5)


def test_profiles_equal_skimages() -> None:
    values = RNG.normal(100, 30, (60, 80, 2))
    for start, end, width in (
        ((5.5, 7.5), (70.5, 50.5), 1),
        ((70.5, 10.5), (8.5, 40.5), 5),
        ((20.5, 30.5), (20.5, 55.5), 3),
    ):
        distance, found = line_profile(values, start, end, width)
        # skimage counts from pixel centres, rows first, and adds a sample at the end
        right = profile_line(
            values,
            (start[1] - 0.5, start[0] - 0.5),
            (end[1] - 0.5, end[0] - 0.5),
            linewidth=width,
            order=1,
            mode="constant",
        )
        length = math.dist(start, end)
        assert distance[-1] == pytest.approx(length)
        spots = np.linspace(0, length, len(right))
        for c in range(2):
            ours = np.interp(spots, distance, found[:, c])
            if abs(length - round(length)) < 1e-9:
                assert np.allclose(ours, right[:, c])
            else:  # other samples between the same pixels
                assert np.corrcoef(ours, right[:, c])[0, 1] > 0.8
    _, outside = line_profile(values[:, :, 0], (-10, 5), (5, 5))
    assert np.isnan(outside[0, 0])
    assert np.isfinite(outside[-1, 0])
    assert line_profile(values, (3, 3), (3, 3))[1].shape == (1, 2)


def make(shape: Shape) -> Annotation:
    return Annotation(id=1, media_id=1, class_id=1, shape=shape)


def test_mask_figures_equal_regionprops() -> None:
    image = np.zeros((120, 150), bool)
    rows, columns = draw_ellipse(60, 70, 25, 40, rotation=0.4)
    image[rows, columns] = True
    image[55:60, 60:75] = False
    values = RNG.integers(0, 60000, (120, 150, 3)).astype(np.uint16)
    found = measure_region(make(Mask.from_array(image)), Pixels(values, 16, "rgb"), PIXELS)
    right = regionprops(label(image), intensity_image=values)[0]
    assert found.area == right.area == found.pixels
    assert found.perimeter == pytest.approx(right.perimeter)
    assert (found.y, found.x) == right.bbox[:2]
    assert found.centroid_x == pytest.approx(right.centroid[1] + 0.5)
    assert found.centroid_y == pytest.approx(right.centroid[0] + 0.5)
    assert found.feret == pytest.approx(right.feret_diameter_max, abs=1.5)
    for n, (name, mean, sd, low, high, median) in enumerate(found.values):
        inside = values[:, :, n][image]
        assert name == "RGB"[n]
        assert mean == pytest.approx(right.intensity_mean[n])
        assert sd == pytest.approx(inside.std(ddof=1))
        assert (low, high) == (inside.min(), inside.max())
        assert median == np.median(inside)


def test_outlines_by_plain_geometry() -> None:
    micrometres = Calibration(0.5, 0.5, "µm")
    box = measure_region(make(Box(10, 20, 50, 40)), None, micrometres)
    assert (box.area, box.perimeter, box.unit) == (40 * 20 / 4, 60, "µm")
    assert (box.x, box.y, box.width, box.height) == (5, 10, 20, 10)
    assert (box.centroid_x, box.centroid_y) == (15, 15)
    assert box.feret == pytest.approx(math.hypot(20, 10))
    assert box.min_feret == pytest.approx(10)
    assert box.circularity == pytest.approx(4 * math.pi * 200 / 60**2)
    circle = measure_region(make(Ellipse(50, 50, 20, 20, 0)), None, PIXELS)
    assert circle.area == pytest.approx(math.pi * 400, rel=1e-3)
    assert circle.circularity == pytest.approx(1, abs=1e-3)
    outer = np.array([[0, 0], [40, 0], [40, 30], [0, 30]])
    hole = np.array([[10, 10], [20, 10], [20, 20], [10, 20]])
    ring = measure_region(make(Polygon((outer, hole), (False, True))), None, PIXELS)
    assert ring.area == 1200 - 100
    assert ring.perimeter == 140 + 40
    assert ring.centroid_x == pytest.approx((1200 * 20 - 100 * 15) / 1100)
    turned = measure_region(make(RotatedBox(50, 50, 30, 10, 0.3)), None, PIXELS)
    assert turned.area == pytest.approx(300)
    assert turned.min_feret == pytest.approx(10, abs=1e-3)
    line = measure_region(make(Polyline([[0, 0], [3, 4], [3, 10]])), None, Calibration(2, 2, "mm"))
    assert (line.area, line.perimeter) == (0, 22)
    assert measure_region(make(Points([[4, 6]])), None, PIXELS).centroid_x == 4
    assert math.isnan(measure_region(make(Tag()), None, PIXELS).area)
    assert feret_diameters(np.array([[0, 0], [3, 4]]))[0] == 5


def test_a_region_beyond_the_border_counts_what_is_there() -> None:
    values = np.arange(100, dtype=np.uint8).reshape(10, 10)
    found = measure_region(make(Box(-5, -5, 3, 2)), Pixels(values, 8, "grey"), PIXELS)
    assert found.pixels == 6
    assert found.values[0][1] == values[:2, :3].mean()
    away = measure_region(make(Box(20, 20, 30, 30)), Pixels(values, 8, "grey"), PIXELS)
    assert (away.pixels, away.values) == (0, ())


def test_a_table_of_regions_as_csv() -> None:
    values = RNG.integers(0, 255, (20, 20, 3), dtype=np.uint8)
    rows = [measure_region(make(s), Pixels(values, 8, "rgb"), PIXELS, 'a "b", c', "p/q.png")
            for s in (Box(1, 1, 9, 9), Tag())]  # fmt: skip
    table = list(csv.DictReader(io.StringIO(to_csv(rows))))
    assert table[0]["label"] == 'a "b", c'
    assert float(table[0]["mean_G"]) == pytest.approx(values[1:9, 1:9, 1].mean())
    assert float(table[0]["area"]) == 64
    assert table[1]["area"] == ""
    assert table[1]["mean_R"] == ""


def test_what_measurements_come_to() -> None:
    def of(kind: MeasurementKind, *points: tuple[float, float], **more: object) -> Measurement:
        return Measurement(id=1, media_id=1, kind=kind, points=points, **more)  # type: ignore[arg-type]

    half = Calibration(0.5, 0.25, "mm")
    distance = of(MeasurementKind.DISTANCE, (0, 0), (30, 40))
    assert results(distance, PIXELS) == {"length": (50, "px")}
    assert results(distance, half)["length"] == (pytest.approx(math.hypot(15, 10)), "mm")
    corner = of(MeasurementKind.ANGLE, (10, 0), (0, 0), (0, 10))
    assert results(corner, PIXELS)["angle"][0] == pytest.approx(90)
    assert results(corner, Calibration(1, 3, "mm"))["angle"][0] == pytest.approx(90)
    area = of(MeasurementKind.AREA, (0, 0), (10, 0), (10, 10), (0, 10))
    assert results(area, half)["area"] == (12.5, "mm²")
    assert results(area, half)["perimeter"] == (15, "mm")
    scale = of(MeasurementKind.SCALE, (0, 0), (200, 0), value=50, unit="µm")
    assert calibration_of(scale) == Calibration(0.25, 0.25, "µm", "drawn")
    for kind, points in (
        (MeasurementKind.ANGLE, [(0, 0), (1, 1)]),
        (MeasurementKind.DISTANCE, [(0, 0), (math.nan, 1)]),
        (MeasurementKind.SCALE, [(0, 0), (0, 0)]),
    ):
        with pytest.raises(InvalidValue):
            of(kind, *points, value=3)


@pytest.mark.shared_data
def test_scales_from_files(shared_data: Path, tmp_path: Path) -> None:
    samples = shared_data / "inspect"
    ct = read_calibration(samples / "pydicom" / "CT_small.dcm")
    assert ct == Calibration(0.661468, 0.661468, "mm", "DICOM")
    slide = read_calibration(samples / "libvips" / "CMU-1-Small-Region.svs")
    assert slide is not None
    assert (slide.unit, slide.x) == ("µm", pytest.approx(0.499))
    values = np.zeros((20, 30), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", values, resolution=(1000, 500), resolutionunit=3)
    assert read_calibration(tmp_path / "a.tif") == Calibration(0.01, 0.02, "mm", "TIFF")
    tifffile.imwrite(tmp_path / "b.tif", values, resolution=(72, 72), resolutionunit=2)
    assert read_calibration(tmp_path / "b.tif") is None
    options = {"imagej": True, "resolution": (4, 4), "metadata": {"unit": "um"}}
    tifffile.imwrite(tmp_path / "c.tif", values, **options)
    assert read_calibration(tmp_path / "c.tif") == Calibration(0.25, 0.25, "µm", "ImageJ")
    meta = {"PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.2,
            "PhysicalSizeYUnit": "µm", "axes": "YX"}  # fmt: skip
    tifffile.imwrite(tmp_path / "d.ome.tif", values, metadata=meta)
    assert read_calibration(tmp_path / "d.ome.tif") == Calibration(0.1, 0.2, "µm", "OME")
    assert read_calibration(samples / "libvips" / "truncated.jpg") is None


@pytest.mark.shared_data
def test_facts_from_files(shared_data: Path, tmp_path: Path) -> None:
    samples = shared_data / "inspect"
    tags = {e.name: e.value for e in read_metadata(samples / "pydicom" / "CT_small.dcm")}
    assert tags["Patient's Name"] == "CompressedSamples^CT1"
    assert tags["Modality"] == "CT"
    ome = read_metadata(samples / "libvips" / "multi-channel-z-series.ome.tif")
    assert any(e.group == "OME" and e.name.endswith("Pixels.SizeZ") and e.value == "5" for e in ome)
    exif = {e.name: e.value for e in read_metadata(samples / "exif_orientation" / "Portrait_6.jpg")}
    assert exif["Orientation"] == "6"
    video = read_metadata(samples / "imageio" / "realshort.mp4")
    assert any(e.name == "Codec" for e in video)
    picture = Image.new("RGB", (4, 4))
    picture.save(tmp_path / "a.jpg", comment=b"x" * 5000)
    assert all(len(e.value) <= 2100 for e in read_metadata(tmp_path / "a.jpg"))
    assert read_pixels(tmp_path / "a.jpg").values.shape == (4, 4, 3)
