"""Selective search (Uijlings et al., 2013): where objects may be, from colour and texture alone.

OpenCV segments a picture finely and joins the most similar regions again and again; the
boxes around all regions on the way are the proposals. They are kept in a cache folder by
the picture's content, because they take longer than everything that is done with them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.ops import nms

from visionstudio.api import TrainContext
from visionstudio_torch.transforms import resize, short_side_size
from visionstudio_torch.weights import write_atomically

Boxes = NDArray[np.float32]
SIDE = 240  # px, short side at which regions are looked for: coarser loses small objects
_LONGEST = 2 * SIDE
# How readily the first, finest segments form (k of Felzenszwalb and Huttenlocher, 2004).
# OpenCV's 150 suits larger pictures: at this size touching objects are one from the start.
_FINENESS = 50
_ALIKE = 0.8  # IoU above which one of two regions is enough
_MOST = 2000  # of a picture, as published
_VERSION = 2
_SHARE = 0.5  # of the time budget that proposals may take
_REPORT_SECONDS = 0.5


def propose(image: NDArray[np.uint8], mode: str, folder: Path | None = None) -> Boxes:
    """Boxes (n, 4) in the pixels of a (H, W, 3) uint8 RGB picture, large ones first.

    `mode` is 'fast' or 'quality' (several colour spaces and similarities: three times the
    time). With a `folder` a picture that was seen before costs only the reading of a file.
    The whole picture is always among them, so there is at least one.
    """
    if folder is None:
        return _searched(image, mode)
    path = folder / "selective-search" / f"{_key(image, mode)}.npy"
    with contextlib.suppress(OSError, ValueError, EOFError):
        kept = np.load(path, allow_pickle=False)
        if kept.ndim == 2 and kept.shape[1] == 4 and len(kept):
            return np.asarray(kept, np.float32)
    boxes = _searched(image, mode)
    # A cache that cannot be written is none.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, _npy(boxes))
    return boxes


def _key(image: NDArray[np.uint8], mode: str) -> str:
    digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16)
    digest.update(repr((image.shape, mode, SIDE, _VERSION)).encode())
    return digest.hexdigest()


def _npy(array: Boxes) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _searched(image: NDArray[np.uint8], mode: str) -> Boxes:
    height, width = image.shape[:2]
    high, wide = short_side_size(height, width, SIDE, _LONGEST)
    small = cv2.cvtColor(resize(image, high, wide), cv2.COLOR_RGB2BGR)
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(small)
    if mode == "quality":
        search.switchToSelectiveSearchQuality(_FINENESS, _FINENESS)
    else:
        search.switchToSelectiveSearchFast(_FINENESS, _FINENESS)
    found = np.asarray(search.process(), np.float64).reshape(-1, 4)
    corners = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)
    corners = np.concatenate([corners, [[0, 0, wide, high]]])
    # OpenCV's order is drawn by lot; the boxes themselves are not.
    corners = np.unique(corners, axis=0)
    areas = (corners[:, 2:] - corners[:, :2]).prod(axis=1)
    corners = _unlike(corners[np.argsort(-areas, kind="stable")])
    if len(corners) > _MOST:
        corners = corners[np.linspace(0, len(corners) - 1, _MOST).astype(int)]
    return np.asarray(corners * (np.array([width, height] * 2) / ([wide, high] * 2)), np.float32)


def _unlike(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes (n, 4) without those that are nearly one of the boxes before them."""
    order = torch.arange(len(boxes), 0, -1, dtype=torch.float64)
    kept: NDArray[np.int64] = nms(torch.from_numpy(boxes), order, _ALIKE).numpy()
    return boxes[kept]


def propose_all(
    count: int, picture: Callable[[int], NDArray[np.uint8]], mode: str, ctx: TrainContext
) -> list[int]:
    """Fill the cache for pictures 0…count−1 by several threads; which of them are done.

    All, or with a time budget those that fit into half of it, in random order. Raises
    Cancelled from `ctx.report`.
    """
    order = np.random.default_rng(ctx.seed).permutation(count).tolist()
    budget = ctx.time_left()
    done: list[int] = []
    running: dict[Future[Any], int] = {}
    pool = ThreadPoolExecutor(max(1, ctx.threads), thread_name_prefix="proposals")

    def one(index: int) -> None:
        propose(picture(index), mode, ctx.cache)

    try:
        while order or running:
            left = ctx.time_left()
            late = budget is not None and left is not None and left < budget * (1 - _SHARE)
            if done and (late or ctx.should_stop()):
                break
            while order and len(running) < max(1, ctx.threads):
                index = order.pop()
                running[pool.submit(one, index)] = index
            for future in wait(running, _REPORT_SECONDS, FIRST_COMPLETED).done:
                future.result()
                done.append(running.pop(future))
            ctx.report(0.0, f"regions of picture {len(done)} of {count}")
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return sorted(done)
