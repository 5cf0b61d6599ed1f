"""generator/edit: fills a region of a picture, or blends another part of it in."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Context, Frame, GeneratedImage, ModelError
from visionstudio_generator import patches
from visionstudio_generator.manifest import EditParams

MODEL = "generator/edit"
_SPARED = 3  # px of a region's border that OpenCV's cloning leaves as it is
_EDGE = _SPARED + 2  # px; it also wants some picture all around
Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Edit:
    """Answers `generator/edit`: `load`, `edit`."""

    def load(self, params: EditParams, weights: Path | None, ctx: Context) -> None:
        """Nothing is loaded: the methods need no weights."""

    def unload(self) -> None:
        """Nothing is kept."""

    def edit(self, frame: Frame, mask: Mask, params: EditParams, ctx: Context) -> GeneratedImage:
        """The picture (H, W, 3) with only the pixels of `mask` (H, W) changed."""
        if not mask.any():
            raise ModelError(
                "the region is empty", where=MODEL, next_step="brush over what is to change"
            )
        if mask.all() and params.method != "clone":
            raise ModelError(
                "the region covers the whole picture, so there is nothing to fill it from",
                where=MODEL,
                next_step="choose a smaller region",
            )
        image = np.ascontiguousarray(frame)
        match params.method:
            case "telea" | "navier-stokes":
                made = _diffused(image, mask, params)
            case "clone":
                made = _cloned(image, mask, params)
            case _:
                made = _patched(image, mask, params, ctx)
        ctx.report(1.0)
        # Whatever a method does at the border, what is outside stays as it was.
        return GeneratedImage(np.where(mask[..., None], made, image), seed=params.seed)


def _diffused(image: Image, mask: Mask, params: EditParams) -> Image:
    """Telea, 2004, or Bertalmio, Bertozzi and Sapiro, 2001."""
    how = cv2.INPAINT_TELEA if params.method == "telea" else cv2.INPAINT_NS
    return np.asarray(cv2.inpaint(image, mask.astype(np.uint8), params.radius, how), np.uint8)


def _patched(image: Image, mask: Mask, params: EditParams, ctx: Context) -> Image:
    made = patches.fill(image, mask, params.seed, lambda done: ctx.report(done, "filling"))
    # Too little around the region for a patch: its border has to do.
    return made if made is not None else _diffused(image, mask, params)


def _cloned(image: Image, mask: Mask, params: EditParams) -> Image:
    """Poisson blending (Pérez, Gangnet and Blake, 2003) of another place, or another picture."""
    height, width = mask.shape
    source = _source(params.source) if params.source else image
    rows = np.arange(height) + params.dy
    columns = np.arange(width) + params.dx
    used_rows, used_columns = (np.flatnonzero(mask.any(axis=a)) for a in (1, 0))
    limits = source.shape[:2]
    inside = (
        rows[used_rows[0]] >= 0
        and rows[used_rows[-1]] < limits[0]
        and columns[used_columns[0]] >= 0
        and columns[used_columns[-1]] < limits[1]
    )
    if not inside:
        raise ModelError(
            f"the place to clone from, {params.dx:+d}, {params.dy:+d} px, lies outside the picture",
            where=params.source or MODEL,
            next_step="give another offset",
        )
    if not params.source and params.dx == 0 and params.dy == 0:
        raise ModelError(
            "cloning a region onto itself changes nothing",
            where=MODEL,
            next_step="give an offset (dx, dy) or another picture (source)",
        )
    moved = source[rows.clip(0, limits[0] - 1)][:, columns.clip(0, limits[1] - 1)]
    sides = ((_EDGE, _EDGE), (_EDGE, _EDGE))
    around = np.pad(image, (*sides, (0, 0)), mode="edge")
    inserted = np.pad(moved, (*sides, (0, 0)), mode="edge")
    ones = np.ones((2 * _SPARED + 1,) * 2, np.uint8)
    chosen = cv2.dilate(np.pad(mask, sides).astype(np.uint8) * 255, ones)
    x, y, wide, high = cv2.boundingRect(chosen)
    how = cv2.MIXED_CLONE if params.mixed else cv2.NORMAL_CLONE
    made = cv2.seamlessClone(inserted, around, chosen, (x + wide // 2, y + high // 2), how)
    return np.asarray(made[_EDGE:-_EDGE, _EDGE:-_EDGE], np.uint8)


def _source(text: str) -> Image:
    from PIL import Image as Pillow
    from PIL import ImageOps, UnidentifiedImageError

    path = Path(text).expanduser()
    try:
        with Pillow.open(path) as opened:
            return np.asarray(ImageOps.exif_transpose(opened).convert("RGB"), np.uint8)
    except (OSError, UnidentifiedImageError, ValueError, Pillow.DecompressionBombError) as error:
        raise ModelError(
            f"the picture to clone from cannot be read ({error})",
            where=str(path),
            next_step="choose another picture",
        ) from error
