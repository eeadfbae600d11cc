"""Numbers as codes in [0, 1], by their feature's range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.tabular.schema import Feature

SINGLE = 2.0**-22
"""How far a code may be off by single precision, after a few operations with it."""


def number_codes(numbers: NDArray[np.float64], feature: Feature) -> NDArray[np.float64]:
    """The codes of numbers, NaN for those outside the feature's range; shape `(n,)`.

    Example:
        >>> age = Feature(name="age", kind="integer", minimum=20, maximum=40)
        >>> number_codes(np.array([20.0, 25.0, 41.0]), age).tolist()
        [0.0, 0.25, nan]
    """
    assert feature.minimum is not None
    assert feature.maximum is not None  # held by the schema; for the type checker
    span = feature.maximum - feature.minimum
    if span == 0:
        return np.where(numbers == feature.minimum, 0.0, np.nan)
    return inside((numbers - feature.minimum) / span)


def inside(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The codes with those that miss an end by a rounding at that end, NaN for those outside."""
    clipped = np.clip(codes, 0, 1) + 0.0  # of -0.0 too, whose bits would be another code's
    return np.where(np.abs(codes - clipped) <= SINGLE, clipped, np.nan)
