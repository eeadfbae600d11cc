"""Adjusted mutual information: how much two labellings tell of each other, beyond chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def adjusted_mutual_information(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """0 where two labellings of the same instances share no more than chance, 1 where they agree.

    It is (MI - E) / (mean(H) - E), where E is the mean MI of labellings drawn with the same sizes
    of classes.

    Args:
        first: A class for each instance; shape `(n,)`.
        second: Another one; shape `(n,)`.

    Source: N. X. Vinh, J. Epps, J. Bailey (2010), JMLR 11, 2837-2854.

    Example:
        >>> halves, thirds = np.arange(12) // 6, np.arange(12) % 3
        >>> adjusted_mutual_information(halves, halves)
        1.0
        >>> round(adjusted_mutual_information(halves, thirds), 4)
        -0.1334
    """
    one = np.unique(first, return_inverse=True)[1]
    other = np.unique(second, return_inverse=True)[1]
    n = len(one)
    together = np.zeros((one.max() + 1, other.max() + 1), np.int64)
    np.add.at(together, (one, other), 1)
    rows, columns = together.sum(axis=1), together.sum(axis=0)
    if len(rows) == len(columns) == 1:
        return 1.0
    there = together > 0
    expected = np.outer(rows, columns)[there]
    shares = together[there] / n
    shared = float((shares * np.log(n * together[there] / expected)).sum())
    chance = _expected(rows, columns, n)
    entropy = (_entropy(rows, n) + _entropy(columns, n)) / 2
    beyond = entropy - chance
    least = np.finfo(np.float64).eps  # a difference that is only rounding keeps its sign
    beyond = min(beyond, -least) if beyond < 0 else max(beyond, least)
    return float((shared - chance) / beyond)


def _entropy(sizes: NDArray[np.int64], n: int) -> float:
    shares = sizes / n
    return float(-(shares * np.log(shares)).sum())


def _expected(rows: NDArray[np.int64], columns: NDArray[np.int64], n: int) -> float:
    """The mean mutual information over all tables with these margins (hypergeometric cells)."""
    log_factorial = np.append(0.0, np.log(np.arange(1, n + 1)).cumsum())
    total = 0.0
    for a in rows.tolist():
        for b in columns.tolist():
            cell = np.arange(max(1, a + b - n), min(a, b) + 1)
            log_chance = (
                log_factorial[a]
                + log_factorial[b]
                + log_factorial[n - a]
                + log_factorial[n - b]
                - log_factorial[n]
                - log_factorial[cell]
                - log_factorial[a - cell]
                - log_factorial[b - cell]
                - log_factorial[n - a - b + cell]
            )
            gain = cell / n * np.log(n * cell / (a * b))
            total += float((gain * np.exp(log_chance)).sum())
    return total
