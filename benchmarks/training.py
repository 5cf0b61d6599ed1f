"""What our training loop costs beside a bare loop in torch, on the same model and pictures.

The first line trains on pictures in memory, the bare side shuffling and stacking them as a
plain script does: the ratio is the price of everything the loop does besides (setting up,
schedule, progress, checks, weights, checkpoint), in processor time, so that what else runs
does not count; at most 1.05 is asked. It is the round of seven with the median ratio. The
second decodes and varies JPEG files at every step, the bare side by torch's own DataLoader
with as many workers; medians of three. The last line is the share of time in which our loop
waited for pictures. Sides alternate.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from _timing import alternate, in_turn, show, typical
from torch import Tensor, nn

from visionstudio.media.image import read_rgb
from visionstudio_torch.data import Cached
from visionstudio_torch.fit import Recipe, Settings, fit
from visionstudio_torch.transforms import resize, to_tensor
from visionstudio_torch.weights import WeightsInfo

SIDE, BATCH, PICTURES = 48, 8, 32
STEPS, FILE_STEPS = 160, 48
LR = 1e-4
INFO = WeightsInfo("classifier/benchmark", ("a", "b"))


class Context:
    """A run that nobody watches."""

    # One thread: on a busy machine several wait for each other longer than they compute.
    device, threads, seed, resume, find_lr = "cpu", 1, 0, False, False

    def __init__(self, folder: Path) -> None:
        self.run_folder = self.cache = folder
        self.waiting = 0.0

    def report(
        self,
        fraction: float | None = None,
        message: str = "",
        *,
        metrics: Mapping[str, float] | None = None,
        step: int | None = None,
        **extra: Any,
    ) -> None:
        self.waiting = (metrics or {}).get("waiting", self.waiting)

    def time_left(self) -> None:
        return None

    def should_stop(self) -> bool:
        return False

    def preview(self, name: str, image: object) -> None:
        """Nobody looks."""


def network() -> nn.Module:
    """Small enough that what a loop adds to a step of it can be seen."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inner, outer in ((3, 24), (24, 48), (48, 96), (96, 96)):
        layers += [nn.Conv2d(inner, outer, 3, padding=1), nn.BatchNorm2d(outer), nn.ReLU()]
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 2))


def loss_of(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(model(images.float() / 128 - 1), labels)


def collate(examples: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
    return torch.stack([e[0] for e in examples]), torch.tensor([e[1] for e in examples])


def example(item: tuple[np.ndarray, int]) -> tuple[Tensor, int]:
    return to_tensor(resize(item[0], SIDE, SIDE)), item[1]


class Files(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Pictures in files, decoded when asked for."""

    def __init__(self, paths: list[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return example((read_rgb(self._paths[index]), index % 2))


def ours(items: Any, augment: Any, context: Context, steps: int) -> None:
    model = network()
    recipe: Recipe[Any, Any, Any] = Recipe(
        items=items,
        augment=augment,
        collate=collate,
        loss=lambda net, batch: {"loss": loss_of(net, *batch)},
        validate=lambda _: {},
        best="accuracy",
        info=INFO,
    )
    epochs = steps * BATCH // PICTURES
    fit(model, recipe, Settings(epochs, LR, BATCH), context)  # type: ignore[arg-type]


def shuffled(examples: list[tuple[Tensor, int]]) -> Iterator[tuple[Tensor, Tensor]]:
    """An epoch of batches."""
    for places in torch.randperm(len(examples)).split(BATCH):
        yield collate([examples[i] for i in places.tolist()])


def bare(batches: Any, steps: int) -> None:
    torch.set_num_threads(Context.threads)
    model = network()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=1e-4)
    done = 0
    while done < steps:
        for images, labels in batches():
            loss = loss_of(model, images, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            loss.item()
            done += 1


def main() -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = Context(folder)
        paths = []
        for i in range(PICTURES):
            noise = rng.integers(0, 255, (30, 40, 3), dtype=np.uint8)
            path = folder / f"{i}.jpg"
            cv2.imwrite(str(path), cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC))
            paths.append(path)
        held = [example((read_rgb(p), i % 2)) for i, p in enumerate(paths)]
        pairs = in_turn(
            lambda: ours(held, lambda item, _: item, context, STEPS),
            lambda: bare(lambda: shuffled(held), STEPS),
            clock=time.process_time,
        )
        show(f"{STEPS} steps, pictures in memory", *typical(pairs), "bare loop", unit="s")

        numbered = list(zip(paths, [i % 2 for i in range(PICTURES)], strict=True))
        items = Cached(numbered, lambda n: (read_rgb(n[0]), n[1]), lambda _: 1, limit=0)
        loader = torch.utils.data.DataLoader(
            Files(paths), BATCH, shuffle=True, num_workers=2, collate_fn=collate
        )
        times = alternate(
            lambda: ours(items, lambda item, _: example(item), context, FILE_STEPS),
            lambda: bare(lambda: iter(loader), FILE_STEPS),
            rounds=3,
        )
        show(f"{FILE_STEPS} steps, decoding 640 x 480 JPEG", *times, "DataLoader", unit="s")
        print(f"{'share of time waiting for pictures':<44} {context.waiting:9.3f}")
        assert threading.active_count() < 10, "loader threads are left behind"


if __name__ == "__main__":
    main()
