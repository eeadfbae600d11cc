"""Linear lower bounds of margins, from the output back to the features.

The lower line of an unstable ReLU may have any slope from 0 to 1; a few signed steps along the
exact gradient choose it (after Xu et al. 2021, "Fast and Complete", which optimises such slopes).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.linalg import vecdot

from rafair.certify.network_layers import Layers
from rafair.certify.relu_relaxation import Layer

STEPS, RATE, SHRINK = 4, 0.5, 0.6
"""How many steps lower slopes take, how long the first is, and by what the next are shorter."""


class Plane(NamedTuple):
    """A linear lower bound of `b` margins over boxes: `level + ends·row - slack`.

    Args:
        least: The least of it over the box; shape `(b,)`.
        slack: What is allowed for rounding; likewise.
        high: Where it is least: at each feature's upper end, or its lower; shape `(b, d)`.
        weights: Of each hidden layer's outputs in the margin.
        level: Its constant; shape `(b,)`.
        ends: Of each feature; shape `(b, d)`.
    """

    least: Tensor
    slack: Tensor
    high: Tensor
    weights: list[Tensor]
    level: Tensor
    ends: Tensor


class Backward:
    """Linear lower bounds of margins, with lower slopes that are optimised."""

    def __init__(
        self,
        layers: Layers,
        lower: Tensor,
        upper: Tensor,
        hidden: list[Layer],
        errors: list[Tensor],
    ) -> None:
        self._layers, self._lower, self._upper, self._errors = layers, lower, upper, errors
        self._lines = [layer.line for layer in hidden]
        self._unstable = [layer.unstable for layer in hidden]
        self._slopes = [
            ((layer.upper > -layer.lower) & (layer.upper > 0)).to(lower.dtype) for layer in hidden
        ]

    def optimised(
        self, weights: Tensor, constant: Tensor, lost: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """The best bound met; the layers' weights are those of the first pass.

        Args:
            weights: Of the last hidden layer's outputs in the margin; shape `(b, units)`.
            constant: The margin's constant; shape `(b,)`.
            lost: What rounding of the logits may take; shape `(b,)`.
        """
        first = self.plane(weights, constant, lost)
        least, slack, high, passed, at = (
            first.least,
            first.slack,
            first.high,
            first.weights,
            first.high,
        )
        for step in range(STEPS if self._lines else 0):
            self._move(passed, at, RATE * SHRINK**step)
            found = self.plane(weights, constant, lost)
            passed, at = found.weights, found.high
            better = found.least > least
            least = torch.where(better, found.least, least)
            slack = torch.where(better, found.slack, slack)
            high = torch.where(better[:, None], at, high)
        return least, slack, high, first.weights

    def plane(self, weights: Tensor, constant: Tensor, lost: Tensor) -> Plane:
        """One bound, with the lower slopes as they are; takes what `optimised` does."""
        layers, slack, each = self._layers, lost, list[Tensor]()
        for number in range(len(self._lines) - 1, -1, -1):
            slope, rise = self._lines[number]
            each.append(weights)
            constant = constant + vecdot(weights.clamp(max=0), rise)
            weights = weights * torch.where(weights < 0, slope, self._slopes[number])
            slack = slack + vecdot(weights.abs(), self._errors[number])
            constant = constant + weights @ layers.biases[number]
            weights = weights @ layers.weights[number]
        high = weights <= 0
        corner = torch.where(high, self._upper, self._lower)
        least = constant + vecdot(weights, corner) - slack
        return Plane(least, slack, high, each[::-1], constant, weights)

    def _move(self, weights: list[Tensor], high: Tensor, length: float) -> None:
        """One signed step of the lower slopes: `∂least/∂slope = weight·z` at the corner.

        `z` are the pre-activations of the relaxed network where the bound is least.
        """
        values, moved = torch.where(high, self._upper, self._lower), list[Tensor]()
        for number, (slope, rise) in enumerate(self._lines):
            bias, weight = self._layers.biases[number], self._layers.transposed[number]
            values = torch.addmm(bias, values, weight)
            falling, own = weights[number] < 0, self._slopes[number]
            step = torch.where(self._unstable[number] & ~falling, values.sign() * length, 0.0)
            values = torch.where(falling, slope * values + rise, own * values)
            moved.append((own + step).clamp_(0, 1))
        self._slopes = moved
