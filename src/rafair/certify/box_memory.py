"""What is known of boxes while others are cut from them: kept once for both halves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]
Indices = NDArray[np.int64]


class Memory:
    """Bounds of hidden units in numbered places, each free again once its users have dropped it.

    Threads may take what they use while the main thread puts and drops.

    Args:
        units: How many hidden units there are.

    Example:
        >>> memory = Memory(units=1)
        >>> places = memory.put(np.float32([[[0], [1]], [[2], [3]]]), users=2)
        >>> memory.drop(places)
        >>> memory.take(places)[1].tolist()
        [[2.0], [3.0]]
        >>> memory.drop(places[:1])
        >>> memory.put(np.float32([[[4], [5]]]), users=1).tolist() == places[:1].tolist()
        True
    """

    def __init__(self, units: int) -> None:
        self._kept = np.empty((0, 2, units), np.float32)
        self._users = np.empty(0, np.int64)
        self._free = np.empty(0, np.int64)

    def put(self, bounds: Numbers, users: int) -> Indices:
        """Keeps bounds of shape `(n, 2, units)` for so many users each; returns their places."""
        n = len(bounds)
        if n > len(self._free):
            self._grow(n)
        places, self._free = self._free[:n], self._free[n:]
        self._kept[places], self._users[places] = bounds, users
        return places

    def take(self, places: Indices) -> Numbers:
        """The bounds in some places; shape `(n, 2, units)`."""
        return self._kept.take(places, axis=0)

    def drop(self, places: Indices) -> None:
        """Tells that one user of each place, or of one place several, needs it no more."""
        np.subtract.at(self._users, places, 1)
        free = np.unique(places[self._users[places] == 0])
        self._free = np.concatenate([free, self._free])

    def _grow(self, least: int) -> None:
        old = len(self._users)
        more = max(least, old)
        # whoever takes from the old array meanwhile finds there what it was told of
        self._kept = np.concatenate(
            [self._kept, np.empty_like(self._kept, shape=(more, *self._kept.shape[1:]))]
        )
        self._users = np.concatenate([self._users, np.zeros(more, np.int64)])
        self._free = np.concatenate([self._free, np.arange(old, old + more)])
