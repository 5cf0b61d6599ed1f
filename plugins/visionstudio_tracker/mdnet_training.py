"""Training of what MDNet shares between objects: one last layer for each, the rest for all.

Nam, Han: Learning Multi-Domain Convolutional Neural Networks for Visual Tracking, CVPR 2016:
every object is a domain of its own, in which regions on it are told from those beside it; a
layer that all domains share learns what objects have in common. Here it is the first layer
behind the built-in backbone, whose features of all regions are computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from visionstudio.api import (
    Context,
    Frame,
    TrainContext,
    TrainingData,
    TrainingError,
    TrainResult,
    box_iou,
)
from visionstudio_torch import preview
from visionstudio_torch.device import seed_torch, torch_threads
from visionstudio_torch.fit import Recipe, fit, settings_of
from visionstudio_torch.schedule import planned_epochs
from visionstudio_torch.transforms import Augmentation, random_look
from visionstudio_torch.weights import WeightsInfo, load_weights
from visionstudio_tracker.known import frozen_backbone
from visionstudio_tracker.mdnet_regions import (
    CONTEXT,
    HIDDEN,
    MODEL,
    SHARED,
    VIEW,
    background,
    region_features,
)
from visionstudio_tracker.pairs import Look, Thing, check_things, read_things
from visionstudio_tracker.params import MdNetTraining
from visionstudio_tracker.views import jittered, view_of

FloatArray = NDArray[np.float64]

MOST_OBJECTS = 400
ON, BESIDE = 64, 192  # regions of a look that are kept
STEP_ON, STEP_BESIDE = 32, 96  # of which so many are taken at a time, as when tracking
SEEN = 6000  # looks that are seen in all when no number of epochs is asked for
HELD = 60  # objects to validate on
SHOWN = 40  # pictures that examples are made of
RIDGE = 1.0  # of the classifier that validation fits to one look


@dataclass(frozen=True, slots=True, eq=False)
class Regions:
    """Features (n, d) float16 of regions on the object and beside it, in one look."""

    domain: int
    on: Tensor
    beside: Tensor


Example = tuple[int, Tensor, Tensor]
Batch = tuple[Tensor, Tensor, Tensor]  # domains (N,), features (N, n, d), 1 on the object (N, n)


class MultiDomain(nn.Module):
    """A shared layer, and a last one for each domain."""

    def __init__(self, inputs: int, domains: int) -> None:
        super().__init__()
        self.shared = nn.Linear(inputs, HIDDEN)
        nn.init.kaiming_normal_(self.shared.weight)
        nn.init.zeros_(self.shared.bias)
        self.last = nn.Parameter(torch.randn(domains, 2, HIDDEN) * (2 / HIDDEN) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(domains, 2))

    def forward(self, domains: Tensor, seen: Tensor) -> Tensor:
        """Logits (N, n, 2) of background and object for features (N, n, d)."""
        hidden = functional.dropout(self.hidden(seen), 0.3, self.training)
        weighed = torch.einsum("nid,ncd->nic", hidden, self.last[domains])
        return weighed + self.bias[domains][:, None]

    def hidden(self, seen: Tensor) -> Tensor:
        """What the shared layer makes of features (…, d)."""
        return functional.relu(self.shared(seen))


def train_mdnet(data: TrainingData, params: MdNetTraining, ctx: TrainContext) -> TrainResult:
    """Train and leave ``best.safetensors`` and ``last.ckpt`` in the run folder."""
    things = _some(read_things(data.train, ctx.seed, ctx), MOST_OBJECTS)
    check_things(things)
    held = _some(read_things(data.val, ctx.seed + 1, ctx), HELD) or things[:HELD]
    seed_torch(ctx.seed)
    with torch_threads(ctx.threads):
        items = _look_at(things, params, ctx, "look")
        judged = [[item] for item in _look_at(held, params, ctx, "held-out look", second=True)]
    if not items or len(judged) < 2:
        raise TrainingError(
            "no picture shows an object with something beside it",
            next_step="draw boxes that do not fill the whole picture",
        )
    net = MultiDomain(items[0].on.shape[1], len(things))
    if params.weights != "none":
        _start_from(net, Path(params.weights).expanduser())
    recipe = Recipe(
        items=items,
        augment=_examples,
        collate=collate,
        loss=_loss,
        validate=lambda model: _validate(model, [j[0] for j in judged]),
        best="one_look",
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


def examples(data: TrainingData, params: MdNetTraining, ctx: Context) -> Iterator[Frame]:
    """Looks with regions on the object in one colour and beside it in another."""
    things = read_things(data.train[:SHOWN], ctx.seed, ctx)
    return preview.examples(things, lambda thing, rng: _view(thing, rng, params), _drawn, ctx.seed)


def _some(things: list[Thing], most: int) -> list[Thing]:
    """The objects with the most looks; the order stays."""
    if len(things) <= most:
        return things
    longest = sorted(range(len(things)), key=lambda n: -len(things[n].looks))[:most]
    return [things[n] for n in sorted(longest)]


def _view(
    thing: Thing, rng: np.random.Generator, params: MdNetTraining, look: Look | None = None
) -> tuple[NDArray[np.uint8], FloatArray, FloatArray]:
    """A view (VIEW, VIEW, 3) of a look, varied, with regions on the object and beside it."""
    one = look if look is not None else thing.looks[int(rng.integers(len(thing.looks)))]
    view = view_of(one.box, CONTEXT, VIEW)
    picture = view.cut(one.crop)
    how = Augmentation(
        brightness=params.colour, contrast=params.colour, colour=params.colour / 2, blur=1.0
    )
    picture = random_look(picture, how, rng)
    box = view.to_view(one.box[None])[0]
    if params.flip and rng.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
        box = np.array([VIEW - box[2], box[1], VIEW - box[0], box[3]])
    near = jittered(box, 6 * ON, rng, move=0.08, grow=0.06, stretch=0.04)
    on = np.concatenate([box[None], near[box_iou([box], near)[0] > 0.7]])[:ON]
    return picture, on, background(box, BESIDE, rng)


def _drawn(shown: tuple[NDArray[np.uint8], FloatArray, FloatArray]) -> NDArray[np.uint8]:
    picture, on, beside = shown
    some = np.concatenate([beside[:12], on[:6]])
    kinds = np.array([1] * len(beside[:12]) + [0] * len(on[:6]), np.int64)
    return preview.draw_boxes(picture, some, kinds, ("", ""))


def _look_at(
    things: Sequence[Thing],
    params: MdNetTraining,
    ctx: TrainContext,
    word: str,
    *,
    second: bool = False,
) -> list[Regions]:
    """The regions of up to `params.looks` looks in all, the longer tracks giving more of them.

    With `second` two looks of each object follow each other: the first and the last one.
    """
    rng = np.random.default_rng([ctx.seed, 3])
    backbone = frozen_backbone().to(ctx.device)
    chosen: list[tuple[int, Look]] = []
    each = max(1, params.looks // max(len(things), 1))
    for domain, thing in enumerate(things):
        looks = thing.looks
        count = min(max(each, 2), 50)
        places = (0, -1) if second else np.linspace(0, len(looks) - 1, count).round().astype(int)
        chosen += [(domain, looks[int(place)]) for place in places]
    made = []
    for done, (domain, look) in enumerate(chosen):
        if done % 8 == 0:
            ctx.report(0.0, f"looking at {word} {done + 1} of {len(chosen)}")
        picture, on, beside = _view(things[domain], rng, params, look)
        seen = region_features(backbone, picture, np.concatenate([on, beside]), ctx.device)
        seen = seen.half().cpu()
        made.append(Regions(domain, seen[: len(on)], seen[len(on) :]))
    return made


def _start_from(net: MultiDomain, path: Path) -> None:
    state, _ = load_weights(path, MODEL)
    net.shared.load_state_dict({n: state[f"{SHARED}.{n}"] for n in ("weight", "bias")})


def _examples(item: Regions, rng: np.random.Generator) -> Example:
    """As many regions of each kind as a step takes, some of them twice where there are few."""
    on = rng.choice(len(item.on), STEP_ON, replace=len(item.on) < STEP_ON)
    beside = rng.choice(len(item.beside), STEP_BESIDE, replace=len(item.beside) < STEP_BESIDE)
    return item.domain, item.on[on], item.beside[beside]


def collate(items: list[Example]) -> Batch:
    """Domains, features and which of them are on the object."""
    seen = torch.stack([torch.cat([on, beside]) for _, on, beside in items]).float()
    goal = torch.zeros(seen.shape[:2], dtype=torch.long)
    goal[:, :STEP_ON] = 1
    return torch.tensor([domain for domain, _, _ in items]), seen, goal


def _loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    domains, seen, goal = batch
    logits = model(domains, seen)
    return {"loss": functional.cross_entropy(logits.flatten(0, 1), goal.flatten())}


@torch.no_grad()
def _validate(model: nn.Module, looks: Sequence[Regions]) -> dict[str, float]:
    """How well an object that was never seen is told from what is beside it after one look.

    Behind the shared layer a ridge classifier is fitted to its first look; `one_look` is the
    mean accuracy on its last look, both kinds of regions counting alike.
    """
    assert isinstance(model, MultiDomain)
    device = model.shared.weight.device
    found = []
    for first, last in zip(looks[::2], looks[1::2], strict=True):
        x = model.hidden(torch.cat([first.on, first.beside]).float().to(device))
        share = len(first.on) / len(x)
        goal = torch.full((len(x),), -1.0 / (1 - share) / 2, device=device)
        goal[: len(first.on)] = 1.0 / share / 2
        mean = x.mean(0)
        x = x - mean
        kernel = x @ x.T + RIDGE * torch.eye(len(x), device=device)
        line = x.T @ torch.linalg.solve(kernel, goal - goal.mean())
        level = goal.mean() - (goal[: len(first.on)].mean() + goal[len(first.on) :].mean()) / 2
        right = []
        for seen, sign in ((last.on, 1.0), (last.beside, -1.0)):
            value = (model.hidden(seen.float().to(device)) - mean) @ line + level
            right.append(float((value * sign > 0).float().mean()))
        found.append(sum(right) / 2)
    return {"one_look": float(np.mean(found))}
