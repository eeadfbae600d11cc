"""A rate: a share with its counts and a 95 % interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from rafair.metrics.rate_format import as_fraction

CONFIDENCE = 0.95
Z = 1.959963984540054
"""The normal distribution's quantile that 95 % intervals reach to, right to the last bit: figures
of runs and references of before are derived again, and compared."""

RESAMPLES = 2000


@dataclass(frozen=True)
class Rate:
    """`count` of `n`, with the interval that holds the true share 95 times in 100.

    Args:
        value: `count / n`.
        count: How many had the property.
        n: How many were looked at.
        low: The interval's lower bound.
        high: The interval's upper bound.
    """

    value: float
    count: int
    n: int
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = map(as_fraction, (self.value, self.low, self.high))
        return f"{value} [{low}, {high}]"

    def to_dict(self) -> dict[str, float]:
        """As plain values."""
        return {
            "value": self.value,
            "count": self.count,
            "n": self.n,
            "low": self.low,
            "high": self.high,
        }


def rate(count: int, n: int) -> Rate | None:
    """The share `count / n` with its Wilson interval; None where `n` is 0.

    Source: E. B. Wilson (1927), JASA 22, 209-212.

    Example:
        >>> print(rate(45, 50))
        0.900 [0.786, 0.957]
    """
    if n == 0:
        return None
    low, high = wilson(int(count), int(n))
    return Rate(int(count) / int(n), int(count), int(n), low, high)


def wilson(count: int, n: int) -> tuple[float, float]:
    """Wilson's interval of the share `count / n`; `n` is at least 1.

    It holds the shares p that are no further from it than Z of p's own standard deviations.

    Source: E. B. Wilson (1927), JASA 22, 209-212.

    Example:
        >>> [round(end, 4) for end in wilson(45, 50)]
        [0.7864, 0.9565]
    """
    p, square = count / n, Z**2
    centre = (2 * n * p + square) / (2 * (n + square))
    reach = Z / (2 * (n + square)) * sqrt(4 * n * p * (1 - p) + square)
    return (centre - reach if count else 0.0), (centre + reach if count < n else 1.0)


def share(holds: NDArray[np.bool_]) -> Rate | None:
    """The share of instances for which something holds; `holds` has shape `(n,)`."""
    return rate(int(np.count_nonzero(holds)), len(holds))


def pooled_share(holds: NDArray[np.bool_], seed: int) -> Rate | None:
    """The share of all iterates for which something holds, with a bootstrap interval.

    Iterates of one instance are not independent, so whole instances are drawn (percentile
    bootstrap). Where all instances have the same share, a bootstrap sees no variation at all; there
    the interval is Wilson's over the instances.

    Args:
        holds: Shape `(n, T)`: an instance a row, an iterate a column.
        seed: The seed of the draws.

    Example:
        >>> print(pooled_share(np.array([[True, True], [False, False]] * 20), seed=0))
        0.500 [0.350, 0.675]
    """
    n, steps = holds.shape
    if holds.size == 0:
        return None
    shares = holds.mean(axis=1)
    count = int(np.count_nonzero(holds))
    value = count / holds.size
    if np.all(shares == shares[0]):
        return Rate(value, count, holds.size, *wilson(round(value * n), n))
    means = resampled_means(shares, seed)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Rate(value, count, n * steps, float(low), float(high))


def resampled_means(shares: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Means of samples of instances drawn with replacement; shape `(RESAMPLES,)`.

    Shares take at most T + 1 values, so drawing how often each value comes is the same as drawing
    instances, at a cost that does not grow with their number.
    """
    values, counts = np.unique(shares, return_counts=True)
    n = len(shares)
    draws = np.random.default_rng(seed).multinomial(n, counts / n, RESAMPLES)
    means: NDArray[np.float64] = draws @ values / n
    return means
