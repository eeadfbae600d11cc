"""Random numbers that belong to a row: the same alone, in a batch, and in any shard."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from rafair.tabular.encoding import Rows


def row_generators(rows: Rows, seed: int, run: int = 0) -> list[np.random.Generator]:
    """One generator per row, which depends on the row's values, the seed, and the run's number.

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


def uniform(generators: list[np.random.Generator], reach: NDArray[np.float32]) -> Rows:
    """A draw from the box of half-width `reach` around zero for each row; shape `(n, d)`."""
    draws = [generator.uniform(-1, 1, len(reach)) for generator in generators]
    return (np.array(draws).reshape(-1, len(reach)) * reach).astype(np.float32)


def normal(generators: list[np.random.Generator], deviation: NDArray[np.float32]) -> Rows:
    """A draw from independent normal distributions for each row; shape `(n, d)`."""
    draws = [generator.standard_normal(len(deviation)) for generator in generators]
    return (np.array(draws).reshape(-1, len(deviation)) * deviation).astype(np.float32)


def _digest(row: NDArray[np.float32]) -> int:
    content = np.ascontiguousarray(row, "<f4").tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")
