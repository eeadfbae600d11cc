"""One bounding step: least margins of a ReLU network over a batch of boxes.

Affine forms bound every layer first. Backward passes with lines of one slope then bound the
neurons that stay unstable, and one more bounds the margins, whose lower slopes take a few signed
steps along their exact gradient (after Zhang et al. 2018, CROWN; Xu et al. 2021, "Fast and
Complete", for optimised slopes). All of it covers rounding (`certify/network_layers.py`).
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.linalg import vecdot

from rafair.certify.backward_bounds import Backward, Plane
from rafair.certify.margins import Margins
from rafair.certify.network_layers import FLOOR, TINY, Layers
from rafair.certify.relu_relaxation import LEAST, Layer

WHOLE = 16
"""Unstable neurons are bounded in groups of so many, so that a box's bounds hardly depend on the
boxes that stand beside it."""


@dataclass(frozen=True)
class Bounded:
    """What is known of boxes.

    Args:
        least: No margin of the box is smaller; shape `(b,)`.
        slack: What of the distance to that is allowed for rounding; shape `(b,)`.
        high: Where the linear bound is least: at each feature's upper end, or its lower; `(b, d)`.
        hidden: Bounds of the hidden layers.
        weights: Of each hidden layer's outputs in the margin, before slopes were improved.
    """

    least: Tensor
    slack: Tensor
    high: Tensor
    hidden: list[Layer]
    weights: list[Tensor]


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
            known: Bounds of the hidden layers that hold already, of boxes that hold these; None
                takes those of `rough`.
        """
        known = self.rough(lower, upper) if known is None else known
        rough, errors = self._within(lower, upper, known)
        hidden = self._refined(lower, upper, rough, errors)
        least, slack, high, weights = self._margin(lower, upper, wanted, hidden, errors)
        return Bounded(least, slack, high, hidden, weights)

    def planes(self, lower: Tensor, upper: Tensor) -> tuple[Tensor, Plane, Tensor]:
        """Linear bounds of all margins of the class at each box's centre.

        Returns:
            The classes, `(b,)`; the planes of each box, one after the other; and what the least of
            them loses by each feature, `(b, k)`.
        """
        wanted = self._logits((lower + upper) / 2).argmax(dim=1)
        rough, errors = self._within(lower, upper, self.rough(lower, upper))
        hidden = self._refined(lower, upper, rough, errors)
        backward, *margins = self._backward(lower, upper, wanted, hidden, errors)
        plane = backward.plane(*margins)
        places = self._worst(plane.least)
        weights = [one[places] for one in plane.weights]
        return wanted, plane, self.influence(upper - lower, hidden, weights)

    def rough(self, lower: Tensor, upper: Tensor) -> list[Layer]:
        """Bounds of the hidden layers by affine forms, of boxes of which nothing is known yet."""
        layers = self.layers
        centre, radius = (lower + upper) / 2, (upper - lower) / 2
        largest = torch.maximum(lower.abs(), upper.abs())
        value = torch.addmm(layers.biases[0], centre, layers.transposed[0])
        generators = self._moved[:, None, :] * radius.t()[self.columns][:, :, None]
        rest = layers.rounding(0, largest)
        bounds = list[Layer]()
        for number in range(layers.hidden):
            width = self._sizes(generators).sum(dim=0).add_(rest)
            # no layer exceeds its sums, whatever the forms say: lines stay in proportion to them
            most = layers.most(number, largest)
            here = Layer(torch.maximum(value - width, -most), torch.minimum(value + width, most))
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
            weight = layers.transposed[number + 1]
            value = torch.addmm(layers.biases[number + 1], value, weight)
            generators = self._product(generators.mul_(slope), weight, f"forward {number % 2}")
        return bounds

    def influence(self, width: Tensor, hidden: list[Layer], weights: list[Tensor]) -> Tensor:
        """What the relaxations lose by each feature: gap times share of the neuron's width.

        Args:
            width: Of the boxes; shape `(b, d)`.
            hidden: As in `Bounded`, of these boxes.
            weights: Likewise.
        """
        layers = self.layers
        reach = self._moved[:, None, :] * (width.t()[self.columns] / 2)[:, :, None]
        total = width.new_zeros(len(self.columns), len(width))
        for number, (here, weight) in enumerate(zip(hidden, weights, strict=True)):
            size = (here.upper - here.lower).clamp(min=LEAST)
            gap = weight.abs() * (here.upper / size) * (-here.lower / size)
            gap = torch.where(here.unstable, gap, 0)
            total += vecdot(self._sizes(reach), gap)
            if number < layers.hidden - 1:
                weight = layers.transposed[number + 1]
                reach = self._product(reach.mul_(here.line.slope), weight, f"reach {number % 2}")
        return total.t()

    def values(self, rows: Tensor, wanted: Tensor) -> Tensor:
        """The least margin of rows themselves, but for rounding; shape `(b,)`."""
        values = self._inputs_of_last(rows)
        weights, constant = self.margins.weights[wanted], self.margins.constant[wanted]
        return (torch.bmm(weights, values[:, :, None]).squeeze(2) + constant).amin(dim=1)

    def _inputs_of_last(self, rows: Tensor) -> Tensor:
        values = rows
        for number in range(self.layers.hidden):
            weight, bias = self.layers.transposed[number], self.layers.biases[number]
            values = torch.addmm(bias, values, weight).relu_()
        return values

    def _logits(self, rows: Tensor) -> Tensor:
        last = self._inputs_of_last(rows)
        return torch.addmm(self.layers.biases[-1], last, self.layers.transposed[-1])

    def _within(
        self, lower: Tensor, upper: Tensor, known: list[Layer]
    ) -> tuple[list[Layer], list[Tensor]]:
        """What is known of hidden layers, and how far rounding takes each."""
        layers = self.layers
        largest = torch.maximum(lower.abs(), upper.abs())
        bounds, errors = list[Layer](), list[Tensor]()
        for number in range(layers.hidden):
            sums = layers.sums(number, largest)
            errors.append((sums * layers.lost[number]).add_(TINY))
            # no layer exceeds its sums: lines stay in proportion to them
            most = sums.add_(errors[-1])
            here = _both(known[number], Layer(-most, most))
            if number == 0:
                here = _both(here, self._first(lower, upper, errors[0]))
            bounds.append(here)
            largest = here.upper.clamp(min=0)
        return bounds, errors

    def _first(self, lower: Tensor, upper: Tensor, error: Tensor) -> Layer:
        """The first layer's bounds, which are a sum of ranges."""
        layers = self.layers
        value = torch.addmm(layers.biases[0], (lower + upper) / 2, layers.transposed[0])
        width = torch.addmm(error, (upper - lower) / 2, layers.magnitudes[0])
        return Layer(value - width, value + width)

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

        Both lines of a layer have one slope, so one product serves both sides, and the middle
        between them is the middle line's value at the box's centre: one pass forward for all.
        """
        layers = self.layers
        radius, found = (upper - lower) / 2, rough[:1]
        middles = _Middles(layers, (lower + upper) / 2)
        passed = [middles.pass_on(rough[0], errors[0])] if rough else []
        for number in range(1, layers.hidden):
            here = rough[number]
            places = _unstable_places(here.unstable)
            if places is not None:
                below = passed[-1]
                # the first step down is the same for all boxes but for slopes: one product
                first = (below.slope * below.reach) @ layers.magnitudes[number]
                spread = (first + middles.lost).gather(1, places)
                slopes = self._rows(layers.weights[number], places)
                for lower_one in range(number - 1, -1, -1):
                    slopes.mul_(passed[lower_one].slope[:, None])
                    if lower_one < number - 1:
                        spread = spread + self._sums(slopes, passed[lower_one].reach)
                    name = f"below {lower_one % 2}"
                    slopes = self._product(slopes, layers.weights[lower_one], name)
                spread = spread + self._sums(slopes, radius)
                middle = middles.value.gather(1, places)
                least = torch.maximum(here.lower.gather(1, places), middle - spread)
                most = torch.minimum(here.upper.gather(1, places), middle + spread)
                here = Layer(
                    here.lower.scatter(1, places, least),
                    here.upper.scatter(1, places, torch.maximum(least, most)),
                )
            found.append(here)
            passed.append(middles.pass_on(here, errors[number]))
        return found

    def _sums(self, values: Tensor, reach: Tensor) -> Tensor:
        """`Σ|values|·reach` over the last axis, of boxes and neurons; `(b, m)`."""
        found: Tensor = vecdot(self._sizes(values), reach[:, None])
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
        backward, *margins = self._backward(lower, upper, wanted, hidden, errors)
        least, slack, high, layers = backward.optimised(*margins)
        if self.margins.constant.shape[1] == 1:
            return least, slack, high, layers
        places = self._worst(least)
        return least[places], slack[places], high[places], [one[places] for one in layers]

    def _worst(self, least: Tensor) -> Tensor:
        """Where the least of each box's margins stands among all of them."""
        count = self.margins.constant.shape[1]
        worst = least.view(-1, count).argmin(dim=1)
        return torch.arange(len(worst)) * count + worst

    def _backward(
        self,
        lower: Tensor,
        upper: Tensor,
        wanted: Tensor,
        hidden: list[Layer],
        errors: list[Tensor],
    ) -> tuple[Backward, Tensor, Tensor, Tensor]:
        """The way back from margins, of each box one after the other; and what goes in."""
        count = self.margins.constant.shape[1]
        if count > 1:
            lower, upper = (side.repeat_interleave(count, 0) for side in (lower, upper))
            hidden = [Layer(*(side.repeat_interleave(count, 0) for side in one)) for one in hidden]
            errors = [error.repeat_interleave(count, 0) for error in errors]
        backward = Backward(self.layers, lower, upper, hidden, errors)
        last = hidden[-1].upper.clamp(min=0) if hidden else torch.maximum(lower.abs(), upper.abs())
        weights = self.margins.weights[wanted].flatten(0, 1)
        lost = (self.margins.magnitudes[wanted].flatten(0, 1) * last).sum(dim=1)
        lost = lost + self.margins.lost[wanted].flatten() + FLOOR
        return backward, weights, self.margins.constant[wanted].flatten(), lost


class OfThread(threading.local):
    """A relaxation for each thread, which has memory of its own; takes what `Relaxation` does."""

    def __init__(self, layers: Layers, margins: Margins, columns: list[int]) -> None:
        self.here = Relaxation(layers, margins, columns)


def _both(here: Layer, known: Layer) -> Layer:
    lower = torch.maximum(here.lower, known.lower)
    return Layer(lower, torch.maximum(lower, torch.minimum(here.upper, known.upper)))


class _Passed(NamedTuple):
    """A layer's slope, and per unit of it how far its lines and rounding reach; `(b, units)`."""

    slope: Tensor
    reach: Tensor


class _Middles:
    """The network with the middle line for each ReLU, at centres of boxes, layer by layer."""

    def __init__(self, layers: Layers, centre: Tensor) -> None:
        self._layers, self._next = layers, 0
        self._step(centre, centre.abs())

    def _step(self, inputs: Tensor, size: Tensor) -> None:
        layers, number = self._layers, self._next
        self.value = torch.addmm(layers.biases[number], inputs, layers.transposed[number])
        # what rounding takes of it, by the magnitudes that are added up here
        self.lost = layers.rounding(number, size)
        self._next = number + 1

    def pass_on(self, layer: Layer, error: Tensor) -> _Passed:
        """Takes the lines of a layer, goes on to the next, and says how far they reach."""
        slope, half = layer.line.slope, layer.lower.clamp(max=0) / -2
        passed = _Passed(slope, half + torch.maximum(error, self.lost))
        if self._next <= self._layers.hidden - 1:
            size = (self.value.abs() + half) * slope
            self._step((self.value + half) * slope, torch.maximum(size, layer.upper.clamp(min=0)))
        return passed


def _unstable_places(unstable: Tensor) -> Tensor | None:
    """The places of the unstable neurons of each box, filled up with others; `(b, most)`."""
    most = int(unstable.sum(dim=1).max()) if unstable.numel() else 0
    if not most:
        return None
    most = min(-(-most // WHOLE) * WHOLE, unstable.shape[1])
    return unstable.to(torch.uint8).topk(most, dim=1).indices
