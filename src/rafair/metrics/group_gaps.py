"""Rates of groups of instances, and how far two groups lie apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rafair.metrics.rate_difference import independent_rates
from rafair.metrics.rates import Rate, rate

LEAST_INSTANCES = 30
"""Smaller groups are not compared: their rates are mostly chance."""

_rate = lru_cache(maxsize=4096)(rate)  # small groups have the same few rates over and over


@dataclass(frozen=True)
class Gap:
    """The largest difference between the rates of two groups.

    Args:
        value: The higher rate less the lower one.
        low: The lower bound of the difference's 95 % interval.
        high: The upper bound.
        lowest: The group with the lower rate.
        highest: The group with the higher rate.
        n_lowest: How many instances the first has.
        n_highest: How many instances the other has.
    """

    value: float
    low: float
    high: float
    lowest: str
    highest: str
    n_lowest: int
    n_highest: int

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


def rates_by_group(
    holds: NDArray[np.bool_], groups: NDArray[np.int64], n_groups: int
) -> list[Rate | None]:
    """The share of each group's instances for which something holds; None for an empty group.

    Args:
        holds: Whether it holds, shape `(n,)`.
        groups: The group of each instance, from 0; shape `(n,)`.
        n_groups: How many groups there are.

    Example:
        >>> found = rates_by_group(np.array([True, False, True]), np.array([0, 0, 2]), 3)
        >>> [one and (one.count, one.n) for one in found]
        [(1, 2), None, (1, 1)]
    """
    sizes = np.bincount(groups, minlength=n_groups).tolist()
    counts = np.bincount(groups[holds], minlength=n_groups).tolist()
    return [_rate(count, n) for count, n in zip(counts, sizes, strict=True)]


def largest_gap(rates: Mapping[str, Rate | None], least: int = LEAST_INSTANCES) -> Gap | None:
    """The largest difference between two groups that have enough instances.

    Of equals the first counts. The interval is Newcombe's for two independent proportions; it takes
    the two groups as given, though they were chosen because they differ most.

    Args:
        rates: The groups' rates, in their order.
        least: How many instances a group must have.

    Returns:
        The gap; None where fewer than two groups have so many instances.

    Source: R. G. Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.

    Example:
        >>> gap = largest_gap({"a": rate(48, 80), "b": rate(56, 70), "c": rate(0, 5)})
        >>> gap.lowest, gap.highest, f"{gap.value:.4f} [{gap.low:.4f}, {gap.high:.4f}]"
        ('a', 'b', '0.2000 [0.0524, 0.3339]')
    """
    enough = {name: found for name, found in rates.items() if found and found.n >= least}
    if len(enough) < 2:
        return None
    lowest = min(enough, key=lambda name: enough[name].value)
    others = [name for name in enough if name != lowest]
    highest = max(others, key=lambda name: enough[name].value)
    below, above = enough[lowest], enough[highest]
    low, high = difference_interval(above, below)
    return Gap(above.value - below.value, low, high, lowest, highest, below.n, above.n)


def difference_interval(first: Rate, second: Rate) -> tuple[float, float]:
    """Newcombe's 95 % interval of the first rate less the second, of two independent samples."""
    gap = independent_rates(first.count, first.n, second.count, second.n)
    assert gap is not None  # a rate is of somebody
    return gap.low, gap.high
