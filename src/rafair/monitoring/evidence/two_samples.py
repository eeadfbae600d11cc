"""The reference is a sample, too: its own error as part of the evidence.

The null hypothesis is that no row's chance, given those before it, is more than the tolerance below
the reference's true rate p, which is not known. For every p the evidence is a product: an e-value
of the reference's count, E(p), and that of the stream (`sequential`) against p - tolerance. What
counts is its least value over all p. Whatever p is, the product ever reaches 1 / alpha with a
chance of at most alpha (Ville), and the least value with no greater one.

E(p) is a step function, c0 + the sum of c_j / a_j over the confidence levels a_j whose exact lower
bound of p lies above p. That happens with a chance of at most a_j, so E(p) is 1 on average or less
(a calibrator in the sense of Vovk & Wang). The last step makes E(p) itself 1 / alpha: no lower p
needs to be looked at. So there is a handful of bounds, each with the evidence it asks of the
stream: the lower the bound, the less.

One bound alone, at the level alpha / 2, and a stream that must reach 2 / alpha, is the plain way,
and is as valid. These three saw falls of 10 points after up to 30 % fewer rows, and small falls
more often (`docs/monitor-tests.md`).

Source: V. Vovk, R. Wang, "E-values: calibration, combination and applications", Annals of
Statistics 49 (2021), 1736-1754.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rafair.monitoring.evidence.sequential_test import (
    Evidence,
    every_evidence,
    last_evidence,
    lower_bound,
)

WEIGHT_OF_NONE, WEIGHT_OF_LAST = 1 / 3, 1 / 3
LEVELS = {0.1: 1 / 6, 0.02: 1 / 6}
"""Levels a_j and weights c_j; with that of no level and that of the last one they sum to 1."""


class Step(NamedTuple):
    """One bound of the stream.

    Args:
        bound: What the stream is tested against, the tolerance taken off.
        log_factor: The logarithm of what the reference adds to the evidence by multiplication.
    """

    bound: float
    log_factor: float


def steps(count: int, n: int, alpha: float, tolerance: float) -> list[Step]:
    """The bounds that a reference gives, the highest first.

    Args:
        count: How many rows of the reference were good.
        n: Of how many, independent of each other.
        alpha: The chance that the test may ever reach `1 / alpha` if nothing fell.
        tolerance: How far the stream may be below the reference.

    Returns:
        Of the last, the bound may be 0 or less: then a fall cannot be shown.

    Example:
        >>> [(round(step.bound, 3), round(np.exp(step.log_factor), 3).item())
        ...  for step in steps(1083, 1274, 0.05 / 6, 0.01)]
        [(0.826, 0.333), (0.818, 2.0), (0.81, 10.333)]
    """
    last = alpha * WEIGHT_OF_LAST
    weights = {**LEVELS, last: LEVELS.get(last, 0) + WEIGHT_OF_LAST}
    factor, found = WEIGHT_OF_NONE, []
    for level, weight in sorted(weights.items(), reverse=True):
        found.append(Step(lower_bound(count, n, level) - tolerance, math.log(factor)))
        factor += weight / level
        if level == last:  # from here on the reference alone is evidence enough
            break
    return found


def reached(bounds: Sequence[Step], increments: ArrayLike, alpha: float) -> Evidence | None:
    """The evidence at the last look if it is `1 / alpha` or more, in time as `last_evidence`.

    Args:
        bounds: Those of the reference, all above 0.
        increments: For each look how many rows were good, of how many; shape `(T, 2)`, T at
            least 1.
        alpha: As for `steps`.
    """
    least: Evidence | None = None
    for step in reversed(bounds):
        found = last_evidence(increments, step.bound)
        log_e = found.log_e + step.log_factor
        if log_e < -math.log(alpha):
            return None
        if least is None or log_e < least.log_e:
            least = Evidence(log_e, found.start)
    return least


def last(bounds: Sequence[Step], increments: ArrayLike) -> Evidence:
    """The evidence at the last look, whether or not it is enough.

    Args:
        bounds: Those of the reference, all above 0.
        increments: As for `reached`.
    """
    every = [(last_evidence(increments, step.bound), step.log_factor) for step in bounds]
    found, factor = min(every, key=lambda one: float(one[0].log_e) + one[1])
    return Evidence(found.log_e + factor, found.start)


def at_every_look(bounds: Sequence[Step], increments: ArrayLike) -> Evidence:
    """The evidence at every look, in time that grows with the square of their number.

    Args:
        bounds: Those of the reference, all above 0; arrays of shape `(...)` in place of numbers for
            many references at once.
        increments: Shape `(..., T, 2)`.

    Returns:
        Both of shape `(..., T)`.
    """
    every = [every_evidence(increments, step.bound) for step in bounds]
    log_e = np.stack(
        [found.log_e + step.log_factor for found, step in zip(every, bounds, strict=True)]
    )
    which = np.argmin(log_e, axis=0)[np.newaxis]
    start = np.stack([found.start for found in every])
    return Evidence(
        np.take_along_axis(log_e, which, axis=0)[0], np.take_along_axis(start, which, axis=0)[0]
    )
