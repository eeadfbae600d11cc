"""Median regression of a loss on the step: whether a loss rises or falls in the course of a run.

A median regression minimises the sum of absolute residuals: Q½(l | t) = β₀ + β₁ t, as in equations
8 and 9 of the paper (X. Li et al., arXiv 2404.01356v1). It says how a loss moves in most steps, and
a few large jumps do not decide its sign.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from statsmodels.regression.quantile_regression import QuantReg

from rafair.errors import InputError

Series = NDArray[np.float64]

NO_TREND = 1e-4
"""A fitted change over all steps below this share of the series' own range counts as none: the
solver leaves about a hundredth of that where the exact answer is zero."""


def median_slopes(series: Series) -> Series:
    """The slope β₁ of each series' median regression on its step.

    A series that does not change has slope 0, and so has one that has no trend.

    Args:
        series: An instance a row, a step a column, from step 0; shape `(n, T + 1)`.

    Returns:
        The change per step, in the units of the series; shape `(n,)`.

    Raises:
        InputError: If there are fewer than two steps, or a value is not finite.

    Example:
        >>> median_slopes(np.array([[0.0, 1.0, 2.0, 3.0, 9.0], [5.0, 5.0, 5.0, 5.0, 5.0]])).round(3)
        array([1., 0.])
    """
    series = np.asarray(series, np.float64)
    if series.ndim != 2 or series.shape[1] < 3:
        raise InputError(
            f"series: expected rows of three or more values, got the shape {series.shape}"
        )
    if not np.isfinite(series).all():
        raise InputError("series: expected finite values, found one that is not")
    return np.array([_slope(values) for values in series], np.float64)


def _slope(values: Series) -> float:
    steps = len(values) - 1
    spread = float(np.ptp(values))
    if spread == 0:
        return 0.0
    # In units of its own range: the solver's tolerance is absolute, and losses may be tiny.
    scaled = (values - np.median(values)) / spread
    design = np.column_stack([np.ones(steps + 1), np.linspace(0, 1, steps + 1)])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # standard errors, which nobody asks for, may not exist
        change = float(QuantReg(scaled, design).fit(q=0.5).params[1])
    return 0.0 if abs(change) < NO_TREND else change * spread / steps
