"""Which rows of a table are audited: a proportional stratified sample over K-Means clusters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from rafair.tabular.encoding import Rows

N_CLUSTERS = 4
MOST_FITTED_ROWS = 50_000


def sample_instances(rows: Rows, size: int, seed: int) -> NDArray[np.int64]:
    """Draws row numbers so that each cluster gives its share of the sample.

    Shares are rounded by largest remainder (ties to the first cluster) and rows are drawn without
    replacement. Clusters come from K-Means with a fixed state, so only the draw depends on `seed`.

    Args:
        rows: Encoded rows of shape `(n, d)`.
        size: How many to draw; all rows when it is not below `n`.
        seed: The seed of the draw.

    Returns:
        Ascending row numbers of shape `(min(size, n),)`.

    Example:
        >>> rows = np.repeat(np.eye(4, dtype=np.float32), [10, 20, 30, 40], axis=0)
        >>> drawn = sample_instances(rows, 10, seed=0)
        >>> rows[drawn].sum(axis=0).tolist()
        [1.0, 2.0, 3.0, 4.0]
    """
    if size >= len(rows):
        return np.arange(len(rows))
    generator = np.random.default_rng(seed)
    clusters = _clusters(rows)
    quotas = largest_remainder(np.bincount(clusters), size)
    drawn = [
        generator.choice(np.flatnonzero(clusters == cluster), quota, replace=False)
        for cluster, quota in enumerate(quotas)
    ]
    return np.sort(np.concatenate(drawn))


def largest_remainder(sizes: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """How many of `size` draws each group of so many rows gives; ties go to the first.

    Example:
        >>> largest_remainder(np.array([10, 20, 33]), 5).tolist()
        [1, 1, 3]
    """
    shares = sizes * (size / sizes.sum())
    quotas: NDArray[np.int64] = np.floor(shares).astype(np.int64)
    by_remainder = np.argsort(-(shares - quotas), kind="stable")
    quotas[by_remainder[: size - quotas.sum()]] += 1
    return quotas


def fit_clusters(rows: Rows) -> KMeans:
    """Clusters of at most `MOST_FITTED_ROWS` rows of shape `(n, d)`, with a fixed state."""
    n_clusters = min(N_CLUSTERS, len(np.unique(rows, axis=0)))
    # One thread: the sums behind the centres are rounded in another order with two.
    with threadpool_limits(1):
        return KMeans(n_clusters=n_clusters, n_init=10, random_state=0).fit(rows)


def _clusters(rows: Rows) -> NDArray[np.int64]:
    fitted = rows
    if len(rows) > MOST_FITTED_ROWS:
        fixed = np.random.default_rng(0)
        fitted = rows[np.sort(fixed.choice(len(rows), MOST_FITTED_ROWS, replace=False))]
    means = fit_clusters(fitted)
    with threadpool_limits(1):
        labels: NDArray[np.int64] = means.predict(rows).astype(np.int64)
    return labels
