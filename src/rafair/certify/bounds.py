"""Bounds of a dense ReLU network's margins over boxes of rows.

Forward, every pre-activation is an affine function of the few features that vary, plus an interval
(interval arithmetic is the case without the affine part: Gowal et al. 2018, "On the Effectiveness
of Interval Bound Propagation for Training Verifiably Robust Models"). Backward, the margins are
bounded by affine functions through one relaxation per ReLU (Zhang et al. 2018, "Efficient Neural
Network Robustness Certification with General Activation Functions", CROWN).

What is bounded is what single precision computes, not what the real numbers would give: each layer
adds an interval as wide as its rounding errors can be, in any order of summation. The forward pass
is itself in single precision, and its intervals cover its own errors as well; the backward pass,
which decides, is in double precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rafair.models.classifier import Labels

Numbers = NDArray[np.float64]

UNIT = 2.0**-23
"""Twice the unit roundoff of single precision."""

TINY = 2.0**-100
"""More than what underflow can lose in one sum."""

LEAST = 2.0**-120
"""Divisors are no smaller: a ReLU's bounds so near to zero are as good as zero."""

MOST = 2.0**60
"""Magnitudes up to which neither sums nor products of two of them overflow."""


class Planes(NamedTuple):
    """Linear bounds over `b` boxes in which `k` features vary, for networks of `c` classes.

    Args:
        label: The class predicted at about the centre, whose margins are bounded; shape `(b,)`.
        level: Its margins over every other class exceed these at the box's centre; `(b, c - 1)`.
        slopes: How these bounds change with the features that vary; shape `(b, c - 1, k)`.
        least: The least of these bounds over the box; where positive, the class is proven; `(b,)`.
        influence: How much each varying feature moves the first layer, all units together: where
            to cut a box that is not proven; shape `(b, k)`.
    """

    label: Labels
    level: Numbers
    slopes: Numbers
    least: Numbers
    influence: Numbers

    def where(self, chosen: NDArray[Any]) -> Planes:
        """Those of the boxes that a mask, or places, choose."""
        return Planes(*(values[chosen] for values in self))

    @classmethod
    def joined(cls, parts: Sequence[Planes]) -> Planes:
        """Those of all parts, one after the other."""
        return cls(*(np.concatenate(values) for values in zip(*parts, strict=True)))


class Relaxed(NamedTuple):
    """One hidden layer over boxes: `slope * z <= relu(z) <= slope * z + rise`; each `(b, units)`.

    Args:
        lower: The least pre-activations `z`.
        upper: The largest ones.
        slope: The slope of both lines.
        rise: How far the upper line lies above the lower one.
        steep: Whether `relu(z) >= z` is the better lower bound, rather than `relu(z) >= 0`.
        length: The largest Euclidean length of the layer's inputs; shape `(b,)`.
    """

    lower: Tensor
    upper: Tensor
    slope: Tensor
    rise: Tensor
    steep: Tensor
    length: Tensor


class DenseBounds:
    """Bounds over boxes in which only a few features vary.

    Args:
        weights: The layers' weights, of shape `(outputs, inputs)`.
        biases: Their biases.
        columns: The features that vary.

    Example:
        >>> weights, biases = [torch.tensor([[0.0, 0.0], [1.0, 2.0]])], [torch.tensor([0.0, -1.0])]
        >>> bounds = DenseBounds(weights, biases, [1])
        >>> planes = bounds.over(np.array([[0.5, 0.75]]), np.array([[0.25]]))
        >>> planes.label.tolist(), planes.level.round(4).tolist(), planes.slopes.tolist()
        ([1], [[1.0]], [[[2.0]]])
        >>> planes.least.round(4).tolist()
        [0.5]
    """

    def __init__(
        self, weights: Sequence[Tensor], biases: Sequence[Tensor], columns: Sequence[int]
    ) -> None:
        self._weights = [weight.detach().cpu().double() for weight in weights]
        self._biases = [bias.detach().cpu().double() for bias in biases]
        self._columns = list(columns)
        self._moved = self._weights[0][:, self._columns]
        # what rounding grows with: Σ|w||x| + |b| is at most the product of two lengths, and |b|
        self._sums = [
            torch.stack([weight.norm(dim=1), bias.abs(), torch.ones_like(bias)], dim=1)
            for weight, bias in zip(self._weights, self._biases, strict=True)
        ]
        # what the forward pass multiplies by, in single precision
        self._transposed = [weight.t().float().contiguous() for weight in self._weights]
        self._magnitudes = [weight.abs() for weight in self._transposed]
        self._single = [bias.float() for bias in self._biases]
        self._slack = [self._slack_of(number) for number in range(len(self._weights))]

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self._biases[-1])

    @property
    def row_operations(self) -> int:
        """Multiplications and additions that predict one row."""
        return 2 * sum(weight.numel() for weight in self._weights)

    def operations(self, varying: int) -> int:
        """Multiplications and additions that bound one box, element-wise work included.

        Args:
            varying: How many features vary in it.
        """
        (units, inputs), margins = self._weights[0].shape, len(self._biases[-1]) - 1
        total = 2 * units * inputs + (varying + 8) * units + 2 * margins * units * (1 + varying)
        for weight in self._weights[1:-1]:
            outputs, inputs = weight.shape
            total += 2 * weight.numel() * (varying + 2) + (3 * varying + 18) * inputs + 8 * outputs
            total += margins * (2 * weight.numel() + 10 * outputs + 10 * inputs)
        return total + 2 * self._weights[-1].numel()

    def reliable(self, largest: float) -> bool:
        """Whether nothing can overflow for rows whose values are no larger than this."""
        inputs = self._weights[0].shape[1]
        reach = torch.full((inputs,), max(float(largest), 1.0), dtype=torch.float64)
        for weight, bias in zip(self._weights, self._biases, strict=True):
            reach = weight.abs() @ reach + bias.abs()
            if not bool((reach < MOST).all()) or not bool((weight.abs() < MOST).all()):
                return False
        return True

    def over(self, centres: Numbers, radius: Numbers) -> Planes:
        """Bounds the margins over boxes.

        Args:
            centres: The boxes' centres; shape `(b, d)`.
            radius: How far the features that vary reach from there; shape `(b, k)`.
        """
        with torch.inference_mode():
            centre, reach = torch.from_numpy(centres).double(), torch.from_numpy(radius).double()
            first = torch.addmm(self._biases[0], centre, self._weights[0].t())
            hidden, logits, length = self._forward(centre, reach, first)
            label = logits.argmax(dim=1)
            level, slopes = self._backward(label, hidden, first, length)
            least = (level - (slopes.abs() * reach[:, None]).sum(dim=2)).amin(dim=1)
            influence = reach * self._moved.abs().sum(dim=0)
            found = (label, level, slopes, least, influence)
            return Planes(*(values.numpy() for values in found))

    def hidden(self, centres: Numbers, radius: Numbers) -> list[Relaxed]:
        """The hidden layers over boxes, which are given as in `over`."""
        centre, reach = torch.from_numpy(centres).double(), torch.from_numpy(radius).double()
        first = torch.addmm(self._biases[0], centre, self._weights[0].t())
        return self._forward(centre, reach, first)[0]

    def _forward(
        self, centre: Tensor, radius: Tensor, first: Tensor
    ) -> tuple[list[Relaxed], Tensor, Tensor]:
        """The hidden layers, logits at about the centre, and the last inputs' length."""
        largest = centre.abs().index_add(1, torch.tensor(self._columns), radius)
        length = torch.linalg.vector_norm(largest.float(), dim=1)
        rest, value = self._off(0, length), first.float()
        generators, hidden = self._generators(radius), list[Relaxed]()
        for number in range(1, len(self._weights)):
            width = generators.abs().sum(dim=0).add_(rest)
            lower, upper = value - width, value + width
            most, under = upper.clamp(min=0), lower.clamp(max=0)
            slope = most / (most - under).clamp_(min=LEAST)
            rise = under.mul_(slope).neg_()
            hidden.append(Relaxed(lower, upper, slope, rise, value > 0, length))
            length = torch.linalg.vector_norm(most, dim=1)
            half = rise / 2
            value = torch.addcmul(half, slope, value)
            value = torch.addmm(self._single[number], value, self._transposed[number])
            if number < len(self._weights) - 1:
                half.addcmul_(slope, rest)
                rest = self._off(number, length).addmm_(half, self._magnitudes[number])
                generators = generators.mul_(slope) @ self._transposed[number]
        return hidden, value, length

    def _generators(self, radius: Tensor) -> Tensor:
        """What each feature that does vary adds to the first layer; `(most that vary, b, units)`.

        Where fewer vary, nothing is multiplied by zeros for the others.
        """
        varies = radius > 0
        most = int(varies.sum(dim=1).max()) if varies.numel() else 0
        places = torch.argsort(varies.int(), dim=1, descending=True, stable=True)[:, :most]
        reach = radius.gather(1, places).float()
        return self._moved.t().float()[places.t()] * reach.t()[:, :, None]

    def _backward(
        self, label: Tensor, hidden: list[Relaxed], first: Tensor, length: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Bounds of a class's margins over the others: at the centre `(b, c - 1)`, and slopes."""
        boxes, classes = len(label), len(self._biases[-1])
        box = torch.arange(boxes).repeat_interleave(classes - 1)
        own, each = label[box], torch.arange(classes)
        other = each.expand(boxes, -1)[each != label[:, None]]
        weight, bias, sums = self._weights[-1], self._biases[-1], self._sums[-1]
        slopes = weight[own] - weight[other]
        level = -self._rounding(len(hidden), length[box], sums[own] + sums[other])
        if not hidden:
            level = level + first[box, own] - first[box, other]
            moved = slopes[:, self._columns]
            return level.view(boxes, -1), moved.view(boxes, classes - 1, -1)
        level = level + bias[own] - bias[other]
        every = slice(None) if classes == 2 else box
        for number in range(len(hidden) - 1, -1, -1):
            layer = hidden[number]
            falling = slopes.clamp(max=0)
            level = level + (falling * layer.rise[every]).sum(dim=1)
            # the least of slope * relu(z) lies under the lower line, or over the upper one
            slopes = slopes.clamp_(min=0).mul_(layer.steep[every])
            slopes.add_(falling.mul_(layer.slope[every]))
            level = level - self._rounding(
                number, layer.length[every], slopes.abs() @ self._sums[number]
            )
            if number:
                level = level + slopes @ self._biases[number]
                slopes = slopes @ self._weights[number]
        level = level + (slopes * first[every]).sum(dim=1)
        moved = slopes @ self._moved
        return level.view(boxes, -1), moved.view(boxes, classes - 1, -1)

    def _rounding(self, number: int, length: Tensor, sums: Tensor) -> Tensor:
        """How far single precision can be off in a layer, for a weighted sum of its outputs.

        The network's `n` products and their sum, in any order, lose at most `n + 2` roundoffs of
        `Σ|w||x| + |b|`, and the lines of `Relaxed`, which are rounded too, two more: twice
        `n + 2` covers them.
        """
        count = self._weights[number].shape[1]
        total = torch.addcmul(sums[:, 1], length, sums[:, 0])
        return total * ((count + 2) * UNIT) + sums[:, 2] * TINY

    def _slack_of(self, number: int) -> tuple[Tensor, Tensor]:
        """How far the network and the forward pass can be off: per length of inputs, and more.

        Beside the network's `n + 2` roundoffs, the pass computes centres, generators and intervals
        from magnitudes of at most 3/2, 1/2 and 1 of the inputs', and adds up `k + 1` intervals:
        `4n + 3k + 28` in all.
        """
        count = self._weights[number].shape[1]
        roundoffs = (5 * count + 4 * len(self._columns) + 32) * UNIT / 2
        length, bias, _ = (self._sums[number] * roundoffs).float().unbind(dim=1)
        return length[None], bias + TINY

    def _off(self, number: int, length: Tensor) -> Tensor:
        """The same for boxes of inputs; shape `(b, units)`."""
        per_length, more = self._slack[number]
        return torch.addmm(more, length[:, None], per_length)
