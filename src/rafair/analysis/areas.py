"""The plane of two slopes, cut into the four cells of the fairness confusion matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.verdicts import Verdict

NO_AREA = -1
"""Stands for instances with a slope of zero, which lie on an axis."""

SIGNS: dict[Verdict, tuple[int, int]] = {
    Verdict.TRUE_FAIR: (-1, -1),
    Verdict.TRUE_BIASED: (-1, 1),
    Verdict.FALSE_FAIR: (1, 1),
    Verdict.FALSE_BIASED: (1, -1),
}
"""Per area the signs of the instance's slope and of its counterpart's (the paper's A.2)."""


def areas(own: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.int8]:
    """The area of each instance, by the signs of its two slopes.

    Args:
        own: The slopes of the instances' losses; shape `(n,)`.
        other: The slopes of their counterparts' losses; shape `(n,)`.

    Returns:
        Codes of `Verdict`, `NO_AREA` where a slope is zero; shape `(n,)`.

    Example:
        >>> areas(np.array([-0.1, 0.2, 0.0]), np.array([0.3, 0.1, 0.2])).tolist()
        [1, 2, -1]
    """
    found = np.full(len(own), NO_AREA, np.int8)
    for verdict, (first, second) in SIGNS.items():
        found[(np.sign(own) == first) & (np.sign(other) == second)] = verdict
    return found
