"""Counts and shares as they stand in sentences: in per cent, with their interval."""

from __future__ import annotations

from rafair.metrics.rate_format import as_per_cent
from rafair.metrics.rates import Rate

ONE_DECIMAL_FROM = 1000
"""Of so many instances a tenth of a per cent means something."""


def share_of(rate: Rate) -> str:
    """A rate as count, share and interval.

    Example:
        >>> share_of(Rate(value=0.195, count=39, n=200, low=0.1461, high=0.2554))
        '39 (20 %, 15 to 26 %)'
    """
    decimals = 1 if rate.n >= ONE_DECIMAL_FROM else 0
    value, low, high = (as_per_cent(one, decimals) for one in (rate.value, rate.low, rate.high))
    return f"{rate.count:,} ({value} %, {low} to {high} %)"


def people(n: int) -> str:
    """So many of them."""
    return "1 person" if n == 1 else f"{n:,} people"


def were(rate: Rate) -> str:
    """The verb of a rate's count."""
    return "was" if rate.count == 1 else "were"
