"""What both classifiers share: the loss, figures, and answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from visionstudio.api import (
    Classification,
    Exportable,
    ModelError,
    TrainingData,
    TrainingError,
)
from visionstudio_classifier.params import ClassifierParams

SMOOTHING = 0.05  # of the labels: keeps the scores of few pictures from running to 0 and 1
CHUNK = 256  # examples per forward pass while validating


def check_classes(data: TrainingData) -> int:
    """How many classes there are. Raises TrainingError when there is nothing to tell apart."""
    if len(data.classes) < 2:
        raise TrainingError(
            f"a classifier tells at least two classes apart, the training pictures have "
            f"{len(data.classes)}",
            next_step="tag pictures with a second class",
        )
    return len(data.classes)


def weights_of(wanted: str, labels: Sequence[int], classes: int) -> Tensor | None:
    """The weight of each class: None for all alike, else the inverse of its frequency.

    The weights of all examples have a mean of 1, so that the learning rate stays right.
    """
    if wanted == "none" or not labels:
        return None
    counts = torch.bincount(torch.tensor(labels), minlength=classes)
    return len(labels) / (int((counts > 0).sum()) * counts.clamp(min=1).float())


def cross_entropy(
    logits: Tensor, labels: Tensor, weights: Tensor | None = None
) -> dict[str, Tensor]:
    """The loss of (N, C) logits and (N,) labels, by the name it is plotted under.

    `weights` (C,) says how much each class counts.
    """
    if weights is not None:
        weights = weights.to(logits)
    loss = nn.functional.cross_entropy(logits, labels, weights, label_smoothing=SMOOTHING)
    return {"loss": loss}


def figures(logits: Tensor, labels: NDArray[np.int64]) -> dict[str, float]:
    """`accuracy` and `top5` of (N, C) logits and (N,) labels, and `val_loss`; {} without any."""
    if len(labels) == 0:
        return {}
    truth = torch.from_numpy(labels)
    best = logits.topk(min(5, logits.shape[1])).indices
    hits = best == truth[:, None]
    return {
        "accuracy": float(hits[:, 0].float().mean()),
        "top5": float(hits.any(dim=1).float().mean()),
        "val_loss": float(nn.functional.cross_entropy(logits, truth)),
    }


def validator(
    examples: Callable[[slice], Tensor], labels: NDArray[np.int64]
) -> Callable[[nn.Module], dict[str, float]]:
    """A `validate` for the training loop over inputs that `examples` gives by range."""

    def validate(model: nn.Module) -> dict[str, float]:
        if len(labels) == 0:
            return {}
        device = next(model.parameters()).device
        parts = [
            model(examples(slice(i, i + CHUNK)).to(device)).float().cpu()
            for i in range(0, len(labels), CHUNK)
        ]
        return figures(torch.cat(parts), labels)

    return validate


def answers(
    logits: Tensor, classes: Sequence[str], params: ClassifierParams
) -> list[Classification]:
    """The best `params.top` classes per row of (N, C) logits. Raises ModelError for NaN."""
    scores = logits.float().softmax(dim=1).cpu()
    if not bool(torch.isfinite(scores).all()):
        raise ModelError(
            "the model answered with values that are not numbers",
            next_step="train it again with a lower learning rate",
        )
    best = scores.topk(min(params.top, scores.shape[1]), dim=1)
    rows = zip(best.values.numpy(), best.indices.tolist(), strict=True)
    return [
        Classification(tuple(classes[i] for i in indices), values.clip(0, 1))
        for values, indices in rows
    ]


class Named(nn.Module):
    """A network with its normalisation in front and softmax behind, for other programs.

    (N, 3, H, W) RGB in [0, 1] → (N, classes) scores that sum to 1.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, net: nn.Module, mean: Sequence[float], std: Sequence[float], *, grey: bool = False
    ) -> None:
        super().__init__()
        self.net = net
        self.grey = grey
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        x = (images - self.mean) / self.std
        x = x.mean(dim=1, keepdim=True) if self.grey else x
        scores: Tensor = self.net(x).softmax(dim=1)
        return scores


def exportable(
    net: nn.Module,
    classes: tuple[str, ...],
    size: tuple[int, int],
    how: str,
    normalisation: tuple[Sequence[float], Sequence[float]],
    *,
    grey: bool = False,
) -> Exportable:
    """A classifier as other programs may run it; `how` says how a picture gets its size."""
    return Exportable(
        module=Named(net.cpu(), *normalisation, grey=grey).eval(),
        input_size=size,
        outputs=("scores",),
        classes=classes,
        meaning=f"a score per class, in the order of the names, which sum to 1. {how}",
    )
