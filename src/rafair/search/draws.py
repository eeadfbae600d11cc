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


def row_keys(rows: Rows, seed: int) -> NDArray[np.uint64]:
    """One number per row, which depends on the row's values and the seed; shape `(n,)`."""
    return np.array([_digest(row, seed) for row in rows], np.uint64)


def uniform(generators: list[np.random.Generator], lower: Rows, upper: Rows) -> Rows:
    """A draw between `lower` and `upper` for each row; all have shape `(n, d)`.

    A feature near the end of its range has a smaller box: clipping a draw from the full one would
    leave half of all draws at that end.
    """
    draws = np.array([generator.random(lower.shape[1]) for generator in generators])
    # reshaped, since no draws at all have no columns
    rows: Rows = (lower + draws.reshape(lower.shape) * (upper - lower)).astype(np.float32)
    return rows


def normal(generators: list[np.random.Generator], deviation: NDArray[np.float32]) -> Rows:
    """A draw from independent normal distributions for each row; shape `(n, d)`."""
    draws = [generator.standard_normal(len(deviation)) for generator in generators]
    return (np.array(draws).reshape(-1, len(deviation)) * deviation).astype(np.float32)


def _digest(row: NDArray[np.float32], seed: int | None = None) -> int:
    content = np.ascontiguousarray(row, "<f4").tobytes()
    key = b"" if seed is None else seed.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, key=key).digest(), "little")
