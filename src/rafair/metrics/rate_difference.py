"""The difference between two rates, and its 95 % interval: of the same instances, or of others."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rafair.metrics.rates import Z, wilson


@dataclass(frozen=True)
class Paired:
    """One rate minus another, both of the same instances.

    Args:
        value: The difference.
        low: The lower bound of its 95 % interval.
        high: The upper bound.
        n: How many instances count for both rates.
        only_first: How many of them have more of the first property than of the second.
        only_second: How many have less.
    """

    value: float
    low: float
    high: float
    n: int
    only_first: int
    only_second: int

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Unpaired:
    """One rate minus another, of different instances.

    Args:
        value: The difference.
        low: The lower bound of its 95 % interval.
        high: The upper bound.
        n_first: How many instances the first rate is of.
        n_second: How many the second is of.
    """

    value: float
    low: float
    high: float
    n_first: int
    n_second: int

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


def paired_rates(first: ArrayLike, second: ArrayLike) -> Paired | None:
    """The rate of the first property minus that of the second, of the same instances.

    Of properties that an instance has or has not, the interval is the adjusted one of matched
    pairs: Wald's after half an instance is added to each of the four cells. Of shares (such as an
    instance's share of iterates) it is the normal one of the mean difference; where all instances
    differ by the same, which a variance would take for certainty, the adjusted one again.

    Source: A. Agresti, Y. Min (2005), Statistics in Medicine 24, 729-740.

    Args:
        first: 1 where an instance has the first property, 0 where not, a share between them, NaN
            where it does not count; shape `(n,)`.
        second: The same of the second property.

    Returns:
        None where no instance counts for both.

    Raises:
        ValueError: If the two have different shapes.

    Example:
        >>> before = [True] * 90 + [False] * 10
        >>> after = [True] * 80 + [False] * 15 + [True] * 5
        >>> drop = paired_rates(before, after)
        >>> round(drop.value, 3), round(drop.low, 3), round(drop.high, 3)
        (0.05, -0.027, 0.125)
        >>> drop.n, drop.only_first, drop.only_second
        (100, 10, 5)
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape:
        raise ValueError(f"second: expected shape {one.shape}, got {other.shape}")
    known = ~(np.isnan(one) | np.isnan(other))
    one, other = one[known], other[known]
    gaps = one - other
    n = len(gaps)
    if n == 0:
        return None
    whole = _is_whole(one) and _is_whole(other)
    centre, reach = _adjusted(gaps) if whole or np.ptp(gaps) == 0 else _normal(gaps)
    low, high = max(centre - reach, -1.0), min(centre + reach, 1.0)
    more, less = int(np.count_nonzero(gaps > 0)), int(np.count_nonzero(gaps < 0))
    value = (more - less) / n if whole else float(gaps.mean())
    return Paired(value, low, high, n, more, less)


def independent_rates(count1: int, n1: int, count2: int, n2: int) -> Unpaired | None:
    """The rate `count1 / n1` minus `count2 / n2`, of different instances.

    The interval is Newcombe's hybrid score interval: from each rate as far as Wilson's goes.

    Source: R. G. Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.

    Returns:
        None where either is of no instance.

    Example:
        >>> gap = independent_rates(56, 70, 48, 80)  # Newcombe's own example
        >>> round(gap.value, 4), round(gap.low, 4), round(gap.high, 4)
        (0.2, 0.0524, 0.3339)
    """
    if n1 == 0 or n2 == 0:
        return None
    p1, p2 = count1 / n1, count2 / n2
    (low1, high1), (low2, high2) = wilson(count1, n1), wilson(count2, n2)
    low = p1 - p2 - float(np.hypot(p1 - low1, high2 - p2))
    high = p1 - p2 + float(np.hypot(high1 - p1, p2 - low2))
    return Unpaired(p1 - p2, low, high, n1, n2)


def _adjusted(gaps: NDArray[np.float64]) -> tuple[float, float]:
    """Centre and reach after one pair with a gap of 1, one with -1 and two without, half each."""
    n = len(gaps) + 2
    centre = float(gaps.sum()) / n
    square = (float(np.square(gaps).sum()) + 1) / n
    return centre, Z * float(np.sqrt((square - centre**2) / n))


def _normal(gaps: NDArray[np.float64]) -> tuple[float, float]:
    return float(gaps.mean()), Z * float(gaps.std(ddof=1) / np.sqrt(len(gaps)))


def _is_whole(values: NDArray[np.float64]) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())
