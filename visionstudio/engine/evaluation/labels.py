"""Figures of classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from visionstudio.model.errors import InvalidValue


def evaluate_labels(
    truth: Mapping[str, str], predicted: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """`accuracy` and `top5` in [0, 1] over the pictures of `truth`.

    `truth` gives each picture's class, `predicted` its guesses, best first. A
    picture without a guess counts as wrong. Raises InvalidValue without pictures.
    """
    if not truth:
        raise InvalidValue(
            "no picture has a class to compare with", next_step="tag pictures with their class"
        )
    guesses = [(label, list(predicted.get(name, ()))) for name, label in truth.items()]
    return {
        "accuracy": sum(label in found[:1] for label, found in guesses) / len(guesses),
        "top5": sum(label in found[:5] for label, found in guesses) / len(guesses),
    }
