"""Whether a property of an instance is certified, refuted, open or near a tie."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]  # as in `tabular.encoding`, which those who read runs do not load


class Property(StrEnum):
    """What may hold of every perturbation of an instance.

    Example:
        >>> [str(one) for one in Property]
        ['accurate_fairness', 'individual_fairness', 'accuracy']
    """

    ACCURATE_FAIRNESS = "accurate_fairness"
    """The row and all its counterparts get the row's class."""
    INDIVIDUAL_FAIRNESS = "individual_fairness"
    """All counterparts get what the row gets."""
    ACCURACY = "accuracy"
    """The row, with its own sensitive values, gets its class."""


class Standing(IntEnum):
    """What is known of one property of one instance at one epsilon."""

    OPEN = 0
    """Neither: what was looked at was not enough."""
    CERTIFIED = 1
    """It is proven to hold."""
    REFUTED = 2
    """A row was found, and confirmed by the model's own answer, that breaks it."""
    NEAR_TIE = 3
    """What is left lies so near to a tie that rounding decides."""

    @property
    def key(self) -> str:
        """What it is called in files.

        Example:
            >>> [one.key for one in Standing]
            ['open', 'certified', 'refuted', 'near_tie']
        """
        return self.name.lower()


@dataclass(frozen=True)
class Stand:
    """How the properties of `n` instances stand, at one epsilon after the other.

    Args:
        epsilons: The budgets, ascending; `k` of them.
        verdicts: A `Standing` each; shape `(n, k, 3)`, properties in the order of `Property`.
        boxes: How many boxes were looked at; likewise.
        witness: Where refuted, the row that breaks the property; else NaN; shape `(n, k, 3, d)`.
        other: Where individual fairness is refuted, the counterpart that disagrees; likewise.
    """

    epsilons: tuple[float, ...]
    verdicts: NDArray[np.int8]
    boxes: NDArray[np.int64]
    witness: Rows
    other: Rows
