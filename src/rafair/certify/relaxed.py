"""One bounding step: least margins of a ReLU network over a batch of boxes.

Affine forms bound every layer first. Backward passes with lines of one slope then bound the
neurons that stay unstable, and one more bounds the margins, whose lower slopes take a few signed
steps along their exact gradient (after Zhang et al. 2018, CROWN; Xu et al. 2021, "Fast and
Complete", for optimised slopes). All of it covers rounding (`certify/layers.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from rafair.certify.layers import FLOOR, TINY, Layers
from rafair.certify.margins import Margins

LEAST = 2.0**-120
"""Divisors are no smaller: a ReLU's bounds so near to zero are as good as zero."""

STEPS, RATE, SHRINK = 4, 0.5, 0.6
"""How many steps lower slopes take, how long the first is, and by what the next are shorter."""

WHOLE = 16
"""Unstable neurons are bounded in groups of so many, so that a box's bounds hardly depend on the
boxes that stand beside it."""


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


@dataclass(frozen=True)
class Bounded:
    """What is known of boxes.

    Args:
        least: No margin of the box is smaller; shape `(b,)`.
        slack: What of the distance to that is allowed for rounding; shape `(b,)`.
        high: Where the linear bound is least: at each feature's upper end, or its lower; `(b, d)`.
        hidden: Bounds of the hidden layers.
        influence: How much the margin's bound loses by each feature's width; shape `(b, k)`.
    """

    least: Tensor
    slack: Tensor
    high: Tensor
    hidden: list[Layer]
    influence: Tensor


class Scratch:
    """Memory that batches use again: what is allocated anew has to be cleared by the system."""

    def __init__(self, precision: torch.dtype) -> None:
        self._precision, self._held = precision, dict[str, Tensor]()

    def take(self, name: str, *shape: int) -> Tensor:
        """A tensor of a shape, with whatever was left in it."""
        size = math.prod(shape)
        if name not in self._held or self._held[name].numel() < size:
            self._held[name] = torch.empty(size, dtype=self._precision)
        return self._held[name][:size].view(shape)


class Relaxation:
    """Bounds a network's margins over boxes; for one thread at a time.

    Args:
        layers: The network.
        margins: What each class must exceed.
        columns: The features that vary in any box.
    """

    def __init__(self, layers: Layers, margins: Margins, columns: list[int]) -> None:
        self.layers, self.margins, self.columns = layers, margins, columns
        self._moved = layers.transposed[0][columns]
        self._scratch = Scratch(layers.precision)

    def bound(
        self, lower: Tensor, upper: Tensor, wanted: Tensor, known: list[Layer] | None = None
    ) -> Bounded:
        """Bounds a batch of boxes.

        Args:
            lower: The least value of each feature; shape `(b, d)`.
            upper: The largest; likewise.
            wanted: The class whose margins are bounded; shape `(b,)`.
            known: Bounds of the hidden layers that hold already, of boxes that hold these.
        """
        rough, errors = self._forward(lower, upper, known)
        hidden = self._refined(lower, upper, rough, errors)
        least, slack, high, weights = self._margin(lower, upper, wanted, hidden, errors)
        influence = self._influence(upper - lower, hidden, weights)
        return Bounded(least, slack, high, hidden, influence)

    def values(self, rows: Tensor, wanted: Tensor) -> Tensor:
        """The least margin of rows themselves, but for rounding; shape `(b,)`."""
        layers, values = self.layers, rows
        for number in range(layers.hidden):
            weight, bias = layers.transposed[number], layers.biases[number]
            values = torch.addmm(bias, values, weight).relu_()
        weights, constant = self.margins.weights[wanted], self.margins.constant[wanted]
        return (torch.bmm(weights, values[:, :, None]).squeeze(2) + constant).amin(dim=1)

    def _forward(
        self, lower: Tensor, upper: Tensor, known: list[Layer] | None
    ) -> tuple[list[Layer], list[Tensor]]:
        """Affine forms: bounds of hidden layers, and how far rounding takes each."""
        layers = self.layers
        centre, radius = (lower + upper) / 2, (upper - lower) / 2
        largest = torch.maximum(lower.abs(), upper.abs())
        value = torch.addmm(layers.biases[0], centre, layers.transposed[0])
        generators = self._moved[:, None, :] * radius.t()[self.columns][:, :, None]
        rest = layers.rounding(0, largest)
        bounds, errors = list[Layer](), list[Tensor]()
        for number in range(layers.hidden):
            width = self._sizes(generators).sum(dim=0).add_(rest)
            # no layer exceeds its sums, whatever the forms say: lines stay in proportion to them
            most = layers.sums(number, largest)
            errors.append((most * layers.lost[number]).add_(TINY))
            most = most.add_(errors[-1])
            here = Layer(torch.maximum(value - width, -most), torch.minimum(value + width, most))
            if known is not None:
                here = _both(here, known[number])
            bounds.append(here)
            largest = here.upper.clamp(min=0)
            if number == layers.hidden - 1:
                break
            slope, rise = here.line
            half = rise / 2
            value = torch.addcmul(half, slope, value)
            spread = torch.addcmul(half, slope, rest)
            # magnitudes of the forms themselves, which may exceed the bounds
            size = (value.abs() + slope * width).add_(half)
            size = torch.maximum(size, largest).mul_(layers.lost[number + 1])
            rest = spread.add_(size) @ layers.magnitudes[number + 1]
            rest = rest.add_(layers.biases[number + 1].abs() * layers.lost[number + 1] + TINY)
            value = torch.addmm(layers.biases[number + 1], value, layers.transposed[number + 1])
            weight = layers.transposed[number + 1]
            generators = self._product(generators.mul_(slope), weight, f"forward {number % 2}")
        return bounds, errors

    def _sizes(self, values: Tensor) -> Tensor:
        return torch.abs(values, out=self._scratch.take("sizes", *values.shape))

    def _rows(self, weight: Tensor, places: Tensor) -> Tensor:
        held = self._scratch.take("rows", places.numel(), weight.shape[1])
        chosen = torch.index_select(weight, 0, places.flatten(), out=held)
        return chosen.view(*places.shape, -1)

    def _product(self, values: Tensor, weight: Tensor, name: str) -> Tensor:
        rows = values.view(-1, values.shape[-1])
        held = self._scratch.take(name, len(rows), weight.shape[1])
        return torch.mm(rows, weight, out=held).view(*values.shape[:-1], -1)

    def _refined(
        self, lower: Tensor, upper: Tensor, rough: list[Layer], errors: list[Tensor]
    ) -> list[Layer]:
        """Backward passes for the neurons that affine forms leave unstable.

        Both lines of a layer have one slope, so one product serves both sides.
        """
        layers = self.layers
        centre, radius = ((lower + upper) / 2)[:, :, None], ((upper - lower) / 2)[:, :, None]
        found = rough[:1]
        passed = [_spread(rough[0], errors[0], layers.biases[0])] if rough else []
        for number in range(1, layers.hidden):
            here = rough[number]
            places = _unstable_places(here.unstable)
            if places is not None:
                slopes = self._rows(layers.weights[number], places)
                constant = layers.biases[number][places]
                spread = errors[number].gather(1, places)
                for below in range(number - 1, -1, -1):
                    slope, middle, wide = passed[below]
                    slopes.mul_(slope)
                    constant = constant + torch.bmm(slopes, middle).squeeze(2)
                    spread = spread + torch.bmm(self._sizes(slopes), wide).squeeze(2)
                    slopes = self._product(slopes, layers.weights[below], f"below {below % 2}")
                middle = constant + torch.bmm(slopes, centre).squeeze(2)
                spread = spread + torch.bmm(self._sizes(slopes), radius).squeeze(2)
                least = torch.maximum(here.lower.gather(1, places), middle - spread)
                most = torch.minimum(here.upper.gather(1, places), middle + spread)
                here = Layer(
                    here.lower.scatter(1, places, least),
                    here.upper.scatter(1, places, torch.maximum(least, most)),
                )
            found.append(here)
            passed.append(_spread(here, errors[number], layers.biases[number]))
        return found

    def _margin(
        self,
        lower: Tensor,
        upper: Tensor,
        wanted: Tensor,
        hidden: list[Layer],
        errors: list[Tensor],
    ) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """The margins' least, slack and where it is, and the layers' weights in it."""
        count = self.margins.constant.shape[1]
        if count > 1:
            lower, upper = (side.repeat_interleave(count, 0) for side in (lower, upper))
            hidden = [Layer(*(side.repeat_interleave(count, 0) for side in one)) for one in hidden]
            errors = [error.repeat_interleave(count, 0) for error in errors]
        backward = _Backward(self.layers, lower, upper, hidden, errors)
        last = hidden[-1].upper.clamp(min=0) if hidden else torch.maximum(lower.abs(), upper.abs())
        weights = self.margins.weights[wanted].flatten(0, 1)
        lost = (self.margins.magnitudes[wanted].flatten(0, 1) * last).sum(dim=1)
        lost = lost + self.margins.lost[wanted].flatten() + FLOOR
        best = backward.optimised(weights, self.margins.constant[wanted].flatten(), lost)
        least, slack, high, layers = best
        if count == 1:
            return least, slack, high, layers
        # the margin that is least of each box
        worst = least.view(-1, count).argmin(dim=1)
        places = torch.arange(len(worst)) * count + worst
        return least[places], slack[places], high[places], [one[places] for one in layers]

    def _influence(self, width: Tensor, hidden: list[Layer], weights: list[Tensor]) -> Tensor:
        """What the relaxations lose by each feature: gap times share of the neuron's width."""
        layers = self.layers
        reach = self._moved[:, None, :] * (width.t()[self.columns] / 2)[:, :, None]
        total = width.new_zeros(len(width), len(self.columns))
        for number, (here, weight) in enumerate(zip(hidden, weights, strict=True)):
            size = (here.upper - here.lower).clamp(min=LEAST)
            gap = weight.abs() * (here.upper / size) * (-here.lower / size)
            gap = torch.where(here.unstable, gap, 0)
            sizes = self._sizes(reach).transpose(0, 1)
            total += torch.bmm(sizes, gap[:, :, None]).squeeze(2)
            if number < layers.hidden - 1:
                weight = layers.transposed[number + 1]
                reach = self._product(reach.mul_(here.line.slope), weight, f"reach {number % 2}")
        return total


class _Backward:
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
        least, slack, high, first = self._pass(weights, constant, lost)
        passed, at = first, high
        for step in range(STEPS if self._lines else 0):
            self._move(passed, at, RATE * SHRINK**step)
            found, other, at, passed = self._pass(weights, constant, lost)
            better = found > least
            least, slack = torch.where(better, found, least), torch.where(better, other, slack)
            high = torch.where(better[:, None], at, high)
        return least, slack, high, first

    def _pass(
        self, weights: Tensor, constant: Tensor, lost: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        layers, slack, each = self._layers, lost, list[Tensor]()
        for number in range(len(self._lines) - 1, -1, -1):
            slope, rise = self._lines[number]
            each.append(weights)
            constant = constant + (weights.clamp(max=0) * rise).sum(dim=1)
            weights = weights * torch.where(weights < 0, slope, self._slopes[number])
            slack = slack + (weights.abs() * self._errors[number]).sum(dim=1)
            constant = constant + weights @ layers.biases[number]
            weights = weights @ layers.weights[number]
        high = weights <= 0
        corner = torch.where(high, self._upper, self._lower)
        least = constant + (weights * corner).sum(dim=1) - slack
        return least, slack, high, each[::-1]

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


def _both(here: Layer, known: Layer) -> Layer:
    lower = torch.maximum(here.lower, known.lower)
    return Layer(lower, torch.maximum(lower, torch.minimum(here.upper, known.upper)))


def _spread(layer: Layer, error: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A layer's slope, and per unit of it where the middle of its lines lies and how far they are.

    With `rise = slope·(-lower)`, both follow from the slope: one product less for each.
    """
    half = layer.lower.clamp(max=0) / -2
    return layer.line.slope[:, None], (half + bias)[:, :, None], (half + error)[:, :, None]


def _unstable_places(unstable: Tensor) -> Tensor | None:
    """The places of the unstable neurons of each box, filled up with others; `(b, most)`."""
    most = int(unstable.sum(dim=1).max()) if unstable.numel() else 0
    if not most:
        return None
    most = min(-(-most // WHOLE) * WHOLE, unstable.shape[1])
    return unstable.to(torch.uint8).topk(most, dim=1).indices
