"""Pairs whose features are computed once: training behind a frozen backbone takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import TrainContext
from visionstudio_torch.backbone import features, fold_batch_norm, normalise
from visionstudio_tracker.pairs import Pair, Thing

STRIDES = (8, 16)
_CHUNK = 8
_MOST_OF_ONE = 50  # how much more often than others an object with many looks is taken

Maps = tuple[Tensor, Tensor]  # features at strides 8 and 16


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A `Pair` with the features of its views as float16 in place of the pictures."""

    first: Maps
    second: Maps
    first_box: NDArray[np.float64]
    second_box: NDArray[np.float64]
    present: bool


def frozen_backbone() -> nn.Module:
    """The built-in backbone at strides 8 and 16, as fast as it gets."""
    return fold_batch_norm(features(STRIDES).eval().requires_grad_(False))


def draw_pairs(
    things: Sequence[Thing],
    make: Callable[[Thing, np.random.Generator], Pair],
    count: int,
    seed: int,
) -> list[Pair]:
    """So many pairs; objects with many looks give more of them."""
    rng = np.random.default_rng([seed, 1])
    order = np.resize(rng.permutation(len(often := as_often(things))), count)
    return [make(often[int(i)], rng) for i in order]


def as_often(things: Sequence[Thing]) -> list[Thing]:
    """Each object as often as its looks allow new pairs, but no track drowns the others."""
    return [thing for thing in things for _ in range(min(len(thing.looks), _MOST_OF_ONE))]


def known_pairs(pairs: Sequence[Pair], ctx: TrainContext, word: str) -> list[Known]:
    """The features of pairs. `word` is what the progress calls them."""
    backbone = frozen_backbone().to(ctx.device)
    found: list[Known] = []
    for start in range(0, len(pairs), _CHUNK):
        ctx.report(0.0, f"looking at {word} {start + 1} of {len(pairs)}")
        part = pairs[start : start + _CHUNK]
        firsts = _features(backbone, [p.first for p in part], ctx.device)
        seconds = _features(backbone, [p.second for p in part], ctx.device)
        found += [
            Known(a, b, p.first_box, p.second_box, p.present)
            for a, b, p in zip(firsts, seconds, part, strict=True)
        ]
    return found


def _features(backbone: nn.Module, views: list[NDArray[np.uint8]], device: str) -> list[Maps]:
    with torch.no_grad():
        batch = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).to(device)
        fine, coarse = (m.half().cpu() for m in backbone(normalise(batch)))
    return [(f.clone(), c.clone()) for f, c in zip(fine, coarse, strict=True)]


def stack(maps: Sequence[Maps]) -> Maps:
    """Features of several views as one batch of float32."""
    fine = torch.stack([m[0] for m in maps]).float()
    return fine, torch.stack([m[1] for m in maps]).float()
