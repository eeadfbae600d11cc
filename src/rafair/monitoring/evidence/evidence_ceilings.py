"""Upper bounds of the evidence, in time and memory that do not grow with the number of windows.

The evidence of `sequential` is a mixture over alternatives q and over starts s. For one q, the sum
over all starts is known from that of the look before: it gains the weight of the new start, and is
multiplied by the look's likelihood ratio. So what is kept is that sum at some alternatives.

Between two of them the likelihood ratio is bounded. As functions of the logit of q, log(q / b) and
log((1 - q) / (1 - b)) are the chord between the two ends and the same excess c for both, since
their difference is linear; and c is at most (the distance of the logits)^2 / 8 times the largest
q (1 - q) between. A product of ratios is an exponential, thus convex, along the chord; so the sum
over starts is at most the larger one of the two ends, if each row multiplies it by e^c more. Below
the first alternative each factor is bounded by itself. Where alternatives crowd together towards
the bound, c stays far below what a row takes from the evidence while nothing falls.

A ceiling is not the evidence. What it rules out has not fallen; else the looks are counted again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import betainc, logsumexp

from rafair.monitoring.evidence.sequential_test import (
    Counts,
    Numbers,
    log_weight_after,
    log_weights,
    prior_parameters,
)

CLOSER = 0.85
"""How much nearer to the bound each alternative lies than the one before, as an angle."""

ALTERNATIVES = 75
SLACK = 1e-6
"""Above all that rounding adds to a logarithm."""


class Ceilings:
    """Ceilings of the evidence against some bounds, each of a stream of its own.

    Args:
        bounds: Each above 0 and below 1.

    Example:
        >>> counts = np.array([[80, 100], [75, 100], [50, 100]])
        >>> ceilings, state = Ceilings([0.75]), Ceilings([0.75]).nothing()
        >>> for look, step in enumerate(counts, 1):
        ...     state = ceilings.after(state, look, step[np.newaxis])
        >>> from rafair.monitoring.evidence.sequential_test import last_evidence
        >>> exact = last_evidence(counts, 0.75).log_e
        >>> bool(exact <= ceilings.of(state, 3)[0] < exact + 0.5)
        True
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        bound = np.array(bounds, np.float64).reshape(-1, 1)
        angle = np.arcsin(np.sqrt(bound)) * (1 - CLOSER ** np.arange(1, ALTERNATIVES))
        ends = np.concatenate([np.sin(angle) ** 2, bound], axis=1)
        excess = _excess(ends)
        nothing = np.zeros_like(bound)
        # of each row: what it adds to the sum's logarithm if it is good, and if it is not; the
        # first column stands for all below the first alternative
        good, bad = np.log(ends / bound), np.log1p(-ends) - np.log1p(-bound)
        each = np.maximum(
            np.concatenate([nothing, excess], axis=1), np.concatenate([excess, nothing], axis=1)
        )
        self._good = np.concatenate([good[:, :1], good + each], axis=1)
        self._bad = np.concatenate([-np.log1p(-bound), bad + each], axis=1)
        first, second = prior_parameters(bound)
        below = betainc(first, second, ends) / betainc(first, second, bound)
        with np.errstate(divide="ignore"):
            self._log_mass = np.log(np.diff(below, axis=1, prepend=0))

    def nothing(self) -> Numbers:
        """The state before the first look; shape `(bounds, alternatives + 1)`."""
        state: Numbers = np.full_like(self._good, -np.inf)
        return state

    def after(self, state: Numbers, look: int, counts: Counts) -> Numbers:
        """The state with one look more.

        Args:
            state: That of the look before.
            look: The look's number, from 1.
            counts: How many rows were good, of how many; shape `(bounds, 2)`.
        """
        good, n = counts[:, :1], counts[:, 1:]
        begun = np.logaddexp(state, log_weights(look, look)[0])
        grown: Numbers = begun + good * self._good + (n - good) * self._bad
        return grown

    def of(self, state: Numbers, look: int) -> Numbers:
        """What the logarithms of the evidence cannot exceed; shape `(bounds,)`."""
        ends = np.concatenate([state[:, :1], np.maximum(state[:, 1:-1], state[:, 2:])], axis=1)
        log_e = logsumexp(ends + self._log_mass, axis=1)
        found: Numbers = np.logaddexp(log_e, log_weight_after(look)) + SLACK
        return found


def _excess(ends: Numbers) -> Numbers:
    """What lies between two alternatives above their chord, at most; one column less."""
    logit = np.log(ends) - np.log1p(-ends)
    low, high = ends[:, :-1], ends[:, 1:]
    nearest = np.clip(0.5, low, high)  # where q (1 - q) is largest
    excess: Numbers = np.diff(logit, axis=1) ** 2 / 8 * nearest * (1 - nearest)
    return excess
