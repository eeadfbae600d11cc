"""A test that may be looked at after every window, for ever, and keeps its error rate.

The null hypothesis is that each row's chance of being good, given all rows before it, is at least a
bound b. Against an alternative q < b, g good rows and f others multiply the evidence by the
likelihood ratio (q / b)^g ((1 - q) / (1 - b))^f, which on average does not grow while the null
hypothesis holds: a bet that loses or breaks even (Waudby-Smith & Ramdas 2024). So does a mixture of
such ratios over q (Robbins 1970), and one over the look at which they begin (Shiryaev 1963; with
e-processes, Shin, Ramdas & Rinaldo 2024), by weights that are fixed beforehand and sum to 1. That
mixture is the e-value; by Ville's inequality (1939) the chance that it ever reaches 1 / alpha is at
most alpha.

Over q stands a beta distribution about b, cut off at b. So the mixture has a closed form, the
quotient of two incomplete beta functions. Over the start s stands
w_s = 1 / log2(s + 1) - 1 / log2(s + 2), which falls hardly faster than 1 / s.

Sources: C. J. Clopper, E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
case of the binomial", Biometrika 26 (1934), 404-413. J. Ville, "Étude critique de la notion de
collectif", Gauthier-Villars, Paris 1939. A. N. Shiryaev, "On optimum methods in quickest detection
problems", Theory of Probability and Its Applications 8 (1963), 22-46. H. Robbins, "Statistical
methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41 (1970),
1397-1409. I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting",
Journal of the Royal Statistical Society B 86 (2024), 1-27. J. Shin, A. Ramdas, A. Rinaldo,
"E-detectors: a nonparametric framework for sequential change detection", New England Journal of
Statistics in Data Science 2 (2024), doi 10.51387/23-NEJSDS51.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, logsumexp
from scipy.stats import beta

Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]

PRIOR_ROWS = 10.0
"""How many rows the distribution over alternatives is worth; Jeffreys' prior is worth one.

With ten, falls of 10 points were seen after 10 to 20 % fewer rows (`docs/monitor-tests.md`).
"""

LEAST_PRIOR = 0.5
"""The least parameter of that distribution, that of Jeffreys', for bounds near 0 or 1."""


class Evidence(NamedTuple):
    """What speaks against the null hypothesis.

    Args:
        log_e: The e-value's natural logarithm.
        start: The look, from 1, whose term in the mixture is largest: since when it speaks so.
    """

    log_e: Numbers
    start: Counts


def lower_bound(count: int, n: int, alpha: float) -> float:
    """The exact one-sided lower confidence bound of a share; 0 where nothing was counted.

    Source: Clopper & Pearson (1934).

    Args:
        count: How many of `n` independent rows were good.
        n: How many rows.
        alpha: The chance that the bound lies above the true share.

    Example:
        >>> round(lower_bound(90, 100, 0.05), 4)
        0.8363
    """
    if count == 0:
        return 0.0
    bound = float(beta.ppf(alpha, count, n - count + 1))
    return min(bound, float(np.nextafter(1, 0)))  # below 1 whatever was counted, but for rounding


def log_weights(looks: int, first: int = 1) -> Numbers:
    """The logarithms of the weights of the starts `first` to `looks`; shape `(starts,)`.

    Example:
        >>> np.exp(log_weights(3)).round(3).tolist()
        [0.369, 0.131, 0.069]
    """
    start = np.arange(first, looks + 1)
    # The difference of 1 / log2(s + 1) and 1 / log2(s + 2), without its cancellation.
    step = np.log1p(1 / (start + 1)) / np.log(2)
    weights: Numbers = np.log(step / (np.log2(start + 1) * np.log2(start + 2)))
    return weights


def log_weight_after(looks: int) -> float:
    """The logarithm of all weights of later starts together.

    Example:
        >>> float(np.exp(log_weights(9)).sum() + np.exp(log_weight_after(9))).__round__(12)
        1.0
    """
    return -float(np.log(np.log2(looks + 2)))


def last_evidence(increments: ArrayLike, bound: ArrayLike) -> Evidence:
    """The evidence at the last look, in time and memory proportional to the number of looks.

    Args:
        increments: For each look how many rows were good, of how many; shape `(..., T, 2)`, T at
            least 1. A look at no rows adds nothing.
        bound: The bound b of the null hypothesis, above 0 and below 1; shape `(...)`.

    Returns:
        Both of shape `(...)`.

    Example:
        >>> found = last_evidence([[80, 100], [55, 100], [50, 100]], 0.75)
        >>> round(float(found.log_e), 2), int(found.start)
        (19.57, 2)
    """
    steps = np.asarray(increments, np.int64)
    since = np.flip(np.cumsum(np.flip(steps, -2), axis=-2), -2)
    good, n = since[..., 0], since[..., 1]
    looks = steps.shape[-2]
    terms = log_weights(looks) + log_ratio(good, n - good, np.asarray(bound)[..., np.newaxis])
    log_e = np.logaddexp(logsumexp(terms, axis=-1), log_weight_after(looks))
    return Evidence(log_e, np.argmax(terms, axis=-1).astype(np.int64) + 1)


def every_evidence(increments: ArrayLike, bound: ArrayLike) -> Evidence:
    """The evidence at every look, in time that grows with the square of their number.

    Args:
        increments: As for `last_evidence`; T may be 0.
        bound: As for `last_evidence`.

    Returns:
        Both of shape `(..., T)`.

    Example:
        >>> found = every_evidence([[80, 100], [55, 100], [50, 100]], 0.75)
        >>> found.log_e.round(2).tolist(), found.start.tolist()
        ([-0.37, 6.01, 19.57], [1, 2, 2])
    """
    steps = np.asarray(increments, np.int64)
    log_e = np.empty(steps.shape[:-1])
    start = np.empty(steps.shape[:-1], np.int64)
    for look in range(steps.shape[-2]):
        found = last_evidence(steps[..., : look + 1, :], bound)
        log_e[..., look], start[..., look] = found
    return Evidence(log_e, start)


def log_ratio(good: Counts, others: Counts, bound: Numbers) -> Numbers:
    """The log likelihood ratio to `bound`, mixed over the alternatives below it; elementwise.

    It is 0 where nothing was counted. It is -inf only where the incomplete beta function is below
    what a number can hold. There `good` is far above what the bound expects, the ratio of every
    alternative at most 1, and so is what is left out of all starts together.

    Args:
        good: How many rows were good.
        others: How many were not.
        bound: The bound, above 0 and below 1.

    Example:
        >>> log_ratio(np.array([0, 9, 3]), np.array([0, 1, 7]), np.array(0.75)).round(2).tolist()
        [0.0, -0.83, 2.62]
    """
    first, second = prior_parameters(bound)
    mixed = _log_incomplete(first + good, second + others, bound)
    prior = _log_incomplete(first, second, bound)
    ratio: Numbers = mixed - prior - (good * np.log(bound) + others * np.log1p(-bound))
    return ratio


def prior_parameters(bound: Numbers) -> tuple[Numbers, Numbers]:
    """Those of the beta distribution over the alternatives to a bound.

    Example:
        >>> [one.item() for one in prior_parameters(np.array(0.75))]
        [7.5, 2.5]
    """
    first: Numbers = np.maximum(PRIOR_ROWS * bound, LEAST_PRIOR)
    second: Numbers = np.maximum(PRIOR_ROWS * (1 - bound), LEAST_PRIOR)
    return first, second


def _log_incomplete(first: Numbers, second: Numbers, bound: Numbers) -> Numbers:
    """The logarithm of the integral of q^(first - 1) (1 - q)^(second - 1) from 0 to `bound`."""
    with np.errstate(divide="ignore"):
        found: Numbers = np.log(betainc(first, second, bound)) + betaln(first, second)
    return found
