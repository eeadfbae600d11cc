"""A mean of a measured quantity, with its count and a 95 % interval."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.metrics.rates import CONFIDENCE, resampled_means


@dataclass(frozen=True)
class Mean:
    """The mean over `n` instances, with a percentile bootstrap interval.

    Args:
        value: The mean.
        sd: The standard deviation over the instances; None of fewer than two.
        n: How many.
        low: The interval's lower bound.
        high: The interval's upper bound.
    """

    value: float
    sd: float | None
    n: int
    low: float
    high: float

    def to_dict(self) -> dict[str, float | int | None]:
        """As plain values."""
        return asdict(self)


def mean(values: NDArray[np.float64], seed: int) -> Mean | None:
    """The mean of values of shape `(n,)`; None where there are none.

    Args:
        values: One per instance.
        seed: The seed of the resampling.

    Example:
        >>> mean(np.array([1.0, 1.0, 1.0, 3.0]), seed=0)
        Mean(value=1.5, sd=1.0, n=4, low=1.0, high=2.5)
    """
    n = len(values)
    if n == 0:
        return None
    means = resampled_means(values, seed)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    sd = float(np.std(values, ddof=1)) if n > 1 else None
    return Mean(float(np.mean(values)), sd, n, float(low), float(high))
