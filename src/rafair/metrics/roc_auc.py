"""How well scores rank two classes: the area under the ROC curve, with its interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from rafair.metrics.means import Mean

Z = 1.959963984540054
"""Of a 95 % interval."""


def ranking(scores: NDArray[np.floating], second: NDArray[np.bool_]) -> Mean | None:
    """The chance that a row of the second class scores higher than one of the first.

    The interval is Hanley and McNeil's (1982).

    Args:
        scores: Of each row; shape `(n,)`.
        second: Whether it is of the second class; shape `(n,)`.

    Returns:
        The area; None where one of the classes has no row.

    Example:
        >>> found = ranking(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, False, True, True]))
        >>> found.value
        1.0
    """
    n, m = int(second.sum()), int((~second).sum())
    if not n or not m:
        return None
    area = float((rankdata(scores)[second].sum() - n * (n + 1) / 2) / (n * m))
    once, twice = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (n - 1) * (once - area**2) + (m - 1) * (twice - area**2)
    error = math.sqrt(max(spread, 0) / (n * m))
    low, high = max(area - Z * error, 0.0), min(area + Z * error, 1.0)
    return Mean(area, error, n + m, low, high)
