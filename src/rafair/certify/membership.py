"""Which rows an instance may really become: those alone count against a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rafair.tabular.counterparts import Counterparts
from rafair.tabular.encoding import Rows
from rafair.tabular.feasible import FeasibleSet
from rafair.tabular.perturbation import PerturbationSet


@dataclass(frozen=True)
class Membership:
    """The rows of one perturbation set, with the sensitive values of any counterpart.

    Args:
        box: The perturbation set; sensitive features are at rest in it.
        counterparts: The counterparts of a row.

    Example:
        >>> both = Counterparts([1], [np.float32([0, 1])])
        >>> of = Membership(PerturbationSet(np.float32([0.25, 0])), both)
        >>> centre = np.float32([[0.5, 0.5]])
        >>> [bool(of.inside(np.float32([row]), centre)[0]) for row in ([0.75, 1], [0.8, 1])]
        [True, False]
        >>> [bool(of.inside(np.float32([[0.5, value]]), centre)[0]) for value in (0.5, 0.25)]
        [True, False]
    """

    box: PerturbationSet
    counterparts: Counterparts

    @property
    def connected(self) -> bool:
        """Whether every row of the set can be led back to its centre without leaving the set."""
        return not (isinstance(self.box, FeasibleSet) or self.box.categories)

    def inside(self, rows: Rows, centres: Rows, *, own: bool = False) -> NDArray[np.bool_]:
        """Whether each row is one that its instance may become, to the last bit; shape `(n,)`.

        Args:
            rows: Shape `(n, d)`.
            centres: The instances, as they came; likewise.
            own: Whether sensitive values must be the instance's own.
        """
        plain = self.with_own_values(rows, centres)
        nearest = self.box.nearest(self.box.project(plain, centres), centres)
        columns = list(self.counterparts.columns)
        allowed = np.all(rows[:, columns] == centres[:, columns], axis=1)
        if not own:
            allowed |= self.counterparts.own_index(rows) >= 0
        there: NDArray[np.bool_] = np.all(nearest == plain, axis=1) & allowed
        return there

    def with_own_values(self, rows: Rows, centres: Rows) -> Rows:
        """The rows with the sensitive values of the instances that they are perturbations of."""
        plain, columns = rows.copy(), list(self.counterparts.columns)
        plain[:, columns] = centres[:, columns]
        return plain
