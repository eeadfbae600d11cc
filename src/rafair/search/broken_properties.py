"""Which properties of each instance a search has broken so far: its class, or equal treatment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.search.observation import Observation

Flags = NDArray[np.bool_]


class Lost:
    """Which of both properties each of `n` instances has lost, and what is left to be sought.

    Args:
        n: How many instances.
        own: Whether an instance that was treated unlike a counterpart goes on for a mistake of its
            own row.

    Example:
        >>> lost, seen = Lost(2, own=True), Observation.empty(2, 1)
        >>> seen.fair[:] = [True, False]
        >>> lost.see(seen, seen.prediction)
        >>> lost.alone.tolist(), lost.done.tolist()
        ([False, True], [False, False])
    """

    def __init__(self, n: int, *, own: bool) -> None:
        self.own = own
        self.wrong, self.unfair = np.zeros(n, bool), np.zeros(n, bool)

    def see(self, seen: Observation, labels: Labels) -> None:
        """Takes in what was seen of all instances; labels have shape `(n,)`."""
        self.wrong |= seen.prediction != labels
        self.unfair |= ~seen.fair

    @property
    def done(self) -> Flags:
        """Which have nothing left that is sought; shape `(n,)`."""
        return self.unfair & (self.wrong | (not self.own))

    @property
    def alone(self) -> Flags:
        """Of which a mistake of their own row alone is sought; shape `(n,)`."""
        return self.unfair & ~self.wrong & self.own

    @property
    def apart(self) -> Flags:
        """Of which counterparts are to be driven apart, right or wrong; shape `(n,)`."""
        return self.wrong & ~self.unfair
