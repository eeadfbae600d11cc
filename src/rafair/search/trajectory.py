"""All iterates of all instances of a search, with what the model said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rafair.models.classifier import Labels
from rafair.search.observation import Numbers, Observation
from rafair.tabular.encoding import Rows
from rafair.verdicts import verdicts


@dataclass(frozen=True)
class Trajectory:
    """The start and T iterates of `n` instances.

    Args:
        labels: The true classes, which verdicts are given by; shape `(n,)`.
        targets: The classes that losses are measured against; shape `(n,)`.
        rows: Encoded rows; T + 1 arrays of shape `(n, d)`, the start first.
        observations: What was seen at each of them; T + 1 entries.
    """

    labels: Labels
    targets: Labels
    rows: tuple[Rows, ...]
    observations: tuple[Observation, ...]

    @property
    def steps(self) -> int:
        """T, the number of iterates without the start."""
        return len(self.rows) - 1

    def verdicts(self) -> NDArray[np.int8]:
        """Codes of `Verdict` of shape `(n, T + 1)`."""
        seen = self.observations
        return np.stack([verdicts(o.prediction == self.labels, o.fair) for o in seen], axis=1)

    def extended(self, steps: int) -> Trajectory:
        """The same with its last iterate repeated up to `steps`."""
        more = steps - self.steps
        return replace(
            self,
            rows=self.rows + self.rows[-1:] * more,
            observations=self.observations + self.observations[-1:] * more,
        )

    def at(self, moments: Sequence[Numbers]) -> Trajectory:
        """One with other moments of the same instances.

        Args:
            moments: For each of its moments the step of each instance; arrays of shape `(n,)`.
        """
        return replace(
            self,
            rows=tuple(self.rows_at(moment) for moment in moments),
            observations=tuple(self.observation_at(moment) for moment in moments),
        )

    def rows_at(self, step: Numbers) -> Rows:
        """Each instance's row at its own step; shape `(n, d)`."""
        result: Rows = np.stack(self.rows)[step, np.arange(len(step))]
        return result

    def observation_at(self, step: Numbers) -> Observation:
        """What was seen of each instance at its own step."""
        result = self.observations[0].copy()
        for number in np.unique(step):
            here = np.flatnonzero(step == number)
            result.put(here, self.observations[number].take(here))
        return result
