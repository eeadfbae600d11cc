"""How much an algorithm needs to see of its rows: all it pays for."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.search.observation import NONE, Numbers, Observation
from rafair.search.sweep import Sweep
from rafair.tabular.encoding import Rows


class Look(Enum):
    """What is asked about a row besides the predictions of its counterparts.

    Args:
        JUDGE: Nothing more; no gradient is needed.
        DIFFERENTIATE: The gradient at the row itself, one row more.
        COMPARE: The gradients at all counterparts, for the one where it is largest.
    """

    JUDGE = "judge"
    DIFFERENTIATE = "differentiate"
    COMPARE = "compare"

    def at(self, sweep: Sweep, rows: Rows, labels: Labels) -> Observation:
        """Looks at rows of shape `(n, d)` from which a step will follow."""
        if self is Look.COMPARE:
            return sweep.observe(rows, labels)
        seen = sweep.judge(rows, labels)
        if self is Look.DIFFERENTIATE:
            seen.gradient = sweep.differentiate(rows, labels)
            seen.differentiated = np.ones(len(rows), bool)
        return seen

    def at_last(self, sweep: Sweep, rows: Rows, labels: Labels, before: Observation) -> Observation:
        """Looks at rows from which no step follows: predictions are enough.

        The counterpart that was chosen at the rows `before` is followed to here.
        """
        return sweep.judge(rows, labels, before.counterpart)

    def limited(self, seen: Observation) -> Observation:
        """Of `seen`, what this look would have seen itself.

        An algorithm leaves the same behind, whether others looked at its rows before or not.
        """
        limited = seen.copy()
        if self is not Look.COMPARE:
            limited.counterpart[:] = NONE
            limited.counterpart_loss[:] = np.nan
            limited.counterpart_gradient[:] = np.nan
            limited.compared[:] = False
        if self is Look.JUDGE:
            limited.gradient[:] = np.nan
            limited.differentiated[:] = False
        return limited

    def lacks(self, seen: Observation) -> Numbers:
        """The places of the rows that `seen` does not say enough of; shape `(m,)`."""
        known: NDArray[np.bool_] = {
            Look.JUDGE: seen.prediction >= 0,
            Look.DIFFERENTIATE: seen.differentiated,
            Look.COMPARE: seen.differentiated & seen.compared,
        }[self]
        return np.flatnonzero(~known)
