"""A fully connected ReLU network as bounds need it: weights, magnitudes, and how rounding adds up.

What is bounded is what single precision computes, in any order of summation, with or without fused
operations, and the bounds' own rounding is covered as well. `docs/certificates.md` has the proof;
its constants stand here.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

UNIT = 2.0**-24
"""What one operation of single precision loses at most, as a share of its result."""

TINY = 2.0**-100
"""More than what underflow can lose in one sum of a layer."""

FLOOR = 2.0**-60
"""More than what underflow can lose in all products of a pass through the whole network."""

MOST = 2.0**40
"""With weights and magnitudes up to this, no sum or product overflows."""


def units(weight: Tensor, features: int, depth: int, precision: torch.dtype) -> float:
    """How many units of `|W|·|h| + |b|` a layer and the bounds of it lose together.

    Args:
        weight: Of the layer; shape `(outputs, inputs)`.
        features: How many numbers go into the network.
        depth: How many layers it has.
        precision: In which bounds are computed.

    Example:
        >>> weight = torch.zeros(64, 32)
        >>> units(weight, 13, 6, torch.float32), round(units(weight, 13, 6, torch.float64), 3)
        (503.0, 37.0)
    """
    outputs, inputs = weight.shape
    network = inputs + 5.0
    bounds = 2.0 * inputs + 4 * outputs + 2 * features + 8 * depth + 72
    return network + bounds * float(torch.finfo(precision).eps) / 2 / UNIT


class Layers:
    """The layers of a network, and what of them does not depend on boxes.

    Args:
        weights: The layers' weights, of shape `(outputs, inputs)`.
        biases: Their biases, of shape `(outputs,)`.
        precision: In which bounds are computed.

    Example:
        >>> layers = Layers([torch.ones(1, 2), torch.ones(2, 1)], [torch.zeros(1), torch.zeros(2)])
        >>> layers.lost[0] == 107 * UNIT, layers.sums(0, torch.tensor([[1.0, 1.0]])).tolist()
        (True, [[2.0]])
    """

    def __init__(
        self,
        weights: Sequence[Tensor],
        biases: Sequence[Tensor],
        precision: torch.dtype = torch.float32,
    ) -> None:
        self.precision = precision
        self.weights = [weight.detach().cpu().to(precision).contiguous() for weight in weights]
        self.biases = [bias.detach().cpu().to(precision) for bias in biases]
        self.transposed = [weight.t().contiguous() for weight in self.weights]
        self.magnitudes = [weight.abs() for weight in self.transposed]
        features, depth = self.weights[0].shape[1], len(self.weights)
        self.lost = [units(one, features, depth, precision) * UNIT for one in self.weights]

    def in_double(self) -> Layers:
        """The same layers, of which bounds are computed in double precision."""
        return Layers(self.weights, self.biases, torch.float64)

    @property
    def hidden(self) -> int:
        """How many hidden layers there are."""
        return len(self.weights) - 1

    @property
    def widths(self) -> list[int]:
        """How many units each hidden layer has."""
        return [len(bias) for bias in self.biases[:-1]]

    @property
    def n_classes(self) -> int:
        """How many outputs there are."""
        return len(self.biases[-1])

    def sums(self, number: int, largest: Tensor) -> Tensor:
        """`|W|·|h| + |b|` of a layer, where its inputs are at most `largest`; `(b, outputs)`."""
        return torch.addmm(self.biases[number].abs(), largest, self.magnitudes[number])

    def rounding(self, number: int, largest: Tensor) -> Tensor:
        """How far a layer's outputs may be off; `(b, outputs)`."""
        return self.sums(number, largest).mul_(self.lost[number]).add_(TINY)

    def most(self, number: int, largest: Tensor) -> Tensor:
        """What a layer's outputs cannot exceed; `(b, outputs)`."""
        sums = self.sums(number, largest)
        return sums.add_(sums * self.lost[number]).add_(TINY)

    def reliable(self, largest: Tensor) -> bool:
        """Whether nothing can overflow for inputs of at most `largest`; shape `(d,)`."""
        reach = largest.double()
        for weight, bias in zip(self.weights, self.biases, strict=True):
            reach = weight.double().abs() @ reach + bias.double().abs()
            known = bool(torch.isfinite(weight).all()) and bool(torch.isfinite(bias).all())
            if not known or not bool((reach < MOST).all()) or float(weight.abs().max()) > MOST:
                return False
        return True
