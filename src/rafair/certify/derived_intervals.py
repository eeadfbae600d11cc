"""Derived columns over boxes: intervals that hold what their formulas give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rafair.tabular.counterparts import Indices
from rafair.tabular.derived import RELATIVE, Derivations
from rafair.tabular.encoding import MISSING, Rows, decode_values
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.formulas import Interval
from rafair.tabular.grids import ROUNDING
from rafair.tabular.perturbation import PerturbationSet


@dataclass(frozen=True)
class Followers:
    """The derived columns of instances.

    Args:
        derivations: Which they are, and their formulas; None where nothing is derived.
        centres: The instances, encoded; shape `(n, d)`.
    """

    derivations: Derivations | None
    centres: Rows

    @classmethod
    def of(cls, box: PerturbationSet, centres: Rows) -> Followers:
        """Those of a perturbation set: none but of feasible rows."""
        some = isinstance(box, FeasibleSet) and box.derivations.columns
        return cls(box.derivations if isinstance(box, FeasibleSet) and some else None, centres)

    def follow(self, owner: Indices, lower: Rows, upper: Rows) -> None:
        """Writes into boxes the interval of each derived column.

        Args:
            owner: The instance that each box belongs to; shape `(m,)`.
            lower: The least value of each feature; changed in place; shape `(m, d)`.
            upper: The largest; likewise.
        """
        derivations = self.derivations
        if derivations is None:
            return
        for place, column in enumerate(derivations.columns):
            taken = np.flatnonzero(derivations.takes[place])
            own = self.centres[owner]
            before = own[:, column]
            stays = ((lower == own) & (upper == own))[:, taken].all(axis=1) | (before == MISSING)
            may_stay = ((lower <= own) & (own <= upper))[:, taken].all(axis=1)
            values = {
                derivations.features[one].name: Interval(
                    decode_values(lower[:, one], derivations.features[one]).astype(np.float64),
                    decode_values(upper[:, one], derivations.features[one]).astype(np.float64),
                )
                for one in taken.tolist()
            }
            found = derivations.formulas[place].over(values)
            low, high = self._encoded(found, column)
            low = np.where(may_stay, np.minimum(low, before), low)
            high = np.where(may_stay, np.maximum(high, before), high)
            lower[:, column] = np.where(stays, before, low)
            upper[:, column] = np.where(stays, before, high)

    def _encoded(self, found: Interval, column: int) -> tuple[Rows, Rows]:
        """An interval in the column's own unit as codes, with all that rounding may do to them."""
        assert self.derivations is not None
        grids = self.derivations.grids
        low, span, step = grids.minimum[column], grids.span[column] or 1.0, grids.step[column]
        size = np.maximum(np.abs(found.lower), np.abs(found.upper))
        slack = RELATIVE * np.where(np.isfinite(size), size, 0) + step * (0.5 + RELATIVE)
        least = np.clip((found.lower - slack - low) / span - 2 * ROUNDING, 0, 1)
        most = np.clip((found.upper + slack - low) / span + 2 * ROUNDING, 0, 1)
        return least.astype(np.float32), most.astype(np.float32)
