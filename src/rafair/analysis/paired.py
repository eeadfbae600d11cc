"""The difference between two shares that are taken of the same instances, and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.metrics.rates import Z

Pair = tuple[NDArray[np.bool_], NDArray[np.bool_]]


@dataclass(frozen=True)
class Difference:
    """The mean of one share minus another over groups of instances.

    Args:
        value: The difference.
        low: The lower bound of its 95 % interval.
        high: The upper bound.
        n: How many instances it is taken of.
    """

    value: float
    low: float
    high: float
    n: int

    @property
    def is_lower(self) -> bool:
        """Whether the first share is lower by more than the interval."""
        return self.high < 0

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return {"difference": self.value, "low": self.low, "high": self.high, "n": self.n}


def paired_difference(groups: Sequence[Pair]) -> Difference:
    """The mean over groups of `share(first) - share(second)`, with a normal 95 % interval.

    Each group is a data set and network of its own; both answers in it are of the same instances,
    so the variance is that of their differences: Σ s²ₖ / nₖ / K². It tells how sure the difference
    is for these networks, not how it varies from network to network.

    Args:
        groups: Per group whether each instance has the first and the second property; each pair
            of shape `(n,)`.

    Example:
        >>> first = np.array([True, False, False, False] * 25)
        >>> second = np.array([True, True, False, False] * 25)
        >>> gap = paired_difference([(first, second)])
        >>> round(gap.value, 3), round(gap.low, 3), round(gap.high, 3), gap.is_lower
        (-0.25, -0.335, -0.165, True)
    """
    gaps = [first.astype(np.float64) - second.astype(np.float64) for first, second in groups]
    value = float(np.mean([gap.mean() for gap in gaps]))
    variances = [gap.var(ddof=1) / len(gap) if len(gap) > 1 else 0.25 for gap in gaps]
    reach = float(Z * np.sqrt(np.sum(variances)) / len(gaps))
    return Difference(value, value - reach, value + reach, sum(map(len, gaps)))
