"""Filters that are learned while tracking, by Gauss-Newton with conjugate gradients.

Danelljan et al., ATOM, CVPR 2019, section 3.2: the sum of squared residuals is linearised
about the present weights and its normal equations are solved by a few steps of conjugate
gradients, which needs products with the Jacobian only, never the Jacobian itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Residuals = Callable[..., Tensor]


def conjugate_gradients(
    product: Callable[[Tensor], Tensor], right: Tensor, steps: int, tolerance: float = 1e-10
) -> Tensor:
    """An approximate solution x of A x = `right`, for a symmetric positive definite A.

    `product(v)` is A v. Exact after as many steps as there are unknowns (Hestenes and Stiefel).
    """
    x = torch.zeros_like(right)
    residual = right.clone()
    direction = residual.clone()
    square = residual @ residual
    for _ in range(steps):
        if square <= tolerance:
            break
        along = product(direction)
        step = square / (direction @ along)
        x = x + step * direction
        residual = residual - step * along
        new = residual @ residual
        direction = residual + (new / square) * direction
        square = new
    return x


def gauss_newton(
    residuals: Residuals, weights: tuple[Tensor, ...], rounds: int, steps: int
) -> tuple[Tensor, ...]:
    """Weights with a smaller sum of squared residuals.

    `residuals(*weights)` is a vector, differentiable; a regulariser is part of it. `rounds`
    linearisations with `steps` of conjugate gradients each. A round that makes it worse ends
    the search.
    """
    shapes = [w.shape for w in weights]
    sizes = [w.numel() for w in weights]

    def parts(flat: Tensor) -> tuple[Tensor, ...]:
        cut = torch.split(flat, sizes)
        return tuple(c.reshape(s) for c, s in zip(cut, shapes, strict=True))

    def flat(values: tuple[Tensor, ...]) -> Tensor:
        return torch.cat([v.reshape(-1) for v in values])

    for _ in range(rounds):
        found: Any = torch.func.vjp(residuals, *weights)
        value, pull = found
        gradient = flat(pull(value))
        present = weights

        def product(v: Tensor) -> Tensor:
            pushed: Any = torch.func.jvp(residuals, present, parts(v))  # noqa: B023 - used at once
            return flat(pull(pushed[1]))  # noqa: B023

        change = parts(conjugate_gradients(product, -gradient, steps))
        moved = tuple(w + c for w, c in zip(weights, change, strict=True))
        if float(residuals(*moved).square().sum()) > float(value.square().sum()):
            break
        weights = tuple(w.detach() for w in moved)
    return weights
