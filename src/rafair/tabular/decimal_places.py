"""How many decimals numbers get along with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_STEP_DECIMALS = 4
"""Numbers with more decimals than this are continuous."""

LARGEST = 1e300
"""Beyond this, decimals cannot be counted without leaving the range of floats."""


def decimals_of(seen: NDArray[Any], *, single: bool = False) -> int | None:
    """The decimals that all numbers get along with, if these are few; else None.

    Args:
        seen: Finite numbers.
        single: Whether they were stored in single precision.

    Example:
        >>> decimals_of(np.array([1.5, 2.25])), decimals_of(np.array([1 / 3])), decimals_of(
        ...     np.array([0.1], np.float32), single=True)
        (2, None, 1)
    """
    seen = np.asarray(seen, np.float64)
    slack = 4 * float(np.finfo(np.float32 if single else np.float64).eps) * np.abs(seen)
    for decimals in range(MOST_STEP_DECIMALS + 1):
        if (np.abs(np.round(seen, decimals) - seen) <= slack).all():
            return decimals
        if np.abs(seen).max(initial=0) > LARGEST:
            return None
    return None
