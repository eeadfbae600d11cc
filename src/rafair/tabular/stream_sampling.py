"""The same kind of sample from rows that come in blocks, in memory that does not grow with them.

Every row number has a pseudo-random key, and the smallest keys are drawn: a sample without
replacement that depends on no order and no cut.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.tabular.encoding import Rows
from rafair.tabular.keys import Keys, number_keys
from rafair.tabular.sampling import MOST_FITTED_ROWS, fit_clusters, largest_remainder

Numbers = NDArray[np.int64]
FITTED, DRAWN = range(2)
"""Streams of keys: which rows the clusters are fitted on must not decide which are drawn."""


class Smallest:
    """The rows of the smallest keys among all that were added.

    Args:
        size: How many to keep.

    Example:
        >>> kept = Smallest(2)
        >>> for numbers in (np.array([0, 1]), np.array([2, 3])):
        ...     kept.add(np.array([7, 3, 5, 9], np.uint64)[numbers], numbers)
        >>> kept.numbers().tolist()
        [1, 2]
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._keys = np.empty(0, np.uint64)
        self._numbers = np.empty(0, np.int64)
        self._rows: Rows | None = None

    def add(self, keys: Keys, numbers: Numbers, rows: Rows | None = None) -> None:
        """Looks at further rows.

        Args:
            keys: Shape `(n,)`.
            numbers: Shape `(n,)`.
            rows: What to keep of them beside their numbers, if anything; shape `(n, d)`.
        """
        if len(self._keys) == self._size:
            below = keys < self._keys.max()
            keys, numbers = keys[below], numbers[below]
            rows = None if rows is None else rows[below]
        keys = np.concatenate([self._keys, keys])
        numbers = np.concatenate([self._numbers, numbers])
        if rows is not None and self._rows is not None:
            rows = np.concatenate([self._rows, rows])
        if len(keys) > self._size:
            kept = np.argpartition(keys, self._size - 1)[: self._size]
            keys, numbers = keys[kept], numbers[kept]
            rows = None if rows is None else rows[kept]
        self._keys, self._numbers, self._rows = keys, numbers, rows

    def numbers(self, size: int | None = None) -> Numbers:
        """The numbers of the `size` smallest keys, ascending; of all that are kept if None."""
        found: Numbers = np.sort(self._numbers[np.argsort(self._keys)[:size]])
        return found

    def rows(self) -> Rows:
        """What was kept of all of them, in the order of their numbers."""
        assert self._rows is not None  # nobody asks who did not hand in any
        return self._rows[np.argsort(self._numbers)]


class ClusterFit:
    """The first pass: centres of clusters, from a sample that depends on no seed.

    Example:
        >>> fit = ClusterFit()
        >>> rows = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
        >>> fit.add(np.arange(20), rows)
        >>> sorted(fit.centres().argmax(axis=1).tolist())
        [0, 1, 2, 3]
    """

    def __init__(self, size: int = MOST_FITTED_ROWS) -> None:
        self._sample = Smallest(size)

    def add(self, numbers: Numbers, rows: Rows) -> None:
        """Looks at further rows of shape `(n, d)`, whose numbers have shape `(n,)`."""
        self._sample.add(number_keys(numbers, 0, FITTED), numbers, rows)

    def centres(self) -> NDArray[np.float64]:
        """The centres of shape `(c, d)`."""
        found: NDArray[np.float64] = fit_clusters(self._sample.rows()).cluster_centers_
        return found.astype(np.float64)


class StratifiedDraw:
    """The second pass: each cluster gives its share of the sample, by largest remainder.

    Args:
        centres: The clusters' centres of shape `(c, d)`.
        size: How many rows to draw; all when there are no more.
        seed: Decides which.
    """

    def __init__(self, centres: NDArray[np.float64], size: int, seed: int) -> None:
        self._centres, self._size, self._seed = centres, size, seed
        self._kept = [Smallest(size) for _ in centres]
        self._sizes = np.zeros(len(centres), np.int64)

    def add(self, numbers: Numbers, rows: Rows) -> None:
        """Looks at further rows of shape `(n, d)`, whose numbers have shape `(n,)`."""
        keys = number_keys(numbers, self._seed, DRAWN)
        clusters = nearest(rows, self._centres)
        for cluster, kept in enumerate(self._kept):
            members = clusters == cluster
            kept.add(keys[members], numbers[members])
            self._sizes[cluster] += np.count_nonzero(members)

    def numbers(self) -> Numbers:
        """The numbers of the drawn rows, ascending."""
        size = min(self._size, int(self._sizes.sum()))
        quotas = largest_remainder(self._sizes, size)
        drawn = [kept.numbers(quota) for kept, quota in zip(self._kept, quotas, strict=True)]
        return np.sort(np.concatenate(drawn))


def nearest(rows: Rows, centres: NDArray[np.float64]) -> Numbers:
    """The nearest centre of each row, ties to the first; shape `(n,)`.

    Example:
        >>> nearest(np.float32([[0.1], [0.9]]), np.array([[0.0], [1.0]])).tolist()
        [0, 1]
    """
    # centre by centre: no array of rows times centres times features
    distances = [np.square(rows - centre).sum(axis=1) for centre in centres]
    found: Numbers = np.argmin(distances, axis=0)
    return found
