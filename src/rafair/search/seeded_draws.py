"""Random numbers that depend on the row and the seed alone, not on the batch or the shard."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from rafair.tabular.encoding import Rows
from rafair.tabular.keys import GOLDEN, Keys, mixed


def row_keys(rows: Rows, seed: int, run: int = 0) -> Keys:
    """One number per row, which depends on its values, the seed, and the run's number.

    Args:
        rows: Encoded rows of shape `(n, d)`.
        seed: The audit's seed.
        run: Tells restarts apart.

    Returns:
        Keys of shape `(n,)`.

    Example:
        >>> rows = np.float32([[0.1, 0.2], [0.3, 0.4]])
        >>> bool(row_keys(rows, seed=0)[1] == row_keys(rows[1:], seed=0)[0])
        True
    """
    first = mixed(mixed(np.array([seed], np.uint64)) ^ np.uint64(run))
    keys = np.repeat(first, len(rows))
    for bits in np.ascontiguousarray(rows, np.float32).view(np.uint32).T:
        keys = mixed(keys ^ bits)
    return keys


def row_generators(rows: Rows, seed: int, run: int = 0) -> list[np.random.Generator]:
    """One generator per row, for algorithms that draw row by row; slow to make.

    Args:
        rows: Encoded rows of shape `(n, d)`.
        seed: The audit's seed.
        run: Tells restarts apart.

    Example:
        >>> rows = np.float32([[0.1, 0.2], [0.3, 0.4]])
        >>> together = row_generators(rows, seed=0)[1].random()
        >>> together == row_generators(rows[1:], seed=0)[0].random()
        True
    """
    return [np.random.default_rng([seed, run, _digest(row)]) for row in rows]


def uniform(keys: Keys, lower: Rows, upper: Rows) -> Rows:
    """A draw between `lower` and `upper` for each row; both have shape `(n, d)`.

    A feature near the end of its range has a smaller box: clipping a draw from the full one would
    leave half of all draws at that end.
    """
    rows: Rows = (lower + _shares(keys, lower.shape[1]) * (upper - lower)).astype(np.float32)
    return rows


def corners(keys: Keys, lower: Rows, upper: Rows) -> Rows:
    """A corner of the box between `lower` and `upper` for each row; both have shape `(n, d)`.

    Where a model is about linear, its worst answer is at a corner; draws from the inside lie near
    the middle, in as many directions as there are features.
    """
    rows: Rows = np.where(_shares(keys, lower.shape[1]) < 0.5, lower, upper).astype(np.float32)
    return rows


def normal(keys: Keys, deviation: NDArray[np.float32]) -> Rows:
    """A draw from independent normal distributions for each row; shape `(n, d)`."""
    rows: Rows = (ndtri(_shares(keys, len(deviation))) * deviation).astype(np.float32)
    return rows


def _shares(keys: Keys, n: int) -> NDArray[np.float64]:
    """The first `n` numbers of SplitMix64 from each key, strictly between 0 and 1; `(m, n)`."""
    states = keys[:, None] + GOLDEN * np.arange(n, dtype=np.uint64)
    shares: NDArray[np.float64] = (
        (mixed(states) >> np.uint64(12)).astype(np.float64) + 0.5
    ) * 2.0**-52
    return shares


def _digest(row: NDArray[np.float32]) -> int:
    content = np.ascontiguousarray(row, "<f4").tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
