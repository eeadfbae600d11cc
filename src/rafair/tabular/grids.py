"""Grids: the values that ordered features may really take, and the nearest of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.tabular.encoding import FINEST, MISSING, Rows
from rafair.tabular.schema import Direction, Feature, Schema

Values = NDArray[np.float64]

ROUNDING = 2e-7
"""What single precision can make of a value, as a share of its feature's range."""


@dataclass(frozen=True)
class Grids:
    """Per feature, the values `anchor + k · step` between a minimum and a maximum; each `(d,)`.

    Numbers are in their own units, ordinals count in levels. A step of 0 is a number without a
    grid; a span of 0 marks what has no order, or only one value.

    Args:
        anchor: A value on the grid.
        step: The distance between two values.
        minimum: What is encoded as 0.
        span: The maximum minus the minimum.
        sign: +1 where values may only increase, -1 where they may only decrease, else 0.
        largest: The largest change; infinite where none is stated.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> grids = Grids.of(Schema(features=(age,), label="y", classes=("no", "yes")))
        >>> centre = np.float32([[0.5]])  # 30 years
        >>> lower, upper = grids.bounds(centre, np.float32([0.18]))
        >>> near = grids.nearest(np.float32([[0.69]]), centre, lower, upper)
        >>> grids.raw(near).tolist()
        [[33.0]]
    """

    anchor: Values
    step: Values
    minimum: Values
    span: Values
    sign: Values
    largest: Values

    @classmethod
    def of(cls, schema: Schema) -> Grids:
        """The grids of a schema's features."""
        columns = [_grid(feature) for feature in schema.features]
        return cls(*(np.array(values, np.float64) for values in zip(*columns, strict=True)))

    @property
    def ordered(self) -> NDArray[np.bool_]:
        """Which features have an order and more than one value; shape `(d,)`."""
        return self.span > 0

    def too_coarse(self, epsilon: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which ordered features cannot reach another value of their grid; shape `(d,)`.

        Nor can those of which single precision tells values no further apart than that: an outlier
        may stretch a range so far.
        """
        reach = np.minimum(epsilon * self.span, self.largest)
        lost = reach <= 2 * ROUNDING * self.span
        coarse: NDArray[np.bool_] = self.ordered & (
            lost | (self.step > reach + ROUNDING * self.span)
        )
        return coarse

    def stride(self) -> NDArray[np.float32]:
        """The encoded distance between two values of the grid; 0 without one; shape `(d,)`."""
        return (self.step / np.where(self.ordered, self.span, 1)).astype(np.float32)

    def raw(self, rows: Rows) -> Values:
        """Values in their own units, those on the grid without rounding; shape `(n, d)`."""
        values: Values = self.minimum + rows.astype(np.float64) * self.span
        on = self._place(values) * self.step + self.anchor
        close = (np.abs(on - values) <= ROUNDING * self.span) & (self.step > 0)
        values = np.where(close, on, values)
        values[rows == MISSING] = np.nan
        return values

    def encode(self, values: Values) -> Rows:
        """The bits that `encoding.encode` gives these values; shape `(n, d)`."""
        scaled = (values - self.minimum) / np.where(self.ordered, self.span, 1)
        return np.clip(scaled, 0, 1).astype(np.float32)

    def bounds(self, centre: Rows, epsilon: NDArray[np.float32]) -> tuple[Values, Values]:
        """The least and the largest encoded value within reach of each centre, each `(n, d)`."""
        at = centre.astype(np.float64)
        largest = np.minimum(epsilon, self.largest / np.where(self.ordered, self.span, 1))
        down, up = np.where(self.sign > 0, 0, largest), np.where(self.sign < 0, 0, largest)
        return np.maximum(at - down, 0), np.minimum(at + up, 1)

    def places(self, lower: Values, upper: Values) -> tuple[Values, Values]:
        """The first and the last k between encoded bounds; the last below the first: none."""
        slack, unit = ROUNDING * self.span, np.where(self.step > 0, self.step, 1)
        low = np.maximum(self.minimum + lower * self.span - slack, self.minimum)
        high = np.minimum(
            self.minimum + upper * self.span + slack, self.minimum + self.span + 1e-9 * unit
        )
        first = np.ceil((low - self.anchor) / unit - 1e-9)
        return first, np.floor((high - self.anchor) / unit + 1e-9)

    def nearest(self, rows: Rows, centre: Rows, lower: Values, upper: Values) -> Rows:
        """The nearest values of the grid between bounds; the centre's own always is one of them."""
        wanted = np.clip(rows.astype(np.float64), lower, upper)
        first, last = self.places(lower, upper)
        place = np.clip(self._place(self.minimum + wanted * self.span), first, last)
        moved = self.encode(self.anchor + place * self.step)
        moved = np.where(self.step > 0, moved, wanted).astype(np.float32)
        # the centre comes back bit by bit, whether it lies on the grid or not
        home = np.abs(wanted - centre) <= np.abs(wanted - moved)
        home |= np.abs(moved - centre.astype(np.float64)) <= ROUNDING
        home |= (first > last) & (self.step > 0)
        result: Rows = np.where(home, centre, moved)
        return result

    def _place(self, values: Values) -> Values:
        unit = np.where(self.step > 0, self.step, 1)
        place: Values = np.rint((values - self.anchor) / unit)
        return place


def _grid(feature: Feature) -> tuple[float, float, float, float, float, float]:
    """Anchor, step, minimum, span, sign and largest change of one feature."""
    sign = {Direction.INCREASE_ONLY: 1.0, Direction.DECREASE_ONLY: -1.0}.get(feature.direction, 0.0)
    largest = math.inf if feature.largest_change is None else feature.largest_change
    if feature.is_nominal:
        return 0.0, 0.0, 0.0, 0.0, 0.0, math.inf
    if not feature.kind.is_number:
        return 0.0, 1.0, 0.0, len(feature.levels or ()) - 1.0, sign, largest
    low, high = feature.minimum or 0.0, feature.maximum or 0.0
    if feature.grid is None:
        return 0.0, _shown_digit(low, high), low, high - low, sign, largest
    # whole numbers are whole, whatever range a person states
    anchor = 0.0 if feature.step is None else low
    return anchor, feature.grid, low, high - low, sign, largest


def _shown_digit(low: float, high: float) -> float:
    """The last digit in which `encoding.decode` shows a number; 0 where that is too coarse."""
    size = max(abs(low), abs(high), 1e-30)
    digit = 10.0 ** -max(6 - math.ceil(math.log10(size)), 0)
    return digit if digit <= FINEST * (high - low) else 0.0
