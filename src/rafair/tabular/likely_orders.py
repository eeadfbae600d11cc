"""Orders between numbers, and what one value implies of another column, that a table shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rafair.tabular.value_types import plain_value

Values = NDArray[np.float64]

EXPECTED = 20.0
"""A rule is told where so many rows would break it if its columns had nothing to do with each
other: that none does is then no chance, even of thousands of rules."""

HARDLY_ANY = 1 / 1000
"""The share of rows that may break a rule which is told, but not proposed."""

LEAST_SHARE = 0.01
"""And where so large a share of the rows would break it: of many rows, a few would break an order
of columns that have nothing to do with each other, such as age and income."""

MOST_LEVELS = 20
LOOKED_AT = 20_000


@dataclass(frozen=True)
class Order:
    """One column that is nowhere above another.

    Args:
        low: The column.
        high: The other one.
        broken: In how many rows it is above nevertheless.
        expected: How many would break it by chance.
    """

    low: str
    high: str
    broken: int
    expected: float


@dataclass(frozen=True)
class Implication:
    """A value of one column with which a single value of another one stands.

    Args:
        column: The column.
        value: Its value.
        other: The other one.
        implied: The value that stands there.
        rows: How many rows have it.
    """

    column: str
    value: Any
    other: str
    implied: Any
    rows: int


def likely_orders(names: Sequence[str], values: Values) -> list[Order]:
    """The orders that hold in all rows, or in all but one of a thousand; the surest first.

    Of `a <= b`, `b <= c` and `a <= c` the last is left out. Columns whose ranges do not meet, and
    those that say nothing of each other, have no order that would be told.

    Args:
        names: The columns that are numbers.
        values: Theirs, NaN where one is missing; shape `(n, m)`.

    Example:
        >>> draws = np.random.default_rng(0).random((200, 2))
        >>> [found] = likely_orders(["start", "end"], np.sort(draws, axis=1))
        >>> found.low, found.high, found.broken
        ('start', 'end', 0)
    """
    sample = values[np.sort(np.random.default_rng(0).permutation(len(values))[:LOOKED_AT])]
    found: dict[tuple[int, int], Order] = {}
    for low, high in permutations(range(len(names)), 2):
        first = sample[:200, low] > sample[:200, high]
        if first.mean() > 0.05:
            continue
        known = ~np.isnan(values[:, low]) & ~np.isnan(values[:, high])
        broken = int((values[known, low] > values[known, high]).sum())
        if broken > HARDLY_ANY * known.sum() or np.array_equal(
            values[known, low], values[known, high]
        ):
            continue
        chance = _above(sample[:, low], sample[:, high]) * int(known.sum())
        if chance >= max(EXPECTED, LEAST_SHARE * int(known.sum())):
            found[low, high] = Order(names[low], names[high], broken, chance)
    told = [
        order
        for (low, high), order in found.items()
        if not any((low, m) in found and (m, high) in found for m in range(len(names)))
    ]
    return sorted(told, key=lambda order: (order.broken > 0, -order.expected))


def _above(low: Values, high: Values) -> float:
    """In which share of all pairs of a low and a high, of any rows, the low is above."""
    lows, highs = low[~np.isnan(low)], np.sort(high[~np.isnan(high)])
    if not len(lows) or not len(highs):
        return 0.0
    return float(np.searchsorted(highs, lows, side="left").mean() / len(highs))


def likely_implications(columns: Mapping[str, pd.Series[Any]]) -> list[Implication]:
    """What stands wherever a value of a column stands, of columns with few values and others.

    Args:
        columns: The columns, by name, plain.

    Example:
        >>> owns = pd.Series([0, 1] * 60)
        >>> worth = pd.Series(np.arange(120) * (owns == 1))
        >>> [found] = likely_implications({"owns": owns, "worth": worth})
        >>> found.column, found.value, found.other, found.implied
        ('owns', 0, 'worth', 0)
    """
    coded = {name: pd.factorize(series) for name, series in columns.items()}
    few = [name for name, (_, seen) in coded.items() if 2 <= len(seen) <= MOST_LEVELS]
    found = []
    for name in few:
        codes, seen = coded[name]
        for other, (others, there) in coded.items():
            if other == name or len(there) < 2:
                continue
            for place in range(len(seen)):
                at = others[codes == place]
                if len(at) < EXPECTED or at[0] < 0 or (at != at[0]).any():
                    continue
                # whatever else implies it, it must not be what nearly all rows have
                share = float((others != at[0]).mean())
                if share * len(at) >= EXPECTED:
                    found.append(
                        Implication(
                            name,
                            plain_value(seen[place]),
                            other,
                            plain_value(there[at[0]]),
                            len(at),
                        )
                    )
    return found
