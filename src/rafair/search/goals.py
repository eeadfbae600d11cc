"""The four goals of RAFair: which features to move, which way, and the verdict it is after."""

from __future__ import annotations

from enum import Enum

import numpy as np

from rafair.tabular.encoding import Rows
from rafair.verdicts import Verdict


class Goal(Enum):
    """A cell of the fairness confusion matrix to drive instances into (Algorithms 1 and 2).

    Features whose loss rises the same way at the instance and at its counterpart change both
    predictions together; the others drive them apart.

    Args:
        verdict: The cell.
        same_sign: Whether to move features whose two slopes have the same sign, or the others.
        uphill: +1 to raise the instance's own loss, -1 to lower it.

    Example:
        >>> goal = Goal.FALSE_FAIR
        >>> goal.direction(np.float32([[2, -1, 3]]), np.float32([[1, -4, -5]])).tolist()
        [[1.0, -1.0, 0.0]]
    """

    TRUE_BIASED = (Verdict.TRUE_BIASED, False, -1)
    FALSE_FAIR = (Verdict.FALSE_FAIR, True, +1)
    FALSE_BIASED = (Verdict.FALSE_BIASED, False, +1)
    TRUE_FAIR = (Verdict.TRUE_FAIR, True, -1)

    def __init__(self, verdict: Verdict, same_sign: bool, uphill: int) -> None:
        self.verdict = verdict
        self.same_sign = same_sign
        self.uphill = uphill

    def direction(self, gradient: Rows, counterpart_gradient: Rows) -> Rows:
        """The step's direction, -1, 0 or 1 for each feature; all arrays have shape `(n, d)`."""
        signs = np.sign(gradient)
        chosen = (signs == np.sign(counterpart_gradient)) == self.same_sign
        return np.where(chosen, self.uphill * signs, 0).astype(np.float32)
