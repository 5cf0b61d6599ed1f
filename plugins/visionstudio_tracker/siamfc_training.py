"""Training of SiamFC on pairs of an object's looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from visionstudio.api import Context, Frame, TrainContext, TrainingData, TrainResult
from visionstudio_torch import preview
from visionstudio_torch.device import seed_torch, torch_threads
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import to_tensor
from visionstudio_torch.weights import WeightsInfo, start_from
from visionstudio_tracker.known import (
    Known,
    Maps,
    as_often,
    draw_pairs,
    known_pairs,
    stack,
)
from visionstudio_tracker.pairs import Pair, Thing, check_things, pair_maker, read_things
from visionstudio_tracker.params import SiamFcTraining
from visionstudio_tracker.siamese import (
    MODEL,
    STRIDE,
    AlexNetSiamese,
    BuiltinSiamese,
    Siamese,
    builtin_network,
    template_side,
)

SEEN, KNOWN_SEEN = 800, 6000  # pairs in all when no number of epochs is asked for
RADIUS = 16.0  # px of the search area around the object's middle that count as it
SHOWN = 40  # pictures that examples are made of
HELD = 96  # pairs to validate on
_CHUNK = 8
# As a tracker meets them: small moves, true colours.
AS_TRACKED = SiamFcTraining(shift=0.15, scale=0.05, colour=0.0, others=0.0)
FAR = 0.5  # sizes of the object: where the curve of normalised precision ends

Views = Tensor | Maps  # pictures (N, 3, S, S) uint8, or their features where they are frozen
Batch = tuple[Views, Views, Tensor, Tensor]


def train_siamfc(data: TrainingData, params: SiamFcTraining, ctx: TrainContext) -> TrainResult:
    """Train and leave ``best.safetensors`` and ``last.ckpt`` in the run folder."""
    things = read_things(data.train, ctx.seed, ctx)
    check_things(things)
    held = read_things(data.val, ctx.seed + 1, ctx) or things
    seed_torch(ctx.seed)
    net = _network(params)
    sizes = net.template_size, net.search_size
    make = _maker(sizes, things, params)
    judged = draw_pairs(held, _maker(sizes, held, AS_TRACKED), HELD, 0)
    info = WeightsInfo(
        model=MODEL,
        classes=data.classes,
        class_ids=data.class_ids,
        params=asdict(params),
        arch={"network": net.name},
        input_size=(net.search_size, net.search_size),
        data_hash=data.data_hash,
    )
    if params.freeze and isinstance(net, BuiltinSiamese):
        with torch_threads(ctx.threads):
            pairs = known_pairs(draw_pairs(things, make, params.pairs, ctx.seed), ctx, "pair")
            known = known_pairs(judged, ctx, "held-out pair")
        recipe: Recipe[Any, Any, Batch] = _recipe(pairs, _as_it_is, collate_known, known, info, ctx)
        seen = KNOWN_SEEN
    else:
        recipe = _recipe(as_often(things), make, collate, judged, info, ctx)
        seen = SEEN
    epochs = planned_epochs(params.epochs, len(recipe.items), seen, 2, 200, ctx)
    return fit(net, recipe, settings_of(params, epochs), ctx)


def _recipe(
    items: Sequence[Any],
    augment: Callable[[Any, np.random.Generator], Any],
    gather: Callable[[list[Any]], Batch],
    judged: Sequence[Any],
    info: WeightsInfo,
    ctx: TrainContext,
) -> Recipe[Any, Any, Batch]:
    chunks = [gather(list(judged[i : i + _CHUNK])) for i in range(0, len(judged), _CHUNK)]
    return Recipe(
        items=items,
        augment=augment,
        collate=gather,
        loss=_loss,
        validate=lambda model: _validate(model, chunks, ctx),
        best="norm_precision_auc",
        info=info,
    )


def _as_it_is(item: Known, _: np.random.Generator) -> Known:
    return item


def examples(data: TrainingData, params: SiamFcTraining, ctx: Context) -> Iterator[Frame]:
    """Training pairs side by side with the object's box in both."""
    things = read_things(data.train[:SHOWN], ctx.seed, ctx)
    return preview.examples(things, _maker(_sizes(params), things, params), drawn, ctx.seed)


def drawn(pair: Pair) -> NDArray[np.uint8]:
    """Both views of a pair, the object outlined; in another colour where it is another one."""
    names, zero = ("", ""), np.zeros(1, np.int64)
    first = preview.draw_boxes(pair.first, pair.first_box[None], zero, names)
    other = zero if pair.present else zero + 1
    second = preview.draw_boxes(pair.second, pair.second_box[None], other, names)
    return preview.strip([first, second])


def _network(params: SiamFcTraining) -> Siamese:
    net: Siamese
    if params.network == "alexnet":
        net = AlexNetSiamese()
    else:
        make = builtin_network if params.weights == "builtin" else BuiltinSiamese
        net = make(_sizes(params)[1])
    if params.weights not in ("builtin", "none"):
        start_from(net, Path(params.weights).expanduser(), MODEL, foreign=True)
    net.freeze(params.freeze)
    return net


def _sizes(params: SiamFcTraining) -> tuple[int, int]:
    """Pixels of template and search area."""
    if params.network == "alexnet":
        return AlexNetSiamese.template_size, AlexNetSiamese.search_size
    search = params.image_size // 32 * 32
    return search // 2, search


def _maker(
    sizes: tuple[int, int], things: Sequence[Thing], params: SiamFcTraining
) -> Callable[[Thing, np.random.Generator], Pair]:
    return pair_maker(
        things,
        context=partial(_search_side, ratio=sizes[1] / sizes[0]),
        sizes=sizes,
        shift=params.shift,
        grow=params.scale,
        colour=params.colour,
        mirror=params.flip,
        others=params.others,
        paste=params.paste,
    )


def _search_side(box: NDArray[np.float64], ratio: float) -> float:
    return template_side(box) * ratio


def collate(pairs: list[Pair]) -> Batch:
    """Templates, search areas (N, 3, S, S) uint8, boxes (N, 4) in these, and who is present."""
    return (
        torch.stack([to_tensor(p.first) for p in pairs]),
        torch.stack([to_tensor(p.second) for p in pairs]),
        torch.from_numpy(np.stack([p.second_box for p in pairs])).float(),
        torch.tensor([p.present for p in pairs]),
    )


def collate_known(pairs: list[Known]) -> Batch:
    """As `collate`, with features in place of pictures."""
    return (
        stack([p.first for p in pairs]),
        stack([p.second for p in pairs]),
        torch.from_numpy(np.stack([p.second_box for p in pairs])).float(),
        torch.tensor([p.present for p in pairs]),
    )


def _offsets(cells: int, boxes: Tensor, size: int) -> Tensor:
    """Distance in pixels (N, n, n) of each cell of a response to the middle of the box."""
    place = (torch.arange(cells, device=boxes.device) - (cells - 1) / 2) * STRIDE + size / 2
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    dx = place[None, None, :] - middle[:, 0, None, None]
    dy = place[None, :, None] - middle[:, 1, None, None]
    return torch.hypot(dx, dy)


def _area(views: Views) -> int:
    """The side in pixels of the pictures, or of those that features are of."""
    if isinstance(views, Tensor):
        return int(views.shape[-1])
    return int(views[0].shape[-1]) * STRIDE


def _loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Logistic loss in which object and surroundings of each pair weigh the same."""
    first, second, boxes, present = batch
    logits: Tensor = model(first, second)
    far = _offsets(logits.shape[-1], boxes, _area(second))
    goal = (far <= RADIUS) & present[:, None, None]
    each = functional.binary_cross_entropy_with_logits(
        logits.float(), goal.float(), reduction="none"
    )
    inside = goal.sum(dim=(1, 2)).clamp(min=1)
    outside = (~goal).sum(dim=(1, 2)).clamp(min=1)
    object_loss = (each * goal).sum(dim=(1, 2)) / inside
    rest_loss = (each * ~goal).sum(dim=(1, 2)) / outside
    return {"loss": (object_loss + rest_loss).mean() / 2}


def _validate(model: nn.Module, chunks: Sequence[Batch], ctx: TrainContext) -> dict[str, float]:
    """How near the peaks are to the objects' middles, in sizes of the objects.

    `norm_precision_auc` is the area under the curve of normalised precision from 0 to half a
    size (Müller et al., TrackingNet, 2018).
    """
    device = next(model.parameters()).device
    errors: list[Tensor] = []
    for batch in chunks:
        ctx.report(None, "validating")
        first, second, boxes = (_moved(part, device) for part in batch[:3])
        assert isinstance(boxes, Tensor)
        logits: Tensor = model(first, second)
        away = _offsets(logits.shape[-1], boxes, _area(second))
        peak = logits.flatten(1).argmax(dim=1, keepdim=True)
        size = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()
        errors.append(away.flatten(1).gather(1, peak)[:, 0] / size)
    error = torch.cat(errors)
    near = (1 - error / FAR).clamp(min=0)
    return {"norm_precision_auc": float(near.mean()), "hits": float((error < FAR).float().mean())}


def _moved(views: Views, device: torch.device) -> Views:
    if isinstance(views, Tensor):
        return views.to(device)
    return views[0].to(device), views[1].to(device)
