"""generator/edit: only the region changes, and into what fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visionstudio.api import Cancelled, ModelError
from visionstudio_generator import patches
from visionstudio_generator.edit import Edit
from visionstudio_generator.manifest import EditParams

METHODS = (
    EditParams("patches"),
    EditParams("telea"),
    EditParams("navier-stokes"),
    EditParams("clone", dx=20),
)


def stripes(height: int = 80, width: int = 96) -> np.ndarray:
    """Vertical stripes, 8 px wide."""
    bright = (np.arange(width) // 8 % 2 * 160 + 40).astype(np.uint8)
    return np.broadcast_to(bright[None, :, None], (height, width, 3)).copy()


def region(height: int = 80, width: int = 96) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[30:54, 36:60] = True
    return mask


@pytest.mark.parametrize("params", METHODS, ids=lambda p: p.method)
def test_only_the_region_changes(params: EditParams, train_context: Callable[..., Any]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (80, 96, 3), np.uint8)
    before, mask = image.copy(), region()
    image.flags.writeable = False
    made = Edit().edit(image, mask, params, train_context())
    np.testing.assert_array_equal(made.image[~mask], before[~mask])
    np.testing.assert_array_equal(image, before)
    assert (made.image[mask] != before[mask]).any()


def test_patches_go_on_with_a_texture(train_context: Callable[..., Any]) -> None:
    """Where a border that flows in leaves grey, patches bring the stripes back."""
    clean, mask = stripes(), region()
    damaged = clean.copy()
    damaged[mask] = 255

    def error(params: EditParams) -> float:
        made = Edit().edit(damaged, mask, params, train_context()).image
        return float(np.abs(made[mask].astype(int) - clean[mask]).mean())

    assert error(EditParams("patches")) < 6
    assert error(EditParams("telea")) > 12


def test_the_same_seed_fills_alike(train_context: Callable[..., Any]) -> None:
    image, mask = stripes(), region()
    first, second = (Edit().edit(image, mask, EditParams(), train_context()) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)


def test_cloning_brings_a_place_in_and_keeps_the_light(
    train_context: Callable[..., Any], tmp_path: Path
) -> None:
    """A dark spot on a slope of grey: its own contrast arrives, on the light of the new place."""
    slope = np.broadcast_to(np.linspace(60, 180, 120)[None, :, None], (60, 120, 3))
    image = slope.round().astype(np.uint8)
    image[25:35, 85:95] -= 50
    mask = np.zeros((60, 120), bool)
    mask[15:45, 15:45] = True  # the place lies 60 px to the right
    made = Edit().edit(image, mask, EditParams("clone", dx=60), train_context()).image
    drop = slope[30, 30, 0] - made[28:32, 28:32].mean()
    assert 35 < drop < 65
    assert abs(made[17:20, 17:20].mean() - slope[18, 18, 0]) < 12

    path = tmp_path / "other.png"
    Image.fromarray(image).save(path)
    plain = slope.round().astype(np.uint8)
    params = EditParams("clone", dx=60, source=str(path))
    again = Edit().edit(plain, mask, params, train_context()).image
    np.testing.assert_allclose(again[mask].astype(int), made[mask].astype(int), atol=3)


@pytest.mark.parametrize("params", METHODS, ids=lambda p: p.method)
@pytest.mark.parametrize("shape", [(5, 7), (3, 200), (64, 64)])
def test_regions_at_the_border_and_small_pictures(
    shape: tuple[int, int], params: EditParams, train_context: Callable[..., Any]
) -> None:
    image = np.random.default_rng(1).integers(0, 255, (*shape, 3), np.uint8)
    mask = np.zeros(shape, bool)
    mask[0, 0] = mask[: shape[0] // 2, : shape[1] // 4 + 1] = True
    params = replace(params, dx=1 if params.method == "clone" else 0)
    made = Edit().edit(image, mask, params, train_context())
    assert made.image.shape == image.shape
    np.testing.assert_array_equal(made.image[~mask], image[~mask])


def test_what_cannot_be_done_is_said(train_context: Callable[..., Any], tmp_path: Path) -> None:
    image, mask, ctx = stripes(), region(), train_context()
    with pytest.raises(ModelError, match="empty"):
        Edit().edit(image, np.zeros_like(mask), EditParams(), ctx)
    with pytest.raises(ModelError, match="whole picture"):
        Edit().edit(image, np.ones_like(mask), EditParams(), ctx)
    with pytest.raises(ModelError, match="outside"):
        Edit().edit(image, mask, EditParams("clone", dx=60), ctx)
    with pytest.raises(ModelError, match="itself"):
        Edit().edit(image, mask, EditParams("clone"), ctx)
    text = tmp_path / "notes.png"
    text.write_text("no picture", encoding="utf-8")
    with pytest.raises(ModelError, match=r"cannot be read") as caught:
        Edit().edit(image, mask, EditParams("clone", source=str(text)), ctx)
    assert caught.value.where == str(text)


def test_filling_can_be_cancelled() -> None:
    def cancel(_: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        patches.fill(stripes(), region(), 0, cancel)
