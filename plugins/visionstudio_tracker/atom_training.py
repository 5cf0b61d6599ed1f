"""Training of ATOM's overlap predictor on pairs of an object's looks.

The backbone stays as it is, so its features of every pair are computed once; what is varied
anew at each pass are the boxes to be judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from visionstudio.api import Context, Frame, TrainContext, TrainingData, TrainResult, box_iou
from visionstudio_torch import preview
from visionstudio_torch.device import seed_torch, torch_threads
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.weights import WeightsInfo, start_from
from visionstudio_tracker.iou_net import BUILTIN, CONTEXT, MODEL, VIEW, IouNet
from visionstudio_tracker.known import Known, Maps, draw_pairs, known_pairs, stack
from visionstudio_tracker.pairs import Pair, Thing, check_things, pair_maker, read_things
from visionstudio_tracker.params import AtomTraining
from visionstudio_tracker.siamfc_training import drawn
from visionstudio_tracker.views import jittered

JUDGED = 16  # boxes of a pair at a time
SEEN = 12_000  # pairs that are seen in all when no number of epochs is asked for
HELD = 64  # pairs to validate on
SHOWN = 40  # pictures that examples are made of


Example = tuple[Known, NDArray[np.float64], NDArray[np.float64]]  # boxes (16, 4) and their IoU
Batch = tuple[Maps, Maps, Tensor, Tensor, Tensor]


def train_atom(data: TrainingData, params: AtomTraining, ctx: TrainContext) -> TrainResult:
    """Train and leave ``best.safetensors`` and ``last.ckpt`` in the run folder."""
    things = read_things(data.train, ctx.seed, ctx)
    check_things(things)
    held = read_things(data.val, ctx.seed + 1, ctx) or things
    seed_torch(ctx.seed)
    net = IouNet()
    if params.weights == "builtin":
        start_from(net, BUILTIN, MODEL)
    elif params.weights != "none":
        start_from(net, Path(params.weights).expanduser(), MODEL)
    with torch_threads(ctx.threads):
        pairs = draw_pairs(things, _maker(things, params), params.pairs, ctx.seed)
        items = known_pairs(pairs, ctx, "pair")
        some = draw_pairs(held, _maker(held, params), min(HELD, params.pairs), 0)
        judged = known_pairs(some, ctx, "held-out pair")
    validation = _validation_boxes(judged)
    recipe = Recipe(
        items=items,
        augment=_candidates,
        collate=collate,
        loss=_loss,
        validate=lambda model: _validate(model, validation, params.batch, ctx),
        best="climbed_iou",
        info=WeightsInfo(
            model=MODEL,
            classes=data.classes,
            class_ids=data.class_ids,
            params=asdict(params),
            input_size=(VIEW, VIEW),
            data_hash=data.data_hash,
        ),
    )
    epochs = planned_epochs(params.epochs, len(items), SEEN, 2, 200, ctx)
    return fit(net, recipe, settings_of(params, epochs), ctx)


def examples(data: TrainingData, params: AtomTraining, ctx: Context) -> Iterator[Frame]:
    """Training pairs side by side with the object's box in both."""
    things = read_things(data.train[:SHOWN], ctx.seed, ctx)
    return preview.examples(things, _maker(things, params), drawn, ctx.seed)


def _maker(
    things: Sequence[Thing], params: AtomTraining
) -> Callable[[Thing, np.random.Generator], Pair]:
    return pair_maker(
        things,
        context=lambda box: CONTEXT * float(np.sqrt((box[2:] - box[:2]).prod())),
        sizes=(VIEW, VIEW),
        shift=params.shift,
        grow=params.scale,
        colour=params.colour,
        mirror=params.flip,
        paste=params.paste,
    )


def _candidates(item: Known, rng: np.random.Generator) -> Example:
    """Boxes about the object, near and far, and how much they overlap it."""
    box = item.second_box
    spread = float(np.exp(rng.uniform(np.log(0.03), np.log(0.35))))
    boxes = np.concatenate(
        [
            jittered(box, JUDGED // 2, rng, move=spread, grow=spread, stretch=spread),
            jittered(box, JUDGED - JUDGED // 2, rng, move=0.15, grow=0.25, stretch=0.15),
        ]
    )
    return item, boxes, box_iou([box], boxes)[0]


def collate(examples: list[Example]) -> Batch:
    """Features of both views, reference boxes (N, 4), boxes (N, 16, 4) and their IoU (N, 16)."""
    known = [e[0] for e in examples]

    return (
        stack([k.first for k in known]),
        stack([k.second for k in known]),
        torch.from_numpy(np.stack([k.first_box for k in known])).float(),
        torch.from_numpy(np.stack([e[1] for e in examples])).float(),
        torch.from_numpy(np.stack([e[2] for e in examples])).float(),
    )


def _loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    first, second, reference, boxes, goal = batch
    predicted = model(first, second, reference, boxes)
    return {"loss": 4 * functional.mse_loss(predicted, goal)}


def _validation_boxes(items: Sequence[Known]) -> list[Example]:
    rng = np.random.default_rng(5)
    made = []
    for item in items:
        boxes = jittered(item.second_box, JUDGED, rng, move=0.12, grow=0.15, stretch=0.12)
        made.append((item, boxes, box_iou([item.second_box], boxes)[0]))
    return made


def _validate(
    model: nn.Module, examples: Sequence[Example], batch: int, ctx: TrainContext
) -> dict[str, float]:
    """IoU of jittered boxes before and after they climbed, and the error of its prediction."""
    assert isinstance(model, IouNet)
    device = next(model.parameters()).device
    before, after, errors = [], [], []
    for start in range(0, len(examples), batch):
        ctx.report(None, "validating")
        part = list(examples[start : start + batch])
        first, second, reference, boxes, goal = collate(part)
        first, second = (
            (first[0].to(device), first[1].to(device)),
            (second[0].to(device), second[1].to(device)),
        )
        vectors = model.modulate(first, reference.to(device))
        prepared = model.prepare(second)
        predicted = model.predict(vectors, prepared, boxes.to(device)).cpu()
        errors.append(float((predicted - goal).abs().mean()))
        climbed, _ = model.climb(vectors, prepared, boxes.to(device))
        found = climbed.double().cpu().numpy()
        after += [box_iou([e[0].second_box], b)[0].mean() for e, b in zip(part, found, strict=True)]
        before += [e[2].mean() for e in part]
    return {
        "climbed_iou": float(np.mean(after)),
        "jittered_iou": float(np.mean(before)),
        "iou_error": float(np.mean(errors)),
    }
