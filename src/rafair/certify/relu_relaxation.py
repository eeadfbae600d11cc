"""Bounds of hidden layers over boxes, and the straight lines between which ReLUs then lie."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

LEAST = 2.0**-120
"""Divisors are no smaller: a ReLU's bounds so near to zero are as good as zero."""


class Line(NamedTuple):
    """`slope·z ≤ relu(z) ≤ slope·z + rise` for one hidden layer over boxes; each `(b, units)`."""

    slope: Tensor
    rise: Tensor


class Layer(NamedTuple):
    """Bounds of one hidden layer's pre-activations over boxes; each `(b, units)`."""

    lower: Tensor
    upper: Tensor

    @property
    def unstable(self) -> Tensor:
        """Whether a neuron is on in one part of the box and off in another."""
        return (self.lower < 0) & (self.upper > 0)

    @property
    def line(self) -> Line:
        """The two lines of one slope."""
        over, under = self.upper.clamp(min=0), self.lower.clamp(max=0)
        slope = over / (over - under).clamp_(min=LEAST)
        return Line(slope, slope * -under)
