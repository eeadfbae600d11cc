"""Pseudo-random keys of numbers: a row's key is the same in any order and any cut of a table."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ divided by the golden ratio: what SplitMix64's state grows by."""


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Spreads neighbouring numbers over all 64 bits: one step of SplitMix64.

    Different numbers stay different.

    Source: G. Steele, D. Lea, C. Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA
    2014, figure 12.
    """
    values = values + GOLDEN
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def number_keys(numbers: NDArray[np.int64], seed: int, stream: int = 0) -> Keys:
    """One key per row number; no two numbers share one, so the smallest are a sample without ties.

    Args:
        numbers: Row numbers of shape `(n,)`.
        seed: The seed.
        stream: Tells apart draws that must not depend on each other.

    Example:
        >>> keys = number_keys(np.arange(4), seed=0)
        >>> bool(number_keys(np.array([2]), seed=0)[0] == keys[2])
        True
    """
    first = mixed(mixed(np.array([seed], np.uint64)) ^ np.uint64(stream))
    return mixed(first ^ numbers.astype(np.uint64))
