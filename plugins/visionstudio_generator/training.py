"""Training a generator against a discriminator, and telling how it goes.

A `Game` says by which losses and rates. An average of the generator's weights is what is
judged, shown and kept; of the averages the one with the smallest Fréchet distance to the
training pictures becomes ``best.safetensors``.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import TrainContext, TrainResult
from visionstudio_generator.augment import diff_augment
from visionstudio_generator.monitor import Monitor, too_alike
from visionstudio_generator.network import LATENT, Layout
from visionstudio_torch import checkpoint
from visionstudio_torch.data import epoch_order
from visionstudio_torch.device import launch, memory_guard, repeatable, torch_threads
from visionstudio_torch.fit import BEST
from visionstudio_torch.schedule import Pace
from visionstudio_torch.step import diverged
from visionstudio_torch.weights import WeightsInfo, save_weights

JUDGED = 512  # pictures drawn for each judgement
CHUNK = 64  # of them at a time
ANNEAL_FROM = 0.6  # of the training, when rates begin to fall to 0
REPORT_SECONDS = 0.5
JUDGE_SHARE = 0.1  # of the time may go into judging
CHECKPOINT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Game:
    """How the two networks learn from each other.

    `hinge` losses (Lim and Ye, 2017), else cross-entropy on logits, the generator's in the
    form that does not saturate (Goodfellow et al., 2014). `betas` are Adam's;
    `generator_rate` is the generator's learning rate as a share of the discriminator's;
    `spread` the weight of a loss for pictures that are too alike.
    """

    hinge: bool
    betas: tuple[float, float]
    generator_rate: float
    spread: float

    def discriminator_loss(self, on_real: Tensor, on_drawn: Tensor) -> Tensor:
        """Of logits (N,) for real pictures and for drawn ones."""
        how = torch.relu if self.hinge else nn.functional.softplus
        margin = 1.0 if self.hinge else 0.0
        return how(margin - on_real).mean() + how(margin + on_drawn).mean()

    def generator_loss(self, on_drawn: Tensor) -> Tensor:
        """Of logits (N,) for drawn pictures."""
        return -on_drawn.mean() if self.hinge else nn.functional.softplus(-on_drawn).mean()


@dataclass(frozen=True, slots=True)
class GanSettings:
    """How to train; the last four as in `visionstudio_torch.fit.Settings`."""

    epochs: int
    lr: float
    batch: int
    augment: bool
    flip: bool
    ema: float
    precision: str = "fp32"
    patience: int = 0
    deterministic: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """What to learn from: `batch(indices)` gives (n, C, S, S) in [-1, 1]; labels (N,)."""

    batch: Callable[[Sequence[int]], Tensor]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass
class _Record:
    """Figures so far; all of it goes into the checkpoint."""

    best: float = math.inf
    metrics: dict[str, float] = field(default_factory=dict)
    judging: float = 0.0  # seconds
    training: float = 0.0
    without_better: int = 0  # judgements since the best one


class AdversarialTraining:
    """One training: `run` it once."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        layout: Layout,
        pictures: Pictures,
        game: Game,
        settings: GanSettings,
        info: WeightsInfo,
        ctx: TrainContext,
    ) -> None:
        self._layout, self._pictures, self._game = layout, pictures, game
        self._settings, self._info, self._ctx = settings, info, ctx
        self._fabric = launch(ctx.device, settings.precision)
        self._lead: bool = self._fabric.is_global_zero
        self._average = copy.deepcopy(generator).to(self._fabric.device)
        free = [p for p in generator.parameters() if p.requires_grad]
        rates = settings.lr * game.generator_rate, settings.lr
        g_adam = torch.optim.Adam(free, rates[0], betas=game.betas)
        d_adam = torch.optim.Adam(discriminator.parameters(), rates[1], betas=game.betas)
        self._parts: dict[str, Any] = {
            "generator": generator,
            "discriminator": discriminator,
            "average": self._average,
            "g_adam": g_adam,
            "d_adam": d_adam,
        }
        self._g, self._g_adam = self._fabric.setup(generator, g_adam)
        self._d, self._d_adam = self._fabric.setup(discriminator, d_adam)
        steps = -(-len(pictures) // settings.batch)
        self._steps_per_epoch = steps
        self._pace = Pace(settings.epochs * steps, ctx.time_left)
        self._record = _Record()
        self._colour = layout.channels == 3

    def run(self) -> TrainResult:
        """Train until the epochs or the time are over. Raises TrainingError when it diverges."""
        advice, always = "lower the batch or picture size", self._settings.deterministic
        with torch_threads(self._ctx.threads), memory_guard(advice), repeatable(always):
            return self._run()

    def _run(self) -> TrainResult:
        torch.manual_seed(self._ctx.seed + self._fabric.global_rank)
        order = np.random.default_rng(self._ctx.seed).permutation(len(self._pictures))
        known = order[:2000].tolist()
        labels = torch.from_numpy(self._pictures.labels[known])
        self._monitor = Monitor(self._pictures.batch(known), labels)
        if self._ctx.resume:
            self._restore()
        pace, report = self._pace, _Report(self._ctx, self._steps_per_epoch)
        saved = time.monotonic()
        while True:
            enough = 0 < self._settings.patience <= self._record.without_better
            ends = enough or self._ctx.should_stop()
            remaining = pace.remaining() if not ends else 0
            if self._fabric.world_size > 1:
                remaining = self._fabric.broadcast(remaining)
            if remaining == 0:
                break
            pace.start_step()
            figures = self._step(*self._batch(pace.step))
            pace.end_step(remaining)
            self._record.training += time.perf_counter() - pace.started
            if self._lead:
                report.step(pace, figures)
            if self._due():
                self._judge()
            if time.monotonic() - saved > CHECKPOINT_SECONDS:
                self._save()
                saved = time.monotonic()
        self._judge()
        self._save()
        return TrainResult(-(-pace.step // self._steps_per_epoch), dict(self._record.metrics))

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        epoch, row = divmod(step, self._steps_per_epoch)
        order = epoch_order(len(self._pictures), self._settings.batch, self._ctx.seed, epoch)[row]
        mine = order[self._fabric.global_rank :: self._fabric.world_size].tolist()
        labels = torch.from_numpy(self._pictures.labels[mine])
        return self._fabric.to_device((self._pictures.batch(mine), labels))  # type: ignore[no-any-return]

    def _changed(self, pictures: Tensor) -> Tensor:
        if self._settings.flip:
            turn = torch.rand(len(pictures), 1, 1, 1, device=pictures.device) < 0.5
            pictures = torch.where(turn, pictures.flip(3), pictures)
        return diff_augment(pictures, self._colour) if self._settings.augment else pictures

    def _step(self, real: Tensor, labels: Tensor) -> dict[str, float]:
        """One step of the discriminator, then one of the generator."""
        factor = min(1.0, (1 - self._pace.progress) / (1 - ANNEAL_FROM))
        rate = self._settings.lr * self._game.generator_rate
        self._g_adam.param_groups[0]["lr"] = rate * factor
        self._d_adam.param_groups[0]["lr"] = self._settings.lr * factor
        drawn = self._g(torch.randn(len(real), LATENT, device=real.device), labels)

        both = torch.cat([self._changed(real), self._changed(drawn.detach())])
        on_real, on_drawn = self._d(both, torch.cat([labels, labels])).chunk(2)
        d_loss = self._game.discriminator_loss(on_real, on_drawn)
        self._d_adam.zero_grad(set_to_none=True)
        self._fabric.backward(d_loss)
        self._d_adam.step()

        self._d.requires_grad_(False)
        g_loss = self._game.generator_loss(self._d(self._changed(drawn), labels))
        alike = too_alike(drawn, real, labels)
        self._g_adam.zero_grad(set_to_none=True)
        self._fabric.backward(g_loss + self._game.spread * alike)
        self._g_adam.step()
        self._d.requires_grad_(True)
        self._follow()

        figures = {
            "d_loss": float(d_loss.detach()),
            "g_loss": float(g_loss.detach()),
            "alike": float(alike.detach()),
            # Near 1 the discriminator knows the training pictures by heart (Karras et al., 2020).
            "d_certainty": float(torch.sign(on_real.detach()).mean()),
        }
        if not all(math.isfinite(value) for value in figures.values()):
            raise diverged(self._pace.step, self._settings.lr)
        return figures

    @torch.no_grad()
    def _follow(self) -> None:
        step = self._pace.step
        keep = min(self._settings.ema, (1 + step) / (10 + step))
        now = list(self._parts["generator"].parameters())
        torch._foreach_lerp_(list(self._average.parameters()), now, 1 - keep)

    def _due(self) -> bool:
        record = self._record
        epoch_ends = self._pace.step % self._steps_per_epoch == 0
        affordable = record.judging <= JUDGE_SHARE * record.training
        return epoch_ends and (affordable or self._settings.deterministic)

    def _judge(self) -> None:
        """Draw with the averaged weights, measure, show, and keep them if they are the best."""
        if self._lead:
            started = time.perf_counter()
            settle(self._average, self._layout, self._ctx.seed)
            drawn, labels = draw(self._average, self._layout, range(JUDGED))
            metrics = self._monitor.figures(drawn, labels)
            self._ctx.report(self._pace.progress, metrics=metrics, step=self._pace.step)
            self._ctx.preview("samples", grid(drawn, self._layout))
            self._record.without_better += 1
            if metrics["frechet"] <= self._record.best:
                # Less than a thousandth is drift, not learning: no reason to go on.
                if metrics["frechet"] < 0.999 * self._record.best:
                    self._record.without_better = 0
                self._record.best, self._record.metrics = metrics["frechet"], metrics
                info = replace(self._info, metrics=metrics)
                save_weights(self._ctx.run_folder / BEST, self._average.state_dict(), info)
            self._record.judging += time.perf_counter() - started
        self._fabric.barrier()

    def _fingerprint(self) -> dict[str, Any]:
        return {
            "model": self._info.model,
            "data": self._info.data_hash,
            "settings": repr((self._settings, self._layout, self._game)),
            "seed": self._ctx.seed,
        }

    def _save(self) -> None:
        if self._lead:
            record = self._record
            parts = {name: part.state_dict() for name, part in self._parts.items()}
            state = {
                "fingerprint": self._fingerprint(),
                **parts,
                "step": self._pace.step,
                "progress": self._pace.progress,
                "record": asdict(record),
                "precision": self._fabric.strategy.precision.state_dict(),
            }
            checkpoint.save_checkpoint(self._ctx.run_folder, state)

    def _restore(self) -> None:
        state = checkpoint.load_checkpoint(self._ctx.run_folder, self._fingerprint())
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self._pace.step, self._pace.progress = state["step"], state["progress"]
        self._record = _Record(**state["record"])
        self._fabric.strategy.precision.load_state_dict(state["precision"])
        checkpoint.restore_rng(state)


class _Report:
    """Losses averaged since the last report, at most a few times a second."""

    def __init__(self, ctx: TrainContext, steps_per_epoch: int) -> None:
        self._ctx, self._steps = ctx, steps_per_epoch
        self._values: list[dict[str, float]] = []
        self._time = -math.inf

    def step(self, pace: Pace, figures: dict[str, float]) -> None:
        self._values.append(figures)
        message = pace.message(self._steps)
        if time.monotonic() - self._time < REPORT_SECONDS:
            self._ctx.report(pace.progress, message)
            return
        means = {k: sum(v[k] for v in self._values) / len(self._values) for k in figures}
        self._ctx.report(pace.progress, message, metrics=means, step=pace.step)
        self._values, self._time = [], time.monotonic()


def noise_of(seeds: Sequence[int]) -> Tensor:
    """(n, LATENT) normal noise, each row from its own seed alone."""
    rows = [torch.randn(LATENT, generator=torch.Generator().manual_seed(s)) for s in seeds]
    return torch.stack(rows) if rows else torch.zeros(0, LATENT)


@torch.no_grad()
def settle(generator: nn.Module, layout: Layout, seed: int) -> None:
    """Measure the batch norm statistics anew: those of averaged weights are their own."""
    norms = [m for m in generator.modules() if isinstance(m, nn.BatchNorm2d)]
    device = next(generator.parameters()).device
    source = torch.Generator().manual_seed(seed)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches that follow
    generator.train()
    for _ in range(8):
        noise = torch.randn(CHUNK, LATENT, generator=source)
        labels = torch.randint(layout.classes, (CHUNK,), generator=source)
        generator(noise.to(device), labels.to(device))
    generator.eval()


@torch.no_grad()
def draw(generator: nn.Module, layout: Layout, seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """(n, C, S, S) in [-1, 1] on the CPU, the classes in turn, and their indices (n,)."""
    device = next(generator.parameters()).device
    labels = torch.tensor([i % layout.classes for i in range(len(seeds))])
    chunks = zip(torch.split(noise_of(seeds), CHUNK), torch.split(labels, CHUNK), strict=True)
    drawn = [generator(noise.to(device), of.to(device)).float().cpu() for noise, of in chunks]
    return torch.cat(drawn), labels


def to_rgb(pictures: Tensor) -> NDArray[np.uint8]:
    """(n, C, S, S) in [-1, 1] → (n, S, S, 3) uint8."""
    values = ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return values.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy()


def grid(drawn: Tensor, layout: Layout) -> NDArray[np.uint8]:
    """Eight rows of pictures as one (H, W, 3) picture; with classes a column is a class."""
    columns = max(8, min(layout.classes, 20)) if layout.classes > 1 else 8
    pictures = to_rgb(drawn[: 8 * columns])
    zoom = max(1, 64 // layout.side)
    rows = [
        np.concatenate(list(pictures[i : i + columns]), axis=1)
        for i in range(0, len(pictures) - columns + 1, columns)
    ]
    return np.concatenate(rows).repeat(zoom, axis=0).repeat(zoom, axis=1)
