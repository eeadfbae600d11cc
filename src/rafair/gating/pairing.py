"""Which instances of two audits are compared with each other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

FEWEST_PAIRS = 30
"""Where fewer instances are in both audits, their rates are compared as of independent samples."""

Rows = NDArray[np.int64]
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Pairing:
    """The instances that two audits have in common, by their place in each of them.

    Args:
        first: Places in the first audit's instances; all of them where nothing is paired.
        second: Places in the second's: where instances are paired, the same ones in this order.
        paired: Whether they are paired.
        n_first: How many instances the first audit has.
        n_second: How many the second has.
        n_common: How many are in both.

    Example:
        >>> pairing = pair(np.arange(40), np.arange(80)[::-1])
        >>> pairing.paired, pairing.n_common
        (True, 40)
        >>> print(pairing)
        40 instances that both audited (of 40 and 80), one by one; rates are of these
    """

    first: Rows
    second: Rows
    paired: bool
    n_first: int
    n_second: int
    n_common: int

    def __str__(self) -> str:
        if not self.paired:
            return (
                f"only {self.n_common:,} of {self.n_first:,} and {self.n_second:,} instances are "
                f"in both, fewer than {FEWEST_PAIRS}: rates are compared as of independent samples"
            )
        if self.n_common == self.n_first == self.n_second:
            return f"the same {self.n_common:,} instances, one by one"
        return (
            f"{self.n_common:,} instances that both audited (of {self.n_first:,} and "
            f"{self.n_second:,}), one by one; rates are of these"
        )

    def to_dict(self) -> dict[str, object]:
        """As plain values."""
        return {
            "paired": self.paired,
            "first": self.n_first,
            "second": self.n_second,
            "common": self.n_common,
        }


def pair(first: Rows, second: Rows) -> Pairing:
    """Pairs the instances of two audits of the same data by their numbers.

    Args:
        first: The numbers of one audit's instances, each once; shape `(n,)`.
        second: Those of the other; shape `(m,)`.
    """
    common, at_first, at_second = np.intersect1d(
        first, second, assume_unique=True, return_indices=True
    )
    alike = len(common) == len(first) == len(second)
    paired = len(common) >= FEWEST_PAIRS or alike
    if not paired:
        at_first, at_second = np.arange(len(first)), np.arange(len(second))
    return Pairing(at_first, at_second, paired, len(first), len(second), len(common))


def of_both(pairing: Pairing, first: Shares | None, second: Shares | None) -> Pairing:
    """Leaves those that count in both audits, where that pairs enough of them.

    Args:
        pairing: Which instances are compared.
        first: Of each instance of the first audit whether it has a property; NaN of those that were
            not looked at; None where nothing was.
        second: The same of the second.
    """
    if first is None or second is None or not pairing.paired:
        return pairing
    both = ~(np.isnan(first[pairing.first]) | np.isnan(second[pairing.second]))
    if np.count_nonzero(both) < FEWEST_PAIRS:
        return pairing
    return replace(pairing, first=pairing.first[both], second=pairing.second[both])
